//! Checked settings of the scoring of live answers.

use stagegate_eval::{HealthLimits, LabelledSet, Redactor, ScorerSpec};
use stagegate_rollout::Weight;
use std::sync::Arc;
use std::time::Duration;

/// The sampling and scoring of a workload's responses.
#[derive(Clone, Debug)]
pub struct EvalSettings {
    /// Share of stable's conversations that are scored.
    pub stable: Weight,
    /// Share of the candidate's.
    pub candidate: Weight,
    /// Most answers of each arm that are scored a second.
    pub max_rate: u32,
    /// The scorers, in the order of the file; names are distinct.
    pub scorers: Vec<Arc<ScorerSpec>>,
    /// The labelled set: requests with their correct responses.
    pub labelled: Option<LabelledSettings>,
    /// Removes secrets before anything is stored.
    pub redactor: Redactor,
    /// JSON pointer to the confidence in answers.
    pub confidence: Option<String>,
}

/// A labelled set, and who compares answers with it.
#[derive(Clone, Debug)]
pub struct LabelledSettings {
    /// Right answers by what was asked.
    pub set: Arc<LabelledSet>,
    /// One of the scorers, or `equals` under the name `labelled`.
    pub by: Arc<ScorerSpec>,
}

impl EvalSettings {
    /// Returns true if any response is sampled.
    #[must_use]
    pub fn is_on(&self) -> bool {
        self.stable != Weight::ZERO || self.candidate != Weight::ZERO
    }
}

/// Limits of scoring, over all workloads.
#[derive(Clone, Debug, PartialEq)]
pub struct EvalLimits {
    /// Most bytes of answers that are being copied or wait to be scored.
    pub memory: u64,
    /// Most bytes that are kept of a request, and of an answer.
    pub per_message: u64,
    /// Threads that ask scorers outside of the process.
    pub workers: usize,
    /// Samples older than this are removed.
    pub max_age: Duration,
    /// Above this many, the oldest samples are removed.
    pub max_samples: u64,
    /// The limits beyond which scorers are not believed.
    pub judge: HealthLimits,
}
