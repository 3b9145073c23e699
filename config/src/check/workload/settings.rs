//! Builds the data plane's settings of a workload.

use crate::check::{health, identity, shadow};
use crate::raw::RawWorkload;
use crate::read::{At, Context, plain};
use crate::scalar::FlagKey;
use stagegate_rollout::{ReleaseName, WorkloadName};
use stagegate_settings::{ForwardFlags, Queue, Workload};
use std::collections::BTreeSet;
use std::sync::Arc;

/// Checks the sections that mean something together, then puts all of them together. `declared` are
/// the names of the workload's releases.
pub(super) fn settings(
    name: &WorkloadName,
    raw: &mut RawWorkload,
    declared: &BTreeSet<ReleaseName>,
    queue: Option<Queue>,
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
        queue,
        kill_flag: kill_flag(raw, cx),
        arm_flag: arm_flag(raw, cx),
        forward_flags: forwarded(&plain(raw.forward_flags.take())?, cx),
    })
}

/// The flag that kills the workload.
fn kill_flag(raw: &mut RawWorkload, cx: &mut Context<'_>) -> Option<Arc<str>> {
    let key = raw.kill_switch.as_mut()?.value.flag.take()?;
    known(&key, cx);
    Some(key.value.0.as_str().into())
}

fn arm_flag(raw: &mut RawWorkload, cx: &mut Context<'_>) -> Option<Arc<str>> {
    let key = raw.arm_flag.take()?;
    known(&key, cx);
    Some(key.value.0.as_str().into())
}

/// Says where a flag is named that is not there. A key that no file has is doubtful only: the file may
/// get it later.
fn known(key: &At<FlagKey>, cx: &mut Context<'_>) {
    if !cx.has_flags {
        let hint = "add a section `flags` with `files`";
        cx.problem(&key.site, "names a flag, and there are no flags", hint);
    } else if cx.flag_keys.as_ref().is_some_and(|known| !known.contains(&key.value.0)) {
        let message = format!("names `{}`, which no file of flags has", key.value.0);
        cx.warn(&key.site, message, "requests go on without it until a file has it");
    }
}

/// Flags for the backend.
fn forwarded(keys: &[At<FlagKey>], cx: &mut Context<'_>) -> ForwardFlags {
    match keys.first() {
        Some(first) if !cx.has_flags => known(first, cx),
        _ => keys.iter().filter(|key| key.value.0 != "*").for_each(|key| known(key, cx)),
    }
    if keys.iter().any(|key| key.value.0 == "*") {
        return ForwardFlags::All;
    }
    match keys {
        [] => ForwardFlags::Nothing,
        keys => ForwardFlags::Keys(keys.iter().map(|key| key.value.0.as_str().into()).collect()),
    }
}
