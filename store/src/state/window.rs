//! The counts, minute by minute, for replays of other policies.

use super::{Store, StoreError, body};
use rusqlite::{TransactionBehavior, params};
use stagegate_rollout::{ReleaseName, WorkloadName};

/// The counts of a workload's arms in a minute, or until its roles or weight changed.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct RecordedWindow {
    /// The workload.
    pub workload: WorkloadName,
    /// When the window ended, in Unix milliseconds; its name within the workload.
    pub at_ms: u64,
    /// The stable release.
    pub stable: ReleaseName,
    /// The candidate, if there was one.
    pub candidate: Option<ReleaseName>,
    /// The counts of both arms, as JSON.
    pub body: String,
}

impl Store {
    /// Records windows, all or none; one that is there already is replaced.
    ///
    /// # Errors
    /// When the disk refuses.
    pub fn record_windows(&mut self, windows: &[RecordedWindow]) -> Result<(), StoreError> {
        let recording = StoreError::doing("recording windows");
        let change =
            self.db.transaction_with_behavior(TransactionBehavior::Immediate).map_err(recording)?;
        for window in windows {
            let RecordedWindow { workload, at_ms, stable, candidate, body } = window;
            let candidate = candidate.as_ref().map(ReleaseName::as_str);
            let body = body::pack(body)?;
            change
                .prepare_cached(
                    "INSERT INTO recorded_window VALUES (?1, ?2, ?3, ?4, ?5)
                     ON CONFLICT DO UPDATE SET stable = excluded.stable,
                        candidate = excluded.candidate, body = excluded.body",
                )
                .and_then(|mut sql| {
                    let (workload, stable) = (workload.as_str(), stable.as_str());
                    sql.execute(params![workload, at_ms, stable, candidate, body])
                })
                .map_err(recording)?;
        }
        change.commit().map_err(recording)
    }

    /// Hands over the windows of a workload that ended from `from_ms` on and before `until_ms`,
    /// oldest first and one at a time: weeks of them need no memory.
    ///
    /// # Errors
    /// When the file cannot be read or a window is damaged.
    pub fn each_window(
        &self,
        workload: &WorkloadName,
        from_ms: u64,
        until_ms: u64,
        mut take: impl FnMut(RecordedWindow),
    ) -> Result<(), StoreError> {
        let reading = StoreError::doing("reading recorded windows");
        let mut rows = self
            .db
            .prepare(
                "SELECT at_ms, stable, candidate, body FROM recorded_window
                 WHERE workload = ?1 AND at_ms >= ?2 AND at_ms < ?3 ORDER BY at_ms",
            )
            .map_err(reading)?;
        let at = |ms: u64| i64::try_from(ms).unwrap_or(i64::MAX);
        let mut rows =
            rows.query(params![workload.as_str(), at(from_ms), at(until_ms)]).map_err(reading)?;
        while let Some(row) = rows.next().map_err(reading)? {
            let at_ms: u64 = row.get(0).map_err(reading)?;
            let what = || format!("window {at_ms} of workload `{workload}`");
            let name = |text: String| {
                let damaged = |e| StoreError::Damaged { what: what(), why: format!("{e}") };
                text.parse::<ReleaseName>().map_err(damaged)
            };
            let stable = name(row.get(1).map_err(reading)?)?;
            let candidate: Option<String> = row.get(2).map_err(reading)?;
            let candidate = candidate.map(name).transpose()?;
            let body: Vec<u8> = row.get(3).map_err(reading)?;
            let body = body::unpack(&body, what)?;
            take(RecordedWindow { workload: workload.clone(), at_ms, stable, candidate, body });
        }
        Ok(())
    }
}
