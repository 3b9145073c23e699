//! A condition on one axis.

use super::{Amount, Axis, Limit, Measure, PolicyError, PolicyKey, Span};
use crate::Severity;
use serde::{Deserialize, Serialize};
use std::fmt;
use std::sync::Arc;

/// The longest `for` of a gate. One that waits longer than a day for a rollback is useless.
pub(super) const LONGEST_VIOLATION_MS: u64 = 24 * 3_600_000;

/// The effect of a violated gate.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Then {
    /// Puts the last good release back, by itself.
    #[default]
    Rollback,
    /// Tells the owner. While it is violated it still keeps the rollout from being promoted; while
    /// there is nothing to measure it does not.
    Alert,
}

impl Then {
    /// The word used in the configuration and the API.
    #[must_use]
    pub const fn label(self) -> &'static str {
        match self {
            Self::Rollback => "rollback",
            Self::Alert => "alert",
        }
    }
}

/// A condition on one axis: must hold for a promotion, and when violated without a break for long
/// enough does what [`Gate::then`] says.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Gate {
    /// The axis; must be the measure's own.
    pub axis: Axis,
    /// The measure.
    pub measure: Measure,
    /// The limit.
    pub limit: Limit,
    /// The time for which it must be violated without a break, in milliseconds; the step's own
    /// `violated_for_ms` where absent.
    pub for_ms: Option<u64>,
    /// The number of the candidate's responses (scored ones on the eval axis) that the trigger
    /// needs.
    pub requests: u64,
    /// The number of scored responses of the candidate a promotion needs; only on the eval axis.
    pub scored: u64,
    /// The effect of a violation.
    pub then: Then,
    /// The owner, who is notified.
    pub owner: Option<Arc<str>>,
    /// The severity.
    pub severity: Severity,
}

/// A gate's stable, readable name: axis, measure, kind of limit.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct GateId(Arc<str>);

impl GateId {
    /// The name as text, like `error/permanent/against-stable`.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for GateId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl Gate {
    /// The default minimum of requests for a trigger, so that one failure is no rate.
    pub const LEAST_REQUESTS: u64 = 100;
    /// The default minimum of scored responses for a promotion on the eval axis. With a margin of
    /// one percentage point, a candidate as good as stable passes one look in 94 of 100 cases.
    pub const LEAST_SCORED: u64 = 5000;

    /// A gate that rolls back, with the usual minimums.
    #[must_use]
    pub fn new(measure: Measure, limit: Limit) -> Self {
        let axis = measure.axis();
        Self {
            axis,
            measure,
            limit,
            for_ms: None,
            requests: Self::LEAST_REQUESTS,
            scored: if axis == Axis::Eval { Self::LEAST_SCORED } else { 0 },
            then: Then::Rollback,
            owner: None,
            severity: Severity::Critical,
        }
    }

    /// The same gate, but it only tells its owner.
    #[must_use]
    pub fn alerting(self) -> Self {
        Self { then: Then::Alert, severity: Severity::Warning, ..self }
    }

    /// The same gate with another duration.
    #[must_use]
    pub fn lasting(self, for_ms: u64) -> Self {
        Self { for_ms: Some(for_ms), ..self }
    }

    /// The same gate with an owner.
    #[must_use]
    pub fn owned_by(self, owner: &str) -> Self {
        Self { owner: Some(owner.into()), ..self }
    }

    /// Its stable, readable name.
    #[must_use]
    pub fn id(&self) -> GateId {
        GateId(format!("{}/{}/{}", self.axis, self.measure, self.limit.label()).into())
    }

    /// Problems of this gate alone; `place` is its position in the policy.
    pub(super) fn check(&self, place: usize, errors: &mut Vec<PolicyError>) {
        let mut wrong = |key, problem: String| {
            errors.push(PolicyError { at: PolicyKey::Gate { place, key }, problem });
        };
        let belongs = self.measure.axis();
        if self.axis != belongs {
            wrong(
                "axis",
                format!("`{}` is measured on axis `{belongs}`, not `{}`", self.measure, self.axis),
            );
        }
        if let Some(problem) = self.mismatch() {
            wrong(self.limit.key(), problem);
        } else if let Some(problem) = self.out_of_range() {
            wrong(self.limit.key(), problem);
        }
        if self.then == Then::Rollback && self.measure.is_of_the_workload() {
            wrong(
                "then",
                format!(
                    "`{}` is of the whole workload and blames neither release: write `then: alert`, and put a limit on `usd_per_request` to roll back",
                    self.measure
                ),
            );
        }
        if self.scored > 0 && self.axis != Axis::Eval {
            wrong(
                "scored",
                format!("only gates of axis `eval` count scored responses, not `{}`", self.axis),
            );
        }
        match &self.measure {
            Measure::Latency { of: super::Timing::Stage(name), .. }
            | Measure::TailRatio { of: super::Timing::Stage(name) }
            | Measure::StageErrorRate { stage: name }
                if name.is_empty() =>
            {
                wrong(
                    "stage",
                    "is empty: name a stage as `Server-Timing` or the agents' traces have it"
                        .to_owned(),
                );
            }
            Measure::BurnRate { window_ms } | Measure::Spend { window_ms }
                if !(60_000..=86_400_000).contains(window_ms) =>
            {
                wrong("measure", format!("window {} is not from 1m to 24h", Span(*window_ms)));
            }
            Measure::External(value) => {
                if let Some((key, problem)) = value.problem(self.limit.is_against_stable()) {
                    wrong(key, problem);
                }
            }
            _ => {}
        }
        if let Some(for_ms) = self.for_ms
            && !(1..=LONGEST_VIOLATION_MS).contains(&for_ms)
        {
            wrong("for", format!("{} is not above 0 and at most 24h", Span(for_ms)));
        }
    }

    /// The reason why the limit does not fit the measure.
    fn mismatch(&self) -> Option<String> {
        use Measure as M;
        let limit = self.limit;
        let (fits, fitting) = match (self.measure.simple(), &self.measure) {
            (Some(simple), _) => ((simple.takes)(limit), simple.fitting),
            (None, M::Latency { .. }) => (
                matches!(limit, Limit::Max(_) | Limit::Ratio(_)),
                "`max: 8s`, or `against: stable` with a `ratio: 1.2`",
            ),
            (None, M::TailRatio { .. }) => (
                matches!(limit, Limit::Max(_) | Limit::Ratio(_) | Limit::Baseline(_)),
                "`max: 5`, or `against: baseline` or `stable` with a `ratio: 1.5`",
            ),
            (None, M::BurnRate { .. }) => (
                matches!(limit, Limit::Max(_) | Limit::Baseline(_)),
                "`max: 4.8` (times the budget's pace), or a `ratio: 2` of what is usual",
            ),
            (None, M::ErrorRate { .. } | M::StageErrorRate { .. }) => (
                matches!(limit, Limit::Max(_) | Limit::Margin(_)),
                "`max: 2%`, or `against: stable` with a `margin: 0.5pp`",
            ),
            (None, M::External(_)) => (
                !matches!(limit, Limit::Baseline(_)),
                "`max: 5`, `min: 5`, or `against: stable` with a `ratio: 1.2` or a `margin: 2pp`",
            ),
            (None, _) => (matches!(limit, Limit::Max(_)), "`max` in dollars"),
        };
        if fits {
            return None;
        }
        Some(format!("`{}` does not take this limit: write {fitting}", self.measure))
    }

    /// The reason why the limit's number makes no sense for the measure.
    fn out_of_range(&self) -> Option<String> {
        let amount = self.limit.amount();
        let between = |least: Amount, most: Amount, what: &str| {
            let inside = amount > least && amount < most;
            (!inside).then(|| format!("{amount} is not {what}"))
        };
        match self.limit {
            Limit::Max(_) | Limit::Min(_) if self.measure.is_share() => {
                between(Amount::ZERO, Amount::ONE, "a share above 0% and below 100%")
            }
            Limit::Margin(_) => {
                between(Amount::ZERO, Amount::ONE, "a margin above 0pp and below 100pp")
            }
            Limit::Ratio(_) | Limit::Baseline(_) => {
                between(Amount::ONE, Amount::whole(1000), "a ratio above 1 and below 1000")
            }
            // A count of incidents may have to be 0.
            Limit::Max(_) | Limit::Min(_) if self.axis == Axis::External => None,
            Limit::Max(_) | Limit::Min(_) => (amount == Amount::ZERO)
                .then(|| "0 would never hold: write a limit above 0".to_owned()),
        }
    }
}
