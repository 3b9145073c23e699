//! One gate's measurements.

use super::blame::Blame;
use super::text::Figure;
use crate::{Axis, GateId, GateState};
use serde::{Deserialize, Serialize};
use std::fmt;

/// An estimate of one arm, with its bounds and its number of values. The unit is that of the gate's
/// limit.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Estimate {
    /// The estimate.
    pub value: f64,
    /// Bounds that hold at all times at once with 95%, where there are any.
    pub low: Option<f64>,
    /// See `low`.
    pub high: Option<f64>,
    /// The number of values behind the estimate.
    pub count: u64,
}

/// What one gate sees of a part of the traffic.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct SliceReading {
    /// The part: `tenant acme`, `model large`.
    pub slice: String,
    /// Units of the candidate that were at risk over the step, and those of them that failed.
    pub candidate: (u64, u64),
    /// The same of stable.
    pub stable: (u64, u64),
    /// Natural logarithm of the evidence that the gate is violated for this part.
    pub ln_evidence: f64,
    /// It has reached what all parts together are allowed: the owner is told.
    #[serde(default)]
    pub alerts: bool,
}

/// One gate's measurements.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Measurement {
    /// The gate.
    pub gate: GateId,
    /// Its axis.
    pub axis: Axis,
    /// Its state.
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
    /// The value that the evidence must reach.
    pub ln_needed: Option<f64>,
    /// The lowest p-value of all promotion looks: the chance of such data if the candidate were
    /// just beyond the limit.
    pub p_value: Option<f64>,
    /// The number of values of the candidate that a promotion needs.
    pub needed: u64,
    /// Values that carry as much as one independent value, as conversations have shown it so far; none where
    /// values belong to no conversation.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub effect: Option<f64>,
    /// The parts of the traffic that most speaks against, the worst first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub slices: Vec<SliceReading>,
    /// What explains most of the difference, the most telling first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub blame: Vec<Blame>,
    /// The reason why there is no value, as the source of an external gate gave it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub note: Option<String>,
    /// The obstacle to a promotion, in words; absent if there is none.
    pub blocks: Option<String>,
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
