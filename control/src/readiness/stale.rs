//! A check whose proof went stale.

use serde::{Deserialize, Serialize};

/// A check that was met at the start of the rollout and is not any more.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct StaleCheck {
    /// The check's id.
    pub check: String,
    /// The owner.
    pub owner: String,
    /// What is missing.
    pub why: String,
    /// The command or key that meets it again.
    pub remedy: String,
    /// When it was noticed, in Unix milliseconds.
    pub since_ms: u64,
}
