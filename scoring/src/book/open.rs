//! A sample that scorers are at.

use crate::Rules;
use stagegate_eval::{Sample, Score, ScorerKind};
use stagegate_rollout::SeriesKey;
use std::sync::Arc;

/// A sample that was accepted, and how it is judged.
pub(crate) struct Opened {
    pub(crate) sample: Arc<Sample>,
    pub(crate) rules: Arc<Rules>,
}

/// What is known of a sample that scorers are at.
pub(super) struct Open {
    pub(super) key: SeriesKey,
    pub(super) counts: bool,
    pub(super) confidence: Option<f64>,
    pub(super) bytes: u64,
    pub(super) rules: Arc<Rules>,
    pub(super) scores: Vec<Score>,
    /// Names of the scorers that have not said anything yet.
    pub(super) awaited: Vec<String>,
}

/// Whether a score is this scorer's: several scores of one scorer are `name` and `name.part`.
pub(super) fn is_of(score: &Score, scorer: &str) -> bool {
    let rest = score.name.strip_prefix(scorer);
    rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
}

impl Open {
    /// Whether a scorer outside of the process is waited for under this name.
    pub(super) fn awaits(&self, scorer: &str) -> bool {
        let external = |it: &Arc<stagegate_eval::ScorerSpec>| {
            it.name == scorer && !matches!(it.kind, ScorerKind::Check(_))
        };
        self.rules.scorers.iter().any(external) && self.awaited.iter().any(|name| name == scorer)
    }

    /// What the gating scorers said. One of several scores under one scorer's name gates with it.
    pub(super) fn gating(&self) -> Vec<Score> {
        let gates = |score: &&Score| {
            self.rules.scorers.iter().any(|scorer| scorer.gate && is_of(score, &scorer.name))
        };
        self.scores.iter().filter(gates).cloned().collect()
    }
}
