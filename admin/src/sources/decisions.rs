//! Source of recorded decisions.

use stagegate_control::with_causes;
use stagegate_store::{DecisionLog, Filter, LogError, OwnedRecord};

/// The log of every request's decision. Calls may block on the disk; they are made on the blocking
/// pool, except `status`, which must be cheap.
pub trait DecisionSource: Send + Sync + 'static {
    /// The newest record of this request id.
    ///
    /// # Errors
    /// When the log cannot be read.
    fn get(&self, request_id: &str) -> Result<Option<OwnedRecord>, DecisionsUnavailable>;

    /// The newest records that match, newest first.
    ///
    /// # Errors
    /// When the log cannot be read.
    fn recent(
        &self,
        filter: &Filter,
        limit: usize,
    ) -> Result<Vec<OwnedRecord>, DecisionsUnavailable>;

    /// Health of the log.
    fn health(&self) -> LogHealth;
}

/// Health of the decision log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LogHealth {
    /// True if the last write succeeded.
    pub healthy: bool,
    /// Records that were dropped since the start rather than slow traffic.
    pub dropped: u64,
}

/// The decision log cannot be read.
#[derive(Debug, thiserror::Error)]
#[error("the decision log cannot be read: {0}")]
pub struct DecisionsUnavailable(pub String);

impl From<LogError> for DecisionsUnavailable {
    fn from(error: LogError) -> Self {
        Self(with_causes(&error))
    }
}

impl DecisionSource for DecisionLog {
    fn get(&self, request_id: &str) -> Result<Option<OwnedRecord>, DecisionsUnavailable> {
        Ok(Self::get(self, request_id)?)
    }

    fn recent(
        &self,
        filter: &Filter,
        limit: usize,
    ) -> Result<Vec<OwnedRecord>, DecisionsUnavailable> {
        Ok(Self::recent(self, filter, limit)?.records)
    }

    fn health(&self) -> LogHealth {
        LogHealth { healthy: self.healthy(), dropped: self.dropped().total() }
    }
}
