//! The sums of samples. They survive restarts and are kept longer than the samples.

use super::{SampleStore, SamplesError};
use rusqlite::params;

/// Sums of one slice of one arm.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoredTally {
    /// The workload.
    pub workload: String,
    /// The rollout that was in progress or the last; empty before the first.
    pub rollout: String,
    /// The release that answered.
    pub release: String,
    /// The arm's label.
    pub arm: String,
    /// The kind of slice.
    pub kind: String,
    /// The value of the slice.
    pub name: String,
    /// When the first request that counts came, in Unix milliseconds.
    pub since_ms: u64,
    /// When the last one came.
    pub until_ms: u64,
    /// The sums.
    pub body: String,
}

impl SampleStore {
    /// Keeps sums in the place of those that there are, all or none.
    ///
    /// # Errors
    /// When they cannot be written.
    pub fn keep_tallies(&mut self, tallies: &[StoredTally]) -> Result<(), SamplesError> {
        let writing = SamplesError::doing("keeping sums");
        let change = self.db.transaction().map_err(writing)?;
        {
            let mut keep = change
                .prepare_cached(
                    "INSERT OR REPLACE INTO tally VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)",
                )
                .map_err(writing)?;
            for it in tallies {
                let row = params![
                    it.workload,
                    it.rollout,
                    it.release,
                    it.arm,
                    it.kind,
                    it.name,
                    it.since_ms,
                    it.until_ms,
                    it.body
                ];
                keep.execute(row).map_err(writing)?;
            }
        }
        change.commit().map_err(writing)
    }

    /// The sums of one rollout of a workload.
    ///
    /// # Errors
    /// When they cannot be read.
    pub fn tallies(&self, workload: &str, rollout: &str) -> Result<Vec<StoredTally>, SamplesError> {
        let reading = SamplesError::doing("reading sums");
        let mut rows = self
            .db
            .prepare_cached(
                "SELECT release, arm, kind, name, since_ms, until_ms, body FROM tally
                 WHERE workload = ?1 AND rollout = ?2",
            )
            .map_err(reading)?;
        let tally = |row: &rusqlite::Row<'_>| {
            Ok(StoredTally {
                workload: workload.to_owned(),
                rollout: rollout.to_owned(),
                release: row.get(0)?,
                arm: row.get(1)?,
                kind: row.get(2)?,
                name: row.get(3)?,
                since_ms: row.get(4)?,
                until_ms: row.get(5)?,
                body: row.get(6)?,
            })
        };
        let rows = rows.query_map([workload, rollout], tally).map_err(reading)?;
        rows.collect::<Result<_, _>>().map_err(reading)
    }

    /// Removes sums of which the last request came before `oldest_ms`.
    ///
    /// # Errors
    /// When they cannot be removed.
    pub fn forget_tallies(&mut self, oldest_ms: u64) -> Result<usize, SamplesError> {
        let removing = SamplesError::doing("removing old sums");
        self.db.execute("DELETE FROM tally WHERE until_ms < ?1", [oldest_ms]).map_err(removing)
    }
}
