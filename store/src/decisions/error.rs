//! The errors of the decision log.

use crate::LockError;
use std::io;
use std::path::{Path, PathBuf};

/// A failure of opening or reading the decision log. Failed writes are no errors to anyone but the
/// operator: see [`crate::LogStatus`].
#[derive(Debug, thiserror::Error)]
pub enum LogError {
    /// The directory cannot be locked.
    #[error(transparent)]
    Lock(#[from] LockError),
    /// A file cannot be read or written.
    #[error("decision log: cannot {doing} {}", path.display())]
    Io {
        /// The attempt.
        doing: &'static str,
        /// The file.
        path: PathBuf,
        /// The reason.
        source: io::Error,
    },
    /// A block is not what was written.
    #[error("decision log: {} is damaged at byte {offset}: {why}", path.display())]
    Damaged {
        /// The file.
        path: PathBuf,
        /// The place.
        offset: u64,
        /// The problem.
        why: &'static str,
    },
    /// The thread that writes could not be started.
    #[error("decision log: cannot start its writer")]
    Thread(#[source] io::Error),
}

impl LogError {
    pub(super) fn io(doing: &'static str, path: &Path) -> impl Fn(io::Error) -> Self {
        move |source| Self::Io { doing, path: path.to_owned(), source }
    }
}
