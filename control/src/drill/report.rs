//! An order for a drill, and what the drill found.

use crate::{IdempotencyKey, Precondition, RollbackTiming};
use serde::{Deserialize, Serialize};

/// A drill that somebody wants held.
#[derive(Clone, Debug)]
pub struct DrillOrder {
    /// Who.
    pub actor: String,
    /// On which workload.
    pub workload: String,
    /// Why; may be empty.
    pub reason: String,
    /// What the caller believes the state to be.
    pub precondition: Precondition,
    /// The caller's key, to ask again without doing it again.
    pub idempotency: Option<IdempotencyKey<DrillReport>>,
}

/// What a drill of the kill switch found. It is recorded whether it passed or not; field names are
/// those of the stored JSON.
#[derive(Clone, Debug, Serialize, Deserialize)]
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
    /// Number of the audit entry of its end.
    pub audit_seq: u64,
    /// Who held it.
    pub actor: String,
    /// The reason that was recorded; empty if none was given.
    pub reason: String,
    /// How fast the data plane followed the switch.
    pub timing: RollbackTiming,
    /// The checks, in order.
    pub checks: Vec<DrillCheck>,
}

/// One check of a drill.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DrillCheck {
    /// What must hold.
    pub check: String,
    /// Whether it did.
    pub passed: bool,
    /// What was seen.
    pub seen: String,
}
