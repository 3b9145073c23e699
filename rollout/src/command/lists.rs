//! Commands on exclusions, opt-ins, allow lists and deny lists.

use super::{ListKind, Refusal, Subject};
use crate::{GroupName, Members, WorkloadSpec, WorkloadState};
use std::sync::Arc;

pub(super) fn exclude(
    state: &mut WorkloadState,
    group: &GroupName,
    tenant: &Arc<str>,
) -> Result<String, Refusal> {
    check_id(tenant)?;
    let opted_out = state.opted_in.remove(tenant);
    let added = state.excluded.entry(group.clone()).or_default().insert(Arc::clone(tenant));
    Ok(if added || opted_out {
        format!("tenant {tenant} excluded as {group}")
    } else {
        String::new()
    })
}

pub(super) fn unexclude(
    spec: &WorkloadSpec,
    state: &mut WorkloadState,
    group: &GroupName,
    tenant: &Arc<str>,
) -> Result<String, Refusal> {
    let removed = state.excluded.get_mut(group).is_some_and(|tenants| tenants.remove(tenant));
    state.excluded.retain(|_, tenants| !tenants.is_empty());
    if removed {
        return Ok(format!("tenant {tenant} no longer excluded as {group}"));
    }
    let configured = spec.exclusions.get(group).is_some_and(|tenants| tenants.contains(tenant));
    Err(if configured {
        Refusal::FromConfig(Arc::clone(tenant))
    } else {
        Refusal::NotListed(Arc::clone(tenant))
    })
}

pub(super) fn opt_in(
    spec: &WorkloadSpec,
    state: &mut WorkloadState,
    tenant: &Arc<str>,
) -> Result<String, Refusal> {
    let group = state
        .excluding_group(spec, tenant)
        .ok_or_else(|| Refusal::NotExcluded(Arc::clone(tenant)))?
        .clone();
    state.opted_in.insert(Arc::clone(tenant));
    Ok(format!("tenant {tenant} opted in from {group}"))
}

fn list_of(state: &mut WorkloadState, list: ListKind) -> &mut Members {
    match list {
        ListKind::Allow => &mut state.allow,
        ListKind::Deny => &mut state.deny,
    }
}

pub(super) fn list_add(
    state: &mut WorkloadState,
    list: ListKind,
    subject: &Subject,
) -> Result<String, Refusal> {
    let members = list_of(state, list);
    let (set, id) = match subject {
        Subject::Tenant(id) => (&mut members.tenants, id),
        Subject::User(id) => (&mut members.users, id),
    };
    check_id(id)?;
    let word = if list == ListKind::Allow { "allowed" } else { "denied" };
    Ok(if set.insert(Arc::clone(id)) { format!("{id} {word}") } else { String::new() })
}

pub(super) fn list_remove(
    spec: &WorkloadSpec,
    state: &mut WorkloadState,
    list: ListKind,
    subject: &Subject,
) -> Result<String, Refusal> {
    let configured = if list == ListKind::Allow { &spec.allow } else { &spec.deny };
    let members = list_of(state, list);
    let (set, from_config, id) = match subject {
        Subject::Tenant(id) => (&mut members.tenants, configured.tenants.contains(id), id),
        Subject::User(id) => (&mut members.users, configured.users.contains(id), id),
    };
    if set.remove(id) {
        let word = if list == ListKind::Allow { "allowed" } else { "denied" };
        return Ok(format!("{id} no longer {word}"));
    }
    Err(if from_config {
        Refusal::FromConfig(Arc::clone(id))
    } else {
        Refusal::NotListed(Arc::clone(id))
    })
}

fn check_id(id: &str) -> Result<(), Refusal> {
    let well_formed = !id.is_empty() && id.len() <= 256 && !id.chars().any(char::is_control);
    if well_formed { Ok(()) } else { Err(Refusal::BadId) }
}
