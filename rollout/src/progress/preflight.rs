//! The checks before a rollout starts.

use crate::{GateId, Policy, Span, WorkloadSpec, WorkloadState};
use serde::{Deserialize, Serialize};

/// The ability of a release to take traffic now.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "readiness", content = "why")]
pub enum Readiness {
    /// Healthy endpoints that answered a probe.
    Ready,
    /// Not, and why.
    NotReady(String),
}

/// The result of the offline comparison of a release.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "offline", content = "why")]
pub enum OfflineEval {
    /// No case fell.
    Held,
    /// There is none that tells anything, and why.
    Missing(String),
    /// Cases fell: which.
    Fell(String),
}

/// The checks of a checklist that are open.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct OpenChecks {
    /// True if they stand in the way of a start.
    pub required: bool,
    /// The open checks, one line each: the check, its owner, what is missing and what meets it.
    pub open: Vec<String>,
    /// The result in a few words, for people.
    pub summary: String,
}

/// The findings before a start. The caller collects them; the state machine judges.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Preflight {
    /// The release that would be rolled out: healthy and warm?
    pub candidate: Readiness,
    /// The release to go back to: healthy and warm?
    pub target: Readiness,
    /// When the kill switch was last exercised with success, in Unix milliseconds.
    pub drilled_ms: Option<u64>,
    /// Gates of the policy that the workload has no means to measure, and what is missing: no
    /// scorer, no prices, no budget.
    pub unmeasurable: Vec<(GateId, String)>,
    /// The result of the offline comparison of the candidate.
    pub offline: OfflineEval,
    /// True if the workload has scorers.
    pub has_scorers: bool,
    /// The checklist; absent if the policy asks for none.
    #[serde(default)]
    pub checklist: Option<OpenChecks>,
}

impl Preflight {
    /// Everything that is missing, in words; empty when the rollout may start.
    #[must_use]
    pub fn missing(
        &self,
        spec: &WorkloadSpec,
        state: &WorkloadState,
        policy: &Policy,
        now_ms: u64,
    ) -> Vec<String> {
        let mut missing = Vec::new();
        let roles = [("the candidate", &self.candidate), ("the rollback target", &self.target)];
        for (role, readiness) in roles {
            if let Readiness::NotReady(why) = readiness {
                missing.push(format!("{role} is not ready: {why}"));
            }
        }
        // A required checklist has these checks too, and people waive them there one by one.
        if let Some(list) = self.checklist.as_ref().filter(|list| list.required) {
            missing.extend(list.open.iter().cloned());
            return missing;
        }
        if let Some(within) = policy.drill_within_ms {
            let within_text = Span(within);
            match self.drilled_ms {
                None => missing.push(format!(
                    "the kill switch was never exercised: `stagegate drill {}` (must be within {within_text})",
                    spec.name
                )),
                Some(at) if now_ms.saturating_sub(at) > within => missing.push(format!(
                    "the kill switch was last exercised over {within_text} ago: `stagegate drill {}`",
                    spec.name
                )),
                Some(_) => {}
            }
        }
        if spec.exclusions.is_empty() && state.excluded.is_empty() {
            missing.push(
                "no exclusion group is set: declare `exclusions`, with empty lists if nobody is to be kept out"
                    .to_owned(),
            );
        }
        match &self.offline {
            OfflineEval::Fell(cases) => {
                missing.push(format!("the offline eval report of the candidate fell: {cases}"));
            }
            OfflineEval::Missing(why) if policy.offline_report.asks(self.has_scorers) => {
                missing.push(format!("the candidate has no offline eval report that held: {why}"));
            }
            OfflineEval::Missing(_) | OfflineEval::Held => {}
        }
        for (gate, why) in &self.unmeasurable {
            missing.push(format!("gate `{gate}` cannot be measured: {why}"));
        }
        missing
    }
}
