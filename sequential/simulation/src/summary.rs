//! Summary of thousands of runs of one scenario, checked against the promises.

use crate::rng::Rng;
use crate::rules::RuleKind;
use crate::run::{Outcome, run};
use crate::scenario::{HORIZON, NORMAL, Reference, Scenario, Split};
use anyhow::Result;
use serde::Serialize;
use stagegate_sequential::{Alpha, Tally, interval, plan};

/// Confidence of the bounds: 95%, one-sided.
const BOUNDS: Alpha = Alpha::PROMOTION;

/// The permitted error of the planned median.
const PLANNED_WITHIN: f64 = 0.25;

/// The results of one rule in one scenario.
#[derive(Clone, Debug, Serialize)]
pub struct Summary {
    /// The scenario's name.
    pub scenario: String,
    /// The rule's name.
    pub rule: &'static str,
    /// True if the figures are promised.
    pub promised: bool,
    /// Number of runs.
    pub runs: u64,
    /// The false alarms the rule promises, if it does.
    pub alpha: Option<f64>,
    /// Share of runs in which a good candidate was rolled back (also: before it became bad).
    pub false_rollback_rate: f64,
    /// Upper bound of that share, with 95% confidence (Clopper and Pearson).
    pub false_rollback_upper: f64,
    /// Lower bound of that share.
    pub false_rollback_lower: f64,
    /// Share of runs in which a bad candidate was rolled back; `None` of a good one.
    pub detected: Option<f64>,
    /// Counted candidate responses from the change until half of the bad candidates were rolled
    /// back; `None` if that does not happen within the step.
    pub median_detection: Option<u64>,
    /// The same for nine in ten.
    pub p90_detection: Option<u64>,
    /// The median that `plan` predicts, for plain traffic.
    pub planned_median: Option<u64>,
    /// The largest permitted median.
    pub median_at_most: Option<u64>,
    /// Failed candidate responses served from the change until the rollback or the step's end, on
    /// average.
    pub bad_responses_served: f64,
    /// The candidate's share of counted responses; `None` while it changes.
    pub w: Option<f64>,
    /// Stable's counted responses per candidate response; `None` against a limit.
    pub stable_to_candidate: Option<f64>,
}

/// Runs a scenario; one summary per rule.
///
/// # Errors
/// Never with the scenarios' constants.
pub fn simulate(index: usize, scenario: &Scenario, runs: u64, seed: u64) -> Result<Vec<Summary>> {
    let rules = RuleKind::watching(scenario);
    let mut outcomes = vec![Vec::new(); rules.len()];
    for number in 0..runs {
        let results = run(scenario, Rng::new(seed, index as u64, number))?;
        for (all, outcome) in outcomes.iter_mut().zip(results) {
            all.push(outcome);
        }
    }
    rules.iter().zip(outcomes).map(|(kind, all)| summarise(scenario, *kind, &all)).collect()
}

fn summarise(scenario: &Scenario, rule: RuleKind, outcomes: &[Outcome]) -> Result<Summary> {
    let runs = outcomes.len() as u64;
    let from = if scenario.is_good() { HORIZON } else { scenario.from };
    let (mut early, mut delays) = (0, Vec::new());
    for at in outcomes.iter().filter_map(|outcome| outcome.rolled_back_at) {
        if at <= from {
            early += 1;
        } else {
            delays.push(at - from);
        }
    }
    delays.sort_unstable();
    let early = Tally::of(early, runs)?;
    // Among the runs that got as far as the change.
    let bad = runs as f64 - early.failures();
    let quantile = |q: f64| delays.get((bad * q).ceil().max(1.0) as usize - 1).copied();
    let w = match scenario.split {
        Split::Fixed(weight) => Some(weight),
        Split::Ramp => None,
    };
    let against_stable = scenario.reference == Reference::Stable;
    let ours = rule == RuleKind::EProcess;
    Ok(Summary {
        scenario: scenario.name.clone(),
        rule: rule.label(),
        promised: scenario.promised && ours,
        runs,
        alpha: rule.alpha(),
        false_rollback_rate: early.share().unwrap_or(0.0),
        false_rollback_upper: interval::at_most(early, BOUNDS),
        false_rollback_lower: interval::at_least(early, BOUNDS),
        detected: (!scenario.is_good()).then(|| delays.len() as f64 / bad.max(1.0)),
        median_detection: quantile(0.5),
        p90_detection: quantile(0.9),
        planned_median: if ours { planned(scenario)? } else { None },
        median_at_most: scenario.median_at_most.filter(|_| ours),
        bad_responses_served: outcomes.iter().map(|outcome| outcome.bad_served as f64).sum::<f64>()
            / runs as f64,
        w,
        stable_to_candidate: w.filter(|_| against_stable).map(|w| (1.0 - w) / w),
    })
}

/// Returns the prediction of `plan`; `None` for traffic that it does not model.
fn planned(scenario: &Scenario) -> Result<Option<u64>> {
    let Split::Fixed(weight) = scenario.split else { return Ok(None) };
    let plain = Scenario::plain(scenario.reference, weight, scenario.ratio);
    if plain.name != scenario.name || scenario.is_good() {
        return Ok(None);
    }
    let (bad, alpha) = (NORMAL * scenario.ratio, Alpha::ROLLBACK);
    Ok(match scenario.reference {
        Reference::Limit => plan::until_found_against_limit(NORMAL, bad, alpha, 0.5)?,
        Reference::Stable => plan::until_found_against_stable(bad, NORMAL, weight, alpha, 0.5)?,
    })
}

impl Summary {
    /// Every promise that this breaks. `exact` judges false rollbacks by their upper bound, which
    /// takes thousands of runs; otherwise only by what is shown beyond doubt.
    #[must_use]
    pub fn broken_promises(&self, exact: bool) -> Vec<String> {
        let mut broken = Vec::new();
        if !self.promised {
            return broken;
        }
        let (which, rate) = if exact {
            ("at most", self.false_rollback_upper)
        } else {
            ("at least", self.false_rollback_lower)
        };
        if rate > Alpha::ROLLBACK.get() {
            broken.push(format!(
                "{}: {:.2}% false rollbacks ({which} {:.2}%), 1% promised",
                self.scenario,
                self.false_rollback_rate * 100.0,
                rate * 100.0
            ));
        }
        if let Some(most) = self.median_at_most
            && self.median_detection.is_none_or(|median| median > most)
        {
            let got = self.median_detection.map_or("never".to_owned(), |median| median.to_string());
            broken.push(format!("{}: median detection {got}, {most} promised", self.scenario));
        }
        if let (Some(planned), Some(median)) = (self.planned_median, self.median_detection)
            && (planned as f64 / median as f64 - 1.0).abs() > PLANNED_WITHIN
        {
            let scenario = &self.scenario;
            broken.push(format!("{scenario}: median {median}, the plan said {planned}"));
        }
        broken
    }

    /// The heading of [`Self::row`]'s columns.
    pub const HEADING: &str = "| scenario | rule | false rollbacks | at most | detected | P50 | planned | P90 | bad responses served |\n\
                               |---|---|---:|---:|---:|---:|---:|---:|---:|";

    /// One row of a Markdown table.
    #[must_use]
    pub fn row(&self) -> String {
        let number = |value: Option<u64>| value.map_or("-".to_owned(), |value| value.to_string());
        format!(
            "| {} | {} | {:.2}% | {:.2}% | {} | {} | {} | {} | {:.0} |",
            self.scenario,
            self.rule,
            self.false_rollback_rate * 100.0,
            self.false_rollback_upper * 100.0,
            self.detected.map_or("-".to_owned(), |share| format!("{:.1}%", share * 100.0)),
            number(self.median_detection),
            number(self.planned_median),
            number(self.p90_detection),
            self.bad_responses_served
        )
    }
}
