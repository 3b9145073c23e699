//! Offline comparisons as they are recorded. Field names are those of the stored JSON.

use serde::{Deserialize, Serialize};

/// Two offline runs of one frozen set, compared case by case.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct EvalComparison {
    /// The run that the release is compared with.
    pub baseline: EvalRun,
    /// The run of the release itself.
    pub candidate: EvalRun,
    /// Number of compared cases.
    pub cases: u64,
    /// Cases that passed in the baseline's run and fail now.
    pub fell: u64,
    /// Cases that failed and pass now.
    pub gained: u64,
    /// Cases without a verdict in one of the runs, or present in one run only.
    pub incomparable: u64,
    /// The fallen cases; the first 1000 of more.
    #[serde(default)]
    pub fallen: Vec<EvalCase>,
    /// Cases that cannot be compared; the first 1000 of more.
    #[serde(default)]
    pub not_compared: Vec<EvalCase>,
    /// Version of the set, where the runs name one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub dataset_version: Option<u64>,
    /// Digest of the set: ids and contents of all cases, in hex.
    pub content_hash: String,
    /// Calibration of the confidence that the release's run states; absent where it states none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub calibration: Option<EvalCalibration>,
}

/// How well a stated confidence fits correctness.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct EvalCalibration {
    /// Expected calibration error over 15 bins, from 0 to 1.
    pub error: f64,
    /// Brier score, from 0 to 1.
    pub brier: f64,
    /// Number of cases that state a confidence and have a verdict.
    pub pairs: u64,
}

impl EvalComparison {
    /// The verdict, computed from the counts and never taken from the sender.
    #[must_use]
    pub const fn verdict(&self) -> EvalVerdict {
        match (self.fell, self.incomparable) {
            (1.., _) => EvalVerdict::Fell,
            (0, 1..) => EvalVerdict::Incomparable,
            (0, 0) => EvalVerdict::Held,
        }
    }
}

/// One of the two runs.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct EvalRun {
    /// Its name: the file's.
    pub run: String,
    /// The release that ran, where the run names it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub release: Option<String>,
    /// Number of compared cases that pass.
    pub passed: u64,
}

/// One case and why it is listed.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct EvalCase {
    /// Its id.
    pub id: String,
    /// The reason; empty if the run does not give one.
    #[serde(default)]
    pub why: String,
}

/// The result of a comparison.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum EvalVerdict {
    /// No case fell.
    Held,
    /// A case passed before and fails now.
    Fell,
    /// No case fell, and some cannot be compared.
    Incomparable,
}

impl EvalVerdict {
    /// The word used in the store and the API.
    #[must_use]
    pub const fn label(self) -> &'static str {
        match self {
            Self::Held => "held",
            Self::Fell => "fell",
            Self::Incomparable => "incomparable",
        }
    }
}

/// A comparison as it is kept with its release.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct EvalReport {
    /// The workload.
    pub workload: String,
    /// The release.
    pub release: String,
    /// The verdict.
    pub verdict: EvalVerdict,
    /// When it was attached, in Unix milliseconds.
    pub at_ms: u64,
    /// The actor who attached it.
    pub by: String,
    /// The reason; may be empty.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub reason: String,
    /// Digest of the release's pins at that time.
    pub fingerprint: String,
    /// The comparison.
    pub comparison: EvalComparison,
}
