//! Rows of the store that belong to a change.

use serde_json::{Value, json};
use stagegate_rollout::{Analysis, AnalysisId, Rollout, WorkloadName, WorkloadState};
use stagegate_store::{Attachment, NewAnalysis, RolloutRecord};

/// Adds a member to an audit entry's details.
pub(super) fn add(details: &mut Value, key: &str, value: Value) {
    if let Value::Object(members) = details {
        members.insert(key.to_owned(), value);
    } else {
        *details = json!({ key: value });
    }
}

/// An analysis as it is stored.
pub(super) fn stored(workload: &WorkloadName, analysis: &Analysis) -> NewAnalysis {
    NewAnalysis {
        id: analysis.id.to_string(),
        workload: workload.clone(),
        rollout: analysis.rollout.to_string(),
        step: analysis.step as u32,
        at_ms: analysis.at_ms,
        verdict: analysis.verdict.label().to_owned(),
        body: json!(analysis).to_string(),
    }
}

/// The analysis that a change rests on, kept for ever.
pub(super) fn decisive(
    workload: &WorkloadName,
    id: &AnalysisId,
    analysis: Option<&Analysis>,
) -> Vec<Attachment> {
    let Some(analysis) = analysis.filter(|analysis| analysis.id == *id) else { return Vec::new() };
    vec![
        Attachment::Analysis(stored(workload, analysis)),
        Attachment::Decisive { id: id.to_string() },
    ]
}

/// Returns the rows that a change adds to the rollout's history and evidence.
pub(super) fn of_rollout(
    workload: &WorkloadName,
    before: &WorkloadState,
    after: &WorkloadState,
) -> Vec<Attachment> {
    let Some(rollout) = after.rollout.as_deref() else { return Vec::new() };
    let mut attached = Vec::new();
    let stage = |rollout: &Rollout| (rollout.id.clone(), rollout.step);
    let was = before.rollout.as_deref();
    if was.map(|it| (stage(it), &it.history)) != Some((stage(rollout), &rollout.history)) {
        attached.push(Attachment::Rollout(RolloutRecord {
            workload: workload.clone(),
            rollout: rollout.id.to_string(),
            started_ms: rollout.started.at_ms,
            ended_ms: (!rollout.is_active()).then_some(rollout.since.at_ms),
            phase: rollout.phase.label().to_owned(),
            body: json!(rollout).to_string(),
        }));
    }
    // The last step takes stable's figures from the step before: only another rollout begins bare.
    if was.map(|it| &it.id) != Some(&rollout.id) {
        attached.push(Attachment::ForgetEvidence { workload: workload.clone() });
    }
    attached
}
