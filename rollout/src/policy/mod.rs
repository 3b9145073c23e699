//! A policy: the steps of a rollout, and the gates that hold at each.
//!
//! A rollout keeps a copy of its policy, so that a changed configuration never moves its limits.

mod amount;
mod builtin;
mod check;
mod error;
mod external;
mod gate;
mod limit;
mod measure;
mod offline;

pub use amount::{Amount, InvalidAmount};
pub use error::{PolicyError, PolicyKey};
pub use external::{ExternalValue, StableValue};
pub use gate::{Gate, GateId, Then};
pub use limit::Limit;
pub use measure::{Axis, ErrorClass, Measure, Number, Quantile, SimpleMeasure, Span, Timing};
pub use offline::OfflineReport;

use crate::Weight;
use serde::{Deserialize, Serialize};
use std::sync::Arc;

/// One tier of a rollout.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Step {
    /// The candidate's share.
    pub weight: Weight,
    /// The time for which the step must have been observed before a promotion, in milliseconds.
    /// Only time in which traffic was watched counts.
    pub hold_ms: u64,
    /// The number of requests of the candidate a promotion needs.
    pub requests: u64,
    /// The number of scored responses of the candidate a promotion needs, where the policy has
    /// gates on the eval axis; a gate's own minimum counts where it is higher.
    pub scored: u64,
    /// The time for which triggers stay armed at 100% before the candidate becomes stable, in
    /// milliseconds. Above zero in the last step, zero in every other.
    pub watch_ms: u64,
    /// The time for which a gate without a duration of its own must be violated, in milliseconds.
    pub violated_for_ms: u64,
}

/// Steps, gates and what they rest on. [`Policy::check`] says whether the parts make sense.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Policy {
    /// Its name in the configuration.
    pub name: Arc<str>,
    /// The steps in order; the last one is 100% and watches.
    pub steps: Vec<Step>,
    /// The gates; the order is that of tables.
    pub gates: Vec<Gate>,
    /// The longest time without anything to measure before a gate's owner is notified.
    pub no_data_alert_ms: u64,
    /// The kill switch must have been exercised within this time before a start; absent: not asked.
    pub drill_within_ms: Option<u64>,
    /// The need for an offline eval report that held.
    #[serde(default)]
    pub offline_report: OfflineReport,
    /// Whoever started a rollout cannot promote it.
    #[serde(default)]
    pub second_person: bool,
    /// Share of the keys that stay on stable while the last step is watched, so that there is something beside
    /// the candidate: an outage behind both shows on both. Zero in policies of earlier versions.
    #[serde(default)]
    pub holdback: Weight,
    /// The share that is held back while a gate is violated at the last step and the holdback has not shown whether
    /// stable fails too. Zero (also in policies of earlier versions): no more than `holdback`.
    #[serde(default)]
    pub holdback_in_doubt: Weight,
    /// Chance that a candidate no worse than its limits is ever rolled back in a rollout: shared by all steps and
    /// all gates that roll back.
    pub rollback_alpha: Amount,
    /// Chance that one gate's promotion look passes a candidate that is just beyond its limit.
    pub promote_alpha: Amount,
}

impl Policy {
    /// The candidate's share in the step at `place`: at the last one all but the holdback.
    #[must_use]
    pub fn weight_at(&self, place: usize) -> Weight {
        let weight = self.steps.get(place).map_or(Weight::FULL, |step| step.weight);
        let is_last = place + 1 >= self.steps.len();
        if is_last { weight.without(self.holdback) } else { weight }
    }

    /// The candidate's share at the last step while the holdback is asked; none if it is not made larger.
    #[must_use]
    pub fn weight_in_doubt(&self) -> Option<Weight> {
        let wider = self.holdback > Weight::ZERO && self.holdback_in_doubt > self.holdback;
        wider.then(|| Weight::FULL.without(self.holdback_in_doubt))
    }

    /// Chance of a false alarm that the gate at `place` may use. Every axis that can roll back has
    /// the same share of [`Policy::rollback_alpha`], divided among its gates: one more stage to
    /// watch does not make the error axis slower. A gate that only alerts has the whole for itself.
    #[must_use]
    pub fn alpha_of(&self, place: usize) -> f64 {
        let total = self.rollback_alpha.get();
        let Some(gate) = self.gates.get(place) else { return total };
        if gate.then == Then::Alert {
            return total;
        }
        // What others measure is no test of ours and takes nothing from the tests.
        if gate.axis == Axis::External {
            return total;
        }
        let rolls_back = |axis: Axis| {
            self.gates
                .iter()
                .filter(|gate| gate.then == Then::Rollback && gate.axis == axis)
                .count()
        };
        let axes = Axis::OWN.into_iter().filter(|axis| rolls_back(*axis) > 0).count();
        total / (axes * rolls_back(gate.axis)) as f64
    }

    /// The time for which the gate must be violated in the step at `step`, in milliseconds.
    #[must_use]
    pub fn violated_for_ms(&self, gate: &Gate, step: usize) -> u64 {
        let usual = self.steps.get(step).map_or(0, |step| step.violated_for_ms);
        gate.for_ms.unwrap_or(usual)
    }

    /// Scored responses of the candidate that a promotion from the step at `step` needs for `gate`.
    #[must_use]
    pub fn scored_for(&self, gate: &Gate, step: usize) -> u64 {
        let usual = self.steps.get(step).map_or(0, |step| step.scored);
        if gate.axis == Axis::Eval { gate.scored.max(usual) } else { 0 }
    }
}
