//! Stages of requests, by the agents' traces.

use super::StageSource;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// One stage of a request.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct RequestStage {
    /// Its name.
    #[schema(example = "tool:search")]
    pub stage: String,
    /// Who named it.
    pub source: StageSource,
    /// Milliseconds of all its calls together. Calls may overlap, and stages contain each other.
    pub duration_ms: f64,
    /// The number of calls.
    pub calls: u64,
    /// Calls that failed.
    pub errors: u64,
    /// Input tokens of the model calls in it.
    pub input_tokens: u64,
    /// Output tokens of the model calls in it.
    pub output_tokens: u64,
    /// The known cost of the model calls in it, in US dollars.
    pub cost_usd: f64,
    /// Model calls whose cost is not known.
    pub unpriced_calls: u64,
}

/// The stages of an arm by the agents' traces, since the start of the process.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct TracedStages {
    /// Requests whose spans were awaited.
    pub requests: u64,
    /// The part of them of which at least one span came in time.
    pub traced: u64,
    /// True if every one of them was traced; if not, the stages are those of a sample.
    pub exact: bool,
    /// In the order of their names.
    pub stages: Vec<StageStatus>,
}

/// One stage of an arm.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct StageStatus {
    /// Its name.
    #[schema(example = "tool:search")]
    pub stage: String,
    /// The number of calls.
    pub calls: u64,
    /// Calls that failed.
    pub errors: u64,
    /// Median of a call in milliseconds; absent without any.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub p50_ms: Option<f64>,
    /// 95th percentile in milliseconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub p95_ms: Option<f64>,
    /// 99th percentile in milliseconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub p99_ms: Option<f64>,
    /// Input tokens of the model calls in it.
    pub input_tokens: u64,
    /// Output tokens of the model calls in it.
    pub output_tokens: u64,
    /// The known cost of the model calls in it, in US dollars.
    pub cost_usd: f64,
    /// Model calls whose cost is not known.
    pub unpriced_calls: u64,
}
