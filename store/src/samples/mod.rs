//! Sampled answers and what was said about them: one SQLite file of its own, so that a flood of
//! samples never stands in the way of the state store.
//!
//! WAL with `synchronous=NORMAL`: what was accepted survives `kill -9`. A power cut may lose the
//! last samples, and never half of one. Bodies are texts here; what they mean is `eval`'s.

mod pairs;
mod read;
mod review;
mod schema;
mod spend;
mod tallies;
mod write;

pub use pairs::{NewPair, PairCount, StoredPair};
pub use read::{SampleFilter, SamplePage, StoredSample, StoredScore};
pub use review::{NewReview, Reviewed, StoredReview};
pub use spend::{JudgeSpend, SpendStore};
pub use tallies::StoredTally;
pub use write::{Closing, Concluded, NewSample, NewScore, Scored};

use rusqlite::{Connection, OpenFlags};
use schema::SCHEMA;
use std::path::{Path, PathBuf};
use std::time::Duration;

const FILE: &str = "samples.db";
/// The time to wait for another connection's write.
const PATIENCE: Duration = Duration::from_secs(5);

/// A refusal of the sample store. Nothing changed.
#[derive(Debug, thiserror::Error)]
pub enum SamplesError {
    /// The file cannot be opened.
    #[error("cannot open the sample store {}", path.display())]
    Open {
        /// The file.
        path: PathBuf,
        /// The error of SQLite.
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
        /// The attempt.
        doing: &'static str,
        /// The error of SQLite.
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
        Ok(Self { db: connect(dir.join(FILE))? })
    }

    /// The same file once more, to read from only: a long search keeps no writer waiting.
    ///
    /// # Errors
    /// When it cannot be opened.
    pub fn reader(&self) -> Result<Self, SamplesError> {
        let path: PathBuf = self.db.path().unwrap_or_default().into();
        let open = || {
            let db = Connection::open_with_flags(&path, OpenFlags::SQLITE_OPEN_READ_ONLY)?;
            db.busy_timeout(PATIENCE)?;
            Ok(db)
        };
        open()
            .map(|db| Self { db })
            .map_err(|source| SamplesError::Open { path: path.clone(), source })
    }
}

fn connect(path: PathBuf) -> Result<Connection, SamplesError> {
    let open = || -> Result<(Connection, i64), rusqlite::Error> {
        let mut db = Connection::open(&path)?;
        db.busy_timeout(PATIENCE)?;
        // Of a new file. A sample is some KiB: on pages of 4 KiB each needs several, and each is
        // written twice.
        db.pragma_update(None, "page_size", 16_384)?;
        db.pragma_update(None, "journal_mode", "WAL")?;
        db.pragma_update(None, "synchronous", "NORMAL")?;
        // What is removed must not stay on the disk.
        db.pragma_update(None, "secure_delete", "ON")?;
        let found = schema::bring_up(&mut db)?;
        Ok((db, found))
    };
    match open() {
        Ok((_, found)) if found > SCHEMA => Err(SamplesError::NewerSchema { path, found }),
        Ok((db, _)) => Ok(db),
        Err(source) => Err(SamplesError::Open { path, source }),
    }
}
