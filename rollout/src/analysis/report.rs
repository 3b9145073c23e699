//! An analysis: what was measured, what follows, and what still stands in the way. Kept for ever,
//! so that "why is it waiting?" and "why did it fail?" can be answered later.

use crate::{Axis, Doubt, DoubtKind, GateId, RolloutId, Span, Weight};
use serde::{Deserialize, Serialize};
use std::fmt;
use std::sync::Arc;

/// Names one analysis: rollout, step, a number that rises with every change of the verdict or of
/// any gate's state, and the beginning of a digest of those states.
///
/// The id is bound to what a person decides by and not to every new request: while it is the same,
/// every gate is in the state it was in. The digest is there for a crash that loses the last
/// seconds of evidence: the number may then come again, with other states it is another id.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct AnalysisId(Arc<str>);

impl AnalysisId {
    pub(super) fn new(rollout: &RolloutId, step: usize, serial: u64, digest: &str) -> Self {
        Self(format!("{rollout}~{}~{serial}~{digest}", step + 1).into())
    }

    /// The id somebody was given.
    #[must_use]
    pub fn from_text(text: &str) -> Self {
        Self(text.into())
    }

    /// The id as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for AnalysisId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// What an analysis says. Only [`Verdict::Pass`] permits a promotion.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// Every gate holds, with enough behind it.
    Pass,
    /// A gate is violated.
    Fail,
    /// Not enough evidence yet, or none that can be attributed.
    Inconclusive,
    /// The measurements cannot be trusted.
    Error,
}

impl Verdict {
    /// Every verdict, in the order tables show them.
    pub const ALL: [Self; 4] = [Self::Pass, Self::Fail, Self::Inconclusive, Self::Error];

    /// The word used in labels and the API.
    #[must_use]
    pub const fn label(self) -> &'static str {
        match self {
            Self::Pass => "pass",
            Self::Fail => "fail",
            Self::Inconclusive => "inconclusive",
            Self::Error => "error",
        }
    }
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.label())
    }
}

/// Why a gate says nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Why {
    /// Too few values.
    TooFew,
    /// An outage of something behind both releases hits both arms alike.
    ExternalOutage,
    /// Stable is beyond the limit too, and the candidate is not worse.
    StableToo,
    /// There is nothing to compare with: no stable arm, no baseline, no budget.
    NothingToCompare,
    /// Enough was measured, but "worse by the whole margin" is not ruled out.
    NotShown,
}

impl Why {
    /// The word used in the API.
    #[must_use]
    pub const fn label(self) -> &'static str {
        match self {
            Self::TooFew => "too_few",
            Self::ExternalOutage => "external_outage",
            Self::StableToo => "stable_too",
            Self::NothingToCompare => "nothing_to_compare",
            Self::NotShown => "not_shown",
        }
    }
}

/// Where a gate is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "state")]
pub enum GateState {
    /// It holds, and it is shown that it does: no obstacle to a promotion.
    Ok,
    /// Nothing is known against it, but not enough for it either.
    Inconclusive {
        /// Why.
        why: Why,
    },
    /// It is violated.
    Violated {
        /// Since when, in Unix milliseconds.
        since_ms: u64,
        /// For how long, in milliseconds of observed time.
        for_ms: u64,
    },
    /// There has been nothing to measure for so long that somebody should know.
    NoData {
        /// Since when, in Unix milliseconds.
        since_ms: u64,
    },
    /// Who measures is not believed.
    NotBelieved {
        /// Why.
        doubt: DoubtKind,
    },
}

impl GateState {
    /// The word used in labels and the API.
    #[must_use]
    pub const fn label(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Inconclusive { .. } => "inconclusive",
            Self::Violated { .. } => "violated",
            Self::NoData { .. } => "no_data",
            Self::NotBelieved { doubt } if doubt.is_error() => "error",
            Self::NotBelieved { .. } => "inconclusive",
        }
    }

    /// The part that a changed id stands for: the state without its clocks.
    pub(super) const fn mark(self) -> (u8, u8) {
        match self {
            Self::Ok => (0, 0),
            Self::Inconclusive { why } => (1, why as u8),
            Self::Violated { .. } => (2, 0),
            Self::NoData { .. } => (3, 0),
            Self::NotBelieved { doubt } => (4, doubt as u8),
        }
    }
}

impl fmt::Display for GateState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Ok => f.write_str("ok"),
            Self::Inconclusive { why } => write!(f, "inconclusive ({})", why.label()),
            Self::Violated { for_ms, .. } => write!(f, "violated for {}", Seconds(*for_ms)),
            Self::NoData { .. } => f.write_str("no data"),
            Self::NotBelieved { doubt } => write!(f, "{} (judge: {})", self.label(), doubt.label()),
        }
    }
}

/// An estimate of one arm with what it rests on. The unit is that of the gate's limit.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Estimate {
    /// The estimate.
    pub value: f64,
    /// Bounds that hold at all times at once with 95%, where there are any.
    pub low: Option<f64>,
    /// See `low`.
    pub high: Option<f64>,
    /// How many values it rests on.
    pub count: u64,
}

/// One gate's measurements.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Measurement {
    /// The gate.
    pub gate: GateId,
    /// Its axis.
    pub axis: Axis,
    /// Where it is.
    pub state: GateState,
    /// The candidate over the whole step.
    pub candidate: Option<Estimate>,
    /// Stable over the same time.
    pub stable: Option<Estimate>,
    /// The candidate lately: over the gate's window.
    pub lately: Option<f64>,
    /// The limit that was applied to the estimate, in the measure's unit.
    pub limit: Option<f64>,
    /// Natural logarithm of the evidence that the gate is violated; none for conditions that are
    /// no test.
    pub ln_evidence: Option<f64>,
    /// What the evidence must reach.
    pub ln_needed: Option<f64>,
    /// What the promotion look found that came closest: the chance of such data if the candidate
    /// were just beyond the limit.
    pub p_value: Option<f64>,
    /// How many values of the candidate a promotion needs.
    pub needed: u64,
    /// What stands in the way of a promotion, in words; absent when nothing does.
    pub blocks: Option<String>,
}

/// Why the candidate is to be taken out now.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "cause")]
pub enum Trigger {
    /// A gate was violated without a break for long enough.
    Violated {
        /// The gate.
        gate: GateId,
        /// Its axis.
        axis: Axis,
        /// For how long, in milliseconds of observed time.
        for_ms: u64,
    },
    /// The evidence against a gate is overwhelming.
    Overwhelming {
        /// The gate.
        gate: GateId,
        /// Its axis.
        axis: Axis,
    },
    /// The candidate has no healthy endpoint.
    CandidateDown {
        /// Requests that were meant for it and found none, lately.
        requests: u64,
    },
}

impl Trigger {
    /// The axis that is to blame.
    #[must_use]
    pub const fn axis(&self) -> Axis {
        match self {
            Self::Violated { axis, .. } | Self::Overwhelming { axis, .. } => *axis,
            Self::CandidateDown { .. } => Axis::Error,
        }
    }

    /// The gate that is to blame.
    #[must_use]
    pub const fn gate(&self) -> Option<&GateId> {
        match self {
            Self::Violated { gate, .. } | Self::Overwhelming { gate, .. } => Some(gate),
            Self::CandidateDown { .. } => None,
        }
    }
}

impl fmt::Display for Trigger {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Violated { gate, axis, for_ms } => {
                write!(f, "{axis} axis: gate {gate} violated for {}", Seconds(*for_ms))
            }
            Self::Overwhelming { gate, axis } => {
                write!(f, "{axis} axis: overwhelming evidence against gate {gate}")
            }
            Self::CandidateDown { requests } => write!(
                f,
                "error axis: candidate_down, {requests} requests found no healthy endpoint of it"
            ),
        }
    }
}

/// How the keys that the weight decides were split.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct SplitReading {
    /// Distinct buckets below the weight.
    pub candidate: u64,
    /// Distinct buckets in all.
    pub all: u64,
    /// Natural logarithm of the evidence that the split is not the one asked for.
    pub ln_evidence: f64,
}

/// What the next step is expected to cost.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Forecast {
    /// The next step's weight.
    pub weight: Weight,
    /// Dollars a day of the whole workload at that weight, at the present rate of requests.
    pub usd_per_day: f64,
    /// The same at the present weight.
    pub usd_per_day_now: f64,
}

/// One evaluation of all gates.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Analysis {
    /// Its name; see [`AnalysisId`].
    pub id: AnalysisId,
    /// The rollout whose evidence it is.
    pub rollout: RolloutId,
    /// The step, from 0.
    pub step: usize,
    /// When, in Unix milliseconds.
    pub at_ms: u64,
    /// What it says.
    pub verdict: Verdict,
    /// The gates' measurements, in the policy's order.
    pub measurements: Vec<Measurement>,
    /// Set when the candidate is to be taken out now.
    pub trigger: Option<Trigger>,
    /// Whether an outage that hits both arms alike is going on.
    pub outage: bool,
    /// Why the scorers are not believed, where a gate rests on them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub doubt: Option<Doubt>,
    /// Whether the candidate has finished no request for so long that somebody should know.
    pub silent: bool,
    /// How the keys were split.
    pub split: SplitReading,
    /// Time in which the step was watched, in milliseconds.
    pub observed_ms: u64,
    /// How much of it a promotion (at the last step: the end of the watch) needs.
    pub needed_ms: u64,
    /// Requests that the candidate finished in this step.
    pub requests: u64,
    /// How many a promotion needs.
    pub needed_requests: u64,
    /// Everything that stands in the way of a promotion, in words; empty with the verdict `pass`.
    pub blocks: Vec<String>,
    /// What the next step will cost, where costs are known.
    pub forecast: Option<Forecast>,
}

impl Analysis {
    /// The gate's measurement.
    #[must_use]
    pub fn of(&self, gate: &GateId) -> Option<&Measurement> {
        self.measurements.iter().find(|measurement| measurement.gate == *gate)
    }
}

impl fmt::Display for Analysis {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{} {}", self.id, self.verdict)?;
        writeln!(
            f,
            "  observed {} of {}, {} of {} requests",
            Seconds(self.observed_ms),
            Seconds(self.needed_ms),
            self.requests,
            self.needed_requests
        )?;
        for measurement in &self.measurements {
            writeln!(f, "  {measurement}")?;
        }
        if let Some(trigger) = &self.trigger {
            writeln!(f, "  rolls back: {trigger}")?;
        }
        for block in &self.blocks {
            writeln!(f, "  waits for: {block}")?;
        }
        Ok(())
    }
}

impl fmt::Display for Measurement {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.gate, self.state)?;
        for (arm, estimate) in [("candidate", &self.candidate), ("stable", &self.stable)] {
            if let Some(estimate) = estimate {
                write!(f, ", {arm} {}", Figure(estimate.value))?;
                if let (Some(low), Some(high)) = (estimate.low, estimate.high) {
                    write!(f, " [{}, {}]", Figure(low), Figure(high))?;
                }
                write!(f, " of {}", estimate.count)?;
            }
        }
        if let Some(limit) = self.limit {
            write!(f, ", limit {}", Figure(limit))?;
        }
        Ok(())
    }
}

/// A number with four significant digits, which is more than any of these estimates has.
pub(crate) struct Figure(pub(crate) f64);

impl fmt::Display for Figure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let value = self.0;
        if value == 0.0 || !value.is_finite() {
            return write!(f, "{value}");
        }
        let digits = (3 - value.abs().log10().floor() as i32).clamp(0, 9);
        let text = format!("{value:.*}", digits as usize);
        let short = if text.contains('.') {
            text.trim_end_matches('0').trim_end_matches('.')
        } else {
            &text
        };
        f.write_str(short)
    }
}

/// A duration to the second.
pub(crate) struct Seconds(pub(crate) u64);

impl fmt::Display for Seconds {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let seconds = self.0 / 1000;
        let parts = [(seconds / 3600, "h"), (seconds / 60 % 60, "m"), (seconds % 60, "s")];
        let mut shown = parts.iter().filter(|(count, _)| *count > 0).take(2).peekable();
        if shown.peek().is_none() {
            return write!(f, "{}", Span(self.0));
        }
        shown.try_for_each(|(count, unit)| write!(f, "{count}{unit}"))
    }
}
