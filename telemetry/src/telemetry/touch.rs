//! Before a scrape: shows everything that exists, and lets everything that is gone end.

use super::{Now, Telemetry, arm_keys, endpoint_labels, series_labels, shared};
use crate::names;
use crate::state::{EndpointGauge, PlanGauges, ReloadResult, RollbackKind, RolloutGauges};
use metrics::SharedString;
use stagegate_rollout::{Axis, Phase, Series};
use std::collections::BTreeMap;
use std::sync::Arc;

impl Telemetry {
    /// Shows everything that exists now, changed or not. The rest is forgotten.
    pub(super) fn touch(&self) {
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
        let Now { plan, counted, spending, stages, shadows, refused, unpriced, windows, .. } =
            &mut *state;
        let lives = |workload: &Arc<str>, release: &Arc<str>| {
            let releases = plan.iter().find(|gauges| gauges.workload == *workload);
            releases.is_some_and(|gauges| release.is_empty() || gauges.releases.contains(release))
        };
        shadows.retain(lives);
        counted.retain(|key, _| lives(&key.workload, &key.release) || windows.contains(key));
        let is_served =
            |workload: &Arc<str>| plan.iter().any(|gauges| gauges.workload == *workload);
        refused.retain(|(workload, _)| workload.is_empty() || is_served(workload));
        unpriced.retain(is_served);
        stages.retain(|key| counted.contains_key(key));
        spending.retain(|key| counted.contains_key(key), is_served);
        for key in counted.keys() {
            self.count(key, &Series::default());
        }
        for (workload, reason) in &*refused {
            self.count_refusals(workload, reason, 0);
        }
        for key in unpriced.keys() {
            self.count_unpriced(key, 0);
        }
    }

    fn touch_process(&self, state: &Now) {
        let set = |metric, value: f64| self.prometheus.gauge(metric, &[]).set(value);
        let flag = |on: bool| f64::from(u8::from(on));
        self.prometheus.gauge(&names::BUILD_INFO, std::slice::from_ref(&state.version)).set(1.0);
        set(&names::PLAN_EPOCH, state.epoch as f64);
        set(&names::PINS, state.pins as f64);
        set(&names::SAFE_START, flag(state.safe_start));
        if let Some(fleet) = state.fleet {
            set(&names::REPLICA_FRESHNESS, fleet.freshness);
            set(&names::REPLICA_FENCED, flag(fleet.fenced));
            set(&names::REPLICA_ENTRY, fleet.entry as f64);
            set(&names::FLEET_REPLICAS, fleet.replicas as f64);
            set(&names::FLEET_SILENT, fleet.silent as f64);
            set(&names::FLEET_CONFIGS, fleet.configs as f64);
            set(&names::FLEET_STEERS, flag(fleet.steers));
            set(&names::FLEET_TERM, fleet.term.unwrap_or(0) as f64);
            set(&names::FLEET_COVERAGE, fleet.coverage);
        }
        if let Some(pending) = state.notifications_pending {
            set(&names::NOTIFICATIONS_PENDING, pending as f64);
        }
        self.prometheus.counter(&names::STORE_FAILURES, &[]).increment(0);
        for (which, at) in self.looks.seconds() {
            let label = SharedString::const_str(which.label());
            self.prometheus.gauge(&names::LAST_LOOK, &[label]).set(at);
        }
        for (worker, open) in state.connections.iter().enumerate() {
            let worker = worker.to_string().into();
            self.prometheus.gauge(&names::CONNECTIONS, &[worker]).set(*open as f64);
        }
        for (worker, alive) in state.workers_alive.iter().enumerate() {
            let worker = worker.to_string().into();
            self.prometheus.gauge(&names::WORKER_ALIVE, &[worker]).set(flag(*alive));
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
        for kind in RollbackKind::all() {
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

    /// Sets the gauges of a removed workload to NaN, on which no alert holds.
    pub(super) fn retire_workload(&self, workload: &Arc<str>) {
        let alone = [&names::WEIGHT, &names::KILLED, &names::CLOSED, &names::ROLLOUT_STEP];
        for metric in alone {
            self.prometheus.gauge(metric, &[shared(workload)]).set(f64::NAN);
        }
        for axis in Axis::ALL {
            let label = SharedString::const_str(axis.label());
            self.prometheus.gauge(&names::GATE_STATE, &[shared(workload), label]).set(f64::NAN);
        }
    }
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
