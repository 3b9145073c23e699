//! Answers to changes.

use super::{ChangeKind, ConfigProblem, FleetOutcome, WorkloadDetail};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// The result of a change. The `ETag` of the response is the workload's epoch.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct Changed {
    /// The command as the audit names it, for example `set_weight`.
    pub command: ChangeKind,
    /// False when the state already was as asked; then no new plan was made.
    pub changed: bool,
    /// The change, as text.
    #[schema(example = "weight 1% -> 10%")]
    pub summary: String,
    /// Epoch of the routing plan in force afterwards.
    pub epoch: u64,
    /// Number of the audit record; 0 while there is none.
    pub audit_seq: u64,
    /// False when the state store did not answer in time: the change takes traffic off the candidate
    /// and is in force, and it is recorded as soon as the store answers. Left out when true.
    #[serde(default = "yes", skip_serializing_if = "is_true")]
    pub recorded: bool,
    /// The actor.
    pub actor: String,
    /// The reason that was recorded; empty if none was given.
    pub reason: String,
    /// The timing of the data plane; present if traffic is taken off the candidate.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rollback: Option<RollbackTiming>,
    /// What became of it on each replica; present in a fleet if traffic is taken off the candidate.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fleet: Option<FleetOutcome>,
    /// The workload afterwards.
    pub workload: WorkloadDetail,
}

pub(crate) const fn yes() -> bool {
    true
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde asks for a reference")]
pub(crate) const fn is_true(value: &bool) -> bool {
    *value
}

/// The time until the candidate received no new requests.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct RollbackTiming {
    /// Milliseconds from the commit in the store to the last new candidate request; 0 when none
    /// arrived after the commit. Where the candidate keeps other traffic (a cohort was closed, one
    /// tenant excluded), only an upper bound.
    pub last_candidate_request_ms: f64,
    /// Milliseconds from the commit until every worker had taken the new plan over.
    pub acknowledged_ms: f64,
    /// Workers that have taken the new plan over.
    pub acknowledged_workers: u32,
    /// Workers there are.
    pub workers: u32,
    /// True if all workers acknowledged in time. If false, the change is in force but a stuck
    /// worker may still send requests to the candidate.
    pub settled: bool,
}

/// The result of a configuration reload.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct Reloaded {
    /// Epoch of the routing plan in force afterwards.
    pub epoch: u64,
    /// The changes, one line each; empty if the file describes what is already in force.
    pub changes: Vec<String>,
    /// Settings that changed in the file but need a restart, one line each.
    pub needs_restart: Vec<String>,
    /// Warnings about the new configuration.
    pub warnings: Vec<ConfigProblem>,
}

/// What a reload would do now. Nothing was changed.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct ReloadPlan {
    /// Keys of the file that have another value than in the configuration in force.
    pub edits: Vec<ConfigEdit>,
    /// What would change, one line each; empty when only settings would.
    pub changes: Vec<String>,
    /// Who would change sides, one line each: tenants and users that a rule names, and the share of
    /// everybody else.
    pub moves: Vec<String>,
    /// Settings that a reload would not apply, one line each.
    pub needs_restart: Vec<String>,
    /// Warnings about the file.
    pub warnings: Vec<ConfigProblem>,
}

/// A key of the configuration with another value.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct ConfigEdit {
    /// Path of the key, or of a file that the configuration names.
    #[schema(example = "workloads.support-agent.timeouts.request")]
    pub key: String,
    /// The value in force, as it is written; `***` for a secret, absent where there is none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub from: Option<String>,
    /// The value in the file; `***` for a secret, absent where there is none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub to: Option<String>,
}
