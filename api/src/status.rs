//! `GET /v1/status`: all that a person on call looks at first.

use super::{
    CandidateClosed, CondemnedRelease, ConfigProblem, FleetStatus, KeyKind, KillSwitch,
    RolloutSummary, TracedStages,
};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// The state of this Stagegate and its workloads.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct Status {
    /// Version of the program.
    pub version: String,
    /// The start of the process, in Unix milliseconds.
    pub started_at_ms: u64,
    /// The time of this answer, in Unix milliseconds.
    pub now_ms: u64,
    /// Epoch of the routing plan in force.
    pub epoch: u64,
    /// The result of `/readyz`.
    pub ready: bool,
    /// The reasons why it is not ready, one line each.
    pub not_ready_because: Vec<String>,
    /// True if it is shutting down.
    pub draining: bool,
    /// Started with `--safe-start`: all traffic goes to stable and changes are refused.
    pub safe_start: bool,
    /// The authentication of callers.
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
    /// Warnings that need attention, one line each.
    pub warnings: Vec<String>,
    /// The fleet, as this replica last saw it; absent for a process on its own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fleet: Option<FleetStatus>,
}

/// The authentication of callers.
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
    /// True if it was applied. If not, the previous configuration stays in force.
    pub ok: bool,
    /// The time, in Unix milliseconds.
    pub at_ms: u64,
    /// The source of the reload: `start`, `sighup`, `file`, or a token's name.
    pub by: String,
    /// The last successful load of a configuration, in Unix milliseconds.
    pub last_success_at_ms: u64,
    /// The problems for which it was refused.
    pub problems: Vec<ConfigProblem>,
    /// Settings of the file that differ from what runs and need a restart.
    pub needs_restart: Vec<String>,
}

/// Health of the state store.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct StoreStatus {
    /// True if the last commit succeeded.
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
    /// True if decisions are recorded.
    pub enabled: bool,
    /// True if the last write succeeded.
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
    /// Share of the last minutes' requests that the candidate has served, from 0 to 1. Conversations
    /// that stay where they began, lists and cohorts make it differ from the weight. Absent without
    /// requests, and while the candidate is closed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub served_ratio: Option<f64>,
    /// True if any rule may route to the candidate now.
    pub open: bool,
    /// The rollback of the candidate; absent while it is open.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub closed: Option<CandidateClosed>,
    /// Releases that a gate rolled back: traffic for one that is not let in again needs an override.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub condemned: Vec<CondemnedRelease>,
    /// The kill of the workload; absent while it is alive.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub killed: Option<KillSwitch>,
    /// The kind of identity that decisions are sticky by.
    pub sticky: KeyKind,
    /// Number of enabled cohorts.
    pub cohorts_enabled: u32,
    /// Number of cohorts.
    pub cohorts_total: u32,
    /// The cohort that can be enabled next.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next_cohort: Option<String>,
    /// The rollout in progress, or the last one that ended.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rollout: Option<RolloutSummary>,
    /// The reasons that prevent its promotion, one line each.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub rollout_waits: Vec<String>,
    /// Requests that came while it was killed; absent where its kill switch stores none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub queue: Option<super::QueueFigures>,
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
    /// The running release in one line: name, pins, healthy endpoints.
    #[serde(default)]
    pub running: String,
    /// Its endpoints.
    pub endpoints: Vec<EndpointStatus>,
    /// Its traffic over the last minutes, shortest window first.
    pub windows: Vec<Window>,
    /// Its stages by the agents' traces; absent where none are received.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stages: Option<TracedStages>,
}

/// The result of an endpoint's active health checks.
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
    /// The result of the health checks.
    pub health: Probe,
}

/// An arm's traffic over a window that ends now.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Window {
    /// Length in seconds.
    #[schema(example = 300)]
    pub seconds: u32,
    /// Requests that finished.
    pub requests: u64,
    /// Their outcomes.
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
