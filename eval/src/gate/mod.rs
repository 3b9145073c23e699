//! The gate before the canary: two offline runs of one frozen set, compared case by case.
//!
//! Binary on purpose. An average hides that three cases got better and two that matter got worse; a
//! case that passed before and fails now has fallen, and one is enough.

mod junit;
mod markdown;
mod report;
mod run;

pub use report::{Became, Case, GateVerdict, Incomparable, Report};
pub use run::{Run, RunError};

use crate::Reliability;
use crate::hash::{canonical, digest};
use serde_json::json;
use std::collections::BTreeMap;

/// Digest of a set: 64 hex digits over the ids of its cases, sorted, and what their `content_hash` says.
#[must_use]
pub fn set_hash(cases: &[(&str, Option<String>)]) -> String {
    digest(&canonical(&json!(cases)))
}

/// Compares two runs.
#[must_use]
pub fn compare(baseline: &Run, candidate: &Run) -> Report {
    let (mut cases, mut incomparable) = (Vec::new(), Vec::new());
    let mut ids: BTreeMap<&str, ()> = BTreeMap::new();
    ids.extend(baseline.ids().chain(candidate.ids()).map(|id| (id, ())));
    let hash_of = |run: &Run, id| run.get(id).and_then(|case| case.content_hash.clone());
    let set: Vec<(&str, Option<String>)> = ids
        .keys()
        .map(|id| (*id, hash_of(candidate, id).or_else(|| hash_of(baseline, id))))
        .collect();
    let content_hash = set_hash(&set);
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
        calibration: calibration(candidate),
        cases,
        incomparable,
    }
}

/// Confidence against correctness over the cases of a run that have both.
fn calibration(run: &Run) -> Reliability {
    let mut table = Reliability::default();
    for case in run.ids().filter_map(|id| run.get(id)) {
        if let (Some(confidence), Some(pass)) = (case.confidence, case.pass) {
            table.add(confidence, pass);
        }
    }
    table
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
