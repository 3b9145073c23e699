//! A sample that scorers are at.

use crate::Rules;
use crate::results::Origin;
use crate::told::Subject;
use stagegate_eval::{Sample, SampleReason, Score, ScorerKind, Verdict};
use stagegate_rollout::Arm;
use stagegate_store::NewPair;
use std::sync::Arc;

/// Confidence below which a person should look at an answer.
const UNSURE: f64 = 0.5;

/// A sample that was accepted, and how it is judged.
pub(crate) struct Opened {
    pub(crate) sample: Arc<Sample>,
    pub(crate) rules: Arc<Rules>,
}

/// The state of an open sample.
pub(super) struct Open {
    pub(super) origin: Origin,
    /// True if the scorers that gates rest on judge it; of a turn that is judged with its conversation they do not.
    pub(super) is_judged: bool,
    /// True if its verdict is waited for behind the watermark.
    pub(super) counts: bool,
    reason: SampleReason,
    /// The pair that it is one half of.
    pub(super) pair: Option<NewPair>,
    /// True if the correct response is known.
    expected: bool,
    confidence: Option<f64>,
    /// The subject of its exported scores, if any.
    pub(super) subject: Option<Arc<Subject>>,
    /// When the request came, in Unix milliseconds.
    pub(super) at_ms: u64,
    pub(super) bytes: u64,
    pub(super) rules: Arc<Rules>,
    pub(super) scores: Vec<Score>,
    /// Names of the scorers that have not said anything yet.
    pub(super) awaited: Vec<String>,
}

/// True if a score is this scorer's: several scores of one scorer are `name` and `name.part`.
pub(super) fn is_of(score: &Score, scorer: &str) -> bool {
    let rest = score.name.strip_prefix(scorer);
    rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
}

/// The pair that a sample is one half of.
fn pair_of(sample: &Sample) -> Option<NewPair> {
    let (this, other) = (sample.id.clone(), sample.pair.clone()?);
    let (stable, shadow) = match sample.arm {
        Arm::Stable => (this, other),
        Arm::Candidate => (other, this),
    };
    Some(NewPair { stable, shadow, conversation: sample.conversation.clone() })
}

impl Open {
    pub(super) fn new(sample: &Sample, rules: &Arc<Rules>, bytes: u64) -> Self {
        let is_judged = rules.judges(sample);
        let counts = is_judged || sample.expected.is_some();
        Self {
            origin: Origin::of(sample),
            is_judged,
            counts: counts && sample.reason == SampleReason::Random,
            reason: sample.reason,
            pair: pair_of(sample),
            expected: sample.expected.is_some(),
            confidence: sample.confidence,
            subject: Subject::of(sample),
            at_ms: sample.at_ms,
            bytes,
            rules: Arc::clone(rules),
            scores: Vec::new(),
            awaited: rules.scorers_of(sample).map(|it| it.name.clone()).collect(),
        }
    }

    /// True if it was served to a client, and is neither a shadow's answer nor taken only to be its
    /// pair.
    pub(super) fn is_live(&self) -> bool {
        self.reason != SampleReason::Shadow
    }

    /// Stops waiting: scorers without a result leave the sample unscored.
    pub(super) fn give_up(&mut self) {
        let missing = std::mem::take(&mut self.awaited);
        let late = missing.iter().map(|name| Score::unscored(name, "no scores in time"));
        self.scores.extend(late);
    }

    /// True if a scorer outside of the process is waited for under this name.
    pub(super) fn awaits(&self, scorer: &str) -> bool {
        let besides = self.rules.labelled.iter().map(|labelled| &labelled.by);
        let mut scorers = self.rules.scorers.iter().chain(besides);
        self.awaited.iter().any(|name| name == scorer)
            && scorers.any(|it| it.name == scorer && !matches!(it.kind, ScorerKind::Check(_)))
    }

    /// The scores of the gating scorers, with all scores under their names.
    pub(super) fn gating(&self) -> Vec<Score> {
        let gates = |score: &&Score| {
            self.rules.scorers.iter().any(|scorer| scorer.gate && is_of(score, &scorer.name))
        };
        self.scores.iter().filter(gates).cloned().collect()
    }

    /// True if it is the right answer; none if that is unknown.
    pub(super) fn label(&self) -> Option<bool> {
        let labelled = self.rules.labelled.as_ref().filter(|_| self.expected)?;
        Score::together(self.scores.iter().filter(|score| is_of(score, &labelled.by.name)))
    }

    /// Its verdict. `labelled` if no label was counted before.
    pub(super) fn verdict(&self, labelled: bool) -> Verdict {
        let label = self.label().filter(|_| labelled);
        Verdict::of(&self.gating(), self.confidence, label)
    }

    /// The scores that are counted by scorer; none for a sample that does not count.
    pub(super) fn counted_scores(&self) -> impl Iterator<Item = &Score> {
        self.scores.iter().filter(|_| self.reason == SampleReason::Random)
    }

    /// Returns the reason for a review: it failed, its scorers do not agree, or the backend was not
    /// confident.
    pub(super) fn doubt(&self) -> Option<&'static str> {
        let said = |pass| self.scores.iter().any(|score| score.pass == Some(pass));
        if Score::together(&self.gating()) == Some(false) || (said(false) && !said(true)) {
            Some("failed")
        } else if said(false) {
            Some("disagreeing")
        } else {
            self.confidence.filter(|sure| *sure < UNSURE).map(|_| "unsure")
        }
    }
}
