//! The causes of a rollback by the program.

use super::text::Seconds;
use crate::{Axis, GateId};
use serde::{Deserialize, Serialize};
use std::fmt;

/// The cause of a rollback.
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
    /// The axis of the cause.
    #[must_use]
    pub const fn axis(&self) -> Axis {
        match self {
            Self::Violated { axis, .. } | Self::Overwhelming { axis, .. } => *axis,
            Self::CandidateDown { .. } => Axis::Error,
        }
    }

    /// The gate that caused it, if one did.
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
