//! Single scores of traced requests, for export. Gates and figures do not use them.

use stagegate_eval::{Output, Sample, Score};
use stagegate_rollout::Arm;
use std::sync::Arc;

/// The request that a score is about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Subject {
    /// The request's id.
    pub request_id: String,
    /// Name of the workload.
    pub workload: String,
    /// The release that answered.
    pub release: String,
    /// The arm it counts under.
    pub arm: Arm,
    /// The conversation.
    pub conversation: Option<String>,
    /// The request's place in a trace, as `traceparent`.
    pub traceparent: String,
    /// The answer's own id.
    pub response_id: Option<String>,
}

impl Subject {
    /// Returns `None` for a sample that was not traced.
    pub(crate) fn of(sample: &Sample) -> Option<Arc<Self>> {
        let traceparent = sample.traceparent.clone()?;
        let response_id = match &sample.output {
            Output::Message(message) => message.id.clone(),
            _ => None,
        };
        Some(Arc::new(Self {
            request_id: sample.id.clone(),
            workload: sample.workload.clone(),
            release: sample.release.clone(),
            arm: sample.arm,
            conversation: sample.conversation.clone(),
            traceparent,
            response_id,
        }))
    }
}

/// One score that was kept.
#[derive(Clone, Debug, PartialEq)]
pub struct Told {
    /// The request.
    pub subject: Arc<Subject>,
    /// The score.
    pub score: Score,
    /// When it was kept, in Unix milliseconds.
    pub at_ms: u64,
}
