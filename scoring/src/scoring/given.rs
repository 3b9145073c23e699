//! Scores from outside: late scores of a scorer, and verdicts of people.

use super::Scoring;
use stagegate_eval::Score;
use stagegate_store::{NewReview, NewScore, SamplesError, Scored};

pub use stagegate_store::Reviewed;

/// A score from outside: a person's verdict, or what a scorer says later.
#[derive(Clone, Debug)]
pub struct Given {
    /// The request's id.
    pub id: String,
    /// The score. Its name is the scorer's, or one that a person chose.
    pub score: Score,
    /// The author.
    pub by: String,
}

/// A review of a sample.
#[derive(Clone, Debug)]
pub struct GivenReview {
    /// The request's id.
    pub id: String,
    /// True if what was answered is right.
    pub pass: bool,
    /// The right answer.
    pub expected: Option<serde_json::Value>,
    /// The reason.
    pub note: Option<String>,
    /// The actor.
    pub by: String,
}

/// The name of a reviewer's score.
const REVIEW: &str = "review";

fn kept(score: &Score, by: &str) -> NewScore {
    NewScore {
        name: score.name.clone(),
        by: by.to_owned(),
        pass: score.pass,
        body: serde_json::to_string(score).unwrap_or_default(),
    }
}

impl Scoring {
    /// Takes a score from outside. That of a scorer that is waited for counts as its own; any other
    /// is a label, of which the first verdict of a sample counts.
    ///
    /// # Errors
    /// When it cannot be kept.
    pub fn give(&self, given: &Given, now_ms: u64) -> Result<Scored, SamplesError> {
        let rules = self.rules();
        let mut book = self.book();
        if book.awaits(&given.id, &given.score.name) {
            book.said(&given.id, vec![given.score.clone()]);
            let delta = book.conclude(now_ms);
            drop(book);
            self.count(delta);
            return Ok(Scored::Kept { first: false });
        }
        let score = kept(&given.score, &given.by);
        let scored = book.store.add_score(&given.id, &score, given.score.pass, now_ms)?;
        if matches!(scored, Scored::Kept { .. }) {
            book.tell_given(&given.id, &given.score, now_ms);
        }
        if let (Scored::Kept { first: true }, Some(pass)) = (scored, given.score.pass) {
            let delta = book.labelled(&given.id, pass, &rules)?;
            drop(book);
            self.count(delta);
        }
        Ok(scored)
    }

    /// Takes a review. A sample is reviewed once. Its verdict counts if it is the first of a
    /// labelled set or a person.
    ///
    /// # Errors
    /// When it cannot be kept.
    pub fn review(&self, given: &GivenReview, now_ms: u64) -> Result<Reviewed, SamplesError> {
        let GivenReview { id, pass, expected, note, by } = given;
        let review = NewReview {
            pass: *pass,
            expected: expected.as_ref().map(ToString::to_string),
            note: note.clone(),
            by: by.clone(),
        };
        let score = Score::binary(REVIEW, *pass, note.as_deref().unwrap_or_default());
        let rules = self.rules();
        let mut book = self.book();
        let reviewed = book.store.review(id, &review, &kept(&score, by), now_ms)?;
        if matches!(reviewed, Reviewed::Kept { .. }) {
            book.tell_given(id, &score, now_ms);
        }
        if matches!(reviewed, Reviewed::Kept { first: true }) {
            let delta = book.labelled(id, *pass, &rules)?;
            drop(book);
            self.count(delta);
        }
        Ok(reviewed)
    }
}
