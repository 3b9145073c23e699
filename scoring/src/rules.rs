//! How a workload's samples are made and judged.

use stagegate_eval::{LabelledSet, Protocol, Redactor, Sample, ScorerSpec};
use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

/// How samples of one workload are made and judged.
#[derive(Clone, Debug)]
pub struct Rules {
    /// Who judges.
    pub scorers: Vec<Arc<ScorerSpec>>,
    /// What is known to be right.
    pub labelled: Option<Labelled>,
    /// What is taken out of samples.
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
    /// Who says whether an answer is the right one: a scorer of the workload, or one besides them.
    pub by: Arc<ScorerSpec>,
}

impl Rules {
    /// Who judges this sample: the workload's scorers, and who compares it with what is right.
    pub fn scorers_of(&self, sample: &Sample) -> impl Iterator<Item = &Arc<ScorerSpec>> {
        let known = self.labelled.iter().filter(|_| sample.expected.is_some()).map(|it| &it.by);
        let besides = known.filter(|by| self.scorers.iter().all(|it| it.name != by.name));
        self.scorers.iter().chain(besides)
    }

    /// Writes down what is right, where that is known.
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
