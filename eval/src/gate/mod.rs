//! The gate before the canary: two offline runs of one frozen set, compared case by case.
//!
//! Binary on purpose. An average hides that three cases got better and two that matter got worse; a
//! case that passed before and fails now has fallen, and one is enough.

mod junit;
mod markdown;
mod run;

pub use run::{Run, RunError};

use crate::hash::{canonical, digest};
use serde::{Deserialize, Serialize};
use serde_json::json;
use std::collections::BTreeMap;

/// What became of a case.
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
    /// What became of it.
    pub became: Became,
    /// Why the candidate fails it, where its run says so.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub why: Option<String>,
}

/// A case that cannot be compared, and why.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Incomparable {
    /// Its id.
    pub id: String,
    /// Why.
    pub why: String,
}

/// What the gate says.
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
    /// What the gate says.
    pub verdict: GateVerdict,
    /// Every case of both runs, by id.
    pub cases: Vec<Case>,
    /// What cannot be compared, by id.
    pub incomparable: Vec<Incomparable>,
}

/// Compares two runs.
#[must_use]
pub fn compare(baseline: &Run, candidate: &Run) -> Report {
    let (mut cases, mut incomparable) = (Vec::new(), Vec::new());
    let mut ids: BTreeMap<&str, ()> = BTreeMap::new();
    ids.extend(baseline.ids().chain(candidate.ids()).map(|id| (id, ())));
    let hash_of = |run: &Run, id| run.get(id).and_then(|case| case.content_hash.clone());
    let set: Vec<_> = ids
        .keys()
        .map(|id| (*id, hash_of(candidate, id).or_else(|| hash_of(baseline, id))))
        .collect();
    let content_hash = digest(&canonical(&json!(set)));
    for id in ids.into_keys() {
        match case(id, baseline, candidate) {
            Ok(case) => cases.push(case),
            Err(why) => incomparable.push(Incomparable { id: id.to_owned(), why: why.to_owned() }),
        }
    }
    let fell = cases.iter().any(|case| case.became == Became::Fell);
    let verdict = match (fell, incomparable.is_empty()) {
        (true, _) => GateVerdict::Fell,
        (false, true) => GateVerdict::Held,
        (false, false) => GateVerdict::Incomparable,
    };
    Report {
        baseline: baseline.name.clone(),
        candidate: candidate.name.clone(),
        baseline_release: baseline.release.clone(),
        candidate_release: candidate.release.clone(),
        dataset_version: candidate.dataset_version.or(baseline.dataset_version),
        content_hash,
        verdict,
        cases,
        incomparable,
    }
}

fn case(id: &str, baseline: &Run, candidate: &Run) -> Result<Case, &'static str> {
    let before = baseline.get(id).ok_or("the baseline's run has no such case")?;
    let after = candidate.get(id).ok_or("the candidate's run has no such case")?;
    if let (Some(a), Some(b)) = (&before.content_hash, &after.content_hash)
        && a != b
    {
        return Err("the case itself differs: `content_hash` is not the same in both runs");
    }
    let passed = before.pass.ok_or("the baseline's run has no verdict on it")?;
    let passes = after.pass.ok_or("the candidate's run has no verdict on it")?;
    let became = match (passed, passes) {
        (true, true) => Became::Held,
        (false, true) => Became::Gained,
        (true, false) => Became::Fell,
        (false, false) => Became::StillFailing,
    };
    let why = after.why.clone().filter(|_| !passes);
    Ok(Case { id: id.to_owned(), became, why })
}

impl Report {
    /// The cases that became this.
    pub fn that(&self, became: Became) -> impl Iterator<Item = &Case> {
        self.cases.iter().filter(move |case| case.became == became)
    }

    /// How many of the compared cases pass: in the baseline's run, and in the candidate's.
    #[must_use]
    pub fn passing(&self) -> (usize, usize) {
        let count = |became| self.that(became).count();
        let held = count(Became::Held);
        (held + count(Became::Fell), held + count(Became::Gained))
    }

    /// JUnit XML, as CI systems read it: a fallen case is a failure, one that cannot be compared an
    /// error, and one that fails in both runs is skipped.
    #[must_use]
    pub fn junit(&self) -> String {
        junit::write(self)
    }

    /// Markdown, for a pull request.
    #[must_use]
    pub fn markdown(&self) -> String {
        markdown::write(self)
    }
}
