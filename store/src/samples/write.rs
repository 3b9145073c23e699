//! Accepting samples, keeping what was said, forgetting.

use super::{SampleStore, SamplesError};
use rusqlite::{Connection, OptionalExtension as _, params};
use stagegate_rollout::Arm;

/// A sample to accept.
#[derive(Clone, Copy, Debug)]
pub struct NewSample<'a> {
    /// The request's id.
    pub id: &'a str,
    /// When the request came, in Unix milliseconds.
    pub at_ms: u64,
    /// Name of the workload.
    pub workload: &'a str,
    /// The release that answered.
    pub release: &'a str,
    /// The arm it counts under.
    pub arm: Arm,
    /// The reason why it was picked.
    pub reason: &'a str,
    /// The tenant who asked.
    pub tenant: Option<&'a str>,
    /// The whole sample.
    pub body: &'a str,
}

/// The score of one scorer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewScore {
    /// Name of the scorer.
    pub name: String,
    /// The author: `scorer`, or the name of a person's token.
    pub by: String,
    /// True if it is good enough.
    pub pass: Option<bool>,
    /// The whole score.
    pub body: String,
}

/// A sample of which all scorers are done.
#[derive(Clone, Debug)]
pub struct Concluded {
    /// The sample.
    pub id: String,
    /// Joint verdict of the gating scorers.
    pub pass: Option<bool>,
    /// Verdict of a labelled set.
    pub label: Option<bool>,
    /// The reason for a review, in a word.
    pub doubt: Option<&'static str>,
    /// The scores.
    pub scores: Vec<NewScore>,
}

/// The result of concluding a sample.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Closing {
    /// It had been concluded, or is gone.
    Before,
    /// It is concluded.
    Now {
        /// True if the verdict of the labelled set is the first one, before any person's.
        labelled: bool,
    },
}

/// The result of a score from outside.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scored {
    /// No such sample.
    Unknown,
    /// That name has said something about the sample; the first stands.
    Repeated,
    /// It was kept; `first` if it is the first verdict of a person on the sample.
    Kept {
        /// True if it is the first verdict of a person.
        first: bool,
    },
}

pub(super) const INSERT_SCORE: &str =
    "INSERT OR IGNORE INTO score (sample, name, at_ms, by, body, pass)
     VALUES (?1, ?2, ?3, ?4, ?5, ?6)";

impl NewScore {
    /// The parameters of [`INSERT_SCORE`]; `sample` is the sample's `seq`.
    pub(super) fn row(&self, sample: u64, now_ms: u64) -> impl rusqlite::Params + '_ {
        (sample, &self.name, now_ms, &self.by, &self.body, self.pass)
    }
}

/// A sample's `seq`, and the first verdict of a labelled set or a person.
pub(super) fn known(
    db: &Connection,
    id: &str,
) -> Result<Option<(u64, Option<bool>)>, rusqlite::Error> {
    let text = "SELECT seq, label FROM sample WHERE id = ?1";
    db.query_row(text, [id], |row| Ok((row.get(0)?, row.get(1)?))).optional()
}

impl SampleStore {
    /// Accepts samples, all or none. Gives for each whether it is new: a request id counts once.
    ///
    /// # Errors
    /// When they cannot be written.
    pub fn accept(&mut self, samples: &[NewSample<'_>]) -> Result<Vec<bool>, SamplesError> {
        let writing = SamplesError::doing("accepting samples");
        let change = self.db.transaction().map_err(writing)?;
        let mut new = Vec::with_capacity(samples.len());
        {
            let mut insert = change
                .prepare_cached(
                    "INSERT OR IGNORE INTO sample
                         (id, at_ms, workload, release, arm, reason, open, tenant, body)
                     VALUES (?1, ?2, ?3, ?4, ?5, ?6, 1, ?7, ?8)",
                )
                .map_err(writing)?;
            for it in samples {
                let row = params![
                    it.id,
                    it.at_ms,
                    it.workload,
                    it.release,
                    it.arm.label(),
                    it.reason,
                    it.tenant,
                    it.body
                ];
                new.push(insert.execute(row).map_err(writing)? == 1);
            }
        }
        change.commit().map_err(writing)?;
        Ok(new)
    }

    /// Stores the scores of samples, all or none, and returns the result for each. A sample is
    /// concluded once, whatever happens in between.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn conclude(
        &mut self,
        concluded: &[Concluded],
        now_ms: u64,
    ) -> Result<Vec<Closing>, SamplesError> {
        let writing = SamplesError::doing("keeping scores");
        let change = self.db.transaction().map_err(writing)?;
        let mut closings = Vec::with_capacity(concluded.len());
        {
            // Two steps: with `RETURNING`, SQLite copies every page before it changes it.
            let mut find = change
                .prepare_cached("SELECT seq FROM sample WHERE id = ?1 AND open = 1")
                .map_err(writing)?;
            let mut close = change
                .prepare_cached("UPDATE sample SET open = 0, pass = ?2, doubt = ?3 WHERE seq = ?1")
                .map_err(writing)?;
            let mut label = change
                .prepare_cached("UPDATE sample SET label = ?2 WHERE seq = ?1 AND label IS NULL")
                .map_err(writing)?;
            let mut insert = change.prepare_cached(INSERT_SCORE).map_err(writing)?;
            for it in concluded {
                let seq: Option<u64> =
                    find.query_row([&it.id], |row| row.get(0)).optional().map_err(writing)?;
                let Some(seq) = seq else {
                    closings.push(Closing::Before);
                    continue;
                };
                close.execute(params![seq, it.pass, it.doubt]).map_err(writing)?;
                let labelled = it.label.is_some()
                    && label.execute(params![seq, it.label]).map_err(writing)? == 1;
                closings.push(Closing::Now { labelled });
                for score in &it.scores {
                    insert.execute(score.row(seq, now_ms)).map_err(writing)?;
                }
            }
        }
        change.commit().map_err(writing)?;
        Ok(closings)
    }

    /// Keeps a score that came from outside; `label` is a person's verdict, if it is one.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn add_score(
        &mut self,
        id: &str,
        score: &NewScore,
        label: Option<bool>,
        now_ms: u64,
    ) -> Result<Scored, SamplesError> {
        let writing = SamplesError::doing("keeping a score from outside");
        let change = self.db.transaction().map_err(writing)?;
        let known = known(&change, id).map_err(writing)?;
        let Some((seq, labelled)) = known else { return Ok(Scored::Unknown) };
        let kept = change.execute(INSERT_SCORE, score.row(seq, now_ms)).map_err(writing)?;
        if kept == 0 {
            return Ok(Scored::Repeated);
        }
        let first = labelled.is_none() && label.is_some();
        if first {
            change
                .execute("UPDATE sample SET label = ?2 WHERE seq = ?1", params![seq, label])
                .map_err(writing)?;
        }
        change.commit().map_err(writing)?;
        Ok(Scored::Kept { first })
    }

    /// Removes samples from before `oldest_ms`, and the oldest above `most`. Gives how many.
    ///
    /// # Errors
    /// When they cannot be removed.
    pub fn forget(&mut self, oldest_ms: u64, most: u64) -> Result<usize, SamplesError> {
        let removing = SamplesError::doing("removing old samples");
        let change = self.db.transaction().map_err(removing)?;
        let mut gone =
            change.execute("DELETE FROM sample WHERE at_ms < ?1", [oldest_ms]).map_err(removing)?;
        gone += change
            .execute(
                "DELETE FROM sample WHERE seq <=
                     (SELECT seq FROM sample ORDER BY seq DESC LIMIT 1 OFFSET ?1)",
                [most],
            )
            .map_err(removing)?;
        if gone > 0 {
            change
                .execute_batch(
                    "DELETE FROM score WHERE sample NOT IN (SELECT seq FROM sample);
                     DELETE FROM review WHERE sample NOT IN (SELECT id FROM sample);
                     DELETE FROM pair WHERE shadow NOT IN (SELECT id FROM sample);",
                )
                .map_err(removing)?;
        }
        change.commit().map_err(removing)?;
        Ok(gone)
    }
}
