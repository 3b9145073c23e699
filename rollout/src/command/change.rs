//! Commands that concern no rollout: what each changes in the state.

use super::lists::{exclude, list_add, list_remove, opt_in, unexclude};
use crate::state::Declared;
use crate::{
    Closed, CohortName, Command, KillState, Mark, OnRollback, Refusal, ReleaseName, Weight,
    WorkloadSpec, WorkloadState,
};
use std::sync::Arc;

/// Applies a command that concerns no rollout. Returns what changed, in words; empty for no change
/// and for a command of a rollout.
pub(crate) fn change(
    spec: &WorkloadSpec,
    state: &mut WorkloadState,
    command: &Command,
    by: &str,
    reason: &str,
    now_ms: u64,
) -> Result<String, Refusal> {
    Ok(match command {
        Command::Kill => kill(state, by, reason, now_ms),
        Command::Revive => revive(state),
        Command::EnableCohort { cohort, opt_in } => enable_cohort(spec, state, cohort, opt_in)?,
        Command::RollbackCohort => {
            let cohort = state.cohorts.pop().ok_or(Refusal::NoCohortEnabled)?;
            format!("cohort {cohort} closed")
        }
        Command::Exclude { group, tenant } => exclude(state, group, tenant)?,
        Command::Unexclude { group, tenant } => unexclude(spec, state, group, tenant)?,
        Command::OptIn { tenant } => opt_in(spec, state, tenant)?,
        Command::List { list, subject } => list_add(state, *list, subject)?,
        Command::Unlist { list, subject } => list_remove(spec, state, *list, subject)?,
        Command::Declare => declare(spec, state),
        Command::SetWeight { .. }
        | Command::Rollback
        | Command::Start { .. }
        | Command::StartAa { .. }
        | Command::Promote { .. }
        | Command::Pause
        | Command::Resume
        | Command::Abort
        | Command::Restore => String::new(),
    })
}

/// Sets the candidate's weight; a weight above zero opens a closed candidate.
pub(crate) fn set_weight(state: &mut WorkloadState, weight: Weight) -> Result<String, Refusal> {
    if state.candidate.is_none() {
        return Err(Refusal::NoCandidate);
    }
    let before = std::mem::replace(&mut state.weight, weight);
    let reopened = weight > Weight::ZERO && open(state);
    Ok(match (before == weight, reopened) {
        (_, true) => format!("candidate opened again at {weight}"),
        (false, false) => format!("weight {before} -> {weight}"),
        (true, false) => String::new(),
    })
}

/// Opens a closed candidate. Returns true if it was closed.
fn open(state: &mut WorkloadState) -> bool {
    let was_closed = state.closed.take().is_some();
    state.generation += u64::from(was_closed);
    was_closed
}

/// Closes the candidate. Returns what changed, in words; empty if it is closed already.
pub(crate) fn close(
    spec: &WorkloadSpec,
    state: &mut WorkloadState,
    mark: &Mark,
) -> Result<String, Refusal> {
    let Some(candidate) = &state.candidate else { return Err(Refusal::NoCandidate) };
    if state.closed.is_some() {
        return Ok(String::new());
    }
    let weight_before = std::mem::take(&mut state.weight);
    let cohorts = std::mem::take(&mut state.cohorts).len();
    state.closed = Some(Closed {
        by: mark.by.clone(),
        reason: mark.reason.clone(),
        at_ms: mark.at_ms,
        weight_before,
        finishing: spec.on_rollback == OnRollback::Finish,
    });
    let cohorts = match cohorts {
        0 => String::new(),
        1 => " and 1 cohort".to_owned(),
        many => format!(" and {many} cohorts"),
    };
    Ok(format!("{candidate} rolled back from {weight_before}{cohorts} to {}", state.stable))
}

/// Closes the candidate because of what was measured: it is condemned from now on.
pub(crate) fn condemn(
    spec: &WorkloadSpec,
    state: &mut WorkloadState,
    mark: &Mark,
) -> Result<String, Refusal> {
    let summary = close(spec, state, mark)?;
    if let Some(candidate) = state.candidate.clone().filter(|_| !summary.is_empty()) {
        state.condemn(candidate, mark);
    }
    Ok(summary)
}

fn kill(state: &mut WorkloadState, by: &str, reason: &str, at_ms: u64) -> String {
    if state.killed.is_some() {
        return String::new();
    }
    state.killed = Some(KillState { by: by.to_owned(), reason: reason.to_owned(), at_ms });
    // A conversation that was finishing on the candidate must not return to it after `revive`.
    if let Some(closed) = &mut state.closed {
        closed.finishing = false;
    }
    "killed".to_owned()
}

fn revive(state: &mut WorkloadState) -> String {
    if state.killed.take().is_some() { "revived".to_owned() } else { String::new() }
}

fn enable_cohort(
    spec: &WorkloadSpec,
    state: &mut WorkloadState,
    name: &CohortName,
    opt_in: &[Arc<str>],
) -> Result<String, Refusal> {
    if state.candidate.is_none() {
        return Err(Refusal::NoCandidate);
    }
    let Some(cohort) = spec.cohorts.iter().find(|cohort| cohort.name == *name) else {
        let known: Vec<&str> = spec.cohorts.iter().map(|cohort| cohort.name.as_str()).collect();
        return Err(Refusal::UnknownCohort { cohort: name.clone(), known: known.join(", ") });
    };
    if state.cohorts.contains(name) {
        return Err(Refusal::CohortEnabled(name.clone()));
    }
    let next = spec.cohorts.iter().find(|cohort| !state.cohorts.contains(&cohort.name));
    if let Some(next) = next.filter(|next| next.name != *name) {
        return Err(Refusal::CohortOutOfOrder { cohort: name.clone(), next: next.name.clone() });
    }
    for tenant in opt_in {
        let excluded = state.excluding_group(spec, tenant).is_some();
        if !excluded || spec.membership.cohort(tenant) != Some(name) {
            return Err(Refusal::NotExcluded(Arc::clone(tenant)));
        }
        state.opted_in.insert(Arc::clone(tenant));
    }
    let excluded = state.excluded_in(spec, name);
    let excluded: Vec<String> =
        excluded.iter().map(|(tenant, group)| format!("{tenant} ({group})")).collect();
    if !excluded.is_empty() {
        return Err(Refusal::ExcludedInCohort {
            cohort: name.clone(),
            tenants: excluded.join(", "),
        });
    }
    open(state);
    state.cohorts.push(name.clone());
    let tenants = cohort.tenants.len();
    let plural = if tenants == 1 { "" } else { "s" };
    Ok(format!("cohort {name} enabled: {tenants} tenant{plural}"))
}

/// Takes over the roles that the configuration declares. A role that a command changed stays until
/// the declaration changes. A new candidate always begins at weight zero, with no cohort.
fn declare(spec: &WorkloadSpec, state: &mut WorkloadState) -> String {
    if state.rollout.as_ref().is_some_and(|rollout| rollout.is_active()) {
        return String::new();
    }
    let declared = Declared { stable: spec.stable.clone(), candidate: spec.candidate.clone() };
    let mut changes = Vec::new();
    if declared.stable != state.declared.stable && declared.stable != state.stable {
        changes.push(format!("stable {} -> {}", state.stable, declared.stable));
        state.stable = declared.stable.clone();
    }
    let same_candidate = declared.candidate == state.candidate;
    if declared.candidate != state.declared.candidate && !same_candidate {
        let name = |release: &Option<ReleaseName>| {
            release.as_ref().map_or_else(|| "none".to_owned(), ToString::to_string)
        };
        changes.push(format!(
            "candidate {} -> {}",
            name(&state.candidate),
            name(&declared.candidate)
        ));
        state.candidate = declared.candidate.clone();
        state.weight = Weight::ZERO;
        state.cohorts.clear();
        // A release that was rolled back comes back closed.
        state.closed = None;
        state.closed = state.candidate.as_ref().and_then(|it| state.closed_again(spec, it));
        state.generation += 1;
        state.salt = state.salt_for(spec);
    }
    state.declared = declared;
    state.cohorts.retain(|name| spec.cohorts.iter().any(|cohort| cohort.name == *name));
    changes.join(", ")
}
