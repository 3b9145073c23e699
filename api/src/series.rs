//! `GET /v1/workloads/{workload}/series`: figures over time.

use super::FigureReport;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// What was recorded of a workload over a span of time.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct TimeSeries {
    /// The workload.
    pub workload: String,
    /// The start of the span, in Unix milliseconds.
    pub since_ms: u64,
    /// The end of the span, in Unix milliseconds.
    pub until_ms: u64,
    /// The longest time that a point stands for, in milliseconds.
    pub every_ms: u64,
    /// Oldest first. A time without traffic has no point.
    pub points: Vec<TimePoint>,
}

/// Recorded minutes of one pair of releases, added up.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct TimePoint {
    /// The end of its last minute, in Unix milliseconds.
    pub at_ms: u64,
    /// The stable release.
    pub stable: String,
    /// The candidate, if there was one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub candidate: Option<String>,
    /// The candidate's share of targeting keys at the end.
    #[schema(example = "10%")]
    pub weight: String,
    /// The same share as a number from 0 to 1.
    pub weight_ratio: f64,
    /// Requests that stable finished.
    pub stable_requests: u64,
    /// Requests that the candidate finished.
    pub candidate_requests: u64,
    /// Dollars that both arms cost, as far as they are known.
    pub usd: f64,
    /// The figures of both arms, as in a report.
    pub figures: Vec<FigureReport>,
}
