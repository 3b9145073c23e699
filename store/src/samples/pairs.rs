//! Pairs of samples: one request, answered by stable and by a shadow release.

use super::{SampleStore, SamplesError};
use rusqlite::{OptionalExtension as _, Row, named_params, params};

/// A request of which both answers were sampled.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewPair {
    /// Id of the sample of stable's answer.
    pub stable: String,
    /// Id of the sample of the shadow's answer.
    pub shadow: String,
    /// The conversation. Pairs of one conversation are not independent.
    pub conversation: Option<String>,
}

/// A pair of which both halves are judged.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoredPair {
    /// Id of the sample of stable's answer.
    pub stable: String,
    /// Id of the sample of the shadow's answer.
    pub shadow: String,
    /// Name of the workload.
    pub workload: String,
    /// The release that served.
    pub stable_release: String,
    /// The release that got the copy.
    pub shadow_release: String,
    /// Verdict on stable's answer; none is unscored.
    pub stable_pass: Option<bool>,
    /// Verdict on the shadow's answer; none is unscored.
    pub shadow_pass: Option<bool>,
    /// True if it is the first pair of its conversation, which alone counts.
    pub counts: bool,
}

/// The number of pairs with one outcome.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PairCount {
    /// The release that served.
    pub stable_release: String,
    /// The release that got the copies.
    pub shadow_release: String,
    /// Verdict on stable's answers; none is unscored.
    pub stable_pass: Option<bool>,
    /// Verdict on the shadow's answers; none is unscored.
    pub shadow_pass: Option<bool>,
    /// First pairs of their conversations.
    pub pairs: u64,
}

const COLUMNS: &str = "stable, shadow, workload, stable_release, shadow_release, stable_pass, \
    shadow_pass, counts";

impl SampleStore {
    /// Notes the pair if both halves are concluded and it was not noted yet; gives it then.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn pair_up(&mut self, pair: &NewPair) -> Result<Option<StoredPair>, SamplesError> {
        let writing = SamplesError::doing("noting a pair");
        let sql = format!(
            "INSERT OR IGNORE INTO pair
             SELECT :shadow, :stable, s.at_ms, s.workload, s.release, h.release, s.pass, h.pass,
                    :conversation,
                    NOT EXISTS (SELECT 1 FROM pair WHERE workload = s.workload
                                AND shadow_release = h.release AND conversation = :conversation)
             FROM sample s, sample h
             WHERE s.id = :stable AND h.id = :shadow AND s.open = 0 AND h.open = 0
             RETURNING {COLUMNS}"
        );
        let values = named_params! {
            ":shadow": pair.shadow,
            ":stable": pair.stable,
            ":conversation": pair.conversation,
        };
        let mut insert = self.db.prepare_cached(&sql).map_err(writing)?;
        insert.query_row(values, stored).optional().map_err(writing)
    }

    /// The results of a workload's pairs since `since_ms`, by releases and verdicts.
    ///
    /// # Errors
    /// When they cannot be read.
    pub fn pair_counts(
        &self,
        workload: &str,
        since_ms: u64,
    ) -> Result<Vec<PairCount>, SamplesError> {
        let reading = SamplesError::doing("counting pairs");
        let mut select = self
            .db
            .prepare_cached(
                "SELECT stable_release, shadow_release, stable_pass, shadow_pass, count(*)
                 FROM pair WHERE workload = ?1 AND at_ms >= ?2 AND counts = 1
                 GROUP BY 1, 2, 3, 4 ORDER BY max(at_ms) DESC",
            )
            .map_err(reading)?;
        let rows = select.query_map(params![workload, since_ms], |row| {
            Ok(PairCount {
                stable_release: row.get(0)?,
                shadow_release: row.get(1)?,
                stable_pass: row.get(2)?,
                shadow_pass: row.get(3)?,
                pairs: row.get(4)?,
            })
        });
        rows.map_err(reading)?.collect::<Result<_, _>>().map_err(reading)
    }

    /// The newest pairs of a workload of which stable passed and the shadow failed.
    ///
    /// # Errors
    /// When they cannot be read.
    pub fn pairs_lost(
        &self,
        workload: &str,
        limit: usize,
    ) -> Result<Vec<StoredPair>, SamplesError> {
        let reading = SamplesError::doing("listing pairs");
        let sql = format!(
            "SELECT {COLUMNS} FROM pair
             WHERE workload = ?1 AND stable_pass = 1 AND shadow_pass = 0
             ORDER BY at_ms DESC LIMIT ?2"
        );
        let mut select = self.db.prepare_cached(&sql).map_err(reading)?;
        let rows = select.query_map(params![workload, limit as u64], stored);
        rows.map_err(reading)?.collect::<Result<_, _>>().map_err(reading)
    }
}

fn stored(row: &Row<'_>) -> rusqlite::Result<StoredPair> {
    Ok(StoredPair {
        stable: row.get(0)?,
        shadow: row.get(1)?,
        workload: row.get(2)?,
        stable_release: row.get(3)?,
        shadow_release: row.get(4)?,
        stable_pass: row.get(5)?,
        shadow_pass: row.get(6)?,
        counts: row.get(7)?,
    })
}
