//! What is different about flags at run time, as JSON that the store does not look into.

use super::{AuditEntry, NewFlag, SavedFlag, Store, StoreError};
use rusqlite::{Transaction, params};
use std::collections::BTreeMap;

impl Store {
    /// Changes of a flag, newest first, at most `limit`; only those before `before` if that is given.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub fn flag_history(
        &self,
        key: &str,
        before: Option<u64>,
        limit: usize,
    ) -> Result<Vec<AuditEntry>, StoreError> {
        let reading = StoreError::doing("reading the history of a flag");
        let columns = AuditEntry::COLUMNS;
        let sql = format!(
            "SELECT {columns} FROM audit WHERE seq IN
                 (SELECT seq FROM flag_change WHERE key = ?1 AND seq < ?2 ORDER BY seq DESC LIMIT ?3)
             ORDER BY seq DESC"
        );
        let before = before.and_then(|seq| i64::try_from(seq).ok()).unwrap_or(i64::MAX);
        let limit = i64::try_from(limit).unwrap_or(i64::MAX);
        let mut rows = self.db.prepare_cached(&sql).map_err(reading)?;
        rows.query_map(params![key, before, limit], AuditEntry::read)
            .map_err(reading)?
            .map(|row| row.map_err(reading))
            .collect()
    }

    /// Every flag that was ever changed.
    pub(super) fn load_flags(&self) -> Result<BTreeMap<String, SavedFlag>, StoreError> {
        let reading = StoreError::doing("reading the changes of flags");
        let mut rows =
            self.db.prepare_cached("SELECT key, state, epoch FROM flag").map_err(reading)?;
        let read = |row: &rusqlite::Row<'_>| {
            Ok((row.get(0)?, SavedFlag { state: row.get(1)?, epoch: row.get(2)? }))
        };
        rows.query_map([], read).map_err(reading)?.map(|row| row.map_err(reading)).collect()
    }
}

/// Writes the state of a flag as part of a change.
pub(super) fn put(
    change: &Transaction<'_>,
    new: &NewFlag,
    epoch: u64,
    seq: u64,
) -> Result<(), StoreError> {
    let writing = StoreError::doing("recording a change of a flag");
    change
        .execute(
            "INSERT INTO flag VALUES (?1, ?2, ?3) ON CONFLICT DO UPDATE
             SET state = excluded.state, epoch = excluded.epoch",
            params![new.key, new.state, epoch],
        )
        .map_err(writing)?;
    change
        .execute("INSERT INTO flag_change VALUES (?1, ?2)", params![new.key, seq])
        .map_err(writing)?;
    Ok(())
}
