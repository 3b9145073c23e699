//! Scorers outside of this process: a service of the user's own, and a model with a rubric.
//!
//! Everything here is made from values and read into values; [`ask`] puts a [`Post`] in between.
//! Whatever goes wrong out there leaves a sample unscored, now or for good, and never fails it.

pub(crate) mod budget;
pub(crate) mod contract;
pub(crate) mod idempotency;
pub(crate) mod judge;
mod prompt;
pub(crate) mod settings;

pub(crate) use settings::TYPES;
pub use settings::{HttpScorer, RubricScorer, TokenPrices};

use crate::{CallFailure, Post, Sample, ScorerKind, ScorerSpec, Sent};

/// The header on every request of ours: what carries it is never sampled, so that judging the
/// judge's own traffic cannot go round in circles.
pub(crate) const EVAL_HEADER: &str = "stagegate-eval";

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
