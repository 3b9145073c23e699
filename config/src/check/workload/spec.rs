//! The releases of a workload and who gets which.

use super::contradiction::contradiction;
use super::written::Written;
use crate::check::members::{Ids, ids};
use crate::raw::{RawCohort, RawFallback, RawMembers, RawWorkload};
use crate::read::{At, Context, Map, Site, plain};
use crate::scalar::Member;
use stagegate_rollout::{
    Cohort, CohortName, Fallback, FixedResponse, GroupName, Members, ReleaseName, WorkloadName,
    WorkloadSpec,
};
use std::collections::{BTreeMap, BTreeSet};

/// Checks who gets which of the `declared` releases; adds to `written` where the lists are.
pub(super) fn spec(
    name: WorkloadName,
    raw: RawWorkload,
    declared: BTreeSet<ReleaseName>,
    queued: Option<FixedResponse>,
    written: &mut Written,
    cx: &mut Context<'_>,
) -> Option<WorkloadSpec> {
    let (fallback, fallback_site) =
        fallback(plain(raw.kill_switch).and_then(|it| plain(it.fallback)));
    let fallback = queued.map(Fallback::Queue).or(fallback);
    let cohorts = cohorts(raw.cohorts, cx);
    written.fallback = fallback_site;
    written.cohorts = cohorts.unwrap_or_default();
    written.exclusions = exclusions(raw.exclusions, cx);
    let (allow, deny) = (members(raw.allow, cx), members(raw.deny, cx));

    let mut spec = WorkloadSpec::new(name, plain(raw.stable)?);
    spec.releases = declared;
    spec.candidate = plain(raw.candidate);
    spec.salt = plain(raw.salt);
    let cohort = |(name, ids): &(At<CohortName>, Ids)| Cohort {
        name: name.value.clone(),
        tenants: ids.ids.clone(),
    };
    spec.cohorts = written.cohorts.iter().map(cohort).collect();
    let exclusion = |(name, ids): (&GroupName, &Ids)| (name.clone(), ids.ids.clone());
    spec.exclusions = written.exclusions.iter().map(exclusion).collect();
    // A bad value here was reported; the rest can still be checked.
    let (weight, sticky, on_rollback) =
        (plain(raw.weight), plain(raw.sticky), plain(raw.on_rollback));
    let whole = fallback.is_some() && weight.is_some() && sticky.is_some() && on_rollback.is_some();
    spec.initial_weight = weight.unwrap_or_default();
    spec.sticky = sticky.unwrap_or_default();
    spec.on_rollback = on_rollback.unwrap_or_default();
    spec.fallback = fallback.unwrap_or_default();
    let listed = allow.zip(deny);
    let whole = whole && listed.is_some();
    if let Some(((allow, allowed), (deny, _))) = listed {
        (spec.allow, spec.deny) = (allow, deny);
        written.allowed = Some(allowed);
    }
    match spec.check() {
        Ok(spec) => whole.then_some(spec),
        Err(errors) => {
            errors.iter().for_each(|error| contradiction(error, written, cx));
            None
        }
    }
}

/// The fallback and where its release is named.
fn fallback(raw: Option<RawFallback>) -> (Option<Fallback>, Option<Site>) {
    match raw {
        // A queue was taken out before.
        None | Some(RawFallback::Queue(_)) => (None, None),
        Some(RawFallback::Stable) => (Some(Fallback::Stable), None),
        Some(RawFallback::Release(at)) => (Some(Fallback::Release(at.value)), Some(at.site)),
        Some(RawFallback::Respond(at)) => (Some(Fallback::Respond(at.value)), None),
    }
}

fn cohorts(
    raw: Option<At<Vec<At<RawCohort>>>>,
    cx: &mut Context<'_>,
) -> Option<Vec<(At<CohortName>, Ids)>> {
    let mut out = Vec::new();
    for At { value: cohort, .. } in plain(raw)? {
        let tenants = cohort.tenants.as_ref().map(|at| ids(&at.value, cx));
        let (Some(name), Some(tenants)) = (cohort.name, tenants) else { continue };
        if tenants.ids.is_empty() {
            cx.warn(&name.site, "has no tenants", "add `tenants`, or remove the cohort");
        }
        out.push((name, tenants));
    }
    Some(out)
}

fn exclusions(
    raw: Option<At<Map<GroupName, Vec<At<Member>>>>>,
    cx: &mut Context<'_>,
) -> BTreeMap<GroupName, Ids> {
    let entries = plain(raw).map(|map| map.0).unwrap_or_default();
    entries.into_iter().map(|(name, list)| (name.value, ids(&list.value, cx))).collect()
}

/// The members and, for messages, the tenants and users with their places.
fn members(raw: Option<At<RawMembers>>, cx: &mut Context<'_>) -> Option<(Members, [Ids; 2])> {
    let raw = plain(raw)?;
    let tenants = ids(&plain(raw.tenants)?, cx);
    let users = ids(&plain(raw.users)?, cx);
    let set = |ids: &Ids| ids.ids.iter().cloned().collect();
    Some((Members { tenants: set(&tenants), users: set(&users) }, [tenants, users]))
}
