//! Accepting samples, keeping what was said, forgetting.

use super::{SampleStore, SamplesError};
use rusqlite::{OptionalExtension as _, params};
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
    /// Why it was picked.
    pub reason: &'a str,
    /// The whole sample.
    pub body: &'a str,
}

/// What one scorer said.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewScore {
    /// Name of the scorer.
    pub name: String,
    /// Who said it: `scorer`, or the name of a person's token.
    pub by: String,
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
    /// What each said.
    pub scores: Vec<NewScore>,
}

/// What became of a score that came from outside.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scored {
    /// No such sample.
    Unknown,
    /// That name has said something about the sample; the first stands.
    Repeated,
    /// It was kept; `first` if it is the first verdict of a person on the sample.
    Kept {
        /// Whether it is the first verdict of a person.
        first: bool,
    },
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
                    "INSERT OR IGNORE INTO sample (id, at_ms, workload, release, arm, reason, open, body)
                     VALUES (?1, ?2, ?3, ?4, ?5, ?6, 1, ?7)",
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
                    it.body
                ];
                new.push(insert.execute(row).map_err(writing)? == 1);
            }
        }
        change.commit().map_err(writing)?;
        Ok(new)
    }

    /// Keeps what the scorers said of samples, all or none. Gives for each whether it was still
    /// open: a sample is concluded once, whatever happens in between.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn conclude(
        &mut self,
        concluded: &[Concluded],
        now_ms: u64,
    ) -> Result<Vec<bool>, SamplesError> {
        let writing = SamplesError::doing("keeping scores");
        let change = self.db.transaction().map_err(writing)?;
        let mut open = Vec::with_capacity(concluded.len());
        {
            let mut close = change
                .prepare_cached("UPDATE sample SET open = 0, pass = ?2 WHERE id = ?1 AND open = 1")
                .map_err(writing)?;
            let mut insert = change
                .prepare_cached("INSERT OR IGNORE INTO score VALUES (?1, ?2, ?3, ?4, ?5)")
                .map_err(writing)?;
            for it in concluded {
                let was_open = close.execute(params![it.id, it.pass]).map_err(writing)? == 1;
                open.push(was_open);
                for score in it.scores.iter().filter(|_| was_open) {
                    let row = params![it.id, score.name, now_ms, score.by, score.body];
                    insert.execute(row).map_err(writing)?;
                }
            }
        }
        change.commit().map_err(writing)?;
        Ok(open)
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
        let known: Option<Option<bool>> = change
            .query_row("SELECT label FROM sample WHERE id = ?1", [id], |row| row.get(0))
            .optional()
            .map_err(writing)?;
        let Some(labelled) = known else { return Ok(Scored::Unknown) };
        let row = params![id, score.name, now_ms, score.by, score.body];
        let kept = change
            .execute("INSERT OR IGNORE INTO score VALUES (?1, ?2, ?3, ?4, ?5)", row)
            .map_err(writing)?;
        if kept == 0 {
            return Ok(Scored::Repeated);
        }
        let first = labelled.is_none() && label.is_some();
        if first {
            change
                .execute("UPDATE sample SET label = ?2 WHERE id = ?1", params![id, label])
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
                .execute("DELETE FROM score WHERE sample NOT IN (SELECT id FROM sample)", [])
                .map_err(removing)?;
        }
        change.commit().map_err(removing)?;
        Ok(gone)
    }
}
