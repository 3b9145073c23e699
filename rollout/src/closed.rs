//! A candidate that was taken out.

use crate::Weight;
use serde::{Deserialize, Serialize};

/// A closed candidate: the actor, the reason and the time.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Closed {
    /// The actor of the rollback.
    pub by: String,
    /// Their reason.
    pub reason: String,
    /// The time, in Unix milliseconds.
    pub at_ms: u64,
    /// The weight before, for the person who opens it again.
    pub weight_before: Weight,
    /// Conversations pinned to the candidate may end there (policy `finish`).
    pub finishing: bool,
}
