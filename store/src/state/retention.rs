//! The retention of measured data. Data that a change rests on is kept for ever.

use super::{Store, StoreError};
use rusqlite::params;

/// The time for which measured data is kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MeasuredRetention {
    /// Recorded windows older than this are forgotten, in milliseconds.
    pub windows_ms: u64,
    /// Analyses older than this are forgotten unless a change rests on them, in milliseconds.
    pub analyses_ms: u64,
    /// Most analyses of one workload that are kept besides those that changes rest on.
    pub analyses: u32,
}

impl Default for MeasuredRetention {
    /// 30 days, and 10,000 analyses.
    fn default() -> Self {
        const DAYS_30: u64 = 30 * 86_400_000;
        Self { windows_ms: DAYS_30, analyses_ms: DAYS_30, analyses: 10_000 }
    }
}

/// The numbers of removed rows.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Forgotten {
    /// Recorded windows.
    pub windows: usize,
    /// Analyses.
    pub analyses: usize,
}

/// Most rows that one call takes away of each kind: a change must not wait for a large clean-up.
const AT_ONCE: u32 = 1000;

impl Store {
    /// Forgets what is too old or too much, up to 1000 rows of each kind; call again while it
    /// forgets as many.
    ///
    /// # Errors
    /// When the disk refuses.
    pub fn forget_measured(
        &mut self,
        keep: &MeasuredRetention,
        now_ms: u64,
    ) -> Result<Forgotten, StoreError> {
        let forgetting = StoreError::doing("forgetting old measurements");
        let before = |age: u64| now_ms.saturating_sub(age);
        let windows = self
            .db
            .execute(
                "DELETE FROM recorded_window WHERE (workload, at_ms) IN
                 (SELECT workload, at_ms FROM recorded_window
                  WHERE at_ms < ?1 ORDER BY at_ms LIMIT ?2)",
                params![before(keep.windows_ms), AT_ONCE],
            )
            .map_err(forgetting)?;
        let old = self
            .db
            .execute(
                "DELETE FROM analysis WHERE rowid IN
                 (SELECT rowid FROM analysis WHERE decisive = 0 AND at_ms < ?1
                  ORDER BY at_ms LIMIT ?2)",
                params![before(keep.analyses_ms), AT_ONCE],
            )
            .map_err(forgetting)?;
        let many = self
            .db
            .execute(
                "DELETE FROM analysis WHERE rowid IN
                 (SELECT rowid FROM
                    (SELECT rowid, row_number() OVER
                        (PARTITION BY workload ORDER BY at_ms DESC, rowid DESC) AS place
                     FROM analysis WHERE decisive = 0)
                  WHERE place > ?1 LIMIT ?2)",
                params![keep.analyses, AT_ONCE],
            )
            .map_err(forgetting)?;
        Ok(Forgotten { windows, analyses: old + many })
    }
}
