//! Analyses: what was measured, what follows, and what still stands in the way.

use super::{Axis, DoubtReason, GateStatus, Unit, Verdict};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// One evaluation of all gates of a rollout's step.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct AnalysisDetail {
    /// Its id: the same as long as verdict and every gate's state are the same.
    pub id: String,
    /// Id of the rollout.
    pub rollout: String,
    /// The step, from 1.
    pub step: u32,
    /// When, in Unix milliseconds.
    pub at_ms: u64,
    /// `pass`, `fail`, `inconclusive` or `error`. Only `pass` permits a promotion.
    pub verdict: Verdict,
    /// Time in which the step was watched, in milliseconds.
    pub observed_ms: u64,
    /// How much of it a promotion (at the last step: the end of the watch) needs.
    pub needed_ms: u64,
    /// Requests the candidate finished in this step.
    pub requests: u64,
    /// How many a promotion needs.
    pub needed_requests: u64,
    /// The gates in the policy's order.
    pub gates: Vec<GateReading>,
    /// What stands in the way of a promotion, one line each; empty with the verdict `pass`.
    pub blocks: Vec<String>,
    /// Why the candidate was to be taken out, if it was.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub trigger: Option<String>,
    /// Whether an outage behind both releases hit both arms alike.
    pub outage: bool,
    /// Why the scorers are not believed, if they are not and a gate rests on them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub judge: Option<JudgeDoubt>,
    /// How the targeting keys were split.
    pub split: SplitHealth,
    /// What the next step is expected to cost; absent where costs are not known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub forecast: Option<SpendForecast>,
}

/// What one gate measured.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct GateReading {
    /// The gate's id.
    #[schema(example = "error/permanent/against-stable")]
    pub gate: String,
    /// `eval`, `latency`, `cost` or `error`.
    pub axis: Axis,
    /// Unit of its values: `share` (0 to 1), `us` (microseconds), `usd`, `tokens` or `ratio`.
    pub unit: Unit,
    /// `ok`, `inconclusive`, `violated`, `no_data` or `error`.
    pub state: GateStatus,
    /// The state in words, with its reason or its length.
    pub words: String,
    /// The candidate over the whole step.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub candidate: Option<Estimated>,
    /// Stable over the same time.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stable: Option<Estimated>,
    /// The candidate over the gate's own window.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lately: Option<f64>,
    /// The limit that was applied.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub limit: Option<f64>,
    /// Natural logarithm of the evidence that the gate is violated; absent where nothing is tested.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ln_evidence: Option<f64>,
    /// What the evidence must reach.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ln_needed: Option<f64>,
    /// The promotion look that came closest: the chance of such data if the candidate were just
    /// beyond the limit.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub p_value: Option<f64>,
    /// How many values of the candidate a promotion needs.
    pub needed: u64,
    /// What stands in the way of a promotion.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub blocks: Option<String>,
}

/// An estimate of one arm.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Estimated {
    /// The estimate.
    pub value: f64,
    /// Lower bound; bounds hold at all times at once with 95%.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub low: Option<f64>,
    /// Upper bound.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub high: Option<f64>,
    /// How many values it rests on.
    pub count: u64,
}

/// Why scorers are not believed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct JudgeDoubt {
    /// `store`, `silent` or `drift` (the verdict is `error`); `budget`, `behind` or `uneven` (it is
    /// `inconclusive`).
    pub reason: DoubtReason,
    /// What was seen, in words.
    pub words: String,
}

/// How targeting keys were split.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct SplitHealth {
    /// Distinct buckets that went to the candidate.
    pub candidate: u64,
    /// Distinct buckets in all.
    pub all: u64,
    /// Natural logarithm of the evidence that the split is not the one asked for.
    pub ln_evidence: f64,
}

/// What a step is expected to cost.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct SpendForecast {
    /// Weight of the next step.
    pub weight: String,
    /// Dollars a day of the whole workload at that weight and the present rate of requests.
    pub usd_per_day: f64,
    /// The same at the present weight.
    pub usd_per_day_now: f64,
}

/// Analyses of a workload.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct Analyses {
    /// Newest first.
    pub analyses: Vec<KeptAnalysis>,
}

/// An analysis as it is kept.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct KeptAnalysis {
    /// What was measured.
    #[serde(flatten)]
    pub analysis: AnalysisDetail,
    /// Whether a change rests on it; then it is kept for ever.
    pub decisive: bool,
}
