//! One workload in full, and its cohorts.

use super::{KeyKind, OnRollback, RolloutSummary};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// Every workload of the configuration.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct Workloads {
    /// Epoch of the routing plan in force.
    pub epoch: u64,
    /// In the order of the configuration file.
    pub workloads: Vec<WorkloadDetail>,
}

/// One workload: what the file declares and what commands made of it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct WorkloadDetail {
    /// Its name.
    pub name: String,
    /// Epoch of the workload's last change; the value of its `ETag`.
    pub epoch: u64,
    /// The release that serves everyone not sent elsewhere.
    pub stable: String,
    /// The release under rollout, if there is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub candidate: Option<String>,
    /// Share of targeting keys that go to the candidate.
    #[schema(example = "10%")]
    pub weight: String,
    /// The same share as a number from 0 to 1.
    pub weight_ratio: f64,
    /// True if any rule may route to the candidate: there is one, it was not rolled back, and the
    /// workload is not killed.
    pub open: bool,
    /// The rollback of the candidate; absent while it is open.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub closed: Option<CandidateClosed>,
    /// The kill of the workload; absent while it is alive.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub killed: Option<KillSwitch>,
    /// The destination of requests while killed: `stable`, `release <name>` or `respond <status>`.
    pub kill_fallback: String,
    /// The kind of identity that decisions are sticky by: `tenant`, `user`, `conversation` or
    /// `request`.
    pub sticky: KeyKind,
    /// The effect of a rollback on running conversations: `migrate`, `finish` or `cut`.
    pub on_rollback: OnRollback,
    /// Hashed before the targeting key.
    pub salt: String,
    /// Cohorts in the order they open.
    pub cohorts: Vec<CohortDetail>,
    /// Groups of tenants that stay on stable.
    pub exclusions: Vec<ExclusionGroup>,
    /// Excluded tenants that were opted in since, and so take part.
    pub opted_in: Vec<String>,
    /// Always the candidate while it is open.
    pub allow: ListEntries,
    /// Never the candidate.
    pub deny: ListEntries,
    /// The rollout in progress, or the last one that ended.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rollout: Option<RolloutSummary>,
    /// The release that was stable before the last completed rollout: one rollback away.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub previous: Option<String>,
    /// Releases that a gate rolled back: traffic for one that is not let in again needs an override.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub condemned: Vec<CondemnedRelease>,
}

/// A release that a gate rolled back and that has not become stable since.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct CondemnedRelease {
    /// The release.
    pub release: String,
    /// Who rolled it back.
    pub by: String,
    /// Their reason.
    pub reason: String,
    /// When, in Unix milliseconds.
    pub at_ms: u64,
    /// Who let it in again by an override; absent while it gets no traffic.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub let_in: Option<LetIn>,
}

/// An override that gave a condemned release traffic again.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct LetIn {
    /// Who overrode.
    pub by: String,
    /// Their reason.
    pub reason: String,
    /// When, in Unix milliseconds.
    pub at_ms: u64,
}

/// A candidate that was rolled back.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct CandidateClosed {
    /// The actor who rolled back.
    pub by: String,
    /// Their reason.
    pub reason: String,
    /// The time, in Unix milliseconds.
    pub at_ms: u64,
    /// The weight before the rollback.
    pub weight_before: String,
    /// True if conversations that began on the candidate still end there.
    pub finishing: bool,
}

/// A pulled kill switch.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct KillSwitch {
    /// The actor who killed it.
    pub by: String,
    /// Their reason.
    pub reason: String,
    /// When, in Unix milliseconds.
    pub at_ms: u64,
}

/// The cohorts of one workload.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct Cohorts {
    /// Epoch of the workload's last change.
    pub epoch: u64,
    /// In the order they open.
    pub cohorts: Vec<CohortDetail>,
    /// The one that can be enabled next.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next: Option<String>,
}

/// One cohort.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct CohortDetail {
    /// Its name.
    pub name: String,
    /// True if its tenants go to the candidate.
    pub enabled: bool,
    /// Number of its tenants.
    pub tenants: u64,
    /// Its excluded tenants that are not opted in, as `tenant (group)`; at most 20 are listed.
    pub excluded: Vec<String>,
}

/// One group of tenants that stay on stable until opted in.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct ExclusionGroup {
    /// The group's name.
    pub group: String,
    /// Number of tenants that the configuration file puts in it.
    pub config_total: u64,
    /// The first 100 of those, by name.
    pub config_tenants: Vec<String>,
    /// Tenants added at run time.
    pub tenants: Vec<String>,
}

/// The entries of the allow and deny lists.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct ListEntries {
    /// Number of tenants and users that the configuration file puts on it.
    pub config_total: u64,
    /// The first 100 of those tenants.
    pub config_tenants: Vec<String>,
    /// The first 100 of those users.
    pub config_users: Vec<String>,
    /// Tenants added at run time.
    pub tenants: Vec<String>,
    /// Users added at run time.
    pub users: Vec<String>,
}
