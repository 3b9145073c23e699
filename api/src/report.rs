//! Deploy reports: what is known of a rollout after an hour, a day, three days.

use super::{
    AnalysisDetail, Artifact, Axis, EvalReportDetail, FigureVerdict, MarkDetail, RolloutSummary,
    TransitionDetail, Unit,
};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// A rollout over a span of time from its start: what was done, and what both arms did.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct DeployReport {
    /// The workload.
    pub workload: String,
    /// The rollout, and where it was when the report was written.
    pub rollout: RolloutSummary,
    /// The actor, reason and time of the start.
    pub started: MarkDetail,
    /// The candidate's artifact, as registered.
    pub candidate_made_of: Artifact,
    /// The stable release's artifact.
    pub stable_made_of: Artifact,
    /// The span that was asked for, as `24h`; absent for the whole rollout.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub span: Option<String>,
    /// Beginning of what is reported, in Unix milliseconds: the start of the rollout.
    pub from_ms: u64,
    /// End of what is reported, in Unix milliseconds: of the span, or of the rollout, or the time of
    /// writing.
    pub until_ms: u64,
    /// True if the span is over; if false, the report covers only its beginning.
    pub complete: bool,
    /// When it was written, in Unix milliseconds.
    pub written_ms: u64,
    /// The counts.
    pub counted: Counted,
    /// The four axes, each on its own.
    pub axes: Vec<AxisReport>,
    /// Failures by class, the most frequent first: outcome, status, name of the error, and the fingerprint of its
    /// message.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub failures: Vec<FailureClass>,
    /// The last analysis within the span: what the gates said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_analysis: Option<AnalysisDetail>,
    /// The actions within the span, oldest first.
    pub history: Vec<TransitionDetail>,
    /// The rollback of the candidate within the span, if there was one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rollback: Option<RollbackReport>,
    /// Everything that was passed over, one line each: overridden objections, waived and dropped checks,
    /// gates that nothing measures.
    pub waived: Vec<String>,
    /// The offline comparison of the candidate that was the newest at the start.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub offline: Option<EvalReportDetail>,
    /// Missing facts and reservations, one line each.
    pub not_known: Vec<String>,
}

/// One class of failures.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct FailureClass {
    /// Its name.
    #[schema(example = "permanent 500 server_error #1a2b3c4d")]
    pub class: String,
    /// Failures of the candidate.
    pub candidate: u64,
    /// Failures of stable over the same time.
    pub stable: u64,
}

/// The counts of a span.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Counted {
    /// Time in which traffic was watched, in milliseconds.
    pub observed_ms: u64,
    /// The candidate.
    pub candidate: CountedArm,
    /// Stable.
    pub stable: CountedArm,
}

/// The counts of one arm.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct CountedArm {
    /// Finished requests.
    pub requests: u64,
    /// Scored responses.
    pub scored: u64,
    /// Requests that were sent to an endpoint again.
    pub retries: u64,
    /// Known spend in dollars: a sum, no estimate.
    pub usd: f64,
    /// Responses without a known cost.
    pub cost_unknown: u64,
}

/// One axis.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct AxisReport {
    /// `eval`, `latency`, `cost` or `error`.
    pub axis: Axis,
    /// `worse`, `better`, `no_difference_shown` or `no_data`: the worst that a figure says.
    pub verdict: FigureVerdict,
    /// Its figures.
    pub figures: Vec<FigureReport>,
}

/// One figure of both arms.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct FigureReport {
    /// The name of the figure.
    pub figure: String,
    /// `share` (0 to 1), `us` (microseconds) or `usd`.
    pub unit: Unit,
    /// The candidate; absent without enough values to say anything.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub candidate: Option<FigureOfArm>,
    /// Stable over the same time.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stable: Option<FigureOfArm>,
    /// Bounds (99%) of candidate minus stable for shares, of candidate over stable for dollars.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub difference: Option<[f64; 2]>,
    /// `worse`, `better`, `no_difference_shown` or `no_data`.
    pub verdict: FigureVerdict,
    /// The minimum number of values of an arm for a verdict.
    pub least: u64,
}

/// A figure of one arm: never without its interval.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct FigureOfArm {
    /// The figure.
    pub value: f64,
    /// Lower bound, 95%.
    pub low: f64,
    /// Upper bound.
    pub high: f64,
    /// Number of values that it is based on.
    pub count: u64,
}

/// The rollback of the candidate.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct RollbackReport {
    /// The actor, reason and time; the actor is `stagegate` if a gate decided.
    pub mark: MarkDetail,
    /// From the start of the rollout, in milliseconds.
    pub after_ms: u64,
    /// The analysis it rests on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub analysis: Option<String>,
    /// The trigger of the rollback.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub trigger: Option<String>,
    /// The violated gates, each with how long it had been by then.
    pub violated: Vec<String>,
}
