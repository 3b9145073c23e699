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
mod fact;
mod flag;
mod history;
mod idempotency;
mod number;
mod outbox;
mod reader;
mod release;
mod retention;
mod schema;
mod spend;
mod verify;
mod window;
mod witness;
mod workload;

pub use analysis::{NewAnalysis, StoredAnalysis};
pub use attachment::Attachment;
pub use audit::{AuditEntry, AuditFilter, NewAudit};
pub use changed::ChangedRelease;
pub use commit::{Head, NewChange, Recorded};
pub use drill::NewDrill;
pub use error::StoreError;
pub use eval_report::{NewEvalReport, StoredEvalReport};
pub use evidence::EvidenceSnapshot;
pub use fact::{FactKind, NewFact, StoredFact};
pub use history::RolloutRecord;
pub use idempotency::{NewIdempotency, StoredResponse};
pub use outbox::{ChannelRecord, Ending, Lost, Message, NewMessage, Outbox};
pub use reader::{Reader, Readers};
pub use release::{NewRelease, RegisteredRelease};
pub use retention::{Forgotten, MeasuredRetention};
pub use verify::{Broken, Verified, VerifyError};
pub use window::RecordedWindow;

use crate::lock::{DirLock, Presence};
use crate::private;
use rusqlite::Connection;
use serde::{Deserialize, Serialize};
use stagegate_rollout::{WorkloadName, WorkloadState};
use std::collections::BTreeMap;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use witness::{Found, Witness};

/// Name of the database file inside the data directory.
const FILE: &str = "state.db";

/// The runtime state of every workload, with its history.
///
/// One value owns the directory; calls block on the disk.
#[derive(Debug)]
pub struct Store {
    db: Connection,
    dir: PathBuf,
    presence: Presence,
    /// How far the history goes, as far as this process knows. Readers share it.
    known: Arc<Mutex<Witness>>,
    /// None of a reader.
    _lock: Option<DirLock>,
}

/// The state after the last committed change.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Saved {
    /// Number of the last published plan, 0 if there never was one.
    pub epoch: u64,
    /// State of every workload ever committed, also of those the configuration no longer names.
    pub workloads: BTreeMap<WorkloadName, WorkloadState>,
    /// Every flag that was ever changed at run time, by key.
    pub flags: BTreeMap<String, SavedFlag>,
}

/// A flag that was changed at run time.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SavedFlag {
    /// What is different, as JSON; nothing if the flag is as its file says again.
    pub state: Option<String>,
    /// Epoch of its last change.
    pub epoch: u64,
}

/// The state of a flag after a change.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct NewFlag {
    /// The flag.
    pub key: String,
    /// What is different, as JSON; nothing if the flag is as its file says.
    pub state: Option<String>,
}

impl Store {
    /// Opens or creates the store in `dir` and takes the directory for this process.
    ///
    /// # Errors
    /// When another process holds the directory, the file is damaged, unreadable or set back, or a
    /// newer version of the program wrote it.
    pub fn open(dir: &Path) -> Result<Self, StoreError> {
        let lock = DirLock::take(dir)?;
        let (mended, refused) = private::mend(dir);
        if let Some(refused) = refused {
            tracing::warn!(
                refused,
                "others may read files of data_dir, and their permissions cannot be changed"
            );
        } else if mended > 0 {
            tracing::warn!(
                dir = %dir.display(),
                mended,
                "files of data_dir were readable by others: their permissions are 0600 now, those of directories 0700"
            );
        }
        let path = dir.join(FILE);
        let witness = witness::read(dir);
        let is_there = std::fs::metadata(&path).is_ok_and(|facts| facts.len() > 0);
        if !is_there {
            nothing_is_lost(dir, &path, &witness)?;
        }
        let db = open_database(&path)
            .and_then(|mut db| schema::prepare(&mut db).map(|ready| (db, ready)));
        let db = match db {
            Ok((db, Ok(()))) => db,
            Ok((_, Err(newer))) => return Err(newer),
            Err(source) => return Err(StoreError::Open { path, source }),
        };
        let known = is_whole(dir, &path, &db, witness)?;
        let presence = lock.presence(dir, &[path]);
        let known = Arc::new(Mutex::new(known));
        Ok(Self { db, dir: dir.to_owned(), presence, known, _lock: Some(lock) })
    }

    /// The directory that the store is in.
    #[must_use]
    pub fn dir(&self) -> Option<PathBuf> {
        Some(self.dir.clone())
    }

    /// The files of the store, to look for without it.
    #[must_use]
    pub fn presence(&self) -> Presence {
        self.presence.clone()
    }

    /// Notes how far the history goes by now. A file that cannot be written is an older one, which
    /// still tells most losses.
    fn witness(&mut self) {
        let noted = Witness::of(&self.db).map_err(|error| error.to_string()).and_then(|now| {
            let written = now.write(&self.dir).map_err(|error| error.to_string());
            *self.known() = now;
            written
        });
        if let Err(error) = noted {
            tracing::warn!(error, "{} cannot be written", witness::FILE);
        }
    }

    fn known(&self) -> MutexGuard<'_, Witness> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
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
        Ok(Saved { epoch, workloads, flags: self.load_flags()? })
    }

    fn epoch(&self) -> Result<u64, StoreError> {
        let reading = StoreError::doing("reading the epoch");
        self.db.query_row("SELECT epoch FROM head", [], |row| row.get(0)).map_err(reading)
    }
}

/// Opens the file. A new one is for this user alone; SQLite gives its other files the same mode.
fn open_database(path: &Path) -> rusqlite::Result<Connection> {
    let mut options = std::fs::OpenOptions::new();
    options.write(true).create(true).truncate(false).mode(0o600);
    // What is wrong with it, SQLite says better.
    drop(options.open(path));
    Connection::open(path)
}

/// A database that is not there is fine in a new directory only.
fn nothing_is_lost(dir: &Path, path: &Path, witness: &Found) -> Result<(), StoreError> {
    let why = match witness {
        Found::Whole(it) => Some(format!(
            "{} knows of epoch {} with {} audit entries{}",
            witness::FILE,
            it.epoch,
            it.entries,
            it.named()
        )),
        Found::Damaged(_) => Some(format!("{} is there", witness::FILE)),
        Found::Nothing => witness::other_traces(dir),
    };
    match why {
        Some(why) => Err(StoreError::Lost {
            path: path.to_owned(),
            why: format!("it is missing or empty, although {why}"),
        }),
        None => Ok(()),
    }
}

/// Compares the database with what the witness knows. Returns how far its history goes.
fn is_whole(
    dir: &Path,
    path: &Path,
    db: &Connection,
    witness: Found,
) -> Result<Witness, StoreError> {
    let opening = |source| StoreError::Open { path: path.to_owned(), source };
    let lost = |why: String| StoreError::Lost { path: path.to_owned(), why };
    let damage: String =
        db.query_row("PRAGMA quick_check(1)", [], |row| row.get(0)).map_err(opening)?;
    if damage != "ok" {
        return Err(lost(format!("it is damaged: {damage}")));
    }
    let now = Witness::of(db).map_err(opening)?;
    match witness {
        Found::Whole(it) => {
            if let Some(why) = it.contradiction(db).map_err(opening)? {
                return Err(lost(why));
            }
        }
        Found::Damaged(why) if now.entries == 0 => {
            return Err(lost(format!(
                "it has no history, and {} is damaged: {why}",
                witness::FILE
            )));
        }
        Found::Damaged(why) => {
            tracing::error!(why, "{} is damaged: it is written again", witness::FILE);
        }
        Found::Nothing => {}
    }
    if now.entries > 0
        && let Err(error) = now.write(dir)
    {
        tracing::warn!(%error, "{} cannot be written", witness::FILE);
    }
    Ok(now)
}
