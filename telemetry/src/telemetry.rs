//! The one place where deltas, values and events of the process become figures.

use crate::EvalJudge;
use crate::prometheus::Prometheus;
use crate::shadow::Shadows;
use crate::spending::Spending;
use crate::state::{EndpointGauge, PlanGauges, ReloadResult, RollbackKind, RolloutGauges};
use crate::times::Times;
use crate::windows::{SeriesSnapshot, Windows};
use crate::{names, process, times};
use metrics::SharedString;
use stagegate_rollout::{
    Axis, CostTruth, Delta, Outcome, Phase, Reason, Series, SeriesKey, TokenKind,
};
use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// What a process's telemetry begins with.
#[derive(Clone, Debug)]
pub struct Options {
    /// Version of the running program.
    pub version: String,
    /// How long figures of removed workloads, releases and endpoints stay visible; longer than two
    /// scrapes, so that their last counts are seen.
    pub keep_removed: Duration,
    /// The monotonic clock's reading at the start.
    pub started: Instant,
}

impl Options {
    /// The usual settings of `version`, started at `now`.
    #[must_use]
    pub fn new(version: &str, started: Instant) -> Self {
        Self { version: version.to_owned(), keep_removed: Duration::from_secs(600), started }
    }
}

/// Figures of one process. Shared by reference; every method takes a short lock, and none is
/// called on the request path.
pub struct Telemetry {
    pub(crate) prometheus: Prometheus,
    now: Mutex<Now>,
}

/// What is true at present, kept so that every scrape shows it whether it moved or not.
pub(crate) struct Now {
    windows: Windows,
    version: SharedString,
    epoch: u64,
    plan: Vec<PlanGauges>,
    rollouts: Vec<RolloutGauges>,
    /// Seconds that the last rollback by a gate took, by workload.
    delays: BTreeMap<Arc<str>, f64>,
    endpoints: Vec<EndpointGauge>,
    connections: Vec<u64>,
    pins: u64,
    config: Option<(ReloadResult, Option<f64>)>,
    safe_start: bool,
    notifications_pending: Option<u64>,
    log: Option<(bool, Vec<(&'static str, u64)>)>,
    /// Every series and refusal that has counters, and the series' times.
    counted: BTreeMap<SeriesKey, Times>,
    spending: Spending,
    pub(crate) shadows: Shadows,
    refused: BTreeSet<(Arc<str>, &'static str)>,
}

impl Telemetry {
    /// Telemetry that has seen nothing yet.
    #[must_use]
    pub fn new(options: Options) -> Self {
        let now = Now {
            windows: Windows::new(options.started),
            version: options.version.into(),
            epoch: 0,
            plan: Vec::new(),
            rollouts: Vec::new(),
            delays: BTreeMap::new(),
            endpoints: Vec::new(),
            connections: Vec::new(),
            pins: 0,
            config: None,
            safe_start: false,
            notifications_pending: None,
            log: None,
            counted: BTreeMap::new(),
            spending: Spending::default(),
            shadows: Shadows::default(),
            refused: BTreeSet::new(),
        };
        Self { prometheus: Prometheus::new(options.keep_removed), now: Mutex::new(now) }
    }

    /// Takes over what the workers counted since the last hand-over.
    pub fn absorb(&self, delta: &Delta, now: Instant) {
        for (key, series) in &delta.series {
            self.count(key, series);
        }
        for ((workload, reason), count) in &delta.refusals {
            self.count_refusals(workload, reason, *count);
        }
        let mut state = self.lock();
        state.windows.absorb(delta, now);
        for (key, series) in &delta.series {
            state.counted.entry(key.clone()).or_default().add(series);
            state.spending.add(key, series);
        }
        for (whose, used) in &delta.tenants {
            state.spending.add_tenant(whose, used);
        }
        state.shadows.absorb(delta);
        state.refused.extend(delta.refusals.keys().cloned());
    }

    /// What every series did in the last minute, five minutes and quarter of an hour.
    #[must_use]
    pub fn snapshot(&self, now: Instant) -> Vec<SeriesSnapshot> {
        self.lock().windows.snapshot(now)
    }

    /// The plan that is in force now. Call on every publication.
    pub fn set_plan(&self, epoch: u64, workloads: &[PlanGauges]) {
        let mut state = self.lock();
        let remaining: BTreeSet<SeriesKey> = workloads.iter().flat_map(arm_keys).collect();
        let names: HashSet<&Arc<str>> = workloads.iter().map(|it| &it.workload).collect();
        for old in &state.plan {
            if !names.contains(&old.workload) {
                self.retire_workload(&old.workload);
            }
            for gone in arm_keys(old).filter(|key| !remaining.contains(key)) {
                self.prometheus.gauge(&names::ARM_INFO, &series_labels(&gone)).set(f64::NAN);
            }
        }
        state.epoch = epoch;
        state.plan = workloads.to_vec();
        // Counters that start at zero let `increase` see the first error.
        for key in remaining {
            state.spending.add(&key, &Series::default());
            state.counted.entry(key).or_default();
        }
    }

    /// Health of every endpoint that is checked now; several entries for one that has several
    /// addresses. Call when any of it changed.
    pub fn set_endpoints(&self, endpoints: &[EndpointGauge]) {
        let mut state = self.lock();
        let remaining: HashSet<_> = endpoints.iter().map(place).collect();
        for old in &state.endpoints {
            if !remaining.contains(&place(old)) {
                self.prometheus
                    .gauge(&names::ENDPOINT_HEALTHY, &endpoint_labels(old))
                    .set(f64::NAN);
            }
        }
        state.endpoints = endpoints.to_vec();
    }

    /// Open client connections of each worker, in the workers' order.
    pub fn set_connections(&self, by_worker: &[u64]) {
        self.lock().connections = by_worker.to_vec();
    }

    /// How many conversations are pinned.
    pub fn set_pins(&self, pins: u64) {
        self.lock().pins = pins;
    }

    /// Whether the process runs safe: everything goes to stable and nothing can be changed.
    pub fn set_safe_start(&self, safe: bool) {
        self.lock().safe_start = safe;
    }

    /// Whether decision records are being written, and how many were dropped since the start, by
    /// reason.
    pub fn set_decision_log(&self, healthy: bool, dropped: &[(&'static str, u64)]) {
        self.lock().log = Some((healthy, dropped.to_vec()));
    }

    /// The configuration file was read, at start or later.
    pub fn reloaded(&self, result: ReloadResult, at: SystemTime) {
        let label = SharedString::const_str(result.label());
        self.prometheus.counter(&names::CONFIG_RELOADS, &[label]).increment(1);
        let at = at.duration_since(UNIX_EPOCH).unwrap_or_default().as_secs_f64();
        let mut state = self.lock();
        let in_force = match result {
            ReloadResult::Applied => Some(at),
            ReloadResult::Refused => state.config.and_then(|(_, in_force)| in_force),
        };
        state.config = Some((result, in_force));
    }

    /// Traffic was taken off a candidate.
    pub fn rolled_back(&self, workload: &Arc<str>, kind: RollbackKind) {
        self.count_rollbacks(workload, kind, 1);
    }

    /// From the arrival of the counts that completed the evidence to the rollback they caused.
    pub fn rolled_back_after(&self, workload: &Arc<str>, delay: Duration) {
        let gauge = self.prometheus.gauge(&names::ROLLBACK_DELAY, &[shared(workload)]);
        gauge.set(delay.as_secs_f64());
        self.lock().delays.insert(Arc::clone(workload), delay.as_secs_f64());
    }

    /// How the rollouts stand now. Call whenever somebody looked.
    pub fn set_rollouts(&self, rollouts: &[RolloutGauges]) {
        self.lock().rollouts = rollouts.to_vec();
    }

    /// A change was refused because the store could not record it.
    pub fn store_failed(&self) {
        self.prometheus.counter(&names::STORE_FAILURES, &[]).increment(1);
    }

    /// Somebody was told, or was not: the channel, and how it ended in one word.
    pub fn notified(&self, channel: &str, result: &'static str) {
        let labels = [channel.to_owned().into(), SharedString::const_str(result)];
        self.prometheus.counter(&names::NOTIFICATIONS, &labels).increment(1);
    }

    /// How many messages wait, and which channels and results there can be: those that have not
    /// happened yet show as zero, so that `increase` sees the first.
    pub fn set_notifications(&self, pending: u64, channels: &[String], results: &[&'static str]) {
        for channel in channels {
            for result in results {
                let labels = [channel.clone().into(), SharedString::const_str(result)];
                self.prometheus.counter(&names::NOTIFICATIONS, &labels).increment(0);
            }
        }
        self.lock().notifications_pending = Some(pending);
    }

    /// The text for a scrape, in the Prometheus exposition format 0.0.4.
    #[must_use]
    pub fn render(&self) -> String {
        self.touch();
        let mut text = self.prometheus.render();
        let state = self.lock();
        times::append(&mut text, &state.counted);
        state.spending.append(&mut text);
        state.shadows.append(&mut text);
        drop(state);
        process::append(&mut text);
        text
    }

    /// Shows everything that exists now, moved or not; what is left out comes to its end.
    fn touch(&self) {
        let mut state = self.lock();
        self.touch_process(&state);
        for gauges in &state.plan {
            self.touch_workload(gauges);
        }
        let here = |workload: &Arc<str>| state.plan.iter().any(|it| it.workload == *workload);
        for gauges in state.rollouts.iter().filter(|gauges| here(&gauges.workload)) {
            self.touch_rollout(gauges, state.delays.get(&gauges.workload).copied());
        }
        for (labels, share) in healthy_shares(&state.endpoints) {
            self.prometheus.gauge(&names::ENDPOINT_HEALTHY, &labels).set(share);
        }
        let Now { plan, counted, spending, shadows, refused, windows, .. } = &mut *state;
        let lives = |workload: &Arc<str>, release: &Arc<str>| {
            let releases = plan.iter().find(|gauges| gauges.workload == *workload);
            releases.is_some_and(|gauges| release.is_empty() || gauges.releases.contains(release))
        };
        shadows.retain(lives);
        counted.retain(|key, _| lives(&key.workload, &key.release) || windows.contains(key));
        let is_served =
            |workload: &Arc<str>| plan.iter().any(|gauges| gauges.workload == *workload);
        refused.retain(|(workload, _)| workload.is_empty() || is_served(workload));
        spending.retain(|key| counted.contains_key(key), is_served);
        for key in counted.keys() {
            self.count(key, &Series::default());
        }
        for (workload, reason) in &*refused {
            self.count_refusals(workload, reason, 0);
        }
    }

    fn touch_process(&self, state: &Now) {
        let set = |metric, value: f64| self.prometheus.gauge(metric, &[]).set(value);
        let flag = |on: bool| f64::from(u8::from(on));
        self.prometheus.gauge(&names::BUILD_INFO, std::slice::from_ref(&state.version)).set(1.0);
        set(&names::PLAN_EPOCH, state.epoch as f64);
        set(&names::PINS, state.pins as f64);
        set(&names::SAFE_START, flag(state.safe_start));
        if let Some(pending) = state.notifications_pending {
            set(&names::NOTIFICATIONS_PENDING, pending as f64);
        }
        self.prometheus.counter(&names::STORE_FAILURES, &[]).increment(0);
        for (worker, open) in state.connections.iter().enumerate() {
            let worker = worker.to_string().into();
            self.prometheus.gauge(&names::CONNECTIONS, &[worker]).set(*open as f64);
        }
        if let Some((result, in_force)) = state.config {
            set(&names::CONFIG_SUCCESS, flag(result == ReloadResult::Applied));
            if let Some(at) = in_force {
                set(&names::CONFIG_TIMESTAMP, at);
            }
        }
        for result in ReloadResult::ALL {
            let label = SharedString::const_str(result.label());
            self.prometheus.counter(&names::CONFIG_RELOADS, &[label]).increment(0);
        }
        if let Some((healthy, dropped)) = &state.log {
            set(&names::LOG_HEALTHY, flag(*healthy));
            for (reason, count) in dropped {
                let label = SharedString::const_str(reason);
                self.prometheus.counter(&names::LOG_DROPPED, &[label]).absolute(*count);
            }
        }
    }

    fn touch_workload(&self, gauges: &PlanGauges) {
        let set = |metric, value| {
            self.prometheus.gauge(metric, &[shared(&gauges.workload)]).set(value);
        };
        set(&names::WEIGHT, gauges.weight);
        set(&names::KILLED, f64::from(u8::from(gauges.killed)));
        set(&names::CLOSED, f64::from(u8::from(gauges.closed)));
        for key in arm_keys(gauges) {
            self.prometheus.gauge(&names::ARM_INFO, &series_labels(&key)).set(1.0);
        }
        for kind in RollbackKind::ALL {
            self.count_rollbacks(&gauges.workload, kind, 0);
        }
    }

    fn touch_rollout(&self, gauges: &RolloutGauges, delay: Option<f64>) {
        let workload = || shared(&gauges.workload);
        let set = |metric, labels: &[SharedString], value: f64| {
            self.prometheus.gauge(metric, labels).set(value);
        };
        if let Some(delay) = delay {
            set(&names::ROLLBACK_DELAY, &[workload()], delay);
        }
        set(&names::ROLLOUT_STEP, &[workload()], f64::from(gauges.step));
        for phase in Phase::ALL {
            let is_in = f64::from(u8::from(gauges.phase == Some(phase)));
            let label = SharedString::const_str(phase.label());
            set(&names::ROLLOUT_PHASE, &[workload(), label], is_in);
        }
        for (axis, worst) in &gauges.axes {
            let label = SharedString::const_str(axis.label());
            set(&names::GATE_STATE, &[workload(), label], f64::from(*worst));
        }
    }

    /// A gauge of something that is gone must not keep its last value: no alert holds on NaN.
    fn retire_workload(&self, workload: &Arc<str>) {
        let alone = [&names::WEIGHT, &names::KILLED, &names::CLOSED, &names::ROLLOUT_STEP];
        for metric in alone {
            self.prometheus.gauge(metric, &[shared(workload)]).set(f64::NAN);
        }
        for axis in Axis::ALL {
            let label = SharedString::const_str(axis.label());
            self.prometheus.gauge(&names::GATE_STATE, &[shared(workload), label]).set(f64::NAN);
        }
    }

    fn count(&self, key: &SeriesKey, series: &Series) {
        let counter = |metric, last: Option<SharedString>| {
            let labels: Vec<SharedString> = series_labels(key).into_iter().chain(last).collect();
            self.prometheus.counter(metric, &labels)
        };
        for outcome in Outcome::ALL {
            let label = SharedString::const_str(outcome.label());
            counter(&names::REQUESTS, Some(label)).increment(series.outcomes[outcome.index()]);
        }
        counter(&names::RESPONSE_BYTES, None).increment(series.bytes_out);
        counter(&names::RETRIES, None).increment(series.retries);
        counter(&names::FORCED, None).increment(series.forced);
        counter(&names::REJECTED, None).increment(series.rejected);
        counter(&names::UNREADABLE, None).increment(series.unreadable);
        for kind in TokenKind::ALL {
            let label = SharedString::const_str(kind.label());
            counter(&names::TOKENS, Some(label)).increment(series.tokens[kind.index()]);
        }
        for truth in CostTruth::ALL {
            let label = SharedString::const_str(truth.label());
            counter(&names::COSTED, Some(label)).increment(series.costs[truth.index()]);
        }
        for reason in Reason::ALL.into_iter().filter(|reason| reason.is_decision()) {
            let labels = [shared(&key.workload), SharedString::const_str(reason.label())];
            let count = series.reasons[reason.index()];
            self.prometheus.counter(&names::DECISIONS, &labels).increment(count);
        }
    }

    fn count_refusals(&self, workload: &Arc<str>, reason: &'static str, count: u64) {
        let labels = [shared(workload), SharedString::const_str(reason)];
        self.prometheus.counter(&names::REFUSED, &labels).increment(count);
    }

    fn count_rollbacks(&self, workload: &Arc<str>, kind: RollbackKind, count: u64) {
        let labels = [shared(workload), SharedString::const_str(kind.label())];
        self.prometheus.counter(&names::ROLLBACKS, &labels).increment(count);
    }

    /// Figures hold no invariant that a panic elsewhere could have broken.
    /// Takes over what judges spend.
    pub(crate) fn set_judges(&self, judges: &[EvalJudge]) {
        self.lock().spending.set_judges(judges);
    }

    pub(crate) fn lock(&self) -> MutexGuard<'_, Now> {
        self.now.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The series of the arms that can serve.
fn arm_keys(gauges: &PlanGauges) -> impl Iterator<Item = SeriesKey> {
    gauges.arms().map(|(release, arm)| SeriesKey {
        workload: Arc::clone(&gauges.workload),
        release: Arc::clone(release),
        arm,
    })
}

/// The share of each endpoint's addresses that are healthy.
fn healthy_shares(addresses: &[EndpointGauge]) -> BTreeMap<[SharedString; 3], f64> {
    let mut counts: BTreeMap<_, (u32, u32)> = BTreeMap::new();
    for address in addresses {
        let (healthy, all) = counts.entry(endpoint_labels(address)).or_default();
        *healthy += u32::from(address.healthy);
        *all += 1;
    }
    let share = |(healthy, all)| f64::from(healthy) / f64::from(all);
    counts.into_iter().map(|(labels, counted)| (labels, share(counted))).collect()
}

fn shared(name: &Arc<str>) -> SharedString {
    SharedString::from_shared(Arc::clone(name))
}

fn series_labels(key: &SeriesKey) -> [SharedString; 3] {
    [shared(&key.workload), shared(&key.release), SharedString::const_str(key.arm.label())]
}

fn place(endpoint: &EndpointGauge) -> (&Arc<str>, &Arc<str>, &Arc<str>) {
    (&endpoint.workload, &endpoint.release, &endpoint.endpoint)
}

fn endpoint_labels(endpoint: &EndpointGauge) -> [SharedString; 3] {
    [shared(&endpoint.workload), shared(&endpoint.release), shared(&endpoint.endpoint)]
}
