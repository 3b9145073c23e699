//! An order for a drill, and what the drill found.

use crate::{IdempotencyKey, Precondition, RollbackTiming};
use serde::{Deserialize, Serialize};

/// The request for a drill.
#[derive(Clone, Debug)]
pub struct DrillOrder {
    /// The actor.
    pub actor: String,
    /// The workload.
    pub workload: String,
    /// The reason; may be empty.
    pub reason: String,
    /// The caller's precondition.
    pub precondition: Precondition,
    /// The caller's key, to ask again without doing it again.
    pub idempotency: Option<IdempotencyKey<DrillReport>>,
}

/// The result of a kill switch drill. It is recorded even if the drill failed. Field names are
/// those of the stored JSON.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct DrillReport {
    /// The workload.
    pub workload: String,
    /// True if every check passed.
    pub passed: bool,
    /// When it began, in Unix milliseconds.
    pub at_ms: u64,
    /// For how long the switch was on, in milliseconds.
    pub held_ms: f64,
    /// Epoch of the routing plan in force afterwards.
    pub epoch: u64,
    /// Number of the audit entry of its end.
    pub audit_seq: u64,
    /// The actor who ran it.
    pub actor: String,
    /// The reason that was recorded; empty if none was given.
    pub reason: String,
    /// The timing of the data plane after the switch.
    pub timing: RollbackTiming,
    /// The checks, in order.
    pub checks: Vec<DrillCheck>,
}

/// One check of a drill.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DrillCheck {
    /// The condition that must hold.
    pub check: String,
    /// True if it held.
    pub passed: bool,
    /// The observation.
    pub seen: String,
}
