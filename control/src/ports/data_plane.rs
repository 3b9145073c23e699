//! Port: the data plane. It takes plans over and says how it is doing.

use super::BoxFuture;
use stagegate_config::Config;
use stagegate_rollout::{ReleaseName, Split, WorkloadName};
use std::sync::Arc;
use std::time::{Duration, Instant};

/// The data plane: takes plans over and says how it is doing.
pub trait DataPlane: Send + Sync + 'static {
    /// Builds all that `config` needs beyond the splits (routes, endpoint sets, health checks,
    /// limits) without letting a request see it. Called at start and on reload, before anything
    /// is recorded. May take its time and may fail; then nothing changes.
    fn prepare(&self, config: Arc<Config>) -> BoxFuture<'_, Result<Prepared, PrepareError>>;

    /// Makes `plan` the one that routes. A pointer swap: must not block and cannot fail.
    /// Called in the order of epochs, never concurrently.
    fn publish(&self, plan: Publication);

    /// Resolves when every worker routes by the plan that was published last before the call, or by
    /// a later one; at the latest after `patience`.
    fn settled(&self, workload: WorkloadName, patience: Duration) -> BoxFuture<'_, Settled>;

    /// A snapshot for status and readiness; must be cheap.
    fn status(&self) -> DataPlaneStatus;

    /// Sends real requests to every endpoint of a release in force, now. Bounded in time by the
    /// workload's health settings; empty when there is no such release.
    fn probe(&self, workload: WorkloadName, release: ReleaseName) -> BoxFuture<'_, Vec<Probed>>;
}

/// The result of a probe of one endpoint.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Probed {
    /// `host:port` as configured.
    pub address: String,
    /// The duration of a warm response, or the error.
    pub answered: Result<Duration, String>,
}

/// The result of [`DataPlane::prepare`]. Only the data plane knows its contents. The data plane
/// gets it back with the next [`Publication`]; if the reload fails, it is dropped.
pub type Prepared = Box<dyn std::any::Any + Send>;

/// A configuration the data plane cannot serve, for example an endpoint that does not resolve.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct PrepareError(pub String);

/// One plan to route by.
pub struct Publication {
    /// Its number.
    pub epoch: u64,
    /// The configuration in force.
    pub config: Arc<Config>,
    /// The prepared parts for `config`; `None` if the configuration did not change.
    pub prepared: Option<Prepared>,
    /// One split for each workload, in the order of `config.workloads`.
    pub splits: Vec<Arc<Split>>,
    /// A workload whose running candidate responses are to be aborted (policy `cut`).
    pub cut: Option<WorkloadName>,
}

/// The workers' acknowledgement of a publication.
#[derive(Clone, Copy, Debug)]
pub struct Settled {
    /// When the last request was sent to the workload's candidate, read after the epoch had
    /// settled; `None` if none ever was.
    pub last_candidate_request: Option<Instant>,
    /// Workers that route by the epoch or a later one.
    pub acknowledged_workers: u32,
    /// Number of workers.
    pub workers: u32,
}

impl Settled {
    /// Returns true if every worker acknowledged.
    #[must_use]
    pub const fn all_followed(&self) -> bool {
        self.acknowledged_workers >= self.workers
    }

    /// From `committed` to the last new candidate request; zero when none left after it.
    #[must_use]
    pub fn last_after(&self, committed: Instant) -> Duration {
        let last = self.last_candidate_request;
        last.map_or(Duration::ZERO, |at| at.saturating_duration_since(committed))
    }
}

/// A snapshot of the data plane.
#[derive(Clone, Debug, Default)]
pub struct DataPlaneStatus {
    /// True if it is shutting down.
    pub draining: bool,
    /// Its threads.
    pub workers: Vec<WorkerStatus>,
    /// Endpoints of every release of the configuration.
    pub releases: Vec<ReleaseHealth>,
}

/// Endpoints of one release.
#[derive(Clone, Debug)]
pub struct ReleaseHealth {
    /// The workload.
    pub workload: WorkloadName,
    /// The release.
    pub release: ReleaseName,
    /// Its endpoints.
    pub endpoints: Vec<EndpointStatus>,
}

/// The result of an endpoint's active health checks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Health {
    /// It answers.
    Healthy,
    /// It does not.
    Unhealthy,
    /// It was not checked yet, or checks are off.
    Unknown,
}

/// One endpoint of a release.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EndpointStatus {
    /// `host:port` as configured.
    pub address: String,
    /// The result of the health checks.
    pub health: Health,
}

/// One worker thread.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WorkerStatus {
    /// Its number, from 0.
    pub worker: u32,
    /// Epoch of the plan it routes by.
    pub epoch: u64,
    /// Client connections it holds.
    pub connections: u64,
    /// Its requests in progress.
    pub in_flight: u64,
    /// False once its thread has ended by an error: it gets no connections any more.
    pub alive: bool,
}
