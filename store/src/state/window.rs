//! What was counted, minute by minute, for asking what another policy would have done.

use super::{Store, StoreError, body};
use rusqlite::{Connection, OpenFlags, TransactionBehavior, params};
use stagegate_rollout::{Arm, ReleaseName, WorkloadName};

/// One arm's counts of one minute.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RecordedWindow {
    /// The workload.
    pub workload: WorkloadName,
    /// When the minute began, in Unix milliseconds.
    pub at_ms: u64,
    /// The arm.
    pub arm: Arm,
    /// The release that served.
    pub release: ReleaseName,
    /// The counts, as JSON.
    pub body: String,
}

/// A view of the recorded windows of its own, so that a long look back keeps no change waiting.
#[derive(Debug)]
pub struct WindowReader(Connection);

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
            let RecordedWindow { workload, at_ms, arm, release, body } = window;
            let body = body::pack(body)?;
            change
                .prepare_cached(
                    "INSERT INTO recorded_window VALUES (?1, ?2, ?3, ?4, ?5)
                     ON CONFLICT DO UPDATE SET body = excluded.body",
                )
                .and_then(|mut sql| {
                    let key = (workload.as_str(), release.as_str());
                    sql.execute(params![key.0, at_ms, arm.label(), key.1, body])
                })
                .map_err(recording)?;
        }
        change.commit().map_err(recording)
    }

    /// Opens a reader beside this store.
    ///
    /// # Errors
    /// When the file cannot be opened a second time.
    pub fn window_reader(&self) -> Result<WindowReader, StoreError> {
        let opening = StoreError::doing("opening the recorded windows");
        let path = self.db.path().unwrap_or_default();
        let read_only = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        Connection::open_with_flags(path, read_only).map(WindowReader).map_err(opening)
    }
}

impl WindowReader {
    /// Hands over the windows of a workload that began from `from_ms` on and before `until_ms`,
    /// oldest first and stable before candidate, one at a time: weeks of them need no memory.
    ///
    /// # Errors
    /// When the file cannot be read or a window is damaged.
    pub fn each(
        &self,
        workload: &WorkloadName,
        from_ms: u64,
        until_ms: u64,
        mut take: impl FnMut(RecordedWindow),
    ) -> Result<(), StoreError> {
        let reading = StoreError::doing("reading recorded windows");
        let mut rows = self
            .0
            .prepare(
                "SELECT at_ms, arm, release, body FROM recorded_window
                 WHERE workload = ?1 AND at_ms >= ?2 AND at_ms < ?3
                 ORDER BY at_ms, arm DESC, release",
            )
            .map_err(reading)?;
        let at = |ms: u64| i64::try_from(ms).unwrap_or(i64::MAX);
        let mut rows =
            rows.query(params![workload.as_str(), at(from_ms), at(until_ms)]).map_err(reading)?;
        while let Some(row) = rows.next().map_err(reading)? {
            let at_ms: u64 = row.get(0).map_err(reading)?;
            let what = || format!("window {at_ms} of workload `{workload}`");
            let damaged = |why: String| StoreError::Damaged { what: what(), why };
            let arm: String = row.get(1).map_err(reading)?;
            let arm = Arm::from_label(&arm).ok_or_else(|| damaged(format!("`{arm}` is no arm")))?;
            let release: String = row.get(2).map_err(reading)?;
            let release = release.parse().map_err(|e| damaged(format!("{e}")))?;
            let body: Vec<u8> = row.get(3).map_err(reading)?;
            let body = body::unpack(&body, what)?;
            take(RecordedWindow { workload: workload.clone(), at_ms, arm, release, body });
        }
        Ok(())
    }
}
