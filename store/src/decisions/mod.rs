//! The decision log: why every request went where it went, found again by its id.
//!
//! Workers hand over batches; one thread writes them as compressed blocks into segment files, each
//! with an index from id to block beside it, and deletes whole segments when they are too old or
//! too many. Why it is built like this, and what it costs: `docs/decisions/0002-decision-log.md`.
//!
//! What a caller may rely on:
//!
//! - Handing over never blocks and never fails the request. What cannot be taken or written is
//!   dropped and counted; writing is tried again with the next batch.
//! - A batch can be read from the moment it was accepted.
//! - It is on its way to disk within half a second. `kill -9` loses the batches of that time;
//!   a power cut may lose what the system had not written back yet. Either way it opens again.

mod block;
mod catalog;
mod error;
mod extent;
mod group;
mod growing;
mod index;
mod queue;
mod reader;
mod record;
mod sealed;
mod spool;
mod status;
mod writer;

pub use error::LogError;
pub use record::{Filter, OwnedRecord, OwnedSpent, Recent};
pub use spool::Spool;
pub use status::{Dropped, LogStatus};

use crate::background::in_background;
use crate::lock::DirLock;
use catalog::Catalog;
use queue::Queue;
use stagegate_rollout::RecordBatch;
use status::Health;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};
use std::thread::{self, JoinHandle};
use std::time::Duration;
use writer::Writer;

/// How much is kept. Whole segments are deleted: records may stay for a thirty-second part of
/// `max_age` longer, and up to such a part of `max_bytes` (64 MiB at most) goes at once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Retention {
    /// Records are deleted when they are older.
    pub max_age: Duration,
    /// The oldest records are deleted when the files are larger together. Not less than 2 MiB can
    /// be kept to.
    pub max_bytes: u64,
}

/// What the log's owner, its writer thread and its handles share.
#[derive(Debug)]
struct Shared {
    dir: PathBuf,
    queue: Queue,
    catalog: RwLock<Catalog>,
    retention: Mutex<Retention>,
    health: Health,
    set_aside: u64,
}

impl Shared {
    fn open(dir: &Path, retention: Retention) -> Result<Self, LogError> {
        let (catalog, set_aside) = Catalog::open(dir)?;
        Ok(Self {
            dir: dir.to_owned(),
            queue: Queue::default(),
            catalog: RwLock::new(catalog),
            retention: Mutex::new(retention),
            health: Health::default(),
            set_aside,
        })
    }

    // The guarded values are whole between any two statements, even if a thread panicked.
    fn catalog(&self) -> RwLockReadGuard<'_, Catalog> {
        self.catalog.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn catalog_mut(&self) -> RwLockWriteGuard<'_, Catalog> {
        self.catalog.write().unwrap_or_else(PoisonError::into_inner)
    }

    fn retention_mut(&self) -> MutexGuard<'_, Retention> {
        self.retention.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn retention(&self) -> Retention {
        *self.retention_mut()
    }
}

/// The decision log. Dropping it writes what was accepted and ends its thread.
#[derive(Debug)]
pub struct DecisionLog {
    shared: Arc<Shared>,
    thread: Option<JoinHandle<()>>,
    _lock: DirLock,
}

/// Hands batches over. Cheap to clone; may outlive the log, which then takes no more.
#[derive(Clone, Debug)]
pub struct LogWriter {
    shared: Arc<Shared>,
}

impl LogWriter {
    /// Hands a batch over, from any thread, without waiting for anything. `false` if it was
    /// dropped; that is counted, the caller need not do anything.
    pub fn try_append(&self, batch: RecordBatch) -> bool {
        let records = batch.len() as u64;
        if records == 0 {
            return true;
        }
        let taken = self.shared.queue.push(batch);
        taken.map_err(|why| self.shared.health.refused(why, records)).is_ok()
    }
}

impl DecisionLog {
    /// Opens or creates the log in `dir`, which is its own alone, reads back what a crash left behind, and starts writing.
    ///
    /// # Errors
    /// When another process has it open, or a file cannot be read. Segments that make no sense are
    /// set aside instead.
    pub fn open(dir: &Path, retention: Retention) -> Result<Self, LogError> {
        let lock = DirLock::take(dir)?;
        let shared = Arc::new(Shared::open(dir, retention)?);
        let writer = Writer::new(Arc::clone(&shared)).map_err(LogError::Thread)?;
        let thread = thread::Builder::new()
            .name("decision-log".to_owned())
            .spawn(move || {
                in_background();
                writer.run();
            })
            .map_err(LogError::Thread)?;
        Ok(Self { shared, thread: Some(thread), _lock: lock })
    }

    /// A handle that takes batches.
    #[must_use]
    pub fn writer(&self) -> LogWriter {
        LogWriter { shared: Arc::clone(&self.shared) }
    }

    /// The newest record with this request id, also if it is not on disk yet.
    ///
    /// # Errors
    /// When a file that may hold it cannot be read.
    pub fn get(&self, request_id: &str) -> Result<Option<OwnedRecord>, LogError> {
        self.shared.get(request_id)
    }

    /// The newest records that match, at most `limit`; reads at most about a million.
    ///
    /// # Errors
    /// When a file cannot be read. Damaged blocks are passed over and counted.
    pub fn recent(&self, filter: &Filter, limit: usize) -> Result<Recent, LogError> {
        self.shared.recent(filter, limit)
    }

    /// Waits until everything accepted so far is written, or dropped, and retention is applied.
    pub fn flush(&self) {
        self.shared.queue.flush();
    }

    /// Keeps more or less from now on.
    pub fn set_retention(&self, retention: Retention) {
        *self.shared.retention_mut() = retention;
    }

    /// Whether the last attempt to write worked and nothing overflowed since.
    #[must_use]
    pub fn healthy(&self) -> bool {
        self.shared.health.healthy()
    }

    /// Records dropped since the start.
    #[must_use]
    pub fn dropped(&self) -> Dropped {
        self.shared.health.dropped()
    }

    /// How the log is doing.
    #[must_use]
    pub fn status(&self) -> LogStatus {
        let catalog = self.shared.catalog();
        LogStatus {
            segments: catalog.sealed.len() as u64 + u64::from(catalog.growing.is_some()),
            set_aside: self.shared.set_aside,
            bytes: catalog.size(),
            oldest_ms: catalog.oldest_ms(),
            ..self.shared.health.status()
        }
    }
}

impl Drop for DecisionLog {
    fn drop(&mut self) {
        self.shared.queue.close();
        if let Some(thread) = self.thread.take() {
            // A writer that panicked has nothing more to write.
            let _ = thread.join();
        }
    }
}
