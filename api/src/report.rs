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
    /// Who started it, why and when.
    pub started: MarkDetail,
    /// What the candidate is made of, as it is registered.
    pub candidate_made_of: Artifact,
    /// What stable is made of.
    pub stable_made_of: Artifact,
    /// The span that was asked for, as `24h`; absent for the whole rollout.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub span: Option<String>,
    /// Beginning of what is reported, in Unix milliseconds: the start of the rollout.
    pub from_ms: u64,
    /// End of what is reported, in Unix milliseconds: of the span, or of the rollout, or the time of
    /// writing.
    pub until_ms: u64,
    /// Whether the span is over; if not, this report is of its beginning.
    pub complete: bool,
    /// When it was written, in Unix milliseconds.
    pub written_ms: u64,
    /// What was counted at all.
    pub counted: Counted,
    /// The four axes, each on its own.
    pub axes: Vec<AxisReport>,
    /// The last analysis within the span: what the gates said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_analysis: Option<AnalysisDetail>,
    /// What was done within the span, oldest first.
    pub history: Vec<TransitionDetail>,
    /// How the candidate was taken out within the span, if it was.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rollback: Option<RollbackReport>,
    /// Gates that nothing measures and that were waived at the start.
    pub waived: Vec<String>,
    /// The offline comparison of the candidate that was the newest at the start.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub offline: Option<EvalReportDetail>,
    /// What is not known, or not as it seems; one line each.
    pub not_known: Vec<String>,
}

/// What was counted within a span.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Counted {
    /// Time in which traffic was watched, in milliseconds.
    pub observed_ms: u64,
    /// The candidate.
    pub candidate: CountedArm,
    /// Stable.
    pub stable: CountedArm,
}

/// What was counted of one arm.
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
    /// Responses of which nobody knows what they cost.
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
    /// What it is.
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
    /// How many values of an arm it takes to say anything.
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
    /// How many values it rests on.
    pub count: u64,
}

/// How the candidate was taken out.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct RollbackReport {
    /// Who, why and when; `stagegate` when a gate did.
    pub mark: MarkDetail,
    /// From the start of the rollout, in milliseconds.
    pub after_ms: u64,
    /// The analysis it rests on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub analysis: Option<String>,
    /// What pulled the trigger.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub trigger: Option<String>,
    /// The violated gates, each with how long it had been by then.
    pub violated: Vec<String>,
}
