//! The rules for the samples of a workload.

use stagegate_eval::{LabelledSet, Protocol, Redactor, Sample, ScorerSpec};
use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

/// The rules for the samples of one workload.
#[derive(Clone, Debug)]
pub struct Rules {
    /// The scorers.
    pub scorers: Vec<Arc<ScorerSpec>>,
    /// The labelled set.
    pub labelled: Option<Labelled>,
    /// The redaction of samples.
    pub redactor: Redactor,
    /// The protocol, where the configuration names it.
    pub protocol: Option<Protocol>,
    /// JSON pointer to the confidence in answers.
    pub confidence: Option<String>,
    /// Most bytes of a body once it is decoded.
    pub limit: usize,
    /// Tenants that are summed up each on its own; if empty, the first that are sampled.
    pub tenants: BTreeSet<Arc<str>>,
}

/// A labelled set, and who compares answers with it.
#[derive(Clone, Debug)]
pub struct Labelled {
    /// Right answers by what was asked.
    pub set: Arc<LabelledSet>,
    /// The scorer that compares an answer with the right one: one of the workload's, or another.
    pub by: Arc<ScorerSpec>,
}

impl Rules {
    /// The scorers of this sample: those of the workload that judge turns, or whole conversations, and the one
    /// that compares it with the right answer.
    pub fn scorers_of(&self, sample: &Sample) -> impl Iterator<Item = &Arc<ScorerSpec>> {
        let is_whole = sample.is_conversation();
        let known = self.labelled.iter().filter(|_| sample.expected.is_some()).map(|it| &it.by);
        let besides = known.filter(|by| self.scorers.iter().all(|it| it.name != by.name));
        let fits = move |it: &&Arc<ScorerSpec>| it.unit.is_conversation() == is_whole;
        self.scorers.iter().chain(besides).filter(fits)
    }

    /// True if the scorers that gates rest on judge samples like this one.
    pub(crate) fn judges(&self, sample: &Sample) -> bool {
        let whole = self.scorers.iter().any(|it| it.gate && it.unit.is_conversation());
        whole == sample.is_conversation()
    }

    /// Sets the correct response, if it is known.
    pub(crate) fn label(&self, sample: &mut Sample) {
        if let Some(labelled) = &self.labelled
            && sample.expected.is_none()
        {
            sample.expected = labelled.set.expected(&sample.input);
        }
    }
}

/// Rules by workload.
pub type RulesOf = HashMap<String, Arc<Rules>>;
