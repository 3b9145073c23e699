//! How a workload's samples are made and judged.

use stagegate_eval::{Protocol, Redactor, ScorerSpec};
use std::collections::HashMap;
use std::sync::Arc;

/// How samples of one workload are made and judged.
#[derive(Clone, Debug)]
pub struct Rules {
    /// Who judges.
    pub scorers: Vec<Arc<ScorerSpec>>,
    /// What is taken out of samples.
    pub redactor: Redactor,
    /// The protocol, where the configuration names it.
    pub protocol: Option<Protocol>,
    /// JSON pointer to the confidence in answers.
    pub confidence: Option<String>,
    /// Most bytes of a body once it is decoded.
    pub limit: usize,
}

/// Rules by workload.
pub type RulesOf = HashMap<String, Arc<Rules>>;
