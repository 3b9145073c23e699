//! Scorers: what they are made from, and the built-in ones.
//!
//! A [`ScorerSpec`] is checked once, with every regular expression and schema compiled; scoring then
//! cannot fail, only find that a sample cannot be judged.
//!
//! Every type and every key is declared once ([`scorer_types`]); the reader ([`ScorerSpec::read`]),
//! the JSON Schema and the reference page follow from the declaration.

mod context;
pub(crate) mod form;
pub(crate) mod keys;
mod operational;
mod problem;
mod read;
mod set;
mod shape;
mod structure;
mod suggestion;
mod text;
mod tools;
pub(crate) mod types;

pub use keys::{KeyNeed, KeyShape, ScorerKey};
pub use problem::{Problem, Problems};
pub use suggestion::suggestion;
pub use types::{ScorerType, check_types, scorer_types};

use crate::{HttpScorer, RubricScorer, Sample, Score};
use serde_json::Value;
use std::borrow::Cow;

/// A scorer, ready to be used.
#[derive(Clone, Debug)]
pub struct ScorerSpec {
    /// Its name: what scores are filed under.
    pub name: String,
    /// Whether its verdict counts for the gates, AND-ed with those of the others that do.
    pub gate: bool,
    /// Pinned for the length of a rollout; the digest of the definition unless one was given.
    pub version: String,
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

/// A built-in scorer.
#[derive(Clone, Debug)]
pub struct Check {
    /// The type as it was written, without `not-`.
    kind: &'static str,
    negated: bool,
    /// How much it counts in a set.
    weight: f64,
    test: Test,
}

#[derive(Clone, Debug)]
pub(crate) enum Test {
    Text(text::TextTest),
    Structure(structure::StructureTest),
    Tools(tools::ToolTest),
    Operational(operational::OperationalTest),
    Set(set::Set),
}

/// What a test found, before its name and its negation.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Found {
    value: Option<f64>,
    pass: Option<bool>,
    why: Cow<'static, str>,
}

impl Found {
    fn binary(pass: bool, why: impl Into<Cow<'static, str>>) -> Self {
        Self { value: Some(f64::from(u8::from(pass))), pass: Some(pass), why: why.into() }
    }

    fn unscored(why: impl Into<Cow<'static, str>>) -> Self {
        Self { value: None, pass: None, why: why.into() }
    }
}

impl Check {
    /// Judges a sample.
    #[must_use]
    pub fn score(&self, name: &str, sample: &Sample) -> Score {
        let Found { value, pass, why } = self.found(sample);
        Score { value, pass, ..Score::unscored(name, why) }
    }

    fn found(&self, sample: &Sample) -> Found {
        let reads = !matches!(self.test, Test::Operational(_) | Test::Set(_));
        if reads && let Some(why) = sample.unreadable() {
            return Found::unscored(why);
        }
        let found = match &self.test {
            Test::Text(test) => test.found(sample),
            Test::Structure(test) => test.found(sample),
            Test::Tools(test) => test.found(sample),
            Test::Operational(test) => test.found(sample),
            Test::Set(set) => set.found(sample),
        };
        if !self.negated {
            return found;
        }
        Found {
            value: found.value.map(|value| 1.0 - value),
            pass: found.pass.map(|pass| !pass),
            why: if found.pass.is_some() {
                format!("not: {}", found.why).into()
            } else {
                found.why
            },
        }
    }
}
