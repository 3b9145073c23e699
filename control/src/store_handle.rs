//! The SQLite store, for callers that must not block. It is the ledger of a process on its own.
//!
//! One connection, one lock: what changes something runs on the blocking pool one after the other.
//! Questions of people have connections of their own, a few at a time, so that none of them keeps a
//! change waiting, and a write that hangs keeps no question waiting.

use super::StoreAccessError;
use super::ports::{BoxFuture, Epoch, Ledger, LocalLedger};
use stagegate_store::{
    AuditEntry, AuditFilter, Head, NewChange, Presence, Reader, Readers, Recorded, Saved, Store,
    StoreError,
};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};

/// How long a query waits for access to the store.
const PATIENCE: Duration = Duration::from_secs(2);
/// The longest time for an answer.
const LONGEST: Duration = Duration::from_secs(30);
/// Most questions at a time.
const QUESTIONS: usize = 4;
/// How long a question waits for others.
const QUESTION_PATIENCE: Duration = Duration::from_secs(10);

/// The ledger in a store, for a fleet's replica or for tests.
#[must_use]
pub fn local_ledger(store: Store) -> Arc<dyn LocalLedger> {
    Arc::new(StoreHandle::new(store))
}

/// A shared handle on the store; cheap to clone.
#[derive(Clone)]
pub(super) struct StoreHandle {
    /// `None` while another process has it.
    store: Arc<Mutex<Option<Store>>>,
    /// One permit: a task that waits for the store occupies no thread.
    turn: Arc<Semaphore>,
    /// Where its files are; `None` while another process has it.
    presence: Arc<Mutex<Option<Presence>>>,
    /// Opens connections for questions; `None` while another process has the store.
    readers: Arc<Mutex<Option<Readers>>>,
    questions: Arc<Semaphore>,
    /// The newest epoch that was recorded through this handle.
    newest: Arc<watch::Sender<Epoch>>,
}

impl StoreHandle {
    pub(super) fn new(store: Store) -> Self {
        let (newest, _) = watch::channel(0);
        Self {
            presence: Arc::new(Mutex::new(Some(store.presence()))),
            readers: Arc::new(Mutex::new(Some(store.readers()))),
            questions: Arc::new(Semaphore::new(QUESTIONS)),
            store: Arc::new(Mutex::new(Some(store))),
            turn: Arc::new(Semaphore::new(1)),
            newest: Arc::new(newest),
        }
    }

    fn lock(&self) -> MutexGuard<'_, Option<Store>> {
        self.store.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Closes the store and releases its directory. Blocks until its users are done.
    pub(super) fn release(&self) {
        *self.readers.lock().unwrap_or_else(PoisonError::into_inner) = None;
        *self.lock() = None;
        *self.presence.lock().unwrap_or_else(PoisonError::into_inner) = None;
    }

    /// What of the store's files is gone, in words. Does not wait for the store.
    pub(super) fn missing(&self) -> Option<String> {
        let presence = self.presence.lock().unwrap_or_else(PoisonError::into_inner).clone();
        presence.and_then(|it| it.check().err())
    }

    /// Takes a store again after a failed handover.
    pub(super) fn take_back(&self, store: Store) {
        *self.presence.lock().unwrap_or_else(PoisonError::into_inner) = Some(store.presence());
        *self.readers.lock().unwrap_or_else(PoisonError::into_inner) = Some(store.readers());
        *self.lock() = Some(store);
    }

    /// Answers a question over a connection of its own, on the blocking pool. Waits for no change.
    ///
    /// # Errors
    /// [`StoreAccessError::Busy`] when too many others ask, [`StoreAccessError::Silent`] when it takes
    /// too long, and the errors of `work`.
    pub(super) async fn ask<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Store) -> Result<T, StoreAccessError> + Send + 'static,
    ) -> Result<T, StoreAccessError> {
        let place = Arc::clone(&self.questions).acquire_owned();
        let place = tokio::time::timeout(QUESTION_PATIENCE, place).await;
        let place = place.map_err(|_| StoreAccessError::Busy)?;
        let readers = self.readers.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let readers = readers.ok_or(StoreAccessError::HandingOver)?;
        let handle = self.clone();
        let ask = move || {
            // The question keeps its place to its end, also when nobody waits for the answer.
            let _place = place;
            match readers.open() {
                Ok(reader) => work(&reader),
                // The file is not there under its name. The one that is open can still be read.
                Err(StoreError::Gone(_)) => match handle.lock().as_ref() {
                    Some(store) => work(store),
                    None => Err(StoreAccessError::HandingOver),
                },
                Err(error) => Err(error.into()),
            }
        };
        let answer = tokio::task::spawn_blocking(ask);
        tokio::time::timeout(LONGEST, answer)
            .await
            .map_err(|_| StoreAccessError::Silent)?
            .map_err(|error| StoreAccessError::Store(format!("its thread failed: {error}")))?
    }

    /// Opens a reader of its own. Blocks on the disk.
    pub(super) fn reader(&self) -> Result<Reader, StoreAccessError> {
        let readers = self.readers.lock().unwrap_or_else(PoisonError::into_inner).clone();
        Ok(readers.ok_or(StoreAccessError::HandingOver)?.open()?)
    }

    /// Asks the store, on the blocking pool.
    ///
    /// # Errors
    /// [`StoreAccessError::Silent`] when it does not answer in time, and the errors of `work`.
    pub(super) async fn with<T: Send + 'static>(
        &self,
        work: impl FnOnce(&mut Store) -> Result<T, StoreAccessError> + Send + 'static,
    ) -> Result<T, StoreAccessError> {
        let turn = tokio::time::timeout(PATIENCE, Arc::clone(&self.turn).acquire_owned()).await;
        let turn = turn.map_err(|_| StoreAccessError::Silent)?;
        let answer = self.run(turn.ok(), work);
        tokio::time::timeout(LONGEST, answer).await.map_err(|_| StoreAccessError::Silent)?
    }

    /// Writes into the store, on the blocking pool, however long it takes.
    ///
    /// # Errors
    /// The errors of `work`.
    pub(super) async fn write<T: Send + 'static>(
        &self,
        work: impl FnOnce(&mut Store) -> Result<T, StoreAccessError> + Send + 'static,
    ) -> Result<T, StoreAccessError> {
        let turn = Arc::clone(&self.turn).acquire_owned().await;
        self.run(turn.ok(), work).await
    }

    async fn run<T: Send + 'static>(
        &self,
        turn: Option<OwnedSemaphorePermit>,
        work: impl FnOnce(&mut Store) -> Result<T, StoreAccessError> + Send + 'static,
    ) -> Result<T, StoreAccessError> {
        let handle = self.clone();
        let run = move || {
            let _turn = turn;
            match handle.lock().as_mut() {
                Some(store) => work(store),
                None => Err(StoreAccessError::HandingOver),
            }
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
                .write(move |store| match store.record(expected, &change) {
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

impl LocalLedger for StoreHandle {
    fn head(&self) -> BoxFuture<'static, Result<Head, StoreAccessError>> {
        let handle = self.clone();
        Box::pin(async move { handle.with(|store| Ok(store.head()?)).await })
    }

    fn rehearse(
        &self,
        expected: Epoch,
        change: NewChange,
    ) -> BoxFuture<'static, Result<Recorded, StoreAccessError>> {
        let handle = self.clone();
        let rehearse = move |store: &mut Store| {
            store.rehearse(expected, &change).map_err(|error| refused(error, expected))
        };
        Box::pin(async move { handle.write(rehearse).await })
    }

    fn take(
        &self,
        expected: Epoch,
        change: NewChange,
        hash: String,
        own: bool,
    ) -> BoxFuture<'static, Result<AuditEntry, StoreAccessError>> {
        let handle = self.clone();
        Box::pin(async move {
            let newest = change.epoch_after(expected);
            let take = move |store: &mut Store| Ok(store.follow(expected, &change, &hash, own)?);
            let entry = handle.write(take).await?;
            handle.newest.send_replace(newest);
            Ok(entry)
        })
    }

    fn hash_of(&self, number: u64) -> BoxFuture<'static, Result<Option<String>, StoreAccessError>> {
        let handle = self.clone();
        let filter = AuditFilter { before_seq: Some(number + 1), ..AuditFilter::default() };
        let find = move |store: &mut Store| {
            let found = store.audit(&filter, 1)?.into_iter().find(|it| it.seq == number);
            Ok(found.map(|entry| entry.hash))
        };
        Box::pin(async move { handle.with(find).await })
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
