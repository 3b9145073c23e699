//! A person's look at a sample.

use super::write::{INSERT_SCORE, known};
use super::{NewScore, SampleStore, SamplesError};
use rusqlite::{OptionalExtension as _, params};

/// A review.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewReview {
    /// True if what was answered is right.
    pub pass: bool,
    /// The right answer, as JSON.
    pub expected: Option<String>,
    /// The reason.
    pub note: Option<String>,
    /// The actor.
    pub by: String,
}

/// A review as it is stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoredReview {
    /// A stored review, with its author.
    pub said: NewReview,
    /// The time, in Unix milliseconds.
    pub at_ms: u64,
}

/// The result of a review.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reviewed {
    /// No such sample.
    Unknown,
    /// It has been reviewed; that stands.
    Before(StoredReview),
    /// It was kept; `first` if no correct response was known before.
    Kept {
        /// True if it is the first verdict of a labelled set or a person.
        first: bool,
    },
}

impl SampleStore {
    /// Keeps a review, and its verdict among the scores as `score`. A sample is reviewed once.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn review(
        &mut self,
        id: &str,
        review: &NewReview,
        score: &NewScore,
        now_ms: u64,
    ) -> Result<Reviewed, SamplesError> {
        let writing = SamplesError::doing("keeping a review");
        if let Some(before) = self.review_of(id)? {
            return Ok(Reviewed::Before(before));
        }
        let change = self.db.transaction().map_err(writing)?;
        let known = known(&change, id).map_err(writing)?;
        let Some((seq, label)) = known else { return Ok(Reviewed::Unknown) };
        let NewReview { pass, expected, note, by } = review;
        change
            .execute(
                "INSERT INTO review (sample, pass, expected, note, by, at_ms)
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
                params![id, pass, expected, note, by, now_ms],
            )
            .map_err(writing)?;
        change.execute(INSERT_SCORE, score.row(seq, now_ms)).map_err(writing)?;
        let first = label.is_none();
        if first {
            change
                .execute("UPDATE sample SET label = ?2 WHERE seq = ?1", params![seq, pass])
                .map_err(writing)?;
        }
        change.commit().map_err(writing)?;
        Ok(Reviewed::Kept { first })
    }

    /// The review of a sample.
    ///
    /// # Errors
    /// When it cannot be read.
    pub fn review_of(&self, id: &str) -> Result<Option<StoredReview>, SamplesError> {
        let text = "SELECT pass, expected, note, by, at_ms FROM review WHERE sample = ?1";
        let review = self.db.query_row(text, [id], |row| {
            let said = NewReview {
                pass: row.get(0)?,
                expected: row.get(1)?,
                note: row.get(2)?,
                by: row.get(3)?,
            };
            Ok(StoredReview { said, at_ms: row.get(4)? })
        });
        review.optional().map_err(SamplesError::doing("reading a review"))
    }
}
