//! Totals of the scored samples.

use super::Arm;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// The totals of a workload's samples since a rollout began. Only random samples count. The samples
/// of both arms come from the same period.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct EvalResults {
    /// The workload.
    pub workload: String,
    /// The rollout; null for what was counted before the first.
    pub rollout: Option<String>,
    /// Each release in each arm: stable first.
    pub arms: Vec<ArmResults>,
    /// The candidate's accuracy minus stable's, with bounds at one look; null while an arm has none.
    pub difference: Option<Bounded>,
    /// The same by cohort of the tenant, by name.
    pub cohorts: Vec<SliceResults>,
    /// The same by tenant: those of `cost.tenants`, or the first 50 that were sampled; the rest is
    /// `other`.
    pub tenants: Vec<SliceResults>,
    /// A comparison of the arms' tenants; null while an arm has no scored sample of a tenant.
    pub mix: Option<TenantMix>,
}

/// The totals of one release's samples in one arm.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct ArmResults {
    /// `stable` or `candidate`.
    pub arm: Arm,
    /// The release that answered.
    pub release: String,
    /// When the first counted request came, in Unix milliseconds.
    pub since_ms: u64,
    /// When the last one came.
    pub until_ms: u64,
    /// The counts.
    #[serde(flatten)]
    pub counts: ResultCounts,
    /// Share of samples with a verdict.
    pub coverage: Option<f64>,
    /// Mean value of the gating scorers, from 0 to 1.
    pub mean_value: Option<f64>,
    /// Answers that were compared with what is known to be right.
    pub labelled: LabelledCounts,
    /// How far the judge agrees with what is known to be right, and the accuracy that follows; absent with
    /// fewer than 20 labels among what it passed, or among what it failed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub judge: Option<JudgeAccuracy>,
    /// The calibration of the backend's own confidence.
    pub calibration: Calibration,
    /// The counts of each scorer, by name.
    pub scorers: Vec<ScorerCounts>,
}

/// Passed, failed, unscored.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct ResultCounts {
    /// Samples that passed.
    pub passed: u64,
    /// Samples that failed.
    pub failed: u64,
    /// Samples that no scorer could judge.
    pub unscored: u64,
    /// passed / (passed + failed), with bounds that hold however often one looks.
    pub accuracy: Option<Bounded>,
}

/// A figure with its 95% bounds.
#[derive(Clone, Copy, Debug, Serialize, Deserialize, ToSchema)]
pub struct Bounded {
    /// The observed value.
    pub estimate: f64,
    /// The lower bound.
    pub lower: f64,
    /// The upper bound.
    pub upper: f64,
}

/// Answers that were compared with what is known to be right.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct LabelledCounts {
    /// Number of correct responses.
    pub passed: u64,
    /// Number of wrong responses.
    pub failed: u64,
    /// passed / (passed + failed), with bounds that hold however often one looks.
    pub accuracy: Option<Bounded>,
}

/// A judge against labels. Bounds hold at one look, with 95%.
#[derive(Clone, Copy, Debug, Serialize, Deserialize, ToSchema)]
pub struct JudgeAccuracy {
    /// Samples with a label that the judge had passed.
    pub labelled_passed: u64,
    /// Samples with a label that it had failed.
    pub labelled_failed: u64,
    /// Share of the right answers that it passes.
    pub sensitivity: Bounded,
    /// Share of the wrong answers that it fails.
    pub specificity: Bounded,
    /// Accuracy, corrected for its errors (Rogan and Gladen).
    pub corrected: Bounded,
}

/// Confidence against correctness.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct Calibration {
    /// Scored samples that came with a confidence.
    pub count: u64,
    /// Mean squared difference between confidence and correctness: 0 is perfect, 0.25 is what always
    /// saying one half gets.
    pub brier: Option<f64>,
    /// The mean difference between confidence and accuracy, over the bins.
    pub calibration_error: Option<f64>,
    /// Fifteen equal bins of confidence, from the least sure; empty ones are left out.
    pub bins: Vec<ReliabilityBin>,
}

/// One bin of a reliability table.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct ReliabilityBin {
    /// Confidences from here on …
    pub from: f64,
    /// … up to here.
    pub to: f64,
    /// Samples.
    pub count: u64,
    /// Share of them that passed.
    pub accuracy: f64,
    /// Mean of their confidences.
    pub confidence: f64,
}

/// The counts of one scorer for an arm's samples.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct ScorerCounts {
    /// Its name.
    pub name: String,
    /// Samples that it passed.
    pub passed: u64,
    /// Samples that it failed.
    pub failed: u64,
    /// Samples that it could not judge.
    pub unscored: u64,
    /// Mean value, from 0 to 1.
    pub mean_value: Option<f64>,
}

/// One slice of the samples, in both arms.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct SliceResults {
    /// The cohort or the tenant.
    pub name: String,
    /// Each release in each arm: stable first.
    pub arms: Vec<SliceArm>,
    /// The candidate's accuracy minus stable's, with bounds at one look; null while an arm has none.
    pub difference: Option<Bounded>,
}

/// One slice of one release in one arm.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct SliceArm {
    /// `stable` or `candidate`.
    pub arm: Arm,
    /// The release that answered.
    pub release: String,
    /// The counts.
    #[serde(flatten)]
    pub counts: ResultCounts,
    /// The same for what is known to be right.
    pub labelled: LabelledCounts,
}

/// A comparison of the arms' tenants. If the arms served different tenants, their accuracies differ
/// although no response is worse.
#[derive(Clone, Copy, Debug, Serialize, Deserialize, ToSchema)]
pub struct TenantMix {
    /// Share of the samples that would have to be another tenant's for the arms to be asked alike:
    /// 0 is alike, 1 has nothing in common.
    pub shift: f64,
    /// The candidate's accuracy minus stable's if the candidate had stable's mix of tenants; null if
    /// no tenant is in both.
    pub adjusted_difference: Option<f64>,
}
