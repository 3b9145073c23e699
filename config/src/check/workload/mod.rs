//! One workload: its sections, and whether they agree.

mod contradiction;
mod doubts;
mod settings;
mod spec;
mod written;

use super::policy::Policies;
use super::{cost, eval, labelled, queue, release, tls};
use crate::raw::{RawFallback, RawWorkload};
use crate::read::{At, Context, plain};
use crate::{EvalSettings, Workload};
use stagegate_rollout::{FixedResponse, ReleaseName, WorkloadName};
use stagegate_settings::Queue;
use std::collections::BTreeSet;
use std::sync::Arc;
use written::Written;

/// Checks one workload.
pub(crate) fn workload(
    name: At<WorkloadName>,
    at: At<RawWorkload>,
    policies: &mut Policies,
    cx: &mut Context<'_>,
) -> Option<Workload> {
    let At { value: mut raw, site } = at;
    let place = cx.place(&name.site.without_value());
    let mut written = Written::of(&raw, site);
    let declared = declared(&raw);
    let (queue, not_queued) = queued(&mut raw).unzip();
    let settings = settings::settings(&name.value, &mut raw, &declared, queue, cx);
    let releases = release::releases(raw.releases.take(), cx);
    let upstream_tls = raw.upstream_tls.take().and_then(|at| tls::upstream(at, cx));
    let policy = raw.policy.take().and_then(|name| policies.of_workload(&name, cx));
    let cost = plain(raw.cost.take()).and_then(|raw| cost::cost(raw, cx));
    let eval = evaluation(&mut raw, cx);
    let spec = spec::spec(name.value, raw, declared, not_queued, &mut written, cx);
    let workload = Workload {
        spec: Arc::new(spec?),
        settings: Arc::new(settings?),
        policy: policy?,
        releases: releases?,
        upstream_tls: upstream_tls?,
        cost: cost?,
        eval: eval?,
        place,
    };
    doubts::warn(&workload, &written, cx);
    Some(workload)
}

/// The queue of the kill switch, taken out, and the answer to what it does not keep.
fn queued(raw: &mut RawWorkload) -> Option<(Queue, FixedResponse)> {
    let fallback = &mut raw.kill_switch.as_mut()?.value.fallback;
    match fallback.take_if(|at| matches!(at.value, RawFallback::Queue(_)))?.value {
        RawFallback::Queue(at) => queue::queue(at.value),
        _ => None,
    }
}

/// The names of all releases, also of those that have problems.
fn declared(raw: &RawWorkload) -> BTreeSet<ReleaseName> {
    let releases = raw.releases.iter().flat_map(|at| &at.value.0);
    releases.map(|(name, _)| name.value.clone()).collect()
}

fn evaluation(raw: &mut RawWorkload, cx: &mut Context<'_>) -> Option<EvalSettings> {
    let confidence = plain(raw.confidence.take()).map(|pointer| pointer.0);
    let (sampling, scorers, redact) = (raw.sampling.take(), raw.scorers.take(), raw.redact.take());
    let eval = eval::settings(sampling, scorers, redact, confidence, cx)?;
    labelled::labelled(raw.labelled.take(), eval, cx)
}
