//! Sampled answers and what was said about them.

use super::{Arm, SampleDoubt, SampleReason, SampleReview, Taken};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::ToSchema;

/// One sampled answer, without its contents.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct SampleSummary {
    /// The request's id.
    pub id: String,
    /// When the request came, in Unix milliseconds.
    pub at_ms: u64,
    /// The workload.
    pub workload: String,
    /// The release that answered.
    pub release: String,
    /// The arm it counts under.
    pub arm: Arm,
    /// The reason for sampling: `random` samples feed the gates; `targeted` ones and halves of
    /// `shadow` pairs do not.
    pub reason: SampleReason,
    /// True if scorers are not finished.
    pub open: bool,
    /// Joint verdict of the scorers with `gate: true`; null is unscored.
    pub pass: Option<bool>,
    /// The first verdict of a labelled set or a person.
    pub label: Option<bool>,
    /// The tenant who asked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tenant: Option<String>,
    /// The reason for a review: `failed`, `disagreeing` (one scorer fails what others pass) or
    /// `unsure` (a confidence below one half).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub doubt: Option<SampleDoubt>,
}

/// Sampled answers.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct Samples {
    /// Newest first.
    pub samples: Vec<SampleSummary>,
    /// The `cursor` of the next page; absent at the end. A search reads so much at a time and may
    /// give a short or an empty page before the end.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next: Option<u64>,
}

/// The score from one scorer or person.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct SampleScore {
    /// Name of the scorer, or the one a person chose.
    pub name: String,
    /// True if it is good enough; null means unscored.
    pub pass: Option<bool>,
    /// The score, from 0 to 1.
    pub value: Option<f64>,
    /// A word for people and for grouping.
    pub label: Option<String>,
    /// The reason.
    pub explanation: Option<String>,
    /// The source of the score: `scorer`, or the actor of the token.
    pub by: String,
    /// When it was stored, in Unix milliseconds.
    pub at_ms: u64,
}

/// One sampled answer with everything.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct SampleDetail {
    /// The sample.
    pub summary: SampleSummary,
    /// Request and answer, decoded, put together and redacted.
    #[schema(value_type = Object)]
    pub sample: Value,
    /// Its scores.
    pub scores: Vec<SampleScore>,
    /// A reviewer's verdict.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub review: Option<SampleReview>,
}

/// Scores from outside.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct GiveScores {
    /// At most 1000.
    #[schema(max_items = 1000)]
    pub scores: Vec<GivenScore>,
}

/// One score from outside: what a scorer promised to say later, or a person's verdict.
#[derive(Clone, Debug, Default, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct GivenScore {
    /// The request's id.
    pub id: String,
    /// Name of the scorer that is waited for, or one for the verdict, like `human`.
    #[schema(pattern = r"^[^\u0000-\u001f\u007f-\u009f]{1,128}$")]
    pub name: String,
    /// True if it is good enough; null if it cannot be judged.
    #[serde(default)]
    pub pass: Option<bool>,
    /// The score, from 0 to 1.
    #[serde(default)]
    #[schema(minimum = 0.0, maximum = 1.0)]
    pub value: Option<f64>,
    /// A word for people and for grouping.
    #[serde(default)]
    pub label: Option<String>,
    /// The reason.
    #[serde(default)]
    pub explanation: Option<String>,
}

/// The result of submitted scores.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct ScoresTaken {
    /// One for each, in their order.
    pub results: Vec<ScoreTaken>,
}

/// The result of one submitted score.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct ScoreTaken {
    /// The request's id.
    pub id: String,
    /// `counted` if it is the first verdict of a labelled set or a person, `kept`, `repeated` if
    /// this name has given a verdict before (the first one stands), or `unknown` if there is no
    /// such sample.
    pub result: Taken,
}
