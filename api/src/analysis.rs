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
    /// The time, in Unix milliseconds.
    pub at_ms: u64,
    /// `pass`, `fail`, `inconclusive` or `error`. Only `pass` permits a promotion.
    pub verdict: Verdict,
    /// Time in which the step was watched, in milliseconds.
    pub observed_ms: u64,
    /// The observed time that a promotion (at the last step: the end of the watch) needs.
    pub needed_ms: u64,
    /// Requests the candidate finished in this step.
    pub requests: u64,
    /// The number that a promotion needs.
    pub needed_requests: u64,
    /// The gates in the policy's order.
    pub gates: Vec<GateReading>,
    /// The reasons that prevent a promotion, one line each; empty with the verdict `pass`.
    pub blocks: Vec<String>,
    /// The reason for a rollback, if it triggered one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub trigger: Option<String>,
    /// True if an outage behind both releases affected both arms alike.
    pub outage: bool,
    /// The doubt about the scorers, if there is one and a gate depends on them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub judge: Option<JudgeDoubt>,
    /// The split of targeting keys.
    pub split: SplitHealth,
    /// The expected cost of the next step; absent if costs are not known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub forecast: Option<SpendForecast>,
    /// Whose evidence it rests on; only in a fleet, and only of the newest analysis.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fleet: Option<FleetEvidence>,
}

/// Whose evidence the newest analysis of a fleet rests on.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct FleetEvidence {
    /// The replica that judged.
    #[schema(example = "eu-7")]
    pub leader: String,
    /// Its term.
    pub term: u64,
    /// How long ago it judged, in milliseconds.
    pub age_ms: u64,
    /// The share of the fleet's traffic whose evidence has arrived, from 0 to 1.
    pub coverage: f64,
    /// Replicas whose evidence has not arrived. A promotion needs all of them.
    pub missing: Vec<String>,
}

/// The measurement of one gate.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct GateReading {
    /// The gate's id.
    #[schema(example = "error/permanent/against-stable")]
    pub gate: String,
    /// `eval`, `latency`, `cost`, `error` or `external`.
    pub axis: Axis,
    /// Unit of its values: `share` (0 to 1), `us` (microseconds), `usd`, `tokens`, `ratio` or `plain`.
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
    /// The value that `ln_evidence` must reach for a violation.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ln_needed: Option<f64>,
    /// The promotion look that came closest: the chance of such data if the candidate were just
    /// beyond the limit.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub p_value: Option<f64>,
    /// Values of the candidate that a promotion needs.
    pub needed: u64,
    /// Values that carry as much as one independent value, as conversations have shown it so far.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub effect: Option<f64>,
    /// The parts of the traffic that most speaks against, the worst first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub slices: Vec<GateSlice>,
    /// What explains most of the difference between the arms, the most telling first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub blame: Vec<GateBlame>,
    /// The reason why there is no value, as the source of an external gate gave it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub note: Option<String>,
    /// The reason that prevents a promotion.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub blocks: Option<String>,
}

/// What a gate sees of one part of the traffic.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct GateSlice {
    /// The part.
    #[schema(example = "tenant acme")]
    pub slice: String,
    /// Units of the candidate that were at risk over the step.
    pub candidate_units: u64,
    /// Those of them that failed.
    pub candidate_failed: u64,
    /// Units of stable.
    pub stable_units: u64,
    /// Those of them that failed.
    pub stable_failed: u64,
    /// Natural logarithm of the evidence that the gate is violated for this part.
    pub ln_evidence: f64,
    /// True if that is enough to tell the gate's owner, corrected for the number of parts.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub alerts: bool,
}

/// What explains a part of the difference between the arms.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct GateBlame {
    /// A part of the traffic, a kind of failure or a stage.
    #[schema(example = "model large")]
    pub what: String,
    /// The part of the difference, from 0 to 1.
    pub share: f64,
    /// Lower bound, with 95% at one look.
    pub low: f64,
    /// Upper bound.
    pub high: f64,
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
    /// Number of values that it is based on.
    pub count: u64,
}

/// The reason why scorers are not believed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct JudgeDoubt {
    /// `store`, `silent` or `drift` (the verdict is `error`); `budget`, `behind` or `uneven` (it is
    /// `inconclusive`).
    pub reason: DoubtReason,
    /// The observation, as text.
    pub words: String,
}

/// The split of targeting keys between the arms.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct SplitHealth {
    /// Distinct buckets that went to the candidate.
    pub candidate: u64,
    /// Distinct buckets in all.
    pub all: u64,
    /// Natural logarithm of the evidence that the split is not the one asked for.
    pub ln_evidence: f64,
}

/// The expected cost of a step.
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
    /// The analysis.
    #[serde(flatten)]
    pub analysis: AnalysisDetail,
    /// True if a change is based on it; then it is kept for ever.
    pub decisive: bool,
}
