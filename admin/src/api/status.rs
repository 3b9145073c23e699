//! `/v1/status` and readiness, put together from all that can be known without waiting.

use super::App;
use crate::describe;
use crate::sources::{LogHealth, SeriesStats, StagesOfArm};
use stagegate_api::{
    ArmStatus, AuthMode, DecisionLogStatus, EndpointStatus, Keys, Outcomes, Probe, QueueFigures,
    Status, TracedStages, Window, WorkloadStatus,
};
use stagegate_config::Ready;
use stagegate_control::ports::DataPlaneStatus;
use stagegate_control::{Live, View, now_ms};
use stagegate_rollout::{Arm, KeyKind, Outcome, ReleaseName, WorkloadName};

pub(super) fn status(app: &App) -> Status {
    let view = app.control.view();
    let plane = app.control.plane().status();
    let stats = app.stats.snapshot();
    let stages = app.stages.as_ref().map(|stages| stages.of_arms());
    let store = app.control.store_status();
    let decision_log = app.decisions.as_ref().map_or(
        DecisionLogStatus { enabled: false, healthy: true, dropped: 0 },
        |log| {
            let LogHealth { healthy, dropped } = log.health();
            DecisionLogStatus { enabled: true, healthy, dropped }
        },
    );
    let mut not_ready_because = not_ready_because(&view, &plane);
    not_ready_because.extend(app.stalled());
    let auth = match view.config.admin.is_open() {
        true => AuthMode::OpenLoopback,
        false => AuthMode::Tokens,
    };
    let mut warnings = warnings(&view, &plane);
    if let Some(error) = &store.last_error {
        warnings.push(format!("changes are refused until the store works again: {error}"));
    }
    if !decision_log.healthy {
        let dropped = decision_log.dropped;
        warnings.push(format!("the decision log cannot be written; {dropped} records dropped"));
    }
    let doubts = view.live.iter().filter_map(|live| {
        let workload = &live.split.spec().name;
        Some(format!("workload {workload}: {}", app.control.doubt(workload.as_str())?))
    });
    warnings.extend(doubts);
    let unpriced = view.live.iter().filter_map(|live| {
        let workload = &live.split.spec().name;
        Some(format!("workload {workload}: {}", app.control.unknown_cost(workload.as_str())?))
    });
    warnings.extend(unpriced);
    let fleet = app.control.replicas();
    let fleet = fleet.map(|it| describe::fleet_seen(&**it, app.control.fleet_leader()));
    warnings.extend(fleet.iter().flat_map(|fleet| fleet.warnings.iter().cloned()));
    Status {
        version: env!("CARGO_PKG_VERSION").to_owned(),
        started_at_ms: app.started_at_ms,
        now_ms: now_ms(),
        epoch: view.epoch,
        ready: not_ready_because.is_empty(),
        not_ready_because,
        draining: plane.draining,
        safe_start: view.safe_start.is_some(),
        auth,
        reload: describe::reload_status(&view.reload),
        store: describe::store_status(store),
        decision_log,
        workloads: view
            .live
            .iter()
            .map(|live| WorkloadStatus {
                rollout_waits: waits(app, live),
                queue: queue(app, live),
                ..workload(&view, live, &plane, (&stats, stages.as_deref()))
            })
            .collect(),
        workers: plane.workers.iter().map(describe::worker).collect(),
        dormant: view.dormant.keys().map(ToString::to_string).collect(),
        warnings,
        fleet,
    }
}

/// Returns the figures of the workload's queue, where it has one or had one.
fn queue(app: &App, live: &Live) -> Option<QueueFigures> {
    let figures = app.queue.as_ref()?.figures();
    figures.get(live.split.spec().name.as_str()).map(describe::queue_figures)
}

/// Returns the reasons that prevent a promotion.
fn waits(app: &App, live: &Live) -> Vec<String> {
    let active = live.split.state().rollout.as_deref().filter(|rollout| rollout.is_active());
    let name = live.split.spec().name.as_str();
    let newest = active.and_then(|_| app.control.analysis(name));
    newest.map(|analysis| analysis.blocks.clone()).unwrap_or_default()
}

/// Returns the reasons why the process is not ready; empty if it is. The workloads count as the
/// configuration says: every one of them, or at least one.
pub(super) fn not_ready_because(view: &View, plane: &DataPlaneStatus) -> Vec<String> {
    let mut reasons = process_not_ready_because(plane);
    let of_workloads = |live: &Live| workload_not_ready_because(live, plane);
    let without: Vec<String> = view.live.iter().filter_map(of_workloads).collect();
    let enough = match view.config.admin.ready {
        Ready::All => without.is_empty(),
        Ready::Any => without.len() < view.live.len() || without.is_empty(),
    };
    if !enough {
        reasons.extend(without);
    }
    reasons
}

/// Why one workload should get no traffic here; empty when it should.
pub(super) fn one_not_ready_because(live: &Live, plane: &DataPlaneStatus) -> Vec<String> {
    let mut reasons = process_not_ready_because(plane);
    reasons.extend(workload_not_ready_because(live, plane));
    reasons
}

fn process_not_ready_because(plane: &DataPlaneStatus) -> Vec<String> {
    let mut reasons = Vec::new();
    if plane.draining {
        reasons.push("shutting down".to_owned());
    }
    if !plane.workers.is_empty() && plane.workers.iter().all(|worker| !worker.alive) {
        reasons.push("every worker thread has ended: no connection is served".to_owned());
    }
    reasons
}

fn workload_not_ready_because(live: &Live, plane: &DataPlaneStatus) -> Option<String> {
    let (name, stable) = (&live.split.spec().name, &live.split.state().stable);
    let endpoints = endpoints(plane, name, stable);
    let is_down = !endpoints.is_empty() && endpoints.iter().all(|it| it.health == Probe::Unhealthy);
    is_down
        .then(|| format!("workload {name}: no endpoint of the stable release {stable} is healthy"))
}

fn warnings(view: &View, plane: &DataPlaneStatus) -> Vec<String> {
    let mut warnings = Vec::new();
    if let Some(why) = &view.safe_start {
        warnings.push(format!("everything goes to stable and nothing can be changed: {why}"));
    }
    if !view.reload.ok {
        warnings.push("the configuration file was refused; the last good one stays".to_owned());
    }
    warnings.extend(view.reload.needs_restart.iter().cloned());
    warnings.extend(view.warnings.iter().map(ToString::to_string));
    for worker in plane.workers.iter().filter(|worker| !worker.alive) {
        let number = worker.worker;
        warnings.push(format!(
            "worker {number} has ended; connections go to the others: see the log, then restart"
        ));
    }
    for live in &view.live {
        let (spec, state) = (live.split.spec(), live.split.state());
        let Some(candidate) = state.candidate.as_ref().filter(|_| describe::is_open(state)) else {
            continue;
        };
        let endpoints = endpoints(plane, &spec.name, candidate);
        if !endpoints.is_empty() && endpoints.iter().all(|it| it.health == Probe::Unhealthy) {
            warnings.push(format!(
                "workload {}: no endpoint of the candidate {candidate} is healthy; its requests go to stable",
                spec.name
            ));
        }
    }
    warnings
}

fn workload(
    view: &View,
    live: &Live,
    plane: &DataPlaneStatus,
    (stats, stages): (&[SeriesStats], Option<&[StagesOfArm]>),
) -> WorkloadStatus {
    let (spec, state) = (live.split.spec(), live.split.state());
    let arm = |arm: Arm, release: &ReleaseName| ArmStatus {
        release: release.to_string(),
        running: running_on(view, live, plane, arm, release),
        endpoints: endpoints(plane, &spec.name, release),
        windows: windows(stats, spec.name.as_str(), release.as_str(), arm),
        stages: traced(stages, spec.name.as_str(), release.as_str(), arm),
    };
    let stable = arm(Arm::Stable, &state.stable);
    let candidate = state.candidate.as_ref().map(|release| arm(Arm::Candidate, release));
    let open = candidate.as_ref().filter(|_| describe::is_open(state));
    WorkloadStatus {
        queue: None,
        name: spec.name.to_string(),
        epoch: live.epoch,
        weight: state.weight.to_string(),
        weight_ratio: state.weight.ratio(),
        served_ratio: open.and_then(|candidate| served_ratio(&stable, candidate)),
        open: describe::is_open(state),
        closed: describe::closed(state),
        condemned: describe::condemned(state),
        killed: describe::killed(state),
        sticky: describe::sticky(spec.sticky),
        cohorts_enabled: state.cohorts.len() as u32,
        cohorts_total: spec.cohorts.len() as u32,
        next_cohort: describe::next_cohort(spec, state),
        rollout: state.rollout.as_deref().map(describe::rollout::summary),
        rollout_waits: Vec::new(),
        stable,
        candidate,
    }
}

/// The candidate's share of the requests of the longest window.
fn served_ratio(stable: &ArmStatus, candidate: &ArmStatus) -> Option<f64> {
    let requests = |arm: &ArmStatus| arm.windows.last().map_or(0, |window| window.requests);
    let (stable, candidate) = (requests(stable), requests(candidate));
    let all = stable + candidate;
    (all > 0).then(|| candidate as f64 / all as f64)
}

/// The stages of an arm; none where no traces are received.
fn traced(
    stages: Option<&[StagesOfArm]>,
    workload: &str,
    release: &str,
    arm: Arm,
) -> Option<TracedStages> {
    let ours = |it: &&StagesOfArm| {
        *it.key.workload == *workload && *it.key.release == *release && it.key.arm == arm
    };
    stages?.iter().find(ours).map(describe::traced_stages)
}

/// Describes the running release of each arm, one line each.
pub(super) fn running(view: &View, live: &Live, plane: &DataPlaneStatus) -> Vec<String> {
    let state = live.split.state();
    let arms = [(Arm::Stable, Some(&state.stable)), (Arm::Candidate, state.candidate.as_ref())];
    arms.into_iter()
        .filter_map(|(arm, release)| Some(running_on(view, live, plane, arm, release?)))
        .collect()
}

fn running_on(
    view: &View,
    live: &Live,
    plane: &DataPlaneStatus,
    arm: Arm,
    name: &ReleaseName,
) -> String {
    let workload = &live.split.spec().name;
    let release = view.config.workload(workload.as_str()).and_then(|it| it.releases.get(name));
    describe::running(arm, name.as_str(), release, &endpoints(plane, workload, name))
}

fn endpoints(
    plane: &DataPlaneStatus,
    workload: &WorkloadName,
    release: &ReleaseName,
) -> Vec<EndpointStatus> {
    let found = plane.releases.iter().find(|it| it.workload == *workload && it.release == *release);
    found.into_iter().flat_map(|it| &it.endpoints).map(describe::endpoint).collect()
}

fn windows(stats: &[SeriesStats], workload: &str, release: &str, arm: Arm) -> Vec<Window> {
    let ours =
        |it: &&SeriesStats| *it.workload == *workload && *it.release == *release && it.arm == arm;
    let mut windows: Vec<Window> = stats.iter().filter(ours).map(window).collect();
    windows.sort_by_key(|window| window.seconds);
    windows
}

fn window(stats: &SeriesStats) -> Window {
    let of = |outcome: Outcome| stats.outcomes[outcome.index()];
    let requests: u64 = stats.outcomes.iter().sum();
    let errors = of(Outcome::Transient) + of(Outcome::Permanent) + of(Outcome::External);
    let ms = |us: Option<u64>| us.map(|us| us as f64 / 1e3);
    let [p50, p95, p99] = stats.duration_us;
    Window {
        seconds: stats.seconds,
        requests,
        outcomes: Outcomes {
            ok: of(Outcome::Ok),
            transient: of(Outcome::Transient),
            permanent: of(Outcome::Permanent),
            external: of(Outcome::External),
            client_gone: of(Outcome::ClientGone),
        },
        keys: Keys {
            conversation: stats.keys[KeyKind::Conversation as usize],
            user: stats.keys[KeyKind::User as usize],
            tenant: stats.keys[KeyKind::Tenant as usize],
            request: stats.keys[KeyKind::Request as usize],
        },
        error_ratio: (requests > 0).then(|| errors as f64 / requests as f64),
        p50_ms: ms(p50),
        p95_ms: ms(p95),
        p99_ms: ms(p99),
        first_byte_p50_ms: ms(stats.first_byte_p50_us),
    }
}
