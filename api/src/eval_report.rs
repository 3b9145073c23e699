//! Offline comparisons attached to releases.

use super::EvalVerdict;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// `PUT /v1/workloads/{workload}/releases/{release}/eval-report`
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct AttachEvalReport {
    /// The comparison and its result.
    pub comparison: EvalComparison,
    /// The reason, or a description; at most 500 characters.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(max_length = 500)]
    pub reason: Option<String>,
}

/// Two offline runs of one frozen set, compared case by case.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct EvalComparison {
    /// The run that the release is compared with.
    pub baseline: EvalRun,
    /// The run of the release itself.
    pub candidate: EvalRun,
    /// Number of compared cases.
    #[serde(deserialize_with = "crate::number::stored")]
    pub cases: u64,
    /// Cases that passed in the baseline's run and fail now. The report held if there are none.
    #[serde(deserialize_with = "crate::number::stored")]
    pub fell: u64,
    /// Cases that failed and pass now.
    #[serde(deserialize_with = "crate::number::stored")]
    pub gained: u64,
    /// Cases without a verdict in one of the runs, or present in one run only.
    #[serde(deserialize_with = "crate::number::stored")]
    pub incomparable: u64,
    /// The fallen cases; the first 1000 of more.
    #[serde(default)]
    pub fallen: Vec<EvalCase>,
    /// The cases that cannot be compared; only the first 1000.
    #[serde(default)]
    pub not_compared: Vec<EvalCase>,
    /// Version of the set, where the runs name one.
    #[serde(
        default,
        deserialize_with = "crate::number::stored_or_none",
        skip_serializing_if = "Option::is_none"
    )]
    pub dataset_version: Option<u64>,
    /// Digest of the set: ids and contents of all cases, in hex.
    #[schema(pattern = "^[0-9A-Fa-f]{64}$")]
    #[schema(example = "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08")]
    pub content_hash: String,
    /// Calibration of the confidence that the release's run states; absent where it states none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub calibration: Option<EvalCalibration>,
}

/// How well a stated confidence fits correctness.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct EvalCalibration {
    /// Expected calibration error over 15 bins, from 0 to 1.
    #[schema(minimum = 0, maximum = 1)]
    pub error: f64,
    /// Brier score, from 0 to 1.
    #[schema(minimum = 0, maximum = 1)]
    pub brier: f64,
    /// Number of cases that state a confidence and have a verdict.
    #[serde(deserialize_with = "crate::number::stored")]
    pub pairs: u64,
}

/// One of the two runs.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct EvalRun {
    /// Its name: the file's.
    pub run: String,
    /// The release that ran, where the run names it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub release: Option<String>,
    /// Number of compared cases that pass.
    #[serde(deserialize_with = "crate::number::stored")]
    pub passed: u64,
}

/// One case and why it is listed.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct EvalCase {
    /// Its id.
    pub id: String,
    /// The reason; empty if the run does not give one.
    #[serde(default)]
    pub why: String,
}

/// A comparison as it is kept with its release.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct EvalReportDetail {
    /// The workload.
    pub workload: String,
    /// The release.
    pub release: String,
    /// `held`, `fell` or `incomparable`.
    pub verdict: EvalVerdict,
    /// When it was attached, in Unix milliseconds.
    pub at_ms: u64,
    /// The actor who attached it.
    pub by: String,
    /// The reason, or a description.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub reason: String,
    /// Digest of the release's pins at that time.
    pub fingerprint: String,
    /// The comparison.
    pub comparison: EvalComparison,
}

/// The comparisons of a release.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct EvalReports {
    /// Newest first, at most 100; the newest one counts.
    pub reports: Vec<EvalReportDetail>,
}
