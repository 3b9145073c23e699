//! `GET /v1/status`: all that a person on call looks at first.

use super::{
    CandidateClosed, CondemnedRelease, ConfigProblem, KeyKind, KillSwitch, RolloutSummary,
};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// The state of this Stagegate and its workloads.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct Status {
    /// Version of the program.
    pub version: String,
    /// When it started, in Unix milliseconds.
    pub started_at_ms: u64,
    /// The time of this answer, in Unix milliseconds.
    pub now_ms: u64,
    /// Epoch of the routing plan in force.
    pub epoch: u64,
    /// What `/readyz` says.
    pub ready: bool,
    /// Why it is not ready, one line each.
    pub not_ready_because: Vec<String>,
    /// Whether it is shutting down.
    pub draining: bool,
    /// Started with `--safe-start`: all traffic goes to stable and changes are refused.
    pub safe_start: bool,
    /// How callers of this API are told apart.
    pub auth: AuthMode,
    /// The configuration's last reload.
    pub reload: ReloadStatus,
    /// The store of runtime state and audit.
    pub store: StoreStatus,
    /// The log of every request's decision.
    pub decision_log: DecisionLogStatus,
    /// Threads that carry traffic.
    pub workers: Vec<WorkerStatus>,
    /// In the order of the configuration file.
    pub workloads: Vec<WorkloadStatus>,
    /// Workloads that are remembered but no longer in the configuration file.
    pub dormant: Vec<String>,
    /// What somebody should look at, one line each.
    pub warnings: Vec<String>,
}

/// How callers are told apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum AuthMode {
    /// By bearer tokens.
    Tokens,
    /// Not at all: no token is configured, everyone on this machine is `local`.
    OpenLoopback,
}

/// The last time the configuration was read.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
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
    pub problems: Vec<ConfigProblem>,
    /// Settings of the file that differ from what runs and need a restart.
    pub needs_restart: Vec<String>,
}

/// Health of the state store.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct StoreStatus {
    /// Whether the last commit worked.
    pub healthy: bool,
    /// Commits that failed since the start.
    pub failures: u64,
    /// The last failure, in words.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_error: Option<String>,
}

/// Health of the decision log.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct DecisionLogStatus {
    /// Whether decisions are recorded at all.
    pub enabled: bool,
    /// Whether the last write worked.
    pub healthy: bool,
    /// Records that were dropped since the start rather than slow traffic.
    pub dropped: u64,
}

/// One worker thread.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct WorkerStatus {
    /// Its number, from 0.
    pub worker: u32,
    /// Epoch of the plan it routes by.
    pub epoch: u64,
    /// Client connections it holds.
    pub connections: u64,
    /// Requests it is carrying now.
    pub in_flight: u64,
}

/// One workload on one screen.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct WorkloadStatus {
    /// Its name.
    pub name: String,
    /// Epoch of the workload's last change.
    pub epoch: u64,
    /// Share of targeting keys that go to the candidate.
    #[schema(example = "10%")]
    pub weight: String,
    /// The same share as a number from 0 to 1.
    pub weight_ratio: f64,
    /// Whether any rule may lead to the candidate now.
    pub open: bool,
    /// Who rolled the candidate back; absent while it is open.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub closed: Option<CandidateClosed>,
    /// Releases that a gate rolled back: traffic for one that is not let in again needs an override.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub condemned: Vec<CondemnedRelease>,
    /// Who pulled the kill switch; absent while the workload is alive.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub killed: Option<KillSwitch>,
    /// What decisions are sticky by.
    pub sticky: KeyKind,
    /// How many cohorts are enabled.
    pub cohorts_enabled: u32,
    /// How many cohorts there are.
    pub cohorts_total: u32,
    /// The cohort that can be enabled next.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next_cohort: Option<String>,
    /// The rollout under way, or the last one that ended.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rollout: Option<RolloutSummary>,
    /// What stands in the way of its promotion, one line each.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub rollout_waits: Vec<String>,
    /// The stable arm.
    pub stable: ArmStatus,
    /// The candidate arm, if there is a candidate.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub candidate: Option<ArmStatus>,
}

/// One arm of a workload.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct ArmStatus {
    /// The release that plays the role.
    pub release: String,
    /// What exactly is running, in one line: release, pins, healthy endpoints.
    #[serde(default)]
    pub running: String,
    /// Its endpoints.
    pub endpoints: Vec<EndpointStatus>,
    /// What it did over the last minutes, shortest window first.
    pub windows: Vec<Window>,
}

/// What active health checks say of an endpoint.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Probe {
    /// It answers.
    Healthy,
    /// It does not.
    Unhealthy,
    /// Not checked yet, or checks are off.
    Unknown,
}

/// One endpoint of a release.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct EndpointStatus {
    /// `host:port` as configured.
    pub address: String,
    /// What health checks say.
    pub health: Probe,
}

/// What an arm did over a window that ends now.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Window {
    /// Length in seconds.
    #[schema(example = 300)]
    pub seconds: u32,
    /// Requests that finished.
    pub requests: u64,
    /// How they ended.
    pub outcomes: Outcomes,
    /// By which kind of key they were decided.
    #[serde(default)]
    pub keys: Keys,
    /// Share of requests that ended `transient`, `permanent` or `external`; absent without any.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error_ratio: Option<f64>,
    /// Median of the whole duration in milliseconds; absent while there are too few.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub p50_ms: Option<f64>,
    /// 95th percentile in milliseconds; absent while there are too few.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub p95_ms: Option<f64>,
    /// 99th percentile in milliseconds; absent while there are too few.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub p99_ms: Option<f64>,
    /// Median of the time to the first byte in milliseconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub first_byte_p50_ms: Option<f64>,
}

/// Requests by the kind of key that decided.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Keys {
    /// A conversation id, given or issued.
    pub conversation: u64,
    /// A user id.
    pub user: u64,
    /// A tenant id.
    pub tenant: u64,
    /// The request's own id: nothing else was known, or wanted.
    pub request: u64,
}

/// Finished requests by how they ended.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Outcomes {
    /// Answered, and not with a server-side failure.
    pub ok: u64,
    /// Likely to work when tried again.
    pub transient: u64,
    /// The release's own fault.
    pub permanent: u64,
    /// A dependency behind the release failed.
    pub external: u64,
    /// The client went away.
    pub client_gone: u64,
}
