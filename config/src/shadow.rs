//! Checked settings of copied requests.

use stagegate_rollout::{ReleaseName, Weight};
use std::time::Duration;

/// Which of stable's requests are copied to another release, and within which bounds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ShadowSettings {
    /// The release that gets the copies: one of the workload's, and not the declared stable one.
    pub release: ReleaseName,
    /// Share of targeting keys whose requests are copied.
    pub fraction: Weight,
    /// Methods that may be copied; at least one.
    pub methods: Vec<String>,
    /// Paths that may be copied; at least one.
    pub paths: Vec<SafePath>,
    /// Most copies at a time, at least 1.
    pub in_flight: u32,
    /// Largest request body that is copied, in bytes.
    pub body: u64,
    /// Time for a copy, from connecting to the end of its answer.
    pub timeout: Duration,
    /// Whether both answers are scored, where the workload has scorers.
    pub score: bool,
}

/// Paths that may be copied.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SafePath {
    /// This path alone.
    Exactly(String),
    /// Everything that begins with this, which ends with `/`.
    Below(String),
}

impl std::fmt::Display for SafePath {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Exactly(path) => f.write_str(path),
            Self::Below(path) => write!(f, "{path}*"),
        }
    }
}
