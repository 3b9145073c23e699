//! Snapshots of a rollout's evidence, from which a restart continues.
//!
//! A snapshot is opaque JSON under the workload, the rollout and the step it was gathered in, and
//! is only ever given back for exactly these: no rollout and no step inherits another's counts.
//! It is written every few seconds, apart from changes; losing the last few seconds only makes a
//! gate wait a little longer.

use super::{Store, StoreError, body};
use rusqlite::{OptionalExtension, Transaction, TransactionBehavior, params};
use serde::{Deserialize, Serialize};
use stagegate_rollout::WorkloadName;

/// Evidence as it stood at a moment.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct EvidenceSnapshot {
    /// The workload.
    pub workload: WorkloadName,
    /// Id of the rollout.
    pub rollout: String,
    /// Index of the step, from 0.
    pub step: u32,
    /// The time, in Unix milliseconds.
    pub at_ms: u64,
    /// The evidence, as JSON.
    pub body: String,
}

impl Store {
    /// Replaces the snapshots of these rollouts' steps, all or none, and forgets older ones of the
    /// same workloads.
    ///
    /// # Errors
    /// When the disk refuses; the former snapshots are still there then.
    pub fn save_evidence(&mut self, snapshots: &[EvidenceSnapshot]) -> Result<(), StoreError> {
        let saving = StoreError::doing("saving evidence");
        let change =
            self.db.transaction_with_behavior(TransactionBehavior::Immediate).map_err(saving)?;
        for snapshot in snapshots {
            put(&change, snapshot)?;
        }
        change.commit().map_err(saving)
    }

    /// The snapshot of exactly this rollout's step, if there is one.
    ///
    /// # Errors
    /// When the file cannot be read or the snapshot is damaged.
    pub fn evidence(
        &self,
        workload: &WorkloadName,
        rollout: &str,
        step: u32,
    ) -> Result<Option<EvidenceSnapshot>, StoreError> {
        let stored: Option<(u64, Vec<u8>)> = self
            .db
            .query_row(
                "SELECT at_ms, body FROM evidence
                 WHERE workload = ?1 AND rollout = ?2 AND step = ?3",
                params![workload.as_str(), rollout, step],
                |row| Ok((row.get(0)?, row.get(1)?)),
            )
            .optional()
            .map_err(StoreError::doing("reading evidence"))?;
        let Some((at_ms, stored)) = stored else { return Ok(None) };
        let what = || format!("evidence of rollout `{rollout}`, step {step}, of `{workload}`");
        let body = body::unpack(&stored, what)?;
        let (workload, rollout) = (workload.clone(), rollout.to_owned());
        Ok(Some(EvidenceSnapshot { workload, rollout, step, at_ms, body }))
    }
}

/// Replaces the snapshot of a rollout's step and forgets older ones of the workload.
pub(super) fn put(change: &Transaction<'_>, snapshot: &EvidenceSnapshot) -> Result<(), StoreError> {
    let saving = StoreError::doing("saving evidence");
    let EvidenceSnapshot { workload, rollout, step, at_ms, body } = snapshot;
    let row = params![workload.as_str(), rollout, step, at_ms, body::pack(body)?];
    change
        .prepare_cached(
            "INSERT INTO evidence VALUES (?1, ?2, ?3, ?4, ?5) ON CONFLICT DO UPDATE
             SET at_ms = excluded.at_ms, body = excluded.body",
        )
        .and_then(|mut sql| sql.execute(row))
        .map_err(saving)?;
    // A snapshot that was late must not take the newer step's away.
    change
        .prepare_cached(
            "DELETE FROM evidence
             WHERE workload = ?1 AND (rollout, step) != (?2, ?3) AND at_ms <= ?4",
        )
        .and_then(|mut sql| sql.execute(params![workload.as_str(), rollout, step, at_ms]))
        .map_err(saving)?;
    Ok(())
}

/// Forgets, as part of a change, all evidence of a workload.
pub(super) fn forget(change: &Transaction<'_>, workload: &WorkloadName) -> Result<(), StoreError> {
    change
        .execute("DELETE FROM evidence WHERE workload = ?1", [workload.as_str()])
        .map_err(StoreError::doing("forgetting evidence"))?;
    Ok(())
}
