//! Builds the data plane's settings of a workload.

use crate::check::{health, identity, shadow};
use crate::raw::RawWorkload;
use crate::read::{Context, plain};
use stagegate_rollout::{ReleaseName, WorkloadName};
use stagegate_settings::Workload;
use std::collections::BTreeSet;

/// Checks the sections that mean something together, then puts all of them together. `declared` are
/// the names of the workload's releases.
pub(super) fn settings(
    name: &WorkloadName,
    raw: &mut RawWorkload,
    declared: &BTreeSet<ReleaseName>,
    cx: &mut Context<'_>,
) -> Option<Workload> {
    let identity = raw.identity.take().and_then(|at| identity::identity(at, cx));
    let health = plain(raw.health.take()).map(|raw| raw.on().map(|raw| health::health(raw, cx)));
    let shadow = shadow::shadow(raw.shadow.take(), declared, raw.stable.as_ref(), cx);
    Some(Workload {
        name: name.clone(),
        matches: plain(raw.r#match.take())?.into(),
        protocol: plain(raw.protocol.take())?,
        identity: identity?,
        health: match health? {
            Some(health) => Some(health?),
            None => None,
        },
        timeouts: plain(raw.timeouts.take())?,
        limits: plain(raw.limits.take())?,
        force: match raw.force.take() {
            Some(at) => Some(plain(at.value.secret)?.0),
            None => None,
        },
        host_header: plain(raw.host_header.take())?.into(),
        retry: plain(raw.retry.take())?,
        ejection: plain(raw.ejection.take())?.on(),
        fallback_to_stable: plain(raw.fallback_to_stable.take())?,
        outcomes: plain(raw.outcomes.take())?,
        shadow: shadow?,
    })
}
