//! Drills of the kill switch.

use super::RollbackTiming;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// What a drill of the kill switch found. It is recorded whether it passed or not.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct DrillReport {
    /// The workload.
    pub workload: String,
    /// Whether every check passed.
    pub passed: bool,
    /// When it began, in Unix milliseconds.
    pub at_ms: u64,
    /// For how long the switch was on, in milliseconds.
    pub held_ms: f64,
    /// Epoch of the routing plan in force afterwards.
    pub epoch: u64,
    /// Number of the audit record of its end.
    pub audit_seq: u64,
    /// Who held it.
    pub actor: String,
    /// The reason that was recorded; empty if none was given.
    pub reason: String,
    /// How fast the data plane followed the switch.
    pub timing: RollbackTiming,
    /// What was checked, in order.
    pub checks: Vec<DrillCheck>,
}

/// One check of a drill.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct DrillCheck {
    /// What must hold.
    pub check: String,
    /// Whether it did.
    pub passed: bool,
    /// What was seen.
    pub seen: String,
}
