//! The spending of workloads, and the usual one. It outlives rollouts, so it is not a part of
//! evidence.

use super::{Store, StoreError, body};
use rusqlite::{TransactionBehavior, params};
use stagegate_rollout::WorkloadName;

impl Store {
    /// Replaces the books of these workloads, each opaque JSON; all or none.
    ///
    /// # Errors
    /// When the disk refuses; the former books are still there then.
    pub fn save_spending(
        &mut self,
        books: &[(WorkloadName, String)],
        at_ms: u64,
    ) -> Result<(), StoreError> {
        let saving = StoreError::doing("saving what workloads spend");
        let change =
            self.db.transaction_with_behavior(TransactionBehavior::Immediate).map_err(saving)?;
        for (workload, book) in books {
            let row = params![workload.as_str(), at_ms, body::pack(book)?];
            change
                .prepare_cached(
                    "INSERT INTO spending VALUES (?1, ?2, ?3) ON CONFLICT DO UPDATE
                     SET at_ms = excluded.at_ms, body = excluded.body",
                )
                .and_then(|mut sql| sql.execute(row))
                .map_err(saving)?;
        }
        change.commit().map_err(saving)
    }

    /// The books that were saved last, by workload.
    ///
    /// # Errors
    /// When the file cannot be read or a book is damaged.
    pub fn spending(&self) -> Result<Vec<(WorkloadName, String)>, StoreError> {
        let reading = StoreError::doing("reading what workloads spend");
        let mut rows =
            self.db.prepare_cached("SELECT workload, body FROM spending").map_err(reading)?;
        let rows = rows
            .query_map([], |row| Ok((row.get::<_, String>(0)?, row.get::<_, Vec<u8>>(1)?)))
            .map_err(reading)?;
        rows.map(|row| {
            let (name, stored) = row.map_err(reading)?;
            let what = || format!("spending of workload `{name}`");
            let workload = name
                .parse()
                .map_err(|e| StoreError::Damaged { what: what(), why: format!("{e}") })?;
            Ok((workload, body::unpack(&stored, what)?))
        })
        .collect()
    }
}
