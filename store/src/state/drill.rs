//! Drills: when the way back was last tried, by whom, and whether it worked.

use super::{Store, StoreError};
use rusqlite::{Transaction, params};
use serde::{Deserialize, Serialize};
use stagegate_rollout::WorkloadName;

/// One exercise of a workload's kill switch.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct NewDrill {
    /// The workload.
    pub workload: WorkloadName,
    /// The time, in Unix milliseconds.
    pub at_ms: u64,
    /// The actor.
    pub actor: String,
    /// True if everything worked.
    pub passed: bool,
    /// The tries and the measurements, as JSON.
    pub body: String,
}

impl Store {
    /// Drills of a workload, newest first, at most `limit`.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub fn drills(
        &self,
        workload: &WorkloadName,
        limit: usize,
    ) -> Result<Vec<NewDrill>, StoreError> {
        self.drills_where("", workload, limit)
    }

    /// The last drill of a workload that passed: what the check before a rollout asks for.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub fn last_passed_drill(
        &self,
        workload: &WorkloadName,
    ) -> Result<Option<NewDrill>, StoreError> {
        Ok(self.drills_where("AND passed = 1", workload, 1)?.pop())
    }

    fn drills_where(
        &self,
        condition: &str,
        workload: &WorkloadName,
        limit: usize,
    ) -> Result<Vec<NewDrill>, StoreError> {
        let reading = StoreError::doing("reading drills");
        let mut rows = self
            .db
            .prepare_cached(&format!(
                "SELECT at_ms, actor, passed, body FROM drill WHERE workload = ?1 {condition}
                 ORDER BY at_ms DESC, number DESC LIMIT ?2"
            ))
            .map_err(reading)?;
        let limit = i64::try_from(limit).unwrap_or(i64::MAX);
        rows.query_map(params![workload.as_str(), limit], |row| {
            Ok(NewDrill {
                workload: workload.clone(),
                at_ms: row.get(0)?,
                actor: row.get(1)?,
                passed: row.get(2)?,
                body: row.get(3)?,
            })
        })
        .map_err(reading)?
        .map(|row| row.map_err(reading))
        .collect()
    }
}

/// Records a drill as part of a change.
pub(super) fn put(change: &Transaction<'_>, new: &NewDrill) -> Result<(), StoreError> {
    let NewDrill { workload, at_ms, actor, passed, body } = new;
    change
        .execute(
            "INSERT INTO drill (workload, at_ms, actor, passed, body) VALUES (?1, ?2, ?3, ?4, ?5)",
            params![workload.as_str(), at_ms, actor, passed, body],
        )
        .map_err(StoreError::doing("recording a drill"))?;
    Ok(())
}
