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
        /// The part of the traffic it is violated for, if that is not all of it.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        slice: Option<String>,
    },
    /// The evidence against a gate is overwhelming.
    Overwhelming {
        /// The gate.
        gate: GateId,
        /// Its axis.
        axis: Axis,
        /// The part of the traffic it is violated for, if that is not all of it.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        slice: Option<String>,
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

fn of_slice(slice: Option<&String>) -> String {
    slice.map_or_else(String::new, |slice| format!(" for {slice}"))
}

impl fmt::Display for Trigger {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Violated { gate, axis, for_ms, slice } => {
                let slice = of_slice(slice.as_ref());
                write!(f, "{axis} axis: gate {gate}{slice} violated for {}", Seconds(*for_ms))
            }
            Self::Overwhelming { gate, axis, slice } => {
                let slice = of_slice(slice.as_ref());
                write!(f, "{axis} axis: overwhelming evidence against gate {gate}{slice}")
            }
            Self::CandidateDown { requests } => write!(
                f,
                "error axis: candidate_down, {requests} requests found no healthy endpoint of it"
            ),
        }
    }
}
