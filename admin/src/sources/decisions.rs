//! Source of recorded decisions.

use stagegate_api::{Decision, DecisionLogStatus};
use stagegate_rollout::Arm;

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
