//! The handle on the driver, and the state behind it.

use super::desk::Desk;
use super::limiter::Limiter;
use super::pending::Pending;
use super::ports::{
    DataPlane, DoubtSource, Event, FlagServer, Ledger, MetricSources, Observer, Peers, Replicas,
};
use super::steering::Steering;
use super::store_handle::StoreHandle;
use super::unrecorded_file::UnrecordedFile;
use super::{StaleCheck, StoreAccessError, StoreStatus, View};
use stagegate_notify::Notifier;
use stagegate_rollout::Doubt;
use stagegate_store::{Reader, Store};
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError, RwLock};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// How long a change waits for every worker before it answers that one did not follow.
pub(crate) const PATIENCE: Duration = Duration::from_secs(2);

/// A handle on the driver; cheap to clone.
#[derive(Clone)]
pub struct Control {
    pub(crate) inner: Arc<Inner>,
}

pub(crate) struct Inner {
    /// The right to write: held until the store has answered.
    pub(crate) order: Arc<tokio::sync::Mutex<()>>,
    /// The recorded view, and the unrecorded changes in force on top of it. Never held while
    /// somebody waits.
    pub(crate) desk: Mutex<Desk>,
    /// True while a task records unrecorded changes.
    pub(crate) recording: AtomicBool,
    /// Notes what is in force and not recorded. `None` without a directory.
    pub(crate) unrecorded_file: Option<UnrecordedFile>,
    /// Writes in progress.
    pub(crate) pending: Pending,
    /// Held while a configuration is read and prepared, so that reloads queue up without keeping
    /// a rollback waiting.
    pub(crate) reloading: tokio::sync::Mutex<()>,
    /// Held while somebody is told what a reload would do.
    pub(crate) planning: tokio::sync::Mutex<()>,
    pub(crate) view: RwLock<Arc<View>>,
    /// The record of changes. `None` without a readable store.
    pub(crate) ledger: Option<Arc<dyn Ledger>>,
    /// The store, for what is read from it and for measurements. `None` without a readable store.
    pub(crate) store: Option<StoreHandle>,
    pub(crate) plane: Arc<dyn DataPlane>,
    pub(crate) observer: Arc<dyn Observer>,
    pub(crate) config_path: PathBuf,
    pub(crate) store_failures: AtomicU64,
    /// Changes that the store has taken since the start.
    pub(crate) recorded_changes: AtomicU64,
    pub(crate) store_error: Mutex<Option<String>>,
    pub(crate) limiter: Limiter,
    /// Another process has the store, or is about to.
    pub(crate) handing_over: AtomicBool,
    pub(crate) steering: Steering,
    /// Set once, when there is one: it needs the configuration, which the driver has.
    pub(crate) notifier: OnceLock<Notifier>,
    /// Set once, when anything is scored.
    pub(crate) doubts: OnceLock<Arc<dyn DoubtSource>>,
    /// Checks of rollouts in progress that went stale, by workload.
    pub(crate) stale: RwLock<BTreeMap<String, Vec<StaleCheck>>>,
    /// Whom external gates ask.
    pub(crate) sources: OnceLock<Arc<dyn MetricSources>>,
    /// Set once, when there are flags.
    pub(crate) flags: OnceLock<Arc<dyn FlagServer>>,
    /// Set once, where this process is a replica of a fleet.
    pub(crate) replicas: OnceLock<Arc<dyn Replicas>>,
    /// Set once, where this process is a replica of a fleet.
    pub(crate) peers: OnceLock<Arc<dyn Peers>>,
    /// The ledger of the fleet did not answer at the start: what is in force is not recorded there.
    pub(crate) unstarted: AtomicBool,
}

impl Control {
    /// Returns the view in force.
    #[must_use]
    pub fn view(&self) -> Arc<View> {
        Arc::clone(&self.inner.view.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// Health of the state store.
    #[must_use]
    pub fn store_status(&self) -> StoreStatus {
        if self.is_handing_over() {
            let last_error = Some(StoreAccessError::HandingOver.to_string());
            let failures = self.inner.store_failures.load(Ordering::Relaxed);
            return StoreStatus { healthy: false, failures, last_error };
        }
        let last_error =
            self.inner.store_error.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let gone = self.inner.store.as_ref().and_then(StoreHandle::missing);
        let last_error = gone.or_else(|| self.inner.pending.too_long()).or(last_error);
        StoreStatus {
            healthy: last_error.is_none() && self.inner.store.is_some(),
            failures: self.inner.store_failures.load(Ordering::Relaxed),
            last_error,
        }
    }

    /// Reads from the state store, on the blocking pool, over a connection of its own: no change waits
    /// for it, and it waits for none. Works in a safe start too.
    ///
    /// # Errors
    /// When the store cannot be read, too many others read, or there is no store.
    pub async fn read<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Store) -> Result<T, StoreAccessError> + Send + 'static,
    ) -> Result<T, StoreAccessError> {
        let store = self.inner.store.as_ref().ok_or(StoreAccessError::ReadOnly)?;
        store.ask(work).await
    }

    /// Opens a reader of the state store, for work that takes long. Blocks on the disk: it is for
    /// threads of their own.
    ///
    /// # Errors
    /// When the store cannot be opened once more, or there is none.
    pub fn reader(&self) -> Result<Reader, StoreAccessError> {
        self.inner.store.as_ref().ok_or(StoreAccessError::ReadOnly)?.reader()
    }

    /// From now on external gates ask through `sources`. Only the first one counts.
    pub fn ask_through(&self, sources: Arc<dyn MetricSources>) {
        let _ = self.inner.sources.set(sources);
    }

    /// From now on `doubts` says whether scorers are believed. Only the first one counts.
    pub fn doubt_through(&self, doubts: Arc<dyn DoubtSource>) {
        let _ = self.inner.doubts.set(doubts);
    }

    /// Returns the doubt about the workload's scorers, if there is one.
    #[must_use]
    pub fn doubt(&self, workload: &str) -> Option<Doubt> {
        self.inner.doubt(workload)
    }

    /// The data plane this driver publishes to.
    #[must_use]
    pub fn plane(&self) -> &Arc<dyn DataPlane> {
        &self.inner.plane
    }
}

impl Inner {
    pub(crate) fn view(&self) -> Arc<View> {
        Arc::clone(&self.view.read().unwrap_or_else(PoisonError::into_inner))
    }

    pub(crate) fn set_view(&self, view: View) {
        *self.view.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(view);
    }

    pub(crate) fn doubt(&self, workload: &str) -> Option<Doubt> {
        self.doubts.get()?.doubt(workload)
    }

    /// The ledger: there is none in a safe start.
    pub(crate) fn ledger(&self) -> Result<&Arc<dyn Ledger>, StoreAccessError> {
        if self.view().safe_start.is_some() {
            return Err(StoreAccessError::ReadOnly);
        }
        self.ledger.as_ref().ok_or(StoreAccessError::ReadOnly)
    }

    /// Runs `work` on the store, on the blocking pool. In a safe start there is none.
    pub(crate) async fn with_store<T: Send + 'static>(
        &self,
        work: impl FnOnce(&mut Store) -> Result<T, StoreAccessError> + Send + 'static,
    ) -> Result<T, StoreAccessError> {
        if self.view().safe_start.is_some() {
            return Err(StoreAccessError::ReadOnly);
        }
        self.store.as_ref().ok_or(StoreAccessError::ReadOnly)?.with(work).await
    }

    /// Remembers how the last commit went.
    pub(crate) fn note_commit<T>(&self, result: &Result<T, StoreAccessError>) {
        let error = match result {
            Ok(_) => {
                self.recorded_changes.fetch_add(1, Ordering::Release);
                None
            }
            Err(error) if error.is_a_failure() => {
                self.store_failures.fetch_add(1, Ordering::Relaxed);
                self.observer.on(&Event::StoreFailed);
                tracing::error!(%error, "the state store refused a change");
                Some(error.to_string())
            }
            // The store did its work; the request made no sense.
            Err(_) => return,
        };
        *self.store_error.lock().unwrap_or_else(PoisonError::into_inner) = error;
    }
}

/// Unix milliseconds.
#[must_use]
pub fn now_ms() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
}
