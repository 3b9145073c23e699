//! What is asked, whom, and what came back.

use stagegate_rollout::{ExternalReading, ExternalValue};
use stagegate_sealed::Hidden;

/// Who is asked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Source {
    /// What answers Prometheus' HTTP API: Prometheus, Thanos, Mimir, VictoriaMetrics.
    Prometheus {
        /// The address before `/api/v1/query`.
        url: Hidden,
        /// The bearer token, if it wants one.
        token: Option<Hidden>,
    },
    /// Anything that answers Stagegate's own JSON.
    Webhook {
        /// The URL to post to.
        url: Hidden,
        /// The key that signs the questions; without it they are not signed.
        secret: Option<Hidden>,
    },
}

/// One question.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Question {
    /// The workload.
    pub workload: String,
    /// The gate's id.
    pub gate: String,
    /// The release under rollout.
    pub candidate: String,
    /// The release it is compared with.
    pub stable: String,
    /// What is asked.
    pub value: ExternalValue,
}

impl Question {
    /// A query with the names in it.
    pub(crate) fn fill(&self, query: &str) -> String {
        query
            .replace("$candidate", &self.candidate)
            .replace("$stable", &self.stable)
            .replace("$workload", &self.workload)
    }
}

/// What came back. Values are finite.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Answer {
    /// The candidate's value.
    pub candidate: Option<f64>,
    /// Stable's value.
    pub stable: Option<f64>,
    /// The reason why one of them is missing.
    pub why: Option<String>,
}

impl Answer {
    pub(crate) fn none(why: impl Into<String>) -> Self {
        Self { candidate: None, stable: None, why: Some(why.into()) }
    }

    /// The same as the gates take it, for a question of `at_ms`, in Unix milliseconds.
    #[must_use]
    pub fn asked_at(self, at_ms: u64) -> ExternalReading {
        let Self { candidate, stable, why } = self;
        ExternalReading { at_ms, candidate, stable, why }
    }
}
