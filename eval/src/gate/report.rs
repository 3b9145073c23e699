//! The comparison of two runs.

use crate::Reliability;
use serde::{Deserialize, Serialize};

/// The result of one case in both runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Became {
    /// It passed and passes.
    Held,
    /// It failed and passes.
    Gained,
    /// It passed and fails.
    Fell,
    /// It failed and fails.
    StillFailing,
}

/// One case of both runs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Case {
    /// Its id.
    pub id: String,
    /// Its result.
    pub became: Became,
    /// The reason why the candidate fails it, if its run has one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub why: Option<String>,
}

/// A case that cannot be compared.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Incomparable {
    /// Its id.
    pub id: String,
    /// The reason.
    pub why: String,
}

/// The verdict of the gate.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum GateVerdict {
    /// No case fell: the candidate may go to a slice of traffic.
    Held,
    /// A case fell.
    Fell,
    /// The runs are not of the same cases, or a case has no verdict: nothing can be said.
    Incomparable,
}

/// The comparison of two runs; what is attached to a release.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Report {
    /// Name of the baseline's run.
    pub baseline: String,
    /// Name of the candidate's run.
    pub candidate: String,
    /// The release that the baseline's run names.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub baseline_release: Option<String>,
    /// The release that the candidate's run names.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub candidate_release: Option<String>,
    /// The version of the set that the runs name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub dataset_version: Option<u64>,
    /// 64 hex digits over the ids of all cases and what their `content_hash` says: two reports of
    /// the same set have the same.
    #[serde(default)]
    pub content_hash: String,
    /// The verdict of the gate.
    pub verdict: GateVerdict,
    /// Confidence against correctness in the candidate's run; empty where its lines state none.
    #[serde(default)]
    pub calibration: Reliability,
    /// Every case of both runs, by id.
    pub cases: Vec<Case>,
    /// Cases that cannot be compared, by id.
    pub incomparable: Vec<Incomparable>,
}

impl Report {
    /// The cases with this result.
    pub fn that(&self, became: Became) -> impl Iterator<Item = &Case> {
        self.cases.iter().filter(move |case| case.became == became)
    }

    /// The numbers of compared cases that pass: in the baseline's run, and in the candidate's.
    #[must_use]
    pub fn passing(&self) -> (usize, usize) {
        let count = |became| self.that(became).count();
        let held = count(Became::Held);
        (held + count(Became::Fell), held + count(Became::Gained))
    }
}
