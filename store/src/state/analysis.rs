//! Analyses: what the gates were seen to say, so that it can be read when it is asked why.

use super::{Store, StoreError, body};
use rusqlite::{OptionalExtension, Row, Transaction, TransactionBehavior, params};
use serde::{Deserialize, Serialize};
use stagegate_rollout::WorkloadName;

/// One evaluation of all gates of a rollout's step.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct NewAnalysis {
    /// Its id, unique.
    pub id: String,
    /// The workload.
    pub workload: WorkloadName,
    /// Id of the rollout.
    pub rollout: String,
    /// Index of the step, from 0.
    pub step: u32,
    /// The time, in Unix milliseconds.
    pub at_ms: u64,
    /// The verdict's label.
    pub verdict: String,
    /// The analysis with its measurements, as JSON.
    pub body: String,
}

/// An analysis as it is kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoredAnalysis {
    /// The analysis.
    pub analysis: NewAnalysis,
    /// True if a change rests on it; then it is never forgotten.
    pub decisive: bool,
}

impl Store {
    /// Stores an analysis that no change rests on (yet); replaces one of the same id.
    ///
    /// # Errors
    /// When the disk refuses.
    pub fn save_analysis(&mut self, new: &NewAnalysis) -> Result<(), StoreError> {
        let saving = StoreError::doing("storing an analysis");
        let change =
            self.db.transaction_with_behavior(TransactionBehavior::Immediate).map_err(saving)?;
        put(&change, new)?;
        change.commit().map_err(saving)
    }

    /// The analysis of this id.
    ///
    /// # Errors
    /// When the file cannot be read or the analysis is damaged.
    pub fn analysis(&self, id: &str) -> Result<Option<StoredAnalysis>, StoreError> {
        let found = self
            .db
            .query_row(&format!("SELECT {COLUMNS} FROM analysis WHERE id = ?1"), [id], read)
            .optional()
            .map_err(StoreError::doing("reading an analysis"))?;
        found.map(complete).transpose()
    }

    /// Analyses of a workload, newest first, at most `limit`; of one rollout if it is named, and
    /// older than `before_ms` if that is given.
    ///
    /// # Errors
    /// When the file cannot be read or an analysis is damaged.
    pub fn analyses(
        &self,
        workload: &WorkloadName,
        rollout: Option<&str>,
        before_ms: Option<u64>,
        limit: usize,
    ) -> Result<Vec<StoredAnalysis>, StoreError> {
        let reading = StoreError::doing("reading analyses");
        // Each form has its index; `IS NULL OR` would read the whole table instead.
        let of_rollout = if rollout.is_some() { "rollout = ?2" } else { "?2 IS NULL" };
        let mut rows = self
            .db
            .prepare_cached(&format!(
                "SELECT {COLUMNS} FROM analysis
                 WHERE workload = ?1 AND {of_rollout} AND at_ms < ?3
                 ORDER BY at_ms DESC LIMIT ?4"
            ))
            .map_err(reading)?;
        let before = before_ms.and_then(|at| i64::try_from(at).ok()).unwrap_or(i64::MAX);
        let limit = i64::try_from(limit).unwrap_or(i64::MAX);
        let rows = rows
            .query_map(params![workload.as_str(), rollout, before, limit], read)
            .map_err(reading)?;
        rows.map(|row| complete(row.map_err(reading)?)).collect()
    }
}

const COLUMNS: &str = "id, workload, rollout, step, at_ms, verdict, decisive, body";

/// A row whose body is still packed and whose workload is still text.
struct Packed {
    id: String,
    workload: String,
    rollout: String,
    step: u32,
    at_ms: u64,
    verdict: String,
    decisive: bool,
    body: Vec<u8>,
}

fn read(row: &Row<'_>) -> rusqlite::Result<Packed> {
    Ok(Packed {
        id: row.get(0)?,
        workload: row.get(1)?,
        rollout: row.get(2)?,
        step: row.get(3)?,
        at_ms: row.get(4)?,
        verdict: row.get(5)?,
        decisive: row.get(6)?,
        body: row.get(7)?,
    })
}

fn complete(packed: Packed) -> Result<StoredAnalysis, StoreError> {
    let Packed { id, workload, rollout, step, at_ms, verdict, decisive, body } = packed;
    let what = || format!("analysis `{id}`");
    let body = body::unpack(&body, what)?;
    let workload =
        workload.parse().map_err(|e| StoreError::Damaged { what: what(), why: format!("{e}") })?;
    let analysis = NewAnalysis { id, workload, rollout, step, at_ms, verdict, body };
    Ok(StoredAnalysis { analysis, decisive })
}

/// Stores an analysis as part of a change. Replacing one leaves it decisive if it was.
pub(super) fn put(change: &Transaction<'_>, new: &NewAnalysis) -> Result<(), StoreError> {
    let NewAnalysis { id, workload, rollout, step, at_ms, verdict, body } = new;
    let body = body::pack(body)?;
    change
        .prepare_cached(
            "INSERT INTO analysis VALUES (?1, ?2, ?3, ?4, ?5, ?6, 0, ?7) ON CONFLICT DO UPDATE
             SET workload = excluded.workload, rollout = excluded.rollout, step = excluded.step,
                at_ms = excluded.at_ms, verdict = excluded.verdict, body = excluded.body",
        )
        .and_then(|mut sql| {
            sql.execute(params![id, workload.as_str(), rollout, step, at_ms, verdict, body])
        })
        .map_err(StoreError::doing("storing an analysis"))?;
    Ok(())
}

/// Marks an analysis, as part of a change that rests on it.
pub(super) fn keep(change: &Transaction<'_>, id: &str) -> Result<(), StoreError> {
    let marked = change
        .execute("UPDATE analysis SET decisive = 1 WHERE id = ?1", [id])
        .map_err(StoreError::doing("keeping an analysis"))?;
    if marked == 0 {
        return Err(StoreError::UnknownAnalysis { id: id.to_owned() });
    }
    Ok(())
}
