//! From the core's values to what goes over the wire. Nothing here decides anything.

mod change;
mod checklist;
mod decision;
mod eval_report;
mod flag;
mod fleet;
mod handoff;
mod pairs;
mod passport;
mod queue;
mod release;
mod results;
mod runbook;
mod sets;
mod shadow;
mod stages;
mod status;

pub use change::*;
pub use checklist::{
    checklist, given_evidence, given_file, given_kind, stale_check, statement, statement_made,
};
pub use decision::{add_remote, decision};
pub use eval_report::{eval_report, given_comparison};
pub use flag::{bound, decider, flag, flag_changed, flag_evaluation, flags, flags_sent};
pub use fleet::{fleet, fleet_evidence, fleet_finding, fleet_outcome, fleet_seen};
pub use release::{artifact, diff, release, releases, running};

pub use passport::{
    admitted_passport, exercise, given_exercise, given_passport, passport, signed_passport,
};

pub use handoff::{handoff, handoff_made};
pub use runbook::{given_act, runbook, task_made};

pub mod rollout;
pub(crate) use pairs::{compared, lost};
pub(crate) use queue::{queue_entry, queue_figures, queued_request};
pub use results::results;
pub(crate) use sets::*;
pub use shadow::shadow;
pub(crate) use stages::{request_stage, traced_stages};
pub use status::{endpoint, reload as reload_status, store as store_status, worker};

use stagegate_api::{
    CandidateClosed, CohortDetail, Cohorts, CondemnedRelease, ConfigProblem, ExclusionGroup,
    KillSwitch, LetIn, ListEntries, WorkloadDetail,
};
use stagegate_control::Live;
use stagegate_rollout::{
    Cohort, Condemned, Fallback, GroupName, Members, ReleaseName, WorkloadSpec, WorkloadState,
};
use std::collections::BTreeSet;
use std::sync::Arc;

/// Most names of one list of the configuration that are shown.
const SHOWN: usize = 100;
/// Most excluded tenants of one cohort that are shown.
const EXCLUDED_SHOWN: usize = 20;

/// A workload in full.
#[must_use]
pub fn workload(live: &Live) -> WorkloadDetail {
    let (spec, state) = (live.split.spec(), live.split.state());
    WorkloadDetail {
        name: spec.name.to_string(),
        epoch: live.epoch,
        stable: state.stable.to_string(),
        candidate: state.candidate.as_ref().map(ToString::to_string),
        weight: state.weight.to_string(),
        weight_ratio: state.weight.ratio(),
        open: is_open(state),
        closed: closed(state),
        killed: killed(state),
        kill_fallback: match &spec.fallback {
            Fallback::Stable => "stable".to_owned(),
            Fallback::Release(release) => format!("release {release}"),
            Fallback::Respond(answer) => format!("respond {}", answer.status),
            Fallback::Queue(_) => "queue".to_owned(),
        },
        sticky: sticky(spec.sticky),
        on_rollback: on_rollback(spec.on_rollback),
        salt: state.salt.to_string(),
        cohorts: spec.cohorts.iter().map(|it| cohort(spec, state, it)).collect(),
        exclusions: exclusions(spec, state),
        opted_in: texts(&state.opted_in),
        allow: list(&spec.allow, &state.allow),
        deny: list(&spec.deny, &state.deny),
        rollout: state.rollout.as_deref().map(rollout::summary),
        previous: state.previous.as_ref().map(ToString::to_string),
        condemned: condemned(state),
    }
}

/// Releases that were rolled back.
#[must_use]
pub fn condemned(state: &WorkloadState) -> Vec<CondemnedRelease> {
    let described = |(release, it): (&ReleaseName, &Condemned)| CondemnedRelease {
        release: release.to_string(),
        by: it.by.by.clone(),
        reason: it.by.reason.clone(),
        at_ms: it.by.at_ms,
        let_in: it.let_in.as_ref().map(|mark| LetIn {
            by: mark.by.clone(),
            reason: mark.reason.clone(),
            at_ms: mark.at_ms,
        }),
    };
    state.condemned.iter().map(described).collect()
}

/// Returns true if any rule may route to the candidate.
#[must_use]
pub fn is_open(state: &WorkloadState) -> bool {
    state.is_open() && state.killed.is_none()
}

/// The rollback of the candidate, if it was rolled back.
#[must_use]
pub fn closed(state: &WorkloadState) -> Option<CandidateClosed> {
    state.closed.as_ref().map(|closed| CandidateClosed {
        by: closed.by.clone(),
        reason: closed.reason.clone(),
        at_ms: closed.at_ms,
        weight_before: closed.weight_before.to_string(),
        finishing: closed.finishing,
    })
}

/// The kill of the workload, if it was killed.
#[must_use]
pub fn killed(state: &WorkloadState) -> Option<KillSwitch> {
    state.killed.as_ref().map(|kill| KillSwitch {
        by: kill.by.clone(),
        reason: kill.reason.clone(),
        at_ms: kill.at_ms,
    })
}

/// The cohorts of a workload.
#[must_use]
pub fn cohorts(live: &Live) -> Cohorts {
    let (spec, state) = (live.split.spec(), live.split.state());
    Cohorts {
        epoch: live.epoch,
        cohorts: spec.cohorts.iter().map(|it| cohort(spec, state, it)).collect(),
        next: next_cohort(spec, state),
    }
}

/// The cohort that can be enabled next.
#[must_use]
pub fn next_cohort(spec: &WorkloadSpec, state: &WorkloadState) -> Option<String> {
    let next = spec.cohorts.iter().find(|it| !state.cohorts.contains(&it.name))?;
    Some(next.name.to_string())
}

fn cohort(spec: &WorkloadSpec, state: &WorkloadState, cohort: &Cohort) -> CohortDetail {
    let excluded = state.excluded_in(spec, &cohort.name);
    let excluded = excluded.iter().map(|(tenant, group)| format!("{tenant} ({group})"));
    CohortDetail {
        name: cohort.name.to_string(),
        enabled: state.cohorts.contains(&cohort.name),
        tenants: cohort.tenants.len() as u64,
        excluded: excluded.take(EXCLUDED_SHOWN).collect(),
    }
}

fn exclusions(spec: &WorkloadSpec, state: &WorkloadState) -> Vec<ExclusionGroup> {
    let names: BTreeSet<&GroupName> = spec.exclusions.keys().chain(state.excluded.keys()).collect();
    let group = |name: &GroupName| {
        let configured = spec.exclusions.get(name).map_or(&[][..], Vec::as_slice);
        ExclusionGroup {
            group: name.to_string(),
            config_total: configured.len() as u64,
            config_tenants: texts(configured.iter().take(SHOWN)),
            tenants: state.excluded.get(name).map(texts).unwrap_or_default(),
        }
    };
    names.into_iter().map(group).collect()
}

fn list(config: &Members, runtime: &Members) -> ListEntries {
    ListEntries {
        config_total: (config.tenants.len() + config.users.len()) as u64,
        config_tenants: texts(config.tenants.iter().take(SHOWN)),
        config_users: texts(config.users.iter().take(SHOWN)),
        tenants: texts(&runtime.tenants),
        users: texts(&runtime.users),
    }
}

fn texts<'a>(ids: impl IntoIterator<Item = &'a Arc<str>>) -> Vec<String> {
    ids.into_iter().map(ToString::to_string).collect()
}

/// A problem or warning of the configuration. The bad value is part of the message.
#[must_use]
pub fn config_problem(problem: &stagegate_config::Problem) -> ConfigProblem {
    let message = match &problem.value {
        Some(value) => format!("`{value}` {}", problem.message),
        None => problem.message.clone(),
    };
    ConfigProblem {
        file: problem.file.to_string(),
        line: problem.line,
        column: problem.column,
        key: problem.key.clone(),
        message,
        hint: problem.hint.clone(),
    }
}
