//! Looking samples up.

use super::{SampleStore, SamplesError};
use rusqlite::{OptionalExtension as _, Row, params};

/// Which samples to list; what is `None` does not matter.
#[derive(Clone, Debug, Default)]
pub struct SampleFilter {
    /// The workload.
    pub workload: Option<String>,
    /// The arm's label.
    pub arm: Option<String>,
    /// Only those that a scorer or a person failed.
    pub failed: bool,
    /// Only those from this time on, in Unix milliseconds.
    pub since_ms: Option<u64>,
}

/// A sample as it is stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoredSample {
    /// The request's id.
    pub id: String,
    /// When the request came, in Unix milliseconds.
    pub at_ms: u64,
    /// Name of the workload.
    pub workload: String,
    /// The release that answered.
    pub release: String,
    /// The arm's label.
    pub arm: String,
    /// Why it was picked.
    pub reason: String,
    /// Whether scorers are still at it.
    pub open: bool,
    /// Joint verdict of the gating scorers.
    pub pass: Option<bool>,
    /// First verdict of a person.
    pub label: Option<bool>,
    /// The whole sample.
    pub body: String,
}

/// What one scorer or person said.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoredScore {
    /// When it was kept, in Unix milliseconds.
    pub at_ms: u64,
    /// Who said it.
    pub by: String,
    /// The whole score.
    pub body: String,
}

const COLUMNS: &str = "id, at_ms, workload, release, arm, reason, open, pass, label, body";

fn sample(row: &Row<'_>) -> Result<StoredSample, rusqlite::Error> {
    Ok(StoredSample {
        id: row.get(0)?,
        at_ms: row.get(1)?,
        workload: row.get(2)?,
        release: row.get(3)?,
        arm: row.get(4)?,
        reason: row.get(5)?,
        open: row.get(6)?,
        pass: row.get(7)?,
        label: row.get(8)?,
        body: row.get(9)?,
    })
}

impl SampleStore {
    /// The newest samples that match, newest first.
    ///
    /// # Errors
    /// When they cannot be read.
    pub fn list(
        &self,
        filter: &SampleFilter,
        limit: usize,
    ) -> Result<Vec<StoredSample>, SamplesError> {
        let reading = SamplesError::doing("listing samples");
        let text = format!(
            "SELECT {COLUMNS} FROM sample
             WHERE (?1 IS NULL OR workload = ?1) AND (?2 IS NULL OR arm = ?2)
               AND (?3 = 0 OR pass = 0 OR label = 0) AND at_ms >= ?4
             ORDER BY seq DESC LIMIT ?5"
        );
        let mut rows = self.db.prepare_cached(&text).map_err(reading)?;
        let since = filter.since_ms.unwrap_or(0);
        let asked = params![filter.workload, filter.arm, filter.failed, since, limit as u64];
        let rows = rows.query_map(asked, sample).map_err(reading)?;
        rows.collect::<Result<_, _>>().map_err(reading)
    }

    /// Samples that scorers were at when the process ended, oldest first.
    ///
    /// # Errors
    /// When they cannot be read.
    pub fn open_samples(&self, limit: usize) -> Result<Vec<StoredSample>, SamplesError> {
        let reading = SamplesError::doing("looking for open samples");
        let text = format!("SELECT {COLUMNS} FROM sample WHERE open = 1 ORDER BY seq LIMIT ?1");
        let mut rows = self.db.prepare(&text).map_err(reading)?;
        let rows = rows.query_map([limit as u64], sample).map_err(reading)?;
        rows.collect::<Result<_, _>>().map_err(reading)
    }

    /// One sample and everything that was said about it.
    ///
    /// # Errors
    /// When it cannot be read.
    pub fn get(&self, id: &str) -> Result<Option<(StoredSample, Vec<StoredScore>)>, SamplesError> {
        let reading = SamplesError::doing("reading a sample");
        let text = format!("SELECT {COLUMNS} FROM sample WHERE id = ?1");
        let found = self.db.query_row(&text, [id], sample).optional().map_err(reading)?;
        let Some(found) = found else { return Ok(None) };
        let mut rows = self
            .db
            .prepare_cached(
                "SELECT at_ms, by, body FROM score WHERE sample = ?1 ORDER BY at_ms, name",
            )
            .map_err(reading)?;
        let score = |row: &Row<'_>| {
            Ok(StoredScore { at_ms: row.get(0)?, by: row.get(1)?, body: row.get(2)? })
        };
        let rows = rows.query_map([id], score).map_err(reading)?;
        let scores = rows.collect::<Result<_, _>>().map_err(reading)?;
        Ok(Some((found, scores)))
    }
}
