//! A person's look at samples.

use super::{ReviewVerdict, Taken};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::ToSchema;

/// Samples that wait for a person.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct Reviews {
    /// Newest first.
    pub reviews: Vec<ReviewItem>,
    /// The `cursor` of the next page; absent at the end.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next: Option<u64>,
}

/// One sample that waits for a person. Arm and release are withheld: who judges must not know whom.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct ReviewItem {
    /// The request's id.
    pub id: String,
    /// When the request came, in Unix milliseconds.
    pub at_ms: u64,
    /// The workload.
    pub workload: String,
    /// The reason for the review: `failed`, `disagreeing` or `unsure`.
    pub why: String,
    /// The request, redacted.
    #[schema(value_type = Object)]
    pub input: Value,
    /// The response, redacted.
    #[schema(value_type = Object)]
    pub output: Value,
    /// The confidence that the backend reported.
    pub confidence: Option<f64>,
}

/// `POST /v1/reviews/{request_id}`
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct GiveReview {
    /// `pass` if what was answered is right, else `fail`.
    #[schema(example = "fail")]
    #[schema(value_type = ReviewVerdict)]
    pub verdict: String,
    /// The correct response. Only this field can set `expected` of a case.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Value>)]
    pub expected: Option<Value>,
    /// The reason; at most 2000 characters.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(max_length = 2000)]
    pub note: Option<String>,
}

/// The result of a submitted review.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct ReviewTaken {
    /// The request's id.
    pub id: String,
    /// `counted` if it is the first verdict of a labelled set or a person, else `kept`.
    pub result: Taken,
}

/// A reviewer's verdict.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct SampleReview {
    /// `pass` or `fail`.
    pub verdict: ReviewVerdict,
    /// The correct response.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Value>)]
    pub expected: Option<Value>,
    /// The reason.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub note: Option<String>,
    /// The reviewer.
    pub by: String,
    /// The time, in Unix milliseconds.
    pub at_ms: u64,
}
