//! The errors of the state store.

use super::changed::ChangedRelease;
use crate::LockError;
use stagegate_rollout::{ReleaseName, WorkloadName};
use std::path::PathBuf;

/// A refusal of the state store. Nothing changed.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The data directory cannot be locked.
    #[error(transparent)]
    Lock(#[from] LockError),
    /// The database cannot be opened.
    #[error("cannot open the state store {}", path.display())]
    Open {
        /// The database file.
        path: PathBuf,
        /// The error of SQLite.
        source: rusqlite::Error,
    },
    /// The database is not the one that was written last.
    #[error(
        "{} is lost, set back or damaged: {why}; if it is a backup that you restored on purpose, remove witness.json", path.display()
    )]
    Lost {
        /// The database file.
        path: PathBuf,
        /// The contradiction.
        why: String,
    },
    /// The directory or a file of it was taken away while the store was open.
    #[error("{0}")]
    Gone(String),
    /// A later version of the program wrote the database.
    #[error(
        "the state store has schema {found}, this version knows up to {known}: run the version that wrote it, or a later one"
    )]
    NewerSchema {
        /// Schema of the file.
        found: i64,
        /// Latest schema this version knows.
        known: i64,
    },
    /// Reading or writing failed: a full disk, a failing one, a damaged file.
    #[error("the state store failed while {doing}: {source}")]
    Sqlite {
        /// The attempt.
        doing: &'static str,
        /// The error of SQLite.
        source: rusqlite::Error,
    },
    /// Something stored makes no sense.
    #[error("the state store is damaged: {what}: {why}")]
    Damaged {
        /// The thing that was read.
        what: String,
        /// The problem.
        why: String,
    },
    /// The change does not follow the last one.
    #[error("epoch {given} does not follow epoch {last}: a change must be number {}", last + 1)]
    EpochGap {
        /// Epoch of the last committed change.
        last: u64,
        /// Epoch of the refused one.
        given: u64,
    },
    /// A change of another replica would be another entry here.
    #[error(
        "entry {seq} of the fleet's ledger does not follow the history of this data_dir: it belongs to another fleet, or was restored from a backup; move data_dir away to take the fleet's history"
    )]
    Forked {
        /// Number of the entry.
        seq: u64,
    },
    /// The idempotency key already has an answer.
    #[error("idempotency key `{key}` already has an answer")]
    IdempotencyKeyTaken {
        /// The key.
        key: String,
    },
    /// A release that took part in a rollout was given other contents under the same name.
    #[error("{}", ChangedRelease::describe(changed))]
    ReleaseChanged {
        /// Each such release.
        changed: Vec<ChangedRelease>,
    },
    /// A release that took part in a rollout was to be removed.
    #[error(
        "release `{release}` of workload `{workload}` has been stable or candidate: it stays, so that the record of what ran and the way back to it stay true"
    )]
    ReleaseUsed {
        /// Its workload.
        workload: WorkloadName,
        /// Its name.
        release: ReleaseName,
    },
    /// A change rests on an analysis that is not there.
    #[error("there is no analysis `{id}`: it was never stored, or is older than what is kept")]
    UnknownAnalysis {
        /// The id that was given.
        id: String,
    },
}

impl StoreError {
    /// Wraps SQLite's errors with what was attempted.
    pub(super) fn doing(doing: &'static str) -> impl Fn(rusqlite::Error) -> Self + Copy {
        move |source| Self::Sqlite { doing, source }
    }
}
