//! The reasons why a command was not done.

use super::{Live, ReleaseRefusal, StoreAccessError, View};
use stagegate_flags::FlagRefusal;
use stagegate_readiness::StatementRefusal;
use stagegate_rollout::Refusal;

/// The reason why a command was not carried out. Nothing changed.
#[derive(Debug, thiserror::Error)]
pub enum ExecuteError {
    /// No such workload.
    #[error("there is no workload `{name}`; there are: {known}")]
    UnknownWorkload {
        /// The name that was given.
        name: String,
        /// The names that exist.
        known: String,
    },
    /// There is nothing of the kind that was named.
    #[error("{0}")]
    Unknown(String),
    /// The workload changed in the meantime.
    #[error("the workload changed since: its epoch is {}", live.epoch)]
    Stale {
        /// The workload as it is.
        live: Live,
    },
    /// The command makes no sense now.
    #[error(transparent)]
    Refused(#[from] Refusal),
    /// Something around the workload is not as the command needs it.
    #[error("{0}")]
    NotNow(String),
    /// The release cannot be added or removed now.
    #[error(transparent)]
    Release(#[from] ReleaseRefusal),
    /// The flag changed in the meantime.
    #[error("the flag changed since: its epoch is {epoch}")]
    StaleFlag {
        /// Epoch of its last change.
        epoch: u64,
    },
    /// The flag cannot be changed in this way.
    #[error(transparent)]
    Flag(#[from] FlagRefusal),
    /// The statement about a check makes no sense.
    #[error(transparent)]
    Check(#[from] StatementRefusal),
    /// The key belongs to another request.
    #[error("the Idempotency-Key was used for another request: use a new one")]
    KeyReused,
    /// The store refused.
    #[error(transparent)]
    Store(#[from] StoreAccessError),
    /// A defect of the program.
    #[error("the change was lost: {0}; read the workload to see whether it was made")]
    Lost(String),
}

impl View {
    /// The workload of this name, and its place.
    pub(super) fn locate(&self, name: &str) -> Result<(usize, &Live), ExecuteError> {
        self.find(name).ok_or_else(|| ExecuteError::UnknownWorkload {
            name: name.to_owned(),
            known: self.known(),
        })
    }
}

impl ExecuteError {
    /// Returns true if the store is the reason; then asking it again makes no sense.
    pub(super) const fn is_of_the_store(&self) -> bool {
        matches!(self, Self::Store(_) | Self::KeyReused | Self::Lost(_))
    }
}
