//! Checking the audit chain from its first entry to its last.

use super::{AuditEntry, Store, StoreError};
use rusqlite::{Connection, OpenFlags};
use serde::Serialize;

/// A chain in which nothing was altered, removed or moved.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Verified {
    /// The number of entries it has.
    pub entries: u64,
    /// Hash of the last one, empty without any. Kept elsewhere, it proves later that these entries
    /// are still the beginning of the chain.
    pub head: String,
}

/// The first place where the chain does not hold.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, thiserror::Error)]
#[error("the audit chain is broken at entry {seq}: {why}")]
pub struct Broken {
    /// Number of the entry that should have been there.
    pub seq: u64,
    /// The problem.
    pub why: String,
}

/// A chain that does not hold, or cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum VerifyError {
    /// The log was altered.
    #[error(transparent)]
    Broken(#[from] Broken),
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// A view of the audit log of its own, so that a long check keeps no change waiting.
#[derive(Debug)]
pub struct AuditReader {
    db: Connection,
    /// Entries that there were, and the hash of the last of them.
    known: (u64, String),
}

impl Store {
    /// Opens a reader beside this store.
    ///
    /// # Errors
    /// When the file cannot be opened a second time.
    pub fn audit_reader(&self) -> Result<AuditReader, StoreError> {
        let opening = StoreError::doing("opening the audit log");
        let path = self.db.path().unwrap_or_default();
        let read_only = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let known = (self.known.entries, self.known.head.clone());
        let db = Connection::open_with_flags(path, read_only).map_err(opening)?;
        Ok(AuditReader { db, known })
    }

    /// Recomputes every hash of the audit chain and compares its end with the recorded one.
    ///
    /// # Errors
    /// [`VerifyError::Broken`] with the first entry that does not hold.
    pub fn verify_audit(&self) -> Result<Verified, VerifyError> {
        self.audit_reader()?.verify()
    }
}

impl AuditReader {
    /// As [`Store::verify_audit`], over the entries there are when it begins.
    ///
    /// # Errors
    /// [`VerifyError::Broken`] with the first entry that does not hold.
    pub fn verify(&self) -> Result<Verified, VerifyError> {
        let reading = StoreError::doing("verifying the audit log");
        let columns = AuditEntry::COLUMNS;
        // One snapshot, so that an entry made meanwhile is no break.
        let db = self.db.unchecked_transaction().map_err(reading)?;
        let mut rows =
            db.prepare(&format!("SELECT {columns} FROM audit ORDER BY seq")).map_err(reading)?;
        let mut rows = rows.query([]).map_err(reading)?;
        let mut sound = Verified { entries: 0, head: String::new() };
        while let Some(row) = rows.next().map_err(reading)? {
            let seq = sound.entries + 1;
            let broken = |why: String| Broken { seq, why };
            // What a row holds is evidence too: a negative number is damage, not a failed read.
            let entry = AuditEntry::read(row).map_err(|e| broken(e.to_string()))?;
            if entry.seq != seq {
                return Err(
                    broken(format!("the next entry there is has number {}", entry.seq)).into()
                );
            }
            if entry.prev_hash != sound.head {
                return Err(broken("it does not name the entry before it".to_owned()).into());
            }
            if entry.hash != entry.expected_hash() {
                return Err(broken("its hash does not fit its contents".to_owned()).into());
            }
            if seq == self.known.0 && entry.hash != self.known.1 {
                return Err(broken("it is not the entry that was recorded".to_owned()).into());
            }
            sound = Verified { entries: seq, head: entry.hash };
        }
        if sound.entries < self.known.0 {
            let why = format!("the chain ends here, but {} entries were recorded", self.known.0);
            return Err(Broken { seq: sound.entries + 1, why }.into());
        }
        let (entries, hash): (u64, String) = db
            .query_row("SELECT entries, hash FROM head", [], |row| Ok((row.get(0)?, row.get(1)?)))
            .map_err(reading)?;
        if entries != sound.entries || hash != sound.head {
            let why = format!("the chain ends here, but {entries} entries were recorded");
            return Err(Broken { seq: sound.entries + 1, why }.into());
        }
        Ok(sound)
    }
}
