//! The figures of the process, made from deltas, values and events.

mod eval;
mod otlp;
mod queue;
mod touch;

use crate::EvalJudge;
use crate::loops::{Looks, Loop};
use crate::prometheus::Prometheus;
use crate::shadow::Shadows;
use crate::spending::Spending;
use crate::stages::Stages;
use crate::state::{
    EndpointGauge, FleetGauges, PlanGauges, ReloadResult, RollbackKind, RolloutGauges,
};
use crate::times::Times;
use crate::unpriced::{Key, Unpriced};
use crate::windows::{SeriesSnapshot, Windows};
use crate::{names, process, times};
use metrics::SharedString;
use stagegate_rollout::{
    CostTruth, Delta, FlagCounts, KeyKind, Outcome, Reason, Series, SeriesKey, ShadowKey,
    ShadowSeries, TokenKind,
};
use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// Settings of the telemetry.
#[derive(Clone, Debug)]
pub struct Options {
    /// Version of the running program.
    pub version: String,
    /// Time for which figures of removed workloads, releases and endpoints stay visible. Longer
    /// than two scrapes, so that their last counts are seen.
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

/// The figures of one process. Shared by reference. Every method takes a short lock; the request
/// path calls none.
pub struct Telemetry {
    pub(crate) prometheus: Prometheus,
    looks: Looks,
    now: Mutex<Now>,
}

/// The present values, kept so that every scrape shows them, changed or not.
struct Now {
    windows: Windows,
    version: SharedString,
    epoch: u64,
    plan: Vec<PlanGauges>,
    rollouts: Vec<RolloutGauges>,
    /// Seconds that the last rollback by a gate took, by workload.
    delays: BTreeMap<Arc<str>, f64>,
    endpoints: Vec<EndpointGauge>,
    connections: Vec<u64>,
    workers_alive: Vec<bool>,
    pins: u64,
    config: Option<(ReloadResult, Option<f64>)>,
    safe_start: bool,
    fleet: Option<FleetGauges>,
    notifications_pending: Option<u64>,
    log: Option<(bool, Vec<(&'static str, u64)>)>,
    /// Every series and refusal that has counters, and the series' times.
    counted: BTreeMap<SeriesKey, Times>,
    spending: Spending,
    stages: Stages,
    shadows: Shadows,
    refused: BTreeSet<(Arc<str>, &'static str)>,
    unpriced: Unpriced,
    /// Flags that were evaluated for requests.
    flags: FlagCounts,
}

impl Telemetry {
    /// Telemetry without any counts.
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
            workers_alive: Vec::new(),
            pins: 0,
            config: None,
            safe_start: false,
            fleet: None,
            notifications_pending: None,
            log: None,
            counted: BTreeMap::new(),
            spending: Spending::default(),
            stages: Stages::default(),
            shadows: Shadows::default(),
            refused: BTreeSet::new(),
            unpriced: Unpriced::default(),
            flags: FlagCounts::default(),
        };
        let prometheus = Prometheus::new(options.keep_removed);
        Self { prometheus, looks: Looks::default(), now: Mutex::new(now) }
    }

    /// Adds the counts of the workers since the last call.
    pub fn absorb(&self, delta: &Delta, now: Instant) {
        for (key, series) in delta.all_series() {
            self.count(key, series);
        }
        for ((workload, reason), count) in &delta.refusals {
            self.count_refusals(workload, reason, *count);
        }
        let mut state = self.lock();
        state.windows.absorb(delta, now);
        for (key, series) in delta.all_series() {
            state.counted.entry(key.clone()).or_default().add(series);
            state.spending.add(key, series);
            state.stages.add(key, series);
        }
        for (whose, used) in &delta.tenants {
            state.spending.add_tenant(whose, used);
        }
        state.shadows.absorb(delta);
        state.flags.merge(&delta.flags);
        state.refused.extend(delta.refusals.keys().cloned());
        for (key, count) in &delta.unpriced {
            let key = state.unpriced.add(key, *count);
            self.count_unpriced(&key, *count);
        }
    }

    /// Evaluations of flags for requests.
    pub(crate) fn flags_of_requests(&self) -> FlagCounts {
        self.lock().flags.clone()
    }

    /// The counts of every series in the last minute, five minutes and fifteen minutes.
    #[must_use]
    pub fn snapshot(&self, now: Instant) -> Vec<SeriesSnapshot> {
        self.lock().windows.snapshot(now)
    }

    /// Sets the published plan. Call on every publication.
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

    /// Sets which worker threads are alive.
    pub fn set_workers_alive(&self, by_worker: &[bool]) {
        self.lock().workers_alive = by_worker.to_vec();
    }

    /// Sets the number of pinned conversations.
    pub fn set_pins(&self, pins: u64) {
        self.lock().pins = pins;
    }

    /// Notes that a loop looks now.
    pub fn looked(&self, which: Loop) {
        self.looks.note(which);
    }

    /// Notes that a loop has ended for good.
    pub fn looks_no_more(&self, which: Loop) {
        self.looks.forget(which);
    }

    /// The loops without which nobody is protected and that have not looked for longer than
    /// `patience`, each with the time since.
    #[must_use]
    pub fn stalled(&self, patience: Duration) -> Vec<(Loop, Duration)> {
        self.looks.stalled(patience)
    }

    /// Sets whether the process runs safe: everything goes to stable and nothing can be changed.
    pub fn set_safe_start(&self, safe: bool) {
        self.lock().safe_start = safe;
    }

    /// Sets how this replica of a fleet stands, and what it last saw of the others.
    pub fn set_fleet(&self, fleet: FleetGauges) {
        self.lock().fleet = Some(fleet);
    }

    /// Sets whether decision records are being written, and the number of dropped ones since the
    /// start, by reason.
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

    /// Sets the time from the arrival of the counts that completed the evidence to the rollback.
    pub fn rolled_back_after(&self, workload: &Arc<str>, delay: Duration) {
        let gauge = self.prometheus.gauge(&names::ROLLBACK_DELAY, &[shared(workload)]);
        gauge.set(delay.as_secs_f64());
        self.lock().delays.insert(Arc::clone(workload), delay.as_secs_f64());
    }

    /// Sets the state of the rollouts. Call after every look at them.
    pub fn set_rollouts(&self, rollouts: &[RolloutGauges]) {
        self.lock().rollouts = rollouts.to_vec();
    }

    /// A change was refused because the store could not record it.
    pub fn store_failed(&self) {
        self.prometheus.counter(&names::STORE_FAILURES, &[]).increment(1);
    }

    /// Counts one try to notify: the channel and the outcome.
    pub fn notified(&self, channel: &str, result: &'static str) {
        let labels = [channel.to_owned().into(), SharedString::const_str(result)];
        self.prometheus.counter(&names::NOTIFICATIONS, &labels).increment(1);
    }

    /// Sets the number of waiting messages, and the possible channels and results. Those that have
    /// not happened yet show as zero, so that `increase` sees the first.
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
        state.stages.append(&mut text);
        state.shadows.append(&mut text);
        drop(state);
        process::append(&mut text);
        text
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
        for (metric, of) in names::COUNTERS.iter() {
            counter(metric, None).increment(of(series));
        }
        for kind in TokenKind::ALL {
            let label = SharedString::const_str(kind.label());
            counter(&names::TOKENS, Some(label)).increment(series.tokens[kind.index()]);
        }
        for truth in CostTruth::ALL {
            let label = SharedString::const_str(truth.label());
            counter(&names::COSTED, Some(label)).increment(series.costs[truth.index()]);
        }
        for kind in KeyKind::ALL {
            let labels = [shared(&key.workload), SharedString::const_str(kind.label())];
            self.prometheus.counter(&names::KEYS, &labels).increment(series.keys[kind as usize]);
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

    fn count_unpriced(&self, (workload, reason, model): &Key, count: u64) {
        let labels = [shared(workload), SharedString::const_str(reason.label()), shared(model)];
        self.prometheus.counter(&names::UNPRICED, &labels).increment(count);
    }

    fn count_rollbacks(&self, workload: &Arc<str>, kind: RollbackKind, count: u64) {
        let labels = [shared(workload), SharedString::const_str(kind.label())];
        self.prometheus.counter(&names::ROLLBACKS, &labels).increment(count);
    }

    /// Sets the spending of the judges.
    fn set_judges(&self, judges: &[EvalJudge]) {
        self.lock().spending.set_judges(judges);
    }

    /// The counts of copied requests since the start.
    #[must_use]
    pub fn shadows(&self) -> Vec<(ShadowKey, ShadowSeries)> {
        self.lock().shadows.counts()
    }

    /// A panic elsewhere leaves the figures valid, so a poisoned lock is used on.
    fn lock(&self) -> MutexGuard<'_, Now> {
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
