//! The decision log, and what stands in for it while another process has it.
//!
//! A process that hands over closes the log and still finishes what it began. The records of that
//! go to a spool beside the log, which the process that has the log takes over when the writer has
//! ended.

use anyhow::Context as _;
use stagegate_admin::sources::{DecisionSource, DecisionsUnavailable, LogHealth};
use stagegate_rollout::RecordBatch;
use stagegate_store::{DecisionLog, Dropped, Filter, LogWriter, OwnedRecord, Retention, Spool};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};
use std::time::Duration;

/// Time between two checks for records that other processes left behind.
const LOOK_EVERY: Duration = Duration::from_secs(1);

/// Writes and reads decision records.
#[derive(Debug)]
pub(crate) struct Journal {
    dir: PathBuf,
    retention: Retention,
    /// Held for a hand-over to a queue.
    outlet: Mutex<Outlet>,
    /// Closing waits for readers; records do not.
    log: RwLock<Option<DecisionLog>>,
}

#[derive(Debug)]
enum Outlet {
    Log(LogWriter),
    Spool(Spool),
    Nowhere,
}

impl Journal {
    /// Opens the log in `dir`.
    ///
    /// # Errors
    /// When it cannot be opened.
    pub(crate) fn open(dir: &Path, retention: Retention) -> anyhow::Result<Self> {
        let journal = Self {
            dir: dir.to_owned(),
            retention,
            outlet: Mutex::new(Outlet::Nowhere),
            log: RwLock::default(),
        };
        journal.reopen()?;
        Ok(journal)
    }

    fn outlet(&self) -> MutexGuard<'_, Outlet> {
        self.outlet.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes records, without waiting for anything.
    pub(crate) fn append(&self, records: RecordBatch) {
        match &*self.outlet() {
            Outlet::Log(log) => {
                log.try_append(records);
            }
            Outlet::Spool(spool) => {
                let lost = records.len();
                if !spool.try_append(records) {
                    tracing::warn!(lost, "the disk is too slow for late decisions; they are lost");
                }
            }
            Outlet::Nowhere => {}
        }
    }

    /// Writes what was accepted and closes the log; what comes now goes to a spool.
    pub(crate) fn close(&self) {
        let outlet = match Spool::create(&self.dir) {
            Ok(spool) => Outlet::Spool(spool),
            Err(error) => {
                tracing::error!(%error, "cannot open the spool; late decisions are not recorded");
                Outlet::Nowhere
            }
        };
        *self.outlet() = outlet;
        *self.log.write().unwrap_or_else(PoisonError::into_inner) = None;
    }

    /// Opens the log again.
    ///
    /// # Errors
    /// When it cannot be opened; records still go to their former outlet.
    pub(crate) fn reopen(&self) -> anyhow::Result<()> {
        let log = DecisionLog::open(&self.dir, self.retention)
            .with_context(|| format!("no decision log in {}", self.dir.display()))?;
        // Dropping a spool writes what it has and lets go of it: the next look takes it over.
        let before = std::mem::replace(&mut *self.outlet(), Outlet::Log(log.writer()));
        drop(before);
        *self.log.write().unwrap_or_else(PoisonError::into_inner) = Some(log);
        Ok(())
    }

    fn with<T>(&self, ask: impl FnOnce(&DecisionLog) -> T) -> Option<T> {
        self.log.read().unwrap_or_else(PoisonError::into_inner).as_ref().map(ask)
    }

    /// Waits until everything accepted so far is written.
    pub(crate) fn flush(&self) {
        let late = match &*self.outlet() {
            Outlet::Spool(spool) => spool.flusher(),
            Outlet::Log(_) | Outlet::Nowhere => None,
        };
        // Not while the outlet is held: workers hand over meanwhile.
        if let Some(late) = late {
            late.wait();
        }
        self.with(DecisionLog::flush);
    }

    /// Returns true if it can be written.
    pub(crate) fn healthy(&self) -> bool {
        self.with(DecisionLog::healthy).unwrap_or(true)
    }

    /// Records dropped since it was opened.
    pub(crate) fn dropped(&self) -> Dropped {
        self.with(DecisionLog::dropped).unwrap_or_default()
    }

    /// Takes over what processes that have ended left behind.
    fn look(&self) {
        match self.with(|log| log.take_over(&self.dir)) {
            Some(Ok(records)) if records > 0 => {
                tracing::info!(records, "recorded decisions of a former process");
            }
            Some(Err(error)) => tracing::warn!(%error, "cannot read decisions of a former process"),
            _ => {}
        }
    }
}

/// Takes over what former processes left behind, for ever.
pub(crate) async fn keep_looking(journal: Arc<Journal>) {
    loop {
        let look = Arc::clone(&journal);
        if tokio::task::spawn_blocking(move || look.look()).await.is_err() {
            tracing::error!("cannot record decisions of a former process");
        }
        tokio::time::sleep(LOOK_EVERY).await;
    }
}

fn away() -> DecisionsUnavailable {
    DecisionsUnavailable("it is with the new process, which answers in a moment".to_owned())
}

impl DecisionSource for Journal {
    fn get(&self, request_id: &str) -> Result<Option<OwnedRecord>, DecisionsUnavailable> {
        self.with(|log| DecisionSource::get(log, request_id)).ok_or_else(away)?
    }

    fn recent(
        &self,
        filter: &Filter,
        limit: usize,
    ) -> Result<Vec<OwnedRecord>, DecisionsUnavailable> {
        self.with(|log| DecisionSource::recent(log, filter, limit)).ok_or_else(away)?
    }

    fn health(&self) -> LogHealth {
        let away = LogHealth { healthy: true, dropped: 0 };
        self.with(DecisionSource::health).unwrap_or(away)
    }
}
