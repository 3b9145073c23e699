//! Warnings: parts of a workload that are allowed but doubtful.

use super::written::Written;
use crate::Workload;
use crate::read::Context;
use stagegate_rollout::{CohortName, Sticky};
use std::collections::HashMap;

/// Warns of everything doubtful.
pub(super) fn warn(workload: &Workload, written: &Written, cx: &mut Context<'_>) {
    allowed_and_denied(workload, written, cx);
    excluded_cohorts(written, cx);
    rules_without_tenants(workload, written, cx);
    sticky_without_source(workload, written, cx);
    shared_endpoint(workload, written, cx);
}

fn allowed_and_denied(workload: &Workload, written: &Written, cx: &mut Context<'_>) {
    let (Some([tenants, users]), deny) = (&written.allowed, &workload.spec.deny) else { return };
    for (ids, denied) in [(tenants, &deny.tenants), (users, &deny.users)] {
        for (index, id) in ids.ids.iter().enumerate().filter(|(_, id)| denied.contains(*id)) {
            if let Some(site) = ids.site(index) {
                let message = format!("allows `{id}`, which is denied too");
                cx.warn(site, message, "deny wins; remove one of the two");
            }
        }
    }
}

/// An excluded tenant keeps its cohort from being enabled: worth knowing before the day.
fn excluded_cohorts(written: &Written, cx: &mut Context<'_>) {
    if written.exclusions.values().all(|ids| ids.ids.is_empty()) {
        return;
    }
    let cohorts: HashMap<&str, &CohortName> = written
        .cohorts
        .iter()
        .flat_map(|(name, ids)| ids.ids.iter().map(|id| (id.as_ref(), &name.value)))
        .collect();
    for (group, ids) in &written.exclusions {
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

/// Rules about tenants do nothing when requests have none.
fn rules_without_tenants(workload: &Workload, written: &Written, cx: &mut Context<'_>) {
    if !workload.settings.identity.tenant.is_empty() {
        return;
    }
    let no_tenant = "no request has a tenant: `identity.tenant` has no source";
    let add = "add a source like `tenant: [{ header: x-tenant-id }]` to `identity`";
    if let Some((name, _)) = written.cohorts.first() {
        cx.warn(&name.site.without_value(), no_tenant, add);
    }
    let limits = workload.settings.limits.tenant;
    let limited = limits.rate.is_some() || limits.in_flight.is_some();
    if let Some(site) = written.limits.as_ref().filter(|_| limited) {
        cx.warn(site, no_tenant, add);
    }
}

/// Only when it was written, or when there is something to split: else the default is harmless.
fn sticky_without_source(workload: &Workload, written: &Written, cx: &mut Context<'_>) {
    let sticky = written.sticky.as_ref().filter(|it| it.written.is_some());
    let Some(site) = sticky.or(written.candidate.as_ref()) else { return };
    let by_default = sticky.is_none();
    let (identity, sticky) = (&workload.settings.identity, workload.spec.sticky);
    let missing = match sticky {
        Sticky::Tenant => identity.tenant.is_empty(),
        Sticky::User => identity.user.is_empty(),
        Sticky::Conversation => identity.conversation.is_empty() && !identity.learned,
        Sticky::Request => false,
    };
    if missing {
        let label = sticky.label();
        let message = if by_default {
            format!("is split request by request: no request has a {label}")
        } else {
            format!("has nothing to stick to: `identity.{label}` has no source")
        };
        let hint =
            "add a source to `identity` (docs/how-to/conversations.md), or write `sticky: request`";
        let hint =
            if by_default { hint } else { "add a source, or every request is decided on its own" };
        cx.warn(site, message, hint);
    }
}

fn shared_endpoint(workload: &Workload, written: &Written, cx: &mut Context<'_>) {
    let (spec, releases) = (&workload.spec, &workload.releases);
    let candidate = spec.candidate.as_ref().and_then(|name| releases.get(name));
    let (Some(stable), Some(candidate), Some(site)) =
        (releases.get(&spec.stable), candidate, &written.candidate)
    else {
        return;
    };
    let shares = stable.endpoints.iter().any(|endpoint| candidate.endpoints.contains(endpoint));
    // Where requests are changed, the backend can tell the releases apart.
    if shares && stable.artifact.request == candidate.artifact.request {
        cx.warn(
            site,
            "shares an endpoint with the stable release",
            "a rollback would not leave that backend: say how requests differ, for example by `set_body` or `set_headers`",
        );
    }
}
