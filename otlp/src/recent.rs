//! The stages of the last requests, to explain them.

use stagegate_rollout::StageUse;
use stagegate_spans::{Joined, Source};
use std::collections::{HashMap, VecDeque};

/// Requests that are remembered.
const REQUESTS: usize = 8192;
/// Stages of one request that are remembered.
const STAGES: usize = 64;

/// One stage of a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RequestStage {
    /// Its name.
    pub stage: String,
    /// The one who named it.
    pub source: Source,
    /// Microseconds of all its calls together.
    pub micros: u64,
    /// Calls, failures, tokens and cost.
    pub used: StageUse,
}

/// The stages of the last requests by request id, within a cap.
#[derive(Debug, Default)]
pub struct Requests {
    order: VecDeque<String>,
    stages: HashMap<String, Vec<RequestStage>>,
}

impl Requests {
    /// Remembers a request that has any stage.
    pub(crate) fn add(&mut self, joined: &Joined) {
        if joined.stages.is_empty() {
            return;
        }
        let stage = |seen: &stagegate_spans::Seen| RequestStage {
            stage: seen.stage.to_string(),
            source: seen.source,
            micros: seen.micros.iter().fold(0, |sum, micros| sum.saturating_add(*micros)),
            used: seen.used,
        };
        let stages = joined.stages.iter().take(STAGES).map(stage).collect();
        // A client may use an id again: the last request counts, as in the decision log.
        if self.stages.insert(joined.request.id.clone(), stages).is_none() {
            self.order.push_back(joined.request.id.clone());
        }
        while self.order.len() > REQUESTS {
            if let Some(oldest) = self.order.pop_front() {
                self.stages.remove(&oldest);
            }
        }
    }

    /// The stages of a request; empty if none is remembered.
    pub(crate) fn of(&self, id: &str) -> Vec<RequestStage> {
        self.stages.get(id).cloned().unwrap_or_default()
    }
}
