//! The health of the configuration and of the store.

use stagegate_config::Problem;

/// The last time the configuration was read.
#[derive(Clone, Debug)]
pub struct ReloadStatus {
    /// Whether it was taken over. If not, the configuration before it stays in force.
    pub ok: bool,
    /// When, in Unix milliseconds.
    pub at_ms: u64,
    /// Who or what asked: `start`, `sighup`, `file`, or a token's name.
    pub by: String,
    /// When a configuration was last taken over, in Unix milliseconds.
    pub last_success_at_ms: u64,
    /// Why it was refused.
    pub problems: Vec<Problem>,
    /// Settings of the file that differ from what runs and need a restart.
    pub needs_restart: Vec<String>,
}

/// Health of the state store.
#[derive(Clone, Debug)]
pub struct StoreStatus {
    /// Whether the last commit worked.
    pub healthy: bool,
    /// Commits that failed since the start.
    pub failures: u64,
    /// The last failure, in words.
    pub last_error: Option<String>,
}
