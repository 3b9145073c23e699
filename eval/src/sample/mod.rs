//! One exchange as it is stored, scored and exported.

mod captured;
mod conversation;
mod text;
mod trajectory;

pub use captured::{Captured, Facts, Half};
pub use conversation::Transcript;

use crate::{Message, input_hash};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use stagegate_rollout::Arm;
use std::collections::BTreeMap;

/// An exchange that was picked for scoring: decoded, put together, redacted.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Sample {
    /// The request's id, which is the sample's.
    pub id: String,
    /// When the request came, in Unix milliseconds.
    pub at_ms: u64,
    /// Name of the workload.
    pub workload: String,
    /// The release that answered.
    pub release: String,
    /// The arm it counts under.
    pub arm: Arm,
    /// The reason why it was picked.
    pub reason: SampleReason,
    /// The conversation it is part of.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub conversation: Option<String>,
    /// The tenant who asked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tenant: Option<String>,
    /// The cohort of that tenant.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cohort: Option<String>,
    /// The rollout that was in progress, or the last one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rollout: Option<String>,
    /// The trace it is part of.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub trace_id: Option<String>,
    /// Its own place in that trace, as `traceparent`, where requests are traced.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub traceparent: Option<String>,
    /// The request's body: JSON, or text.
    pub input: Value,
    /// The answer.
    pub output: Output,
    /// The right answer, where a labelled set or a person gave one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expected: Option<Value>,
    /// The confidence of the backend, from 0 to 1.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub confidence: Option<f64>,
    /// The metrics.
    #[serde(default)]
    pub metrics: Metrics,
    /// The missing parts.
    #[serde(default)]
    pub truncated: Truncated,
    /// Id of the sample of the other answer to the same request, where it was copied to a shadow.
    /// Scorers do not see it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pair: Option<String>,
    /// Whatever else is known; handed on to scorers.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub metadata: BTreeMap<String, Value>,
}

/// The reason why an exchange was sampled. Only `random` samples feed gates: all others are
/// selected for a property of theirs and do not represent the traffic.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SampleReason {
    /// By the hash of its conversation.
    Random,
    /// Because of what it is: an error, a tenant, a later turn of a counted conversation.
    Targeted,
    /// A shadowed copy of a request that stable answered.
    Shadow,
}

impl SampleReason {
    /// The word used in labels and the API.
    #[must_use]
    pub const fn label(self) -> &'static str {
        match self {
            Self::Random => "random",
            Self::Targeted => "targeted",
            Self::Shadow => "shadow",
        }
    }
}

/// The answer.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "kind", content = "value")]
pub enum Output {
    /// A message of a known protocol.
    Message(Message),
    /// Some other JSON.
    Json(Value),
    /// Text that is not JSON.
    Text(String),
    /// Bytes that cannot be judged: their number, and the reason why they are not kept.
    Opaque {
        /// The number of captured bytes.
        bytes: u64,
        /// The reason why they could not be read.
        why: String,
    },
}

/// The metrics of an exchange. `None` means unknown, not zero.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Metrics {
    /// Seconds from the end of the request head to the end of the answer.
    pub latency_s: Option<f64>,
    /// Seconds to the first byte of the answer's body.
    pub ttft_s: Option<f64>,
    /// Cost in US dollars.
    pub cost_usd: Option<f64>,
    /// Tokens read.
    pub tokens_in: Option<u64>,
    /// Tokens written.
    pub tokens_out: Option<u64>,
    /// HTTP status.
    pub status: Option<u16>,
}

/// The parts that the caps on capturing removed from the sample. The client got everything.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Truncated {
    /// Of the request.
    pub request: bool,
    /// Of the answer.
    pub response: bool,
}

impl Sample {
    /// The key under which a labelled set may hold the right answer ([`input_hash`]).
    #[must_use]
    pub fn input_hash(&self) -> String {
        input_hash(&self.input)
    }
}
