//! Reconciles the stored states with a configuration. Pure.

use super::ReloadOrder;
use stagegate_config::Config;
use stagegate_rollout::{
    Command, Effect, Fallback, Grounds, Input, Order, Refusal, Split, WorkloadName, WorkloadSpec,
    WorkloadState, step,
};
use std::collections::BTreeMap;
use std::sync::Arc;

/// The states under a configuration.
#[derive(Debug)]
pub(super) struct Reconciled {
    /// One for each workload, in the order of the configuration.
    pub(super) splits: Vec<Arc<Split>>,
    /// States that are new or not as remembered.
    pub(super) changed: Vec<(WorkloadName, WorkloadState)>,
    /// The changes, one line each.
    pub(super) notes: Vec<String>,
    /// States of workloads the configuration does not have.
    pub(super) dormant: BTreeMap<WorkloadName, WorkloadState>,
}

/// Applies what `config` declares to the remembered states.
///
/// # Errors
/// One line for each role that would be left without its release.
pub(super) fn reconcile(
    config: &Config,
    mut known: BTreeMap<WorkloadName, WorkloadState>,
    by: &ReloadOrder,
    now_ms: u64,
) -> Result<Reconciled, Vec<String>> {
    let mut done = Reconciled {
        splits: Vec::new(),
        changed: Vec::new(),
        notes: Vec::new(),
        dormant: BTreeMap::new(),
    };
    let mut problems = Vec::new();
    for workload in &config.workloads {
        let spec = &workload.spec;
        let remembered = known.remove(&spec.name);
        let state = match &remembered {
            None => {
                done.notes.push(format!("workload {} is new", spec.name));
                WorkloadState::initial(spec)
            }
            Some(state) => match declare(spec, state, by, now_ms) {
                Ok((state, notes)) => {
                    let notes = notes.iter().map(|note| format!("workload {}: {note}", spec.name));
                    done.notes.extend(notes);
                    state
                }
                Err(refusal) => {
                    problems.push(format!("workload {}: {refusal}", spec.name));
                    continue;
                }
            },
        };
        problems.extend(missing_releases(spec, &state));
        if remembered.as_ref() != Some(&state) {
            done.changed.push((spec.name.clone(), state.clone()));
        }
        done.splits.push(Arc::new(Split::new(Arc::clone(spec), Arc::new(state))));
    }
    if !problems.is_empty() {
        return Err(problems);
    }
    done.notes.extend(
        known
            .keys()
            .map(|name| format!("workload {name} is not in the configuration; its state is kept")),
    );
    done.dormant = known;
    Ok(done)
}

/// Takes over what is declared. Returns the state and what changed.
fn declare(
    spec: &WorkloadSpec,
    state: &WorkloadState,
    by: &ReloadOrder,
    now_ms: u64,
) -> Result<(WorkloadState, Vec<String>), Refusal> {
    let grounds = Grounds { overriding: by.overriding, ..Grounds::default() };
    let order = Order { command: &Command::Declare, by: &by.actor, reason: &by.reason, grounds };
    let stepped = step(spec, state, Input::Command(order), now_ms)?;
    let against = stepped.effects.into_iter().filter_map(|effect| match effect {
        Effect::Record(entry) => Some(entry.against),
        _ => None,
    });
    let notes = std::iter::once(stepped.summary).chain(against.flatten());
    Ok((stepped.state, notes.filter(|note| !note.is_empty()).collect()))
}

/// Roles of `state` whose release the configuration no longer has.
pub(super) fn missing_releases(spec: &WorkloadSpec, state: &WorkloadState) -> Vec<String> {
    let mut problems = Vec::new();
    let mut must_exist = |role: &str, release| {
        if !spec.releases.contains(release) {
            problems.push(format!(
                "workload {}: release `{release}` is its {role} now and must stay in `releases`; make another release {role} first",
                spec.name
            ));
        }
    };
    must_exist("stable", &state.stable);
    if let Some(candidate) = &state.candidate {
        must_exist("candidate", candidate);
    }
    if let Fallback::Release(release) = &spec.fallback {
        must_exist("kill switch's fallback", release);
    }
    let against_itself =
        state.rollout.as_ref().is_some_and(|it| it.is_active() && it.against_itself.is_some());
    if state.candidate.as_ref() == Some(&state.stable) && !against_itself {
        problems.push(format!(
            "workload {}: release `{}` would be both stable and candidate",
            spec.name, state.stable
        ));
    }
    problems
}
