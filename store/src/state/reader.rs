//! Readers beside the store: a question of theirs keeps no change waiting, and waits for none.

use super::witness::Witness;
use super::{FILE, Store, StoreError};
use crate::lock::Presence;
use rusqlite::{Connection, OpenFlags};
use std::ops::Deref;
use std::path::PathBuf;
use std::sync::{Arc, Mutex};
use std::time::Duration;

/// Longest wait for another connection that brings the file in order.
const PATIENCE: Duration = Duration::from_secs(2);

/// Opens readers of a store; cheap to clone.
#[derive(Clone, Debug)]
pub struct Readers {
    dir: PathBuf,
    presence: Presence,
    known: Arc<Mutex<Witness>>,
}

/// A store that is only read, over a connection of its own.
///
/// It sees what was committed before it was asked. It cannot write: every method that changes
/// something needs `&mut Store`, and this gives only `&Store`.
#[derive(Debug)]
pub struct Reader(Store);

impl Store {
    /// What opens readers beside this store.
    #[must_use]
    pub fn readers(&self) -> Readers {
        let (dir, presence) = (self.dir.clone(), self.presence.clone());
        Readers { dir, presence, known: Arc::clone(&self.known) }
    }
}

impl Readers {
    /// Opens one more reader.
    ///
    /// # Errors
    /// When the file is not the one that the store was opened on, or cannot be opened.
    pub fn open(&self) -> Result<Reader, StoreError> {
        self.presence.check().map_err(StoreError::Gone)?;
        let path = self.dir.join(FILE);
        let read_only = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let open = || {
            let db = Connection::open_with_flags(&path, read_only)?;
            db.busy_timeout(PATIENCE)?;
            Ok(db)
        };
        let db = open().map_err(StoreError::doing("opening the state store to read"))?;
        Ok(Reader(Store {
            db,
            dir: self.dir.clone(),
            presence: self.presence.clone(),
            known: Arc::clone(&self.known),
            _lock: None,
        }))
    }
}

impl Deref for Reader {
    type Target = Store;

    fn deref(&self) -> &Store {
        &self.0
    }
}
