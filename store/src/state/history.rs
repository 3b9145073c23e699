//! The history of rollouts: one row each, replaced as the rollout proceeds.

use super::{Store, StoreError};
use rusqlite::{OptionalExtension, Row, Transaction, params};
use serde::{Deserialize, Serialize};
use stagegate_rollout::WorkloadName;

/// A rollout with its history.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RolloutRecord {
    /// The workload.
    pub workload: WorkloadName,
    /// Its id, unique in the workload.
    pub rollout: String,
    /// When it began, in Unix milliseconds.
    pub started_ms: u64,
    /// When it ended, in Unix milliseconds; `None` while it is in progress.
    pub ended_ms: Option<u64>,
    /// Label of its present or last phase.
    pub phase: String,
    /// Releases, policy and phases with who, when and why, as JSON.
    pub body: String,
}

impl Store {
    /// The rollout of this id.
    ///
    /// # Errors
    /// When the file cannot be read or the row makes no sense.
    pub fn rollout(
        &self,
        workload: &WorkloadName,
        rollout: &str,
    ) -> Result<Option<RolloutRecord>, StoreError> {
        let sql = format!("SELECT {COLUMNS} FROM rollout WHERE workload = ?1 AND rollout = ?2");
        self.db
            .query_row(&sql, [workload.as_str(), rollout], |row| read(row, workload))
            .optional()
            .map_err(StoreError::doing("reading a rollout"))
    }

    /// Rollouts of a workload, newest first, at most `limit`; begun before `before_ms` if that is
    /// given.
    ///
    /// # Errors
    /// When the file cannot be read or a row makes no sense.
    pub fn rollouts(
        &self,
        workload: &WorkloadName,
        before_ms: Option<u64>,
        limit: usize,
    ) -> Result<Vec<RolloutRecord>, StoreError> {
        let reading = StoreError::doing("reading the history of rollouts");
        let mut rows = self
            .db
            .prepare_cached(&format!(
                "SELECT {COLUMNS} FROM rollout WHERE workload = ?1 AND started_ms < ?2
                 ORDER BY started_ms DESC, rollout DESC LIMIT ?3"
            ))
            .map_err(reading)?;
        let before = before_ms.and_then(|at| i64::try_from(at).ok()).unwrap_or(i64::MAX);
        let limit = i64::try_from(limit).unwrap_or(i64::MAX);
        rows.query_map(params![workload.as_str(), before, limit], |row| read(row, workload))
            .map_err(reading)?
            .map(|row| row.map_err(reading))
            .collect()
    }
}

const COLUMNS: &str = "rollout, started_ms, ended_ms, phase, body";

fn read(row: &Row<'_>, workload: &WorkloadName) -> rusqlite::Result<RolloutRecord> {
    Ok(RolloutRecord {
        workload: workload.clone(),
        rollout: row.get(0)?,
        started_ms: row.get(1)?,
        ended_ms: row.get(2)?,
        phase: row.get(3)?,
        body: row.get(4)?,
    })
}

/// Writes a rollout's row as part of a change.
pub(super) fn put(change: &Transaction<'_>, record: &RolloutRecord) -> Result<(), StoreError> {
    let RolloutRecord { workload, rollout, started_ms, ended_ms, phase, body } = record;
    change
        .prepare_cached(
            "INSERT INTO rollout VALUES (?1, ?2, ?3, ?4, ?5, ?6) ON CONFLICT DO UPDATE
             SET started_ms = excluded.started_ms, ended_ms = excluded.ended_ms,
                phase = excluded.phase, body = excluded.body",
        )
        .and_then(|mut sql| {
            sql.execute(params![workload.as_str(), rollout, started_ms, ended_ms, phase, body])
        })
        .map_err(StoreError::doing("writing the history of a rollout"))?;
    Ok(())
}
