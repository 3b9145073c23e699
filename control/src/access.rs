//! The reasons why the store did not do what was asked.

use stagegate_store::StoreError;

/// The reason why the store did not carry out a request.
#[derive(Debug, thiserror::Error)]
pub enum StoreAccessError {
    /// The store refused.
    #[error("the state store refused: {0}")]
    Store(String),
    /// Another change was recorded in between.
    #[error("the state store is at epoch {latest} and not at {expected}: look again")]
    Conflict {
        /// The epoch that the change was computed against.
        expected: u64,
        /// The newest epoch.
        latest: u64,
    },
    /// A change that only the steering replica of a fleet makes by itself.
    #[error(
        "this replica does not steer the fleet any more: what it wanted to do by itself is not done"
    )]
    NotSteering,
    /// A release was given other contents under a name that has been used.
    #[error("{0}")]
    ReleaseChanged(String),
    /// A row attached to the change contradicts the stored data.
    #[error("{0}")]
    Refused(String),
    /// Started with `--safe-start`, or without a readable store.
    #[error(
        "this Stagegate was started safe: everything goes to stable and nothing can be changed; restart without --safe-start"
    )]
    ReadOnly,
    /// The store does not answer in time.
    #[error(
        "the state store does not answer: in force is {in_force}; the change is not in force now, and {}",
        if *begun { "may still take effect once the store answers" } else { "will not take effect" }
    )]
    Slow {
        /// A description of what is in force.
        in_force: String,
        /// The change may be on its way into the store.
        begun: bool,
    },
    /// The store does not answer a question in time.
    #[error(
        "the state store does not answer: ask again later; traffic goes on under the plan in force"
    )]
    Silent,
    /// Too many questions at a time.
    #[error("too many others ask the state store: ask again in a moment")]
    Busy,
    /// The store is on its way to the process that takes this one's place.
    #[error(
        "this Stagegate is handing over to a new process and takes no changes: ask again in a few seconds, the new one answers then"
    )]
    HandingOver,
}

impl StoreAccessError {
    /// Returns true if the store failed, false if the request was invalid.
    pub(super) const fn is_a_failure(&self) -> bool {
        matches!(self, Self::Store(_) | Self::Conflict { .. })
    }

    /// Returns true if the store cannot write or read: a full disk, a lost directory.
    pub(super) const fn is_broken(&self) -> bool {
        matches!(self, Self::Store(_))
    }

    /// Returns true if the store works and does not take this request.
    pub(super) const fn is_about_the_request(&self) -> bool {
        matches!(self, Self::ReleaseChanged(_) | Self::Refused(_))
    }
}

impl From<StoreError> for StoreAccessError {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::ReleaseChanged { .. } => Self::ReleaseChanged(error.to_string()),
            StoreError::ReleaseUsed { .. } | StoreError::UnknownAnalysis { .. } => {
                Self::Refused(error.to_string())
            }
            _ => Self::Store(with_causes(&error)),
        }
    }
}

/// The error and what caused it, on one line. A cause that the error's own text already ends with
/// is not said twice.
#[must_use]
pub fn with_causes(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        let said = error.to_string();
        if !text.contains(&said) {
            text = format!("{text}: {said}");
        }
        cause = error.source();
    }
    text
}
