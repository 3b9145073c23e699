//! The health of the configuration and of the store.

use stagegate_config::Problem;

/// The last time the configuration was read.
#[derive(Clone, Debug)]
pub struct ReloadStatus {
    /// True if it was applied. If not, the previous configuration stays in force.
    pub ok: bool,
    /// The time, in Unix milliseconds.
    pub at_ms: u64,
    /// The source of the reload: `start`, `sighup`, `file`, or a token's name.
    pub by: String,
    /// The last successful load of a configuration, in Unix milliseconds.
    pub last_success_at_ms: u64,
    /// The problems for which it was refused.
    pub problems: Vec<Problem>,
    /// Settings of the file that differ from what runs and need a restart.
    pub needs_restart: Vec<String>,
}

/// Health of the state store.
#[derive(Clone, Debug)]
pub struct StoreStatus {
    /// True if the last commit succeeded.
    pub healthy: bool,
    /// Commits that failed since the start.
    pub failures: u64,
    /// The last failure, in words.
    pub last_error: Option<String>,
}
