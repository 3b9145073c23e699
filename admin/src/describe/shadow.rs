//! A workload's copies in words and figures.

use stagegate_api::{ShadowCopies, ShadowDropped, ShadowInForce, ShadowOutcomes, ShadowReport};
use stagegate_config::Workload;
use stagegate_config::settings::Shadow;
use stagegate_control::Live;
use stagegate_rollout::{Outcome, ShadowDrop, ShadowKey, ShadowSeries};

/// Answers from which on a 99th percentile is shown.
const ENOUGH: u64 = 1000;

/// The report without the pairs, which need a sample store. `copies` has the copies of all
/// workloads.
#[must_use]
pub fn shadow(
    workload: &Workload,
    live: &Live,
    copies: &[(ShadowKey, ShadowSeries)],
) -> ShadowReport {
    let settings = workload.settings.shadow.as_ref();
    let why_not = why_not(settings, live);
    let ours = copies.iter().filter(|(key, _)| *key.workload == *workload.spec.name.as_str());
    ShadowReport {
        workload: workload.spec.name.to_string(),
        settings: settings.map(|it| in_force(it, workload.scores_pairs())),
        active: why_not.is_none(),
        why_not: why_not.map(str::to_owned),
        copies: ours.map(|(key, series)| sent(&key.release, series)).collect(),
        pairs: Vec::new(),
        lost: Vec::new(),
    }
}

fn why_not(settings: Option<&Shadow>, live: &Live) -> Option<&'static str> {
    let Some(settings) = settings else { return Some("the configuration has no `shadow`") };
    let state = live.split.state();
    if live.split.may_shadow(&settings.release) {
        None
    } else if state.killed.is_some() {
        Some("the workload is killed")
    } else if state.stable == settings.release {
        Some("the release is the stable one by now")
    } else if state.closed.is_some() {
        Some("the release was rolled back")
    } else {
        Some("the process runs safe")
    }
}

fn in_force(settings: &Shadow, scored: bool) -> ShadowInForce {
    ShadowInForce {
        release: settings.release.to_string(),
        fraction: settings.fraction.to_string(),
        methods: settings.methods.clone(),
        paths: settings.paths.iter().map(ToString::to_string).collect(),
        in_flight: settings.in_flight,
        body_bytes: settings.body,
        timeout_ms: settings.timeout.as_millis() as u64,
        scored,
    }
}

fn sent(release: &str, series: &ShadowSeries) -> ShadowCopies {
    let outcome = |outcome: Outcome| series.outcomes[outcome.index()];
    let times = &series.duration_us;
    let millis = |q| times.quantile(q).map(|micros| micros as f64 / 1e3);
    let dropped = ShadowDrop::ALL.into_iter().map(|why| ShadowDropped {
        reason: super::shadow_drop(why),
        count: series.dropped[why.index()],
    });
    ShadowCopies {
        release: release.to_owned(),
        sent: ShadowOutcomes {
            ok: outcome(Outcome::Ok),
            transient: outcome(Outcome::Transient),
            permanent: outcome(Outcome::Permanent),
            external: outcome(Outcome::External),
        },
        dropped: dropped.filter(|dropped| dropped.count > 0).collect(),
        p50_ms: millis(0.5),
        p99_ms: millis(0.99).filter(|_| times.count() >= ENOUGH),
        cost_usd: series.cost_nanos as f64 / 1e9,
    }
}
