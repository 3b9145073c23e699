//! An analysis: the measurements, the verdict and the obstacles to a promotion. Analyses are kept
//! for ever, so that "why does it wait?" and "why did it fail?" can be answered later.

use super::text::Seconds;
use crate::{AnalysisId, Doubt, GateId, Measurement, RolloutId, Trigger, Verdict, Weight};
use serde::{Deserialize, Serialize};
use std::fmt;

/// The split of the keys that the weight decides.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct SplitReading {
    /// Distinct buckets below the weight.
    pub candidate: u64,
    /// Distinct buckets in all.
    pub all: u64,
    /// Natural logarithm of the evidence that the split is not the one asked for.
    pub ln_evidence: f64,
}

/// The expected cost of the next step.
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
    /// The time, in Unix milliseconds.
    pub at_ms: u64,
    /// The verdict.
    pub verdict: Verdict,
    /// The gates' measurements, in the policy's order.
    pub measurements: Vec<Measurement>,
    /// The cause, if the candidate is to be rolled back now.
    pub trigger: Option<Trigger>,
    /// An outage hits both arms alike.
    pub outage: bool,
    /// The reason not to believe the scorers, if a gate needs them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub doubt: Option<Doubt>,
    /// True if the candidate has finished no request for the time after which the owner is
    /// notified.
    pub silent: bool,
    /// The split of the keys.
    pub split: SplitReading,
    /// Time in which the step was watched, in milliseconds.
    pub observed_ms: u64,
    /// The part of it that a promotion (at the last step: the end of the watch) needs.
    pub needed_ms: u64,
    /// Requests that the candidate finished in this step.
    pub requests: u64,
    /// Requests of stable and of the candidate that are not compared: the weight did not draw their
    /// arm.
    #[serde(default)]
    pub apart: [u64; 2],
    /// Conversations, or whatever the split draws, of stable and of the candidate that were first seen in
    /// this step; zero where nobody counts them.
    #[serde(default)]
    pub units: [u64; 2],
    /// The number that a promotion needs.
    pub needed_requests: u64,
    /// The obstacles to a promotion, in words; empty with the verdict `pass`.
    pub blocks: Vec<String>,
    /// At 100%: the gate whose violation would roll back at once if the holdback showed that stable is well; it has
    /// shown neither yet.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub in_doubt: Option<GateId>,
    /// The expected cost of the next step, if costs are known.
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
        let (observed, needed) = (Seconds(self.observed_ms), Seconds(self.needed_ms));
        match self.needed_requests {
            0 => writeln!(f, "  observed {observed} of {needed}, {} requests", self.requests)?,
            all => writeln!(
                f,
                "  observed {observed} of {needed}, {} of {all} requests",
                self.requests
            )?,
        }
        if self.apart != [0; 2] {
            let [stable, candidate] = self.apart;
            writeln!(
                f,
                "  not compared: {stable} requests of stable, {candidate} of the candidate"
            )?;
        }
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
