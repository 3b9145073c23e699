//! Source of stages by the agents' traces.

use stagegate_rollout::{Histogram, SeriesKey, StageUse};

/// One stage of a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StageOfRequest {
    /// Its name.
    pub stage: String,
    /// True if a span of the agent named it, false if the answer did.
    pub from_trace: bool,
    /// Microseconds of all its calls together.
    pub micros: u64,
    /// Calls, failures, tokens and cost.
    pub used: StageUse,
}

/// The stages of one release in one arm since the start.
#[derive(Clone, Debug)]
pub struct StagesOfArm {
    /// Workload, release and arm.
    pub key: SeriesKey,
    /// Requests whose spans were awaited.
    pub requests: u64,
    /// The part of them of which at least one span came in time.
    pub traced: u64,
    /// Name, times in microseconds, and what was used.
    pub stages: Vec<(String, Histogram, StageUse)>,
}

/// Stages by the agents' traces. Cheap to ask.
pub trait StageSource: Send + Sync + 'static {
    /// The stages of one of the last requests; empty if none are remembered.
    fn of_request(&self, request_id: &str) -> Vec<StageOfRequest>;

    /// The stages of every release and arm.
    fn of_arms(&self) -> Vec<StagesOfArm>;
}
