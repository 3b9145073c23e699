//! What a checklist is about: workload, release and policy.

use crate::{ExecuteError, Live, ReleaseRefusal, View};
use stagegate_rollout::{Policy, ReleaseName, WorkloadState};
use std::sync::Arc;

/// The release that a checklist is about: the given one, or the one that is rolled out, or the candidate,
/// or the only one that is not stable.
pub(crate) fn subject(
    live: &Live,
    given: Option<&ReleaseName>,
) -> Result<ReleaseName, ExecuteError> {
    let (spec, state) = (live.split.spec(), live.split.state());
    let known = || spec.releases.iter().map(ReleaseName::as_str).collect::<Vec<_>>().join(", ");
    if let Some(release) = given {
        return match spec.releases.contains(release) {
            true => Ok(release.clone()),
            false => Err(ReleaseRefusal::Unknown {
                workload: spec.name.clone(),
                release: release.clone(),
                known: known(),
            }
            .into()),
        };
    }
    let rolled_out = active(state).map(|(to, _)| to.clone());
    let others = || {
        let mut others = spec.releases.iter().filter(|it| **it != state.stable);
        others.next().filter(|_| others.next().is_none()).cloned()
    };
    rolled_out.or_else(|| state.candidate.clone()).or_else(others).ok_or_else(|| {
        ExecuteError::NotNow(format!(
            "workload `{}` has no candidate: name a release, one of {}",
            spec.name,
            known()
        ))
    })
}

/// The release and policy of the rollout in progress.
pub(super) fn active(state: &WorkloadState) -> Option<(&ReleaseName, &Policy)> {
    let rollout = state.rollout.as_deref().filter(|it| it.is_active())?;
    Some((&rollout.to, &rollout.policy))
}

/// The policy that judges a release: that of its rollout in progress, or the workload's.
pub(crate) fn policy_for(view: &View, live: &Live, release: &ReleaseName) -> Arc<Policy> {
    let name = live.split.spec().name.as_str();
    match active(live.split.state()).filter(|(to, _)| *to == release) {
        Some((_, policy)) => Arc::new(policy.clone()),
        None => view
            .config
            .workload(name)
            .map_or_else(|| Arc::new(Policy::builtin()), |workload| Arc::clone(&workload.policy)),
    }
}
