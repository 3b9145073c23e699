//! The state that the log's owner, its writer thread and its handles share.

use super::LogError;
use super::catalog::Catalog;
use super::queue::Queue;
use super::status::Health;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};
use std::time::Duration;

/// The retention of segments. Whole segments are deleted: records may stay for a thirty-second part
/// of `max_age` longer, and up to such a part of `max_bytes` (64 MiB at most) goes at once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Retention {
    /// Records are deleted when they are older.
    pub max_age: Duration,
    /// The oldest records are deleted when the files are larger together. Not less than 2 MiB can
    /// be kept to.
    pub max_bytes: u64,
}

/// The state that the log's owner, its writer thread and its handles share.
#[derive(Debug)]
pub(super) struct Shared {
    pub(super) dir: PathBuf,
    pub(super) queue: Queue,
    pub(super) catalog: RwLock<Catalog>,
    pub(super) retention: Mutex<Retention>,
    pub(super) health: Health,
    pub(super) set_aside: u64,
}

impl Shared {
    pub(super) fn open(dir: &Path, retention: Retention) -> Result<Self, LogError> {
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
    pub(super) fn catalog(&self) -> RwLockReadGuard<'_, Catalog> {
        self.catalog.read().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn catalog_mut(&self) -> RwLockWriteGuard<'_, Catalog> {
        self.catalog.write().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn retention_mut(&self) -> MutexGuard<'_, Retention> {
        self.retention.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn retention(&self) -> Retention {
        *self.retention_mut()
    }
}
