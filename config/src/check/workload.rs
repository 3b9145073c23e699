//! One workload: its parts, and whether they agree.

use super::members::{Ids, ids};
use super::policy::Policies;
use super::{eval, identity, labelled, matching, plain, release, shadow, signals, tls, traffic};
use crate::raw::{RawCohort, RawFallback, RawMembers, RawRespond, RawWorkload};
use crate::read::{At, Context, Site, join};
use crate::scalar::Member;
use crate::{Identity, Workload, WorkloadLimits};
use stagegate_rollout::{
    Cohort, CohortName, Fallback, FixedResponse, GroupName, Members, ReleaseName, SpecError,
    Sticky, WorkloadName, WorkloadSpec,
};
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

/// What is kept of the file to place contradictions that are found later.
struct Sites {
    stable: Option<Site>,
    candidate: Option<Site>,
    weight: Option<Site>,
    fallback: Option<Site>,
    cohorts: Vec<(At<CohortName>, Ids)>,
    whole: Site,
}

/// Checks one workload.
pub(crate) fn workload(
    name: At<WorkloadName>,
    at: At<RawWorkload>,
    policies: &mut Policies,
    cx: &mut Context<'_>,
) -> Option<Workload> {
    let At { value: raw, site } = at;
    let place = cx.place(&name.site.without_value());
    let declared: BTreeSet<ReleaseName> = raw
        .releases
        .iter()
        .flat_map(|at| at.value.0.iter().map(|(name, _)| name.value.clone()))
        .collect();
    let matches: Option<Vec<_>> = plain(raw.r#match)
        .and_then(|list| list.0.iter().map(|at| matching::rule(&at.value)).collect());
    let releases = release::releases(raw.releases, cx);
    let identity = raw.identity.and_then(|at| identity::identity(at, cx));
    let upstream_tls = raw.upstream_tls.and_then(|at| tls::upstream(at, cx));
    let timeouts = plain(raw.timeouts).and_then(|raw| traffic::timeouts(raw, cx));
    let limits_site = raw.limits.as_ref().map(|at| at.site.clone());
    let limits = plain(raw.limits).and_then(traffic::limits);
    let health = raw.health.and_then(|raw| traffic::health(raw, cx));
    let policy = raw.policy.and_then(|name| policies.of_workload(&name, cx));
    let retry = plain(raw.retry).and_then(traffic::retry);
    let ejection = plain(raw.ejection).and_then(traffic::ejection);
    let outcomes = plain(raw.outcomes).and_then(signals::outcomes);
    let cost = plain(raw.cost).and_then(|raw| signals::cost(raw, cx));
    let confidence = plain(raw.confidence).map(|pointer| pointer.0);
    let eval = eval::settings(raw.sampling, raw.scorers, raw.redact, confidence, cx);
    let eval = eval.and_then(|eval| labelled::labelled(raw.labelled, eval, cx));
    let shadow = shadow::settings(raw.shadow, &declared, raw.stable.as_ref(), cx);
    let kill_switch = plain(raw.kill_switch).and_then(|raw| plain(raw.fallback));
    let (fallback, fallback_site) = fallback(kill_switch);
    let cohorts = cohorts(raw.cohorts, cx);
    let exclusions = exclusions(raw.exclusions, cx);
    let allow = members(raw.allow, cx);
    let deny = members(raw.deny, cx);

    let sites = Sites {
        stable: raw.stable.as_ref().map(|at| at.site.clone()),
        candidate: raw.candidate.as_ref().map(|at| at.site.clone()),
        weight: raw.weight.as_ref().map(|at| at.site.clone()),
        fallback: fallback_site,
        cohorts: cohorts.unwrap_or_default(),
        whole: site,
    };
    if let (Some((_, allow)), Some((deny, _))) = (&allow, &deny) {
        warn_allowed_and_denied(allow, deny, cx);
    }
    warn_excluded_cohorts(&sites, &exclusions, cx);
    if let Some(identity) = &identity {
        warn_missing_sources(
            identity,
            raw.sticky.as_ref(),
            &sites,
            limits.as_ref(),
            limits_site,
            cx,
        );
    }
    if let (Some(releases), Some(stable), Some(candidate)) =
        (&releases, &raw.stable, &raw.candidate)
        && let (Some(one), Some(other)) =
            (releases.get(&stable.value), releases.get(&candidate.value))
        && stable.value != candidate.value
        && one.endpoints.iter().any(|endpoint| other.endpoints.contains(endpoint))
    {
        cx.warn(
            &candidate.site,
            "shares an endpoint with the stable release",
            "a rollback would not leave that backend",
        );
    }

    let exclusions = exclusions.into_iter().map(|(name, ids)| (name, ids.ids)).collect();
    let mut spec = WorkloadSpec::new(name.value, raw.stable?.value);
    spec.releases = declared;
    spec.candidate = plain(raw.candidate);
    spec.salt = plain(raw.salt);
    spec.cohorts = sites
        .cohorts
        .iter()
        .map(|(name, ids)| Cohort { name: name.value.clone(), tenants: ids.ids.clone() })
        .collect();
    spec.exclusions = exclusions;
    // A bad value here was reported; the rest can still be checked.
    let (weight, sticky, on_rollback) =
        (plain(raw.weight), plain(raw.sticky), plain(raw.on_rollback));
    spec.initial_weight = weight.unwrap_or_default();
    spec.sticky = sticky.unwrap_or_default();
    spec.on_rollback = on_rollback.unwrap_or_default();
    let whole = fallback.is_some() && weight.is_some() && sticky.is_some() && on_rollback.is_some();
    spec.fallback = fallback.unwrap_or_default();
    let listed = allow.zip(deny);
    let whole = whole && listed.is_some();
    if let Some(((allow, _), (deny, _))) = listed {
        (spec.allow, spec.deny) = (allow, deny);
    }
    let spec = match spec.check() {
        Ok(spec) => spec,
        Err(errors) => {
            for error in errors {
                contradiction(&error, &sites, cx);
            }
            return None;
        }
    };
    if !whole {
        return None;
    }
    Some(Workload {
        spec: Arc::new(spec),
        matches: matches?,
        protocol: plain(raw.protocol)?,
        identity: identity?,
        policy: policy?,
        releases: releases?,
        upstream_tls: upstream_tls?,
        timeouts: timeouts?,
        limits: limits?,
        health: health?,
        force: match raw.force {
            Some(at) => Some(plain(at.value.secret)?.0),
            None => None,
        },
        host_header: traffic::host_header(plain(raw.host_header)?),
        retry: retry?,
        ejection: ejection?,
        fallback_to_stable: plain(raw.fallback_to_stable)?,
        outcomes: outcomes?,
        cost: cost?,
        eval: eval?,
        shadow: shadow?,
        place,
    })
}

/// The fallback and where its release is named.
fn fallback(raw: Option<RawFallback>) -> (Option<Fallback>, Option<Site>) {
    match raw {
        None => (None, None),
        Some(RawFallback::Stable) => (Some(Fallback::Stable), None),
        Some(RawFallback::Release(at)) => (Some(Fallback::Release(at.value)), Some(at.site)),
        Some(RawFallback::Respond(raw)) => (respond(raw.value).map(Fallback::Respond), None),
    }
}

fn respond(raw: RawRespond) -> Option<FixedResponse> {
    Some(FixedResponse {
        status: plain(raw.status)?.0 as u16,
        retry_after: plain(raw.retry_after).map(|wait| wait.0),
        content_type: plain(raw.content_type)?.0,
        body: plain(raw.body)?.0,
    })
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
    raw: Option<At<crate::read::Map<GroupName, Vec<At<Member>>>>>,
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

/// Puts a contradiction where the user wrote the part that is at odds.
fn contradiction(error: &SpecError, sites: &Sites, cx: &mut Context<'_>) {
    let at = |site: &Option<Site>| site.clone().unwrap_or_else(|| sites.whole.clone());
    match error {
        SpecError::UnknownRelease { role, known, release } => {
            let site = match *role {
                "stable" => at(&sites.stable),
                "candidate" => at(&sites.candidate),
                _ => at(&sites.fallback),
            };
            // When the releases or this one could not be read, that is the problem to report.
            let entry = join(&join(&sites.whole.key, "releases"), release.as_str());
            if !known.is_empty() && !cx.reported(&entry) {
                cx.problem(
                    &site,
                    "is not among the workload's releases",
                    format!("write one of: {known}"),
                );
            }
        }
        SpecError::SameRelease(_) => cx.problem(
            &at(&sites.candidate),
            "is the stable release too",
            "name another release, or leave `candidate` out",
        ),
        SpecError::WeightWithoutCandidate(_) => {
            if !cx.reported(&join(&sites.whole.key, "candidate")) {
                cx.problem(
                    &at(&sites.weight),
                    "needs a candidate to go to",
                    "add `candidate`, or remove `weight`",
                );
            }
        }
        SpecError::DuplicateCohort(name) => {
            let mut same = sites.cohorts.iter().filter(|(at, _)| at.value == *name);
            let first = same.next().map_or(0, |(at, _)| at.site.mark.line);
            for (at, _) in same {
                let message = format!("is already the name of the cohort in line {first}");
                cx.problem(&at.site, message, "give every cohort its own name");
            }
        }
        SpecError::TenantInTwoCohorts { tenant, first, second } => {
            if cx.only_counts() {
                return;
            }
            let cohort = sites.cohorts.iter().find(|(at, _)| at.value == *second);
            let index = cohort.and_then(|(_, ids)| ids.ids.iter().position(|id| id == tenant));
            if let (Some((_, ids)), Some(index)) = (cohort, index) {
                let message = format!("is in cohort `{first}` already");
                ids.problem(
                    index,
                    cx,
                    message,
                    "keep it in one cohort: a tenant belongs to at most one",
                );
            }
        }
    }
}

/// An excluded tenant keeps its cohort from being enabled: worth knowing before the day.
fn warn_excluded_cohorts(
    sites: &Sites,
    exclusions: &BTreeMap<GroupName, Ids>,
    cx: &mut Context<'_>,
) {
    if exclusions.values().all(|ids| ids.ids.is_empty()) {
        return;
    }
    let cohorts: HashMap<&str, &CohortName> = sites
        .cohorts
        .iter()
        .flat_map(|(name, ids)| ids.ids.iter().map(|id| (id.as_ref(), &name.value)))
        .collect();
    for (group, ids) in exclusions {
        for (index, id) in ids.ids.iter().enumerate() {
            if let (Some(cohort), Some(site)) = (cohorts.get(id.as_ref()), ids.site(index)) {
                let message = format!(
                    "puts tenant `{id}` in group `{group}`, and it is in cohort `{cohort}`"
                );
                cx.warn(site, message, "enabling the cohort will need an opt-in for it");
            }
        }
    }
}

fn warn_allowed_and_denied(allow: &[Ids; 2], deny: &Members, cx: &mut Context<'_>) {
    let [tenants, users] = allow;
    for (ids, denied) in [(tenants, &deny.tenants), (users, &deny.users)] {
        for (index, id) in ids.ids.iter().enumerate().filter(|(_, id)| denied.contains(*id)) {
            if let Some(site) = ids.site(index) {
                let message = format!("allows `{id}`, which is denied too");
                cx.warn(site, message, "deny wins; remove one of the two");
            }
        }
    }
}

/// Rules about tenants or users do nothing when requests have none.
fn warn_missing_sources(
    identity: &Identity,
    sticky: Option<&At<Sticky>>,
    sites: &Sites,
    limits: Option<&WorkloadLimits>,
    limits_site: Option<Site>,
    cx: &mut Context<'_>,
) {
    let no_tenant = "no request has a tenant: `identity.tenant` has no source";
    let add = "add a source like `tenant: [{ header: x-tenant-id }]` to `identity`";
    if identity.tenant.is_empty() {
        if let Some((name, _)) = sites.cohorts.first() {
            cx.warn(&name.site.without_value(), no_tenant, add);
        }
        let limited =
            limits.is_some_and(|l| l.tenant_rate.is_some() || l.tenant_in_flight.is_some());
        if let Some(site) = limits_site.filter(|_| limited) {
            cx.warn(&site, no_tenant, add);
        }
    }
    // Only when it was written: the default is harmless without sources.
    let Some(sticky) = sticky.filter(|at| at.site.written.is_some()) else { return };
    let missing = match sticky.value {
        Sticky::Tenant => identity.tenant.is_empty(),
        Sticky::User => identity.user.is_empty(),
        Sticky::Conversation => identity.conversation.is_empty() && !identity.learned,
        Sticky::Request => false,
    };
    if missing {
        let label = sticky.value.label();
        let message = format!("has nothing to stick to: `identity.{label}` has no source");
        cx.warn(&sticky.site, message, "add a source, or every request is decided on its own");
    }
}
