//! Checking the audit chain from its first entry to its last.

use super::{AuditEntry, Store, StoreError};
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

impl Store {
    /// Recomputes every hash of the audit chain and compares its end with the recorded one, over the
    /// entries there are when it begins.
    ///
    /// # Errors
    /// [`VerifyError::Broken`] with the first entry that does not hold.
    pub fn verify_audit(&self) -> Result<Verified, VerifyError> {
        // Asked before the snapshot, which then has at least these entries.
        let (known_entries, known_head) = {
            let known = self.known();
            (known.entries, known.head.clone())
        };
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
            if seq == known_entries && entry.hash != known_head {
                return Err(broken("it is not the entry that was recorded".to_owned()).into());
            }
            sound = Verified { entries: seq, head: entry.hash };
        }
        if sound.entries < known_entries {
            let why = format!("the chain ends here, but {known_entries} entries were recorded");
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
