//! External scorers: a service of the user, and a model with a rubric.
//!
//! Requests are made from values, and answers are read into values; [`ask`] sends them with a
//! [`Post`]. An error of a scorer leaves a sample unscored, for now or for good, and never fails
//! it.

pub(crate) mod budget;
pub(crate) mod contract;
mod header;
pub(crate) mod idempotency;
pub(crate) mod judge;
mod prompt;
mod settings;

pub(crate) use header::EVAL_HEADER;
pub use settings::{HttpScorer, RubricScorer, TokenPrices};

use crate::{CallFailure, Post, Sample, ScorerKind, ScorerSpec, Sent};

/// Asks the scorer about the samples: all at once where it is `http`, and one for `llm-rubric`,
/// which judges only the first. `now_s` is Unix seconds, for the signature. A built-in scorer is
/// not asked anything and refuses.
pub fn ask(spec: &ScorerSpec, samples: &[&Sample], now_s: u64, post: &dyn Post) -> Sent {
    match (&spec.kind, samples.first()) {
        (_, None) => Sent::Answered(Vec::new()),
        (ScorerKind::Check(_), _) => Sent::refused("built-in scorers are not asked"),
        (ScorerKind::Http(http), _) => {
            let outgoing = contract::outgoing(http, spec, samples, now_s);
            let ids: Vec<&str> = samples.iter().map(|sample| sample.id.as_str()).collect();
            match post.post(&outgoing) {
                Ok(replied) => contract::answered(&spec.name, http.threshold, &ids, &replied),
                Err(failure) => unanswered(failure),
            }
        }
        (ScorerKind::Rubric(rubric), Some(sample)) => {
            match post.post(&judge::outgoing(rubric, spec, sample)) {
                Ok(replied) => judge::sent(rubric, &spec.name, &sample.id, &replied),
                Err(failure) => unanswered(failure),
            }
        }
    }
}

fn unanswered(failure: CallFailure) -> Sent {
    Sent::Again { after_ms: None, why: failure.why, worked: failure.arrived }
}
