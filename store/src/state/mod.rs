//! The state store: one SQLite file in which a change, its audit entry and the answer to it are
//! one transaction.
//!
//! WAL with `synchronous=FULL`: when [`Store::commit`] returns, the change is on the disk. When it
//! fails, nothing changed. Nothing here decides what a change means; that is `rollout`'s.

mod analysis;
mod attachment;
mod audit;
mod body;
mod changed;
mod commit;
mod drill;
mod error;
mod eval_report;
mod evidence;
mod history;
mod idempotency;
mod number;
mod outbox;
mod release;
mod retention;
mod schema;
mod spend;
mod verify;
mod window;
mod workload;

pub use analysis::{NewAnalysis, StoredAnalysis};
pub use attachment::Attachment;
pub use audit::{AuditEntry, AuditFilter, NewAudit};
pub use changed::ChangedRelease;
pub use commit::{NewChange, Recorded};
pub use drill::NewDrill;
pub use error::StoreError;
pub use eval_report::{NewEvalReport, StoredEvalReport};
pub use evidence::EvidenceSnapshot;
pub use history::RolloutRecord;
pub use idempotency::{NewIdempotency, StoredResponse};
pub use outbox::{ChannelRecord, Ending, Lost, Message, NewMessage, Outbox};
pub use release::{NewRelease, RegisteredRelease};
pub use retention::{Forgotten, MeasuredRetention};
pub use verify::{AuditReader, Broken, Verified, VerifyError};
pub use window::{RecordedWindow, WindowReader};

use crate::lock::DirLock;
use rusqlite::Connection;
use stagegate_rollout::{WorkloadName, WorkloadState};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// Name of the database file inside the data directory.
const FILE: &str = "state.db";

/// The runtime state of every workload, with its history.
///
/// One value owns the directory; calls block on the disk.
#[derive(Debug)]
pub struct Store {
    db: Connection,
    _lock: DirLock,
}

/// The state after the last committed change.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Saved {
    /// Number of the last published plan, 0 if there never was one.
    pub epoch: u64,
    /// State of every workload ever committed, also of those the configuration no longer names.
    pub workloads: BTreeMap<WorkloadName, WorkloadState>,
}

impl Store {
    /// Opens or creates the store in `dir` and takes the directory for this process.
    ///
    /// # Errors
    /// When another process holds the directory, the file is damaged or unreadable, or a newer
    /// version of the program wrote it.
    pub fn open(dir: &Path) -> Result<Self, StoreError> {
        let lock = DirLock::take(dir)?;
        let path = dir.join(FILE);
        let db = Connection::open(&path)
            .and_then(|mut db| schema::prepare(&mut db).map(|ready| (db, ready)));
        match db {
            Ok((db, Ok(()))) => Ok(Self { db, _lock: lock }),
            Ok((_, Err(newer))) => Err(newer),
            Err(source) => Err(StoreError::Open { path, source }),
        }
    }

    /// The directory that the store is in.
    #[must_use]
    pub fn dir(&self) -> Option<PathBuf> {
        Some(Path::new(self.db.path()?).parent()?.to_path_buf())
    }

    /// Everything the last committed change left behind.
    ///
    /// # Errors
    /// When the file cannot be read or a state in it makes no sense.
    pub fn load(&self) -> Result<Saved, StoreError> {
        let reading = StoreError::doing("reading the runtime state");
        let epoch = self.epoch()?;
        let mut rows =
            self.db.prepare_cached("SELECT name, state FROM workload").map_err(reading)?;
        let rows = rows
            .query_map([], |row| Ok((row.get::<_, String>(0)?, row.get::<_, String>(1)?)))
            .map_err(reading)?;
        let mut workloads = BTreeMap::new();
        for row in rows {
            let (name, state) = row.map_err(reading)?;
            let damaged = |why: String| StoreError::Damaged {
                what: format!("state of workload `{name}`"),
                why,
            };
            let key: WorkloadName = name.parse().map_err(|e| damaged(format!("{e}")))?;
            let state: WorkloadState =
                serde_json::from_str(&state).map_err(|e| damaged(e.to_string()))?;
            workloads.insert(key, state);
        }
        Ok(Saved { epoch, workloads })
    }

    fn epoch(&self) -> Result<u64, StoreError> {
        let reading = StoreError::doing("reading the epoch");
        self.db.query_row("SELECT epoch FROM head", [], |row| row.get(0)).map_err(reading)
    }
}
