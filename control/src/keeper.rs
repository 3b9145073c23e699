//! The store, for callers that must not block.
//!
//! One connection, one lock: the store's calls run on the blocking pool one after the other.

use stagegate_rollout::{WorkloadName, WorkloadState};
use stagegate_store::{
    Attachment, AuditEntry, AuditFilter, NewAudit, NewIdempotency, Store, StoreError,
};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Why the store did not do what was asked.
#[derive(Debug, thiserror::Error)]
pub enum KeeperError {
    /// The store refused.
    #[error("the state store refused: {0}")]
    Store(String),
    /// A release was given other contents under a name that has been used.
    #[error("{0}")]
    ReleaseChanged(String),
    /// What accompanies the change contradicts what is recorded.
    #[error("{0}")]
    Refused(String),
    /// Started with `--safe-start`, or without a readable store.
    #[error(
        "this Stagegate was started safe: everything goes to stable and nothing can be changed; restart without --safe-start"
    )]
    ReadOnly,
    /// The store is on its way to the process that takes this one's place.
    #[error(
        "this Stagegate is handing over to a new process and takes no changes: ask again in a few seconds, the new one answers then"
    )]
    HandingOver,
}

impl From<StoreError> for KeeperError {
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

/// What to record: everything that is one transaction.
#[derive(Clone, Debug)]
pub(super) struct Commit {
    pub(super) entry: NewAudit,
    pub(super) states: Vec<(WorkloadName, WorkloadState)>,
    pub(super) epoch: u64,
    pub(super) answer: Option<NewIdempotency>,
}

impl Commit {
    /// A record without a change: nothing but the entry, at the epoch in force.
    pub(super) const fn entry_only(entry: NewAudit, epoch: u64) -> Self {
        Self { entry, states: Vec::new(), epoch, answer: None }
    }
}

#[derive(Clone)]
pub(super) struct Keeper {
    /// `None` while another process has it.
    store: Arc<Mutex<Option<Store>>>,
}

impl Keeper {
    pub(super) fn new(store: Store) -> Self {
        Self { store: Arc::new(Mutex::new(Some(store))) }
    }

    fn lock(&self) -> MutexGuard<'_, Option<Store>> {
        self.store.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Closes the store and lets go of its directory. Blocks until whoever uses it is done.
    pub(super) fn release(&self) {
        *self.lock() = None;
    }

    /// Has a store again.
    pub(super) fn take_back(&self, store: Store) {
        *self.lock() = Some(store);
    }

    /// Runs `work` on the blocking pool.
    pub(super) async fn with<T: Send + 'static>(
        &self,
        work: impl FnOnce(&mut Store) -> Result<T, KeeperError> + Send + 'static,
    ) -> Result<T, KeeperError> {
        let keeper = self.clone();
        let run = move || match keeper.lock().as_mut() {
            Some(store) => work(store),
            None => Err(KeeperError::HandingOver),
        };
        tokio::task::spawn_blocking(run)
            .await
            .map_err(|error| KeeperError::Store(format!("its thread failed: {error}")))?
    }

    /// Number of the newest audit entry, 0 without any.
    pub(super) async fn newest_seq(&self) -> Result<u64, KeeperError> {
        let newest = |store: &mut Store| {
            Ok(store.audit(&AuditFilter::default(), 1)?.first().map_or(0, |entry| entry.seq))
        };
        self.with(newest).await
    }

    pub(super) async fn commit(&self, commit: Commit) -> Result<AuditEntry, KeeperError> {
        self.commit_with(commit, Vec::new()).await
    }

    /// Records a change together with the rows that belong to it.
    pub(super) async fn commit_with(
        &self,
        commit: Commit,
        attachments: Vec<Attachment>,
    ) -> Result<AuditEntry, KeeperError> {
        self.with(move |store| {
            let Commit { entry, states, epoch, answer } = &commit;
            match store.commit_with(entry, states, *epoch, answer.as_ref(), &attachments) {
                Ok(entry) => Ok(entry),
                Err(error) => after_failure(store, &commit).ok_or_else(|| error.into()),
            }
        })
        .await
    }
}

/// A commit can fail to report although it reached the disk. If it did, the change is made, and to
/// deny it would leave plan and store apart for good.
fn after_failure(store: &Store, commit: &Commit) -> Option<AuditEntry> {
    let filter = AuditFilter::default();
    let newest = store.audit(&filter, 1).ok()?.into_iter().next()?;
    let is_ours = newest.epoch == commit.epoch
        && newest.epoch_before < newest.epoch
        && newest.at_ms == commit.entry.at_ms
        && *newest.actor == *commit.entry.actor
        && newest.summary == commit.entry.summary;
    is_ours.then_some(newest)
}
