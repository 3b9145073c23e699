//! Looking samples up.

use super::{SampleStore, SamplesError};
use rusqlite::{OptionalExtension as _, Row, params};

/// The most bytes of bodies that one search reads. The next search continues from there.
const SEARCHED: usize = 64 << 20;

/// A filter of samples. A part that is `None` or false does not matter.
#[derive(Clone, Debug, Default)]
pub struct SampleFilter {
    /// The workload.
    pub workload: Option<String>,
    /// The arm's label.
    pub arm: Option<String>,
    /// The release that answered.
    pub release: Option<String>,
    /// The reasons for which they were picked, as words; empty for any.
    pub reasons: Vec<String>,
    /// The tenant who asked.
    pub tenant: Option<String>,
    /// Only those that this scorer or person said something about.
    pub scorer: Option<String>,
    /// Only failed samples: failed by that scorer if one is named, else by a gating one, a labelled
    /// set or a person.
    pub failed: bool,
    /// Only samples that wait for a review: in doubt, and without a known correct response.
    pub waiting: bool,
    /// Only those from this time on, in Unix milliseconds.
    pub since_ms: Option<u64>,
    /// Only those before this time, in Unix milliseconds.
    pub until_ms: Option<u64>,
    /// Only those that were accepted before this one, by its number.
    pub before: Option<u64>,
}

/// Samples that were found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SamplePage {
    /// Newest first.
    pub samples: Vec<StoredSample>,
    /// The value of [`SampleFilter::before`] for the next page; `None` at the end.
    pub next: Option<u64>,
}

/// A sample as it is stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoredSample {
    /// Its number, in the order of acceptance.
    pub seq: u64,
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
    /// The reason why it was picked.
    pub reason: String,
    /// True if scorers are still at it.
    pub open: bool,
    /// Joint verdict of the gating scorers.
    pub pass: Option<bool>,
    /// The first verdict of a labelled set or a person.
    pub label: Option<bool>,
    /// The tenant who asked.
    pub tenant: Option<String>,
    /// The reason for a review.
    pub doubt: Option<String>,
    /// The whole sample.
    pub body: String,
}

/// The score of one scorer or person.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoredScore {
    /// When it was kept, in Unix milliseconds.
    pub at_ms: u64,
    /// The author.
    pub by: String,
    /// The whole score.
    pub body: String,
}

const COLUMNS: &str =
    "seq, id, at_ms, workload, release, arm, reason, open, pass, label, tenant, doubt, body";

fn sample(row: &Row<'_>) -> Result<StoredSample, rusqlite::Error> {
    Ok(StoredSample {
        seq: row.get(0)?,
        id: row.get(1)?,
        at_ms: row.get(2)?,
        workload: row.get(3)?,
        release: row.get(4)?,
        arm: row.get(5)?,
        reason: row.get(6)?,
        open: row.get(7)?,
        pass: row.get(8)?,
        label: row.get(9)?,
        tenant: row.get(10)?,
        doubt: row.get(11)?,
        body: row.get(12)?,
    })
}

impl SampleStore {
    /// The newest samples that match, newest first. `reads` looks at their bodies: a page may then
    /// come out short, or empty, and still have a next one.
    ///
    /// # Errors
    /// When they cannot be read.
    pub fn list(
        &self,
        filter: &SampleFilter,
        limit: usize,
        reads: Option<&dyn Fn(&str) -> bool>,
    ) -> Result<SamplePage, SamplesError> {
        let reading = SamplesError::doing("listing samples");
        let text = format!(
            "SELECT {COLUMNS} FROM sample
             WHERE seq < ?1 AND (?2 IS NULL OR workload = ?2) AND (?3 IS NULL OR arm = ?3)
               AND (?4 IS NULL OR release = ?4) AND (?5 IS NULL OR tenant = ?5)
               AND (?6 = 0 OR pass = 0 OR label = 0 OR ?7 IS NOT NULL)
               AND (?7 IS NULL OR EXISTS (SELECT 1 FROM score WHERE sample = seq AND name = ?7
                                          AND (?6 = 0 OR score.pass = 0)))
               AND (?8 = 0 OR (doubt IS NOT NULL AND label IS NULL AND open = 0))
               AND at_ms >= ?9 AND at_ms < ?10
               AND (?11 IS NULL OR instr(?11, ',' || reason || ',') > 0)
             ORDER BY seq DESC"
        );
        let mut rows = self.db.prepare_cached(&text).map_err(reading)?;
        // SQLite's integers are signed.
        let most = i64::MAX as u64;
        let reasons =
            (!filter.reasons.is_empty()).then(|| format!(",{},", filter.reasons.join(",")));
        let asked = params![
            filter.before.unwrap_or(most).min(most),
            filter.workload,
            filter.arm,
            filter.release,
            filter.tenant,
            filter.failed,
            filter.scorer,
            filter.waiting,
            filter.since_ms.unwrap_or(0).min(most),
            filter.until_ms.unwrap_or(most).min(most),
            reasons,
        ];
        let mut page = SamplePage::default();
        let (mut last, mut searched) = (None, 0);
        for found in rows.query_map(asked, sample).map_err(reading)? {
            let found = found.map_err(reading)?;
            if page.samples.len() >= limit || searched > SEARCHED {
                page.next = last;
                break;
            }
            last = Some(found.seq);
            if let Some(reads) = reads {
                searched += found.body.len();
                if !reads(&found.body) {
                    continue;
                }
            }
            page.samples.push(found);
        }
        Ok(page)
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
        let rows = rows.query_map([found.seq], score).map_err(reading)?;
        let scores = rows.collect::<Result<_, _>>().map_err(reading)?;
        Ok(Some((found, scores)))
    }
}
