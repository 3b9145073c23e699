//! What the control plane needs from the parts that carry, count and log traffic.
//!
//! Traits, so that this crate depends on none of them and tests can stand in for all.

use stagegate_api::{
    Decision, DecisionLogStatus, EndpointStatus, EvalResults, GiveReview, GivenScore, LostPair,
    Reviews, SampleDetail, SampleReview, Samples, ScoreTaken, ShadowPairs, WorkerStatus,
};
use stagegate_config::Config;
use stagegate_rollout::{
    Analysis, Arm, Axis, Doubt, GateState, Outcome, Phase, ReleaseName, Rollout, ShadowKey,
    ShadowSeries, Split, WorkloadName,
};
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// A boxed future, so that the traits can be used as objects.
pub type BoxFuture<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// The data plane: takes plans over and says how it is doing.
pub trait DataPlane: Send + Sync + 'static {
    /// Builds all that `config` needs beyond the splits (routes, endpoint sets, health checks,
    /// limits) without letting a request see it. Called at start and on reload, before anything
    /// is recorded. May take its time and may fail; then nothing changes.
    fn prepare(&self, config: Arc<Config>) -> BoxFuture<'_, Result<Prepared, PrepareError>>;

    /// Makes `plan` the one that routes. A pointer swap: must not block and cannot fail.
    /// Called in the order of epochs, never concurrently.
    fn publish(&self, plan: Publication);

    /// Resolves when every worker routes by `epoch` or a later one, or after `patience`.
    fn settled(
        &self,
        epoch: u64,
        workload: WorkloadName,
        patience: Duration,
    ) -> BoxFuture<'_, Settled>;

    /// A snapshot for status and readiness; must be cheap.
    fn status(&self) -> DataPlaneStatus;

    /// Sends real requests to every endpoint of a release in force, now. Bounded in time by the
    /// workload's health settings; empty when there is no such release.
    fn probe(&self, workload: WorkloadName, release: ReleaseName) -> BoxFuture<'_, Vec<Probed>>;
}

/// What probing one endpoint found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Probed {
    /// `host:port` as configured.
    pub address: String,
    /// How long a warm answer took, or what went wrong.
    pub answered: Result<Duration, String>,
}

/// What [`DataPlane::prepare`] built. Only the data plane knows what is inside; it gets it back
/// with the [`Publication`] that follows, or dropped when the reload fails after all.
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
    /// What was prepared for `config`; `None` when the configuration is the one of the plan before.
    pub prepared: Option<Prepared>,
    /// One split for each workload, in the order of `config.workloads`.
    pub splits: Vec<Arc<Split>>,
    /// A workload whose running candidate responses are to be aborted (policy `cut`).
    pub cut: Option<WorkloadName>,
}

/// How far the workers have followed a publication.
#[derive(Clone, Copy, Debug)]
pub struct Settled {
    /// When the last request was sent to the workload's candidate, as seen when the epoch had
    /// settled; `None` if none ever was.
    pub last_candidate_request: Option<Instant>,
    /// Workers that route by the epoch or a later one.
    pub acknowledged_workers: u32,
    /// Workers there are.
    pub workers: u32,
}

/// A snapshot of the data plane.
#[derive(Clone, Debug, Default)]
pub struct DataPlaneStatus {
    /// Whether it is shutting down.
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

/// Rolling statistics of what was served.
pub trait StatsSource: Send + Sync + 'static {
    /// The windows that end now, of every series: several lengths each.
    fn snapshot(&self) -> Vec<SeriesStats>;

    /// What was counted of copied requests since the start.
    fn shadows(&self) -> Vec<(ShadowKey, ShadowSeries)> {
        Vec::new()
    }
}

/// One series over one window that ends now.
#[derive(Clone, Debug)]
pub struct SeriesStats {
    /// Name of the workload.
    pub workload: Arc<str>,
    /// Name of the release that served.
    pub release: Arc<str>,
    /// The arm the requests count under.
    pub arm: Arm,
    /// Length of the window in seconds.
    pub seconds: u32,
    /// How much of it traffic was counted: less than `seconds` soon after the start.
    pub covers: Duration,
    /// Finished requests by [`Outcome::index`].
    pub outcomes: [u64; Outcome::ALL.len()],
    /// Responses whose cost is known.
    pub costed: u64,
    /// What they cost in nano-dollars.
    pub spent_nanos: u64,
    /// Median, 95th and 99th percentile of the whole duration in microseconds; `None` where there
    /// are too few requests to say.
    pub duration_us: [Option<u64>; 3],
    /// Median time to the first byte in microseconds.
    pub first_byte_p50_us: Option<u64>,
}

/// Where `/metrics` comes from.
pub trait MetricsSource: Send + Sync + 'static {
    /// The Prometheus text exposition of everything.
    fn render(&self) -> String;
}

impl<F: Fn() -> String + Send + Sync + 'static> MetricsSource for F {
    fn render(&self) -> String {
        self()
    }
}

/// The log of every request's decision. Calls may block on the disk; they are made on the blocking
/// pool, except `status`, which must be cheap.
pub trait DecisionSource: Send + Sync + 'static {
    /// The newest record of this request id.
    ///
    /// # Errors
    /// When the log cannot be read.
    fn get(&self, request_id: &str) -> Result<Option<Decision>, DecisionsUnavailable>;

    /// The newest records that match, newest first.
    ///
    /// # Errors
    /// When the log cannot be read.
    fn recent(
        &self,
        filter: &DecisionFilter,
        limit: usize,
    ) -> Result<Vec<Decision>, DecisionsUnavailable>;

    /// How the log is doing.
    fn status(&self) -> DecisionLogStatus;
}

/// Which decisions to list; what is `None` does not matter.
#[derive(Clone, Debug, Default)]
pub struct DecisionFilter {
    /// Name of the workload.
    pub workload: Option<String>,
    /// Tenant id.
    pub tenant: Option<String>,
    /// The arm.
    pub arm: Option<Arm>,
    /// The rule that decided.
    pub reason: Option<stagegate_rollout::Reason>,
}

/// The decision log cannot be read.
#[derive(Debug, thiserror::Error)]
#[error("the decision log cannot be read: {0}")]
pub struct DecisionsUnavailable(pub String);

/// Sampled answers and what was said about them. Calls may block on the disk; they are made on the
/// blocking pool.
pub trait SampleSource: Send + Sync + 'static {
    /// Samples so many of the next answers of each arm of a workload, by [`Arm::index`], whatever
    /// the rate; no gate counts them.
    fn want(&self, workload: &str, wanted: [u32; 2]);

    /// The newest samples that match, newest first.
    ///
    /// # Errors
    /// When they cannot be read.
    fn list(&self, query: &SampleQuery, limit: usize) -> Result<Samples, SamplesUnavailable>;

    /// Samples that wait for a person, newest first.
    ///
    /// # Errors
    /// When they cannot be read.
    fn waiting(&self, query: &SampleQuery, limit: usize) -> Result<Reviews, SamplesUnavailable>;

    /// Takes what a reviewer says about a sample.
    ///
    /// # Errors
    /// When it cannot be kept.
    fn review(
        &self,
        request_id: &str,
        review: GiveReview,
        by: &str,
    ) -> Result<ReviewOutcome, SamplesUnavailable>;

    /// What the samples of a rollout add up to; of those before any, for an empty id.
    ///
    /// # Errors
    /// When it cannot be read.
    fn results(&self, workload: &str, rollout: &str) -> Result<EvalResults, SamplesUnavailable>;

    /// One sample with its scores.
    ///
    /// # Errors
    /// When it cannot be read.
    fn get(&self, request_id: &str) -> Result<Option<SampleDetail>, SamplesUnavailable>;

    /// What came of a workload's pairs since `since_ms`, and the newest that its shadow lost.
    ///
    /// # Errors
    /// When they cannot be read.
    fn pairs(
        &self,
        workload: &str,
        since_ms: u64,
    ) -> Result<(Vec<ShadowPairs>, Vec<LostPair>), SamplesUnavailable>;

    /// Takes scores from outside that `by` gives.
    ///
    /// # Errors
    /// When they cannot be kept.
    fn give(
        &self,
        scores: Vec<GivenScore>,
        by: &str,
    ) -> Result<Vec<ScoreTaken>, SamplesUnavailable>;
}

/// Who knows whether a workload's scorers can be believed. Called while steering: must be quick, and
/// never wait for a disk.
pub trait DoubtSource: Send + Sync + 'static {
    /// Why what they say is not to be believed now, if it is not.
    fn doubt(&self, workload: &str) -> Option<Doubt>;
}

/// Which samples to list; what is `None` does not matter.
#[derive(Clone, Debug, Default)]
pub struct SampleQuery {
    /// Name of the workload.
    pub workload: Option<String>,
    /// The arm.
    pub arm: Option<Arm>,
    /// The release that answered.
    pub release: Option<String>,
    /// The tenant who asked.
    pub tenant: Option<String>,
    /// Only those that this scorer said something about.
    pub scorer: Option<String>,
    /// Only those that were failed, by that scorer if one is named.
    pub failed: bool,
    /// Only those with this in what was asked or answered, in any case.
    pub text: Option<String>,
    /// Only those from this time on, in Unix milliseconds.
    pub since_ms: Option<u64>,
    /// Only those before this time, in Unix milliseconds.
    pub until_ms: Option<u64>,
    /// Where to go on: what the page before said.
    pub cursor: Option<u64>,
}

/// What became of a review.
#[derive(Clone, Debug)]
pub enum ReviewOutcome {
    /// No such sample.
    Unknown,
    /// It has been reviewed; that stands.
    Before(SampleReview),
    /// It was kept; `true` if its verdict counts.
    Kept(bool),
}

/// The sample store cannot be used.
#[derive(Debug, thiserror::Error)]
#[error("the samples cannot be had: {0}")]
pub struct SamplesUnavailable(pub String);

/// Something that happened in the control plane, for the crate that counts.
#[derive(Clone, Debug)]
pub enum Event {
    /// A plan was published.
    Published {
        /// Its number.
        epoch: u64,
        /// Its splits, in the order of the configuration.
        splits: Vec<Arc<Split>>,
    },
    /// The candidate of a workload was taken out.
    RolledBack {
        /// The workload.
        workload: WorkloadName,
        /// Which command did it: `rollback` or `kill`.
        command: &'static str,
        /// The axis to blame; set when the evidence did it by itself.
        axis: Option<Axis>,
        /// From the commit to the last new candidate request.
        last_candidate_request: Duration,
        /// From the arrival of the counts that completed the evidence to the rollback; set when the
        /// evidence did it. Workers hand counts over every quarter of a second.
        delay: Option<Duration>,
    },
    /// The steering loop looked at the rollouts.
    Steered {
        /// How every workload's rollout stands, in the order of the configuration.
        rollouts: Vec<RolloutFigures>,
    },
    /// The configuration was read again.
    Reloaded {
        /// Whether it was taken over.
        ok: bool,
        /// When, in Unix milliseconds.
        at_ms: u64,
    },
    /// A commit in the store failed; nothing changed.
    StoreFailed,
}

/// How a workload's rollout stands, as figures.
#[derive(Clone, Debug, PartialEq)]
pub struct RolloutFigures {
    /// The workload.
    pub workload: WorkloadName,
    /// Phase of its last rollout; `None` if there never was one.
    pub phase: Option<Phase>,
    /// The step it is at, from 1; 0 while none is under way.
    pub step: u32,
    /// The worst state of any gate of each axis, by [`Axis::ALL`].
    pub axes: [GateFigure; Axis::ALL.len()],
}

/// The worst state of an axis' gates. The order is that of badness.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum GateFigure {
    /// Every gate holds, or none is judged now.
    #[default]
    Ok,
    /// A gate has not enough evidence yet.
    Waiting,
    /// A gate has had nothing to measure for so long that somebody was told, or nobody to believe.
    NoData,
    /// A gate is violated.
    Violated,
}

impl RolloutFigures {
    /// The figures of a rollout and the newest analysis of it.
    #[must_use]
    pub fn of(
        workload: WorkloadName,
        rollout: Option<&Rollout>,
        analysis: Option<&Analysis>,
    ) -> Self {
        let active = rollout.filter(|rollout| rollout.is_active());
        let mut axes = [GateFigure::Ok; Axis::ALL.len()];
        let judged = active.and(analysis).into_iter().flat_map(|it| &it.measurements);
        for measured in judged {
            let figure = match measured.state {
                GateState::Ok => GateFigure::Ok,
                GateState::Inconclusive { .. } => GateFigure::Waiting,
                GateState::NoData { .. } | GateState::NotBelieved { .. } => GateFigure::NoData,
                GateState::Violated { .. } => GateFigure::Violated,
            };
            let place = Axis::ALL.iter().position(|axis| *axis == measured.axis);
            if let Some(worst) = place.and_then(|place| axes.get_mut(place)) {
                *worst = figure.max(*worst);
            }
        }
        Self {
            workload,
            phase: rollout.map(|rollout| rollout.phase),
            step: active.map_or(0, |rollout| rollout.step as u32 + 1),
            axes,
        }
    }
}

/// Who is told of [`Event`]s. Called synchronously: must be quick.
pub trait Observer: Send + Sync + 'static {
    /// Takes note.
    fn on(&self, event: &Event);
}
