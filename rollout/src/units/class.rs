//! A kind of failure that units are asked about.

use super::seen::Seen;
use crate::Outcome;
use crate::policy::{ErrorClass, Gate, Limit, Measure, Policy, Timing};
use serde::{Deserialize, Serialize};

/// The time that may be too long.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SlowTime {
    /// To the end of the answer.
    Total,
    /// To the answer's head.
    FirstByte,
}

/// A kind of failure.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "kind")]
pub enum UnitClass {
    /// It ends in this class of errors.
    Error {
        /// The class.
        class: ErrorClass,
    },
    /// It takes longer than this.
    Slow {
        /// The time.
        of: SlowTime,
        /// Microseconds.
        above_us: u64,
    },
}

impl UnitClass {
    /// The classes that the gates of a policy ask about, each once.
    #[must_use]
    pub fn of_policy(policy: &Policy) -> Vec<Self> {
        let mut classes: Vec<Self> = policy.gates.iter().filter_map(Self::of).collect();
        classes.sort_unstable();
        classes.dedup();
        classes
    }

    /// The class that a gate asks about; none for means, quantiles, and what scorers say: of a
    /// conversation they count one response.
    pub(crate) fn of(gate: &Gate) -> Option<Self> {
        match (&gate.measure, gate.limit) {
            (Measure::ErrorRate { class }, _) => Some(Self::Error { class: *class }),
            (Measure::Latency { of, .. }, Limit::Max(limit)) => {
                let of = match of {
                    Timing::Total => SlowTime::Total,
                    Timing::FirstByte => SlowTime::FirstByte,
                    Timing::BetweenChunks | Timing::Stage(_) => return None,
                };
                Some(Self::Slow { of, above_us: limit.get() as u64 })
            }
            _ => None,
        }
    }

    /// True if a failure of one tenant alone is the release's: it fails, refuses or hangs.
    pub(super) const fn blames_the_release(self) -> bool {
        let Self::Error { class } = self else { return false };
        matches!(class, ErrorClass::Permanent | ErrorClass::Rejected | ErrorClass::ClientGone)
    }

    /// Whether a request failed in this class; none if it says nothing about it.
    pub(super) fn failed(self, seen: &Seen) -> Option<bool> {
        let left = seen.outcome == Outcome::ClientGone;
        match self {
            // Who left without a byte was at risk of it; who leaves later says nothing.
            Self::Error { class: ErrorClass::ClientGone } => {
                let unanswered = seen.abandoned && seen.first_byte_us == 0;
                (!left || unanswered).then_some(unanswered)
            }
            Self::Error { .. } if left => None,
            Self::Error { class: ErrorClass::Rejected } => Some(seen.rejected),
            Self::Error { class } => Some(class.outcome() == Some(seen.outcome)),
            Self::Slow { of, above_us } => {
                let answered = seen.outcome == Outcome::Ok;
                let us = match of {
                    SlowTime::FirstByte if seen.first_byte_us > 0 => seen.first_byte_us,
                    _ => seen.duration_us,
                };
                // A failure is no fast answer. Without an answer it is slow once the limit is over.
                (answered || us > above_us).then_some(us > above_us)
            }
        }
    }
}
