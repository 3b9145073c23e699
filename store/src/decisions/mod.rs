//! The decision log: why every request went where it went, found again by its id.
//!
//! Workers hand over batches; one thread writes them as compressed blocks into segment files, each
//! with an index from id to block beside it, and deletes whole segments when they are too old or
//! too many. Why it is built like this, and what it costs: `docs/decisions/0002-decision-log.md`.
//!
//! Guarantees for a caller:
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
mod shared;
mod spool;
mod status;
mod writer;

pub use error::LogError;
pub use record::{Filter, OwnedFlag, OwnedRecord, OwnedSpent, Recent};
pub use shared::Retention;
pub use spool::{Spool, SpoolFlush};
pub use status::{Dropped, LogStatus};

use crate::background::in_background;
use crate::lock::DirLock;
use shared::Shared;
use stagegate_rollout::RecordBatch;
use std::path::Path;
use std::sync::Arc;
use std::thread::{self, JoinHandle};
use writer::Writer;

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
    /// Opens or creates the log in `dir`, which is its own alone, reads back what a crash left
    /// behind, and starts writing.
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

    /// True if the last attempt to write worked and nothing overflowed since.
    #[must_use]
    pub fn healthy(&self) -> bool {
        self.shared.health.healthy()
    }

    /// Records dropped since the start.
    #[must_use]
    pub fn dropped(&self) -> Dropped {
        self.shared.health.dropped()
    }

    /// The health of the log.
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
