//! Sampled answers and what was said about them: one SQLite file of its own, so that a flood of
//! samples never stands in the way of the state store.
//!
//! WAL with `synchronous=NORMAL`: what was accepted survives `kill -9`. A power cut may lose the last
//! samples, and never half of one. Bodies are texts here; what they mean is `eval`'s.

mod read;
mod write;

pub use read::{SampleFilter, StoredSample, StoredScore};
pub use write::{Concluded, NewSample, NewScore, Scored};

use rusqlite::Connection;
use std::path::{Path, PathBuf};
use std::time::Duration;

const FILE: &str = "samples.db";
/// Counts up with the tables.
const SCHEMA: i64 = 1;
const TABLES: &str = "
    CREATE TABLE IF NOT EXISTS sample (
        seq      INTEGER PRIMARY KEY,
        id       TEXT NOT NULL UNIQUE,
        at_ms    INTEGER NOT NULL,
        workload TEXT NOT NULL,
        release  TEXT NOT NULL,
        arm      TEXT NOT NULL,
        reason   TEXT NOT NULL,
        -- 1 while scorers are at it.
        open     INTEGER NOT NULL,
        -- The joint verdict of the gating scorers, and the first one of a person.
        pass     INTEGER,
        label    INTEGER,
        body     TEXT NOT NULL
    ) STRICT;
    CREATE INDEX IF NOT EXISTS sample_open ON sample (seq) WHERE open = 1;
    CREATE INDEX IF NOT EXISTS sample_failed ON sample (seq) WHERE pass = 0 OR label = 0;
    CREATE TABLE IF NOT EXISTS score (
        sample TEXT NOT NULL,
        name   TEXT NOT NULL,
        at_ms  INTEGER NOT NULL,
        by     TEXT NOT NULL,
        body   TEXT NOT NULL,
        PRIMARY KEY (sample, name)
    ) STRICT, WITHOUT ROWID;
";

/// A refusal of the sample store. Nothing changed.
#[derive(Debug, thiserror::Error)]
pub enum SamplesError {
    /// The file cannot be opened.
    #[error("cannot open the sample store {}", path.display())]
    Open {
        /// The file.
        path: PathBuf,
        /// What SQLite says.
        source: rusqlite::Error,
    },
    /// A later version of the program wrote the file.
    #[error("the sample store {} has schema {found}, this version knows up to {SCHEMA}", path.display())]
    NewerSchema {
        /// The file.
        path: PathBuf,
        /// Its schema.
        found: i64,
    },
    /// Reading or writing failed.
    #[error("the sample store failed while {doing}: {source}")]
    Sqlite {
        /// What was attempted.
        doing: &'static str,
        /// What SQLite says.
        source: rusqlite::Error,
    },
}

impl SamplesError {
    fn doing(doing: &'static str) -> impl Fn(rusqlite::Error) -> Self + Copy {
        move |source| Self::Sqlite { doing, source }
    }
}

/// The samples and their scores. Calls block on the disk.
#[derive(Debug)]
pub struct SampleStore {
    db: Connection,
}

impl SampleStore {
    /// Opens or creates the store in `dir`, which belongs to this process already.
    ///
    /// # Errors
    /// When the file cannot be read or a later version wrote it.
    pub fn open(dir: &Path) -> Result<Self, SamplesError> {
        let path = dir.join(FILE);
        let open = || -> Result<(Connection, i64), rusqlite::Error> {
            let db = Connection::open(&path)?;
            db.busy_timeout(Duration::from_secs(5))?;
            db.pragma_update(None, "journal_mode", "WAL")?;
            db.pragma_update(None, "synchronous", "NORMAL")?;
            // What is removed must not stay on the disk.
            db.pragma_update(None, "secure_delete", "ON")?;
            let found: i64 = db.query_row("PRAGMA user_version", [], |row| row.get(0))?;
            if found <= SCHEMA {
                db.execute_batch(TABLES)?;
                db.pragma_update(None, "user_version", SCHEMA)?;
            }
            Ok((db, found))
        };
        match open() {
            Ok((_, found)) if found > SCHEMA => Err(SamplesError::NewerSchema { path, found }),
            Ok((db, _)) => Ok(Self { db }),
            Err(source) => Err(SamplesError::Open { path, source }),
        }
    }
}
