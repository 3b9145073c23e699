//! Routing decisions and their reasons.

use super::{Arm, Destination, FlagDecider, KeyKind, Outcome, RequestStage, Rule};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// Recorded decisions, newest first.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct Decisions {
    /// Newest first.
    pub decisions: Vec<Decision>,
    /// Replicas of the fleet that did not answer: theirs are missing.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub silent: Vec<String>,
}

/// The record of one request.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Decision {
    /// The request's id.
    pub request_id: String,
    /// Arrival, in Unix milliseconds.
    pub at_ms: u64,
    /// Name of the workload.
    pub workload: String,
    /// The release that served; empty if none did.
    pub release: String,
    /// `stable` or `candidate`.
    pub arm: Arm,
    /// The rule that decided.
    #[schema(example = "weight")]
    pub reason: Rule,
    /// The cohort or exclusion group the rule names; empty if none.
    pub detail: String,
    /// Epoch of the plan that decided.
    pub epoch: u64,
    /// The kind of identity that was hashed: `conversation`, `user`, `tenant` or `request`.
    pub key: KeyKind,
    /// The key's bucket (0 to 99999), when the weight was asked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bucket: Option<u32>,
    /// The weight at the time.
    #[schema(example = "10%")]
    pub weight: String,
    /// Tenant id; empty if unknown.
    pub tenant: String,
    /// User id; empty if unknown.
    pub user: String,
    /// Conversation id; empty if unknown.
    pub conversation: String,
    /// HTTP status the client got; 0 if none.
    pub status: u16,
    /// The outcome of the request.
    pub outcome: Outcome,
    /// Milliseconds to the end of the response.
    pub duration_ms: f64,
    /// Milliseconds to the response head.
    pub first_byte_ms: f64,
    /// Number of retries.
    pub retries: u8,
    /// What the answer cost, in US dollars; absent where it is not known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cost_usd: Option<f64>,
    /// Input tokens of the answer, cached ones too; absent where no usage is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub input_tokens: Option<u64>,
    /// Output tokens of the answer; absent where no usage is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub output_tokens: Option<u64>,
    /// True if a copy was queued for the shadow release. The copy may have been dropped later.
    #[serde(default)]
    pub shadowed: bool,
    /// The flags that were evaluated for it, by the proxy or for a program that named the request.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub flags: Vec<DecisionFlag>,
}

/// A flag that was evaluated for a request.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct DecisionFlag {
    /// Its key.
    pub flag: String,
    /// The variant that was sent; empty if the backend uses its own default.
    pub variant: String,
    /// What decided.
    pub decided_by: FlagDecider,
    /// True if a program asked for it over OFREP or gRPC while it worked on the request, and named the
    /// request. False if the proxy sent it.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub remote: bool,
}

/// One recorded decision, and the same in words.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct DecisionExplained {
    /// The record.
    pub decision: Decision,
    /// The reason for the decision, in one or two sentences.
    pub words: String,
    /// What made it a request of its release, in JSON; absent where requests go on unchanged.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub request: Option<String>,
    /// Its stages, where traces of agents are received and its are still remembered.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub stages: Vec<RequestStage>,
    /// The replica of the fleet that served it; absent where that is the one that answers.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub replica: Option<String>,
}

/// The decision that the current plan would make.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct Explanation {
    /// Name of the workload.
    pub workload: String,
    /// Epoch of the plan that was asked.
    pub epoch: u64,
    /// `stable`, `candidate`, `fallback_release` or `respond`.
    pub target: Destination,
    /// The release that would serve; absent for a fixed answer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub release: Option<String>,
    /// What would make it a request of the release, in JSON; absent where requests go on unchanged.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub request: Option<String>,
    /// The arm it would count under.
    pub arm: Arm,
    /// The rule that decided.
    pub reason: Rule,
    /// The cohort or exclusion group the rule names.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub detail: Option<String>,
    /// The kind of identity that would be hashed: `conversation`, `user`, `tenant` or `request`.
    pub key_kind: KeyKind,
    /// The identity itself.
    pub key: String,
    /// Hashed before the key.
    pub salt: String,
    /// The bucket of the key, 0 to 99999, also if the weight does not decide.
    pub bucket: u32,
    /// Keys with a bucket below this number go to the candidate.
    pub weight_parts: u32,
    /// The same as a share.
    pub weight: String,
    /// Every rule in the order it is tried, up to the one that decided.
    pub rules: Vec<RuleCheck>,
    /// All of it in one or two sentences.
    pub words: String,
    /// The flags that would be sent to the backend.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub flags: Vec<DecisionFlag>,
    /// The facts that a dry run cannot know.
    pub caveats: Vec<String>,
}

/// One rule of the decision order.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct RuleCheck {
    /// The rule's name.
    pub rule: Rule,
    /// True if this rule decided.
    pub decided: bool,
    /// The reason why the rule matched or did not match.
    pub why: String,
}
