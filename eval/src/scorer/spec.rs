//! A scorer, as it was defined.

use super::check::Check;
use super::unit::ScoredUnit;
use crate::external::{HttpScorer, RubricScorer};
use crate::{Sample, Score};
use serde_json::Value;

/// A scorer, ready to be used.
#[derive(Clone, Debug)]
pub struct ScorerSpec {
    /// Its name: what scores are filed under.
    pub name: String,
    /// Whether its verdict counts for the gates, AND-ed with those of the others that do.
    pub gate: bool,
    /// Pinned for the length of a rollout; the digest of the definition unless one was given.
    pub version: String,
    /// What it judges at once.
    pub unit: ScoredUnit,
    /// What it does.
    pub kind: ScorerKind,
    /// As it was written, without secrets; two scorers with the same definition are the same.
    pub definition: Value,
}

impl PartialEq for ScorerSpec {
    fn eq(&self, other: &Self) -> bool {
        self.name == other.name
            && self.version == other.version
            && self.definition == other.definition
    }
}

/// What a scorer does.
#[derive(Clone, Debug)]
pub enum ScorerKind {
    /// Judges here, in microseconds.
    Check(Check),
    /// Asks a scorer of the user's own.
    Http(HttpScorer),
    /// Asks a model with a rubric.
    Rubric(RubricScorer),
}

impl ScorerSpec {
    /// The scorer's judgement, if it is one of the built-in ones.
    #[must_use]
    pub fn score(&self, sample: &Sample) -> Option<Score> {
        match &self.kind {
            ScorerKind::Check(check) => Some(check.score(&self.name, sample)),
            ScorerKind::Http(_) | ScorerKind::Rubric(_) => None,
        }
    }
}
