//! Port: the sources of external gates.

use super::BoxFuture;
use stagegate_rollout::{ExternalReading, ExternalValue, GateId, ReleaseName, WorkloadName};

/// What an external gate wants to know.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MetricQuestion {
    /// The workload.
    pub workload: WorkloadName,
    /// The gate.
    pub gate: GateId,
    /// The release under rollout.
    pub candidate: ReleaseName,
    /// The release it is compared with.
    pub stable: ReleaseName,
    /// What is asked, and whom.
    pub value: ExternalValue,
}

/// Asks metrics servers and webhooks.
pub trait MetricSources: Send + Sync + 'static {
    /// Asks. `at_ms` is the time of the question, in Unix milliseconds. Never fails: an answer that is
    /// missing is a reading without a value. Must end some time after the question's own time limit.
    fn ask(&self, question: MetricQuestion, at_ms: u64) -> BoxFuture<'static, ExternalReading>;
}
