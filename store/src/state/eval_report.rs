//! Offline comparisons attached to releases. A history: nothing is replaced or forgotten, and the
//! latest one counts.

use super::{Store, StoreError, body};
use rusqlite::{Transaction, params};
use serde::{Deserialize, Serialize};
use stagegate_rollout::{ReleaseName, WorkloadName};

/// An offline comparison of a release.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct NewEvalReport {
    /// The workload.
    pub workload: WorkloadName,
    /// The release that was compared with a baseline.
    pub release: ReleaseName,
    /// When it was attached, in Unix milliseconds.
    pub at_ms: u64,
    /// The actor.
    pub actor: String,
    /// The verdict's label.
    pub verdict: String,
    /// Digest of the release's pins at that time: a release that is given other contents has not
    /// been compared.
    pub fingerprint: String,
    /// The comparison, as JSON.
    pub body: String,
}

/// A comparison as it is kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoredEvalReport {
    /// Its number; later ones have higher numbers.
    pub number: u64,
    /// The comparison.
    pub report: NewEvalReport,
}

impl Store {
    /// Comparisons of a release, newest first, at most `limit`.
    ///
    /// # Errors
    /// When the file cannot be read or a comparison is damaged.
    pub fn eval_reports(
        &self,
        workload: &WorkloadName,
        release: &ReleaseName,
        limit: usize,
    ) -> Result<Vec<StoredEvalReport>, StoreError> {
        let reading = StoreError::doing("reading eval reports");
        let mut rows = self
            .db
            .prepare_cached(
                "SELECT number, at_ms, actor, verdict, fingerprint, body FROM eval_report
                 WHERE workload = ?1 AND release = ?2 ORDER BY number DESC LIMIT ?3",
            )
            .map_err(reading)?;
        let limit = i64::try_from(limit).unwrap_or(i64::MAX);
        let rows = rows
            .query_map(params![workload.as_str(), release.as_str(), limit], |row| {
                let report = NewEvalReport {
                    workload: workload.clone(),
                    release: release.clone(),
                    at_ms: row.get(1)?,
                    actor: row.get(2)?,
                    verdict: row.get(3)?,
                    fingerprint: row.get(4)?,
                    body: String::new(),
                };
                Ok((StoredEvalReport { number: row.get(0)?, report }, row.get::<_, Vec<u8>>(5)?))
            })
            .map_err(reading)?;
        rows.map(|row| {
            let (mut stored, packed) = row.map_err(reading)?;
            let number = stored.number;
            stored.report.body = body::unpack(&packed, || format!("eval report {number}"))?;
            Ok(stored)
        })
        .collect()
    }
}

/// Appends a comparison as part of a change.
pub(super) fn put(change: &Transaction<'_>, new: &NewEvalReport) -> Result<(), StoreError> {
    let NewEvalReport { workload, release, at_ms, actor, verdict, fingerprint, body } = new;
    change
        .execute(
            "INSERT INTO eval_report (workload, release, at_ms, actor, verdict, fingerprint, body)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
            params![
                workload.as_str(),
                release.as_str(),
                at_ms,
                actor,
                verdict,
                fingerprint,
                body::pack(body)?
            ],
        )
        .map_err(StoreError::doing("recording an eval report"))?;
    Ok(())
}
