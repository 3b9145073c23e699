//! The SQLite store, for callers that must not block. It is the ledger of a process on its own.
//!
//! One connection, one lock: the store's calls run on the blocking pool one after the other.

use super::ports::{BoxFuture, Epoch, Ledger};
use stagegate_store::{AuditEntry, AuditFilter, NewChange, Recorded, Saved, Store, StoreError};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio::sync::watch;

/// Why the store did not do what was asked.
#[derive(Debug, thiserror::Error)]
pub enum StoreAccessError {
    /// The store refused.
    #[error("the state store refused: {0}")]
    Store(String),
    /// Somebody else recorded a change in between.
    #[error("the state store is at epoch {latest} and not at {expected}: look again")]
    Conflict {
        /// The epoch that the change was computed against.
        expected: Epoch,
        /// The newest epoch.
        latest: Epoch,
    },
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

impl StoreAccessError {
    /// Whether the store did not do its work, as opposed to a request that made no sense.
    pub(super) const fn is_a_failure(&self) -> bool {
        matches!(self, Self::Store(_) | Self::Conflict { .. })
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

/// A shared handle on the store; cheap to clone.
#[derive(Clone)]
pub(super) struct StoreHandle {
    /// `None` while another process has it.
    store: Arc<Mutex<Option<Store>>>,
    /// The newest epoch that was recorded through this handle.
    newest: Arc<watch::Sender<Epoch>>,
}

impl StoreHandle {
    pub(super) fn new(store: Store) -> Self {
        let (newest, _) = watch::channel(0);
        Self { store: Arc::new(Mutex::new(Some(store))), newest: Arc::new(newest) }
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
        work: impl FnOnce(&mut Store) -> Result<T, StoreAccessError> + Send + 'static,
    ) -> Result<T, StoreAccessError> {
        let handle = self.clone();
        let run = move || match handle.lock().as_mut() {
            Some(store) => work(store),
            None => Err(StoreAccessError::HandingOver),
        };
        tokio::task::spawn_blocking(run)
            .await
            .map_err(|error| StoreAccessError::Store(format!("its thread failed: {error}")))?
    }
}

impl Ledger for StoreHandle {
    fn append(
        &self,
        expected: Epoch,
        change: NewChange,
    ) -> BoxFuture<'static, Result<Recorded, StoreAccessError>> {
        let handle = self.clone();
        Box::pin(async move {
            let newest = change.epoch_after(expected);
            let recorded = handle
                .with(move |store| match store.record(expected, &change) {
                    Ok(recorded) => Ok(recorded),
                    Err(error) => match after_failure(store, expected, &change) {
                        Some(entry) => Ok(Recorded::Now(entry)),
                        None => Err(refused(error, expected)),
                    },
                })
                .await?;
            if let Recorded::Now(_) = recorded {
                handle.newest.send_replace(newest);
            }
            Ok(recorded)
        })
    }

    fn latest(&self) -> BoxFuture<'static, Result<Saved, StoreAccessError>> {
        let handle = self.clone();
        Box::pin(async move { handle.with(|store| Ok(store.load()?)).await })
    }

    fn follow(&self, from: Epoch) -> BoxFuture<'static, Result<Saved, StoreAccessError>> {
        let handle = self.clone();
        let mut newest = self.newest.subscribe();
        Box::pin(async move {
            loop {
                newest.mark_unchanged();
                let saved = handle.latest().await?;
                if saved.epoch > from {
                    return Ok(saved);
                }
                // The sender lives in the handle.
                let _ = newest.changed().await;
            }
        })
    }
}

fn refused(error: StoreError, expected: Epoch) -> StoreAccessError {
    match error {
        StoreError::EpochGap { last, .. } => StoreAccessError::Conflict { expected, latest: last },
        error => error.into(),
    }
}

/// A commit can fail to report although it reached the disk. If it did, the change is made, and to
/// deny it would leave plan and store apart for good.
fn after_failure(store: &Store, expected: Epoch, change: &NewChange) -> Option<AuditEntry> {
    let newest = store.audit(&AuditFilter::default(), 1).ok()?.into_iter().next()?;
    let is_ours = change.makes_a_plan
        && newest.epoch == change.epoch_after(expected)
        && newest.epoch_before == expected
        && newest.at_ms == change.entry.at_ms
        && *newest.actor == *change.entry.actor
        && newest.summary == change.entry.summary;
    is_ours.then_some(newest)
}
