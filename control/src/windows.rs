//! Counts per minute. They are recorded so that another policy can be replayed on them later.

use super::Live;
use serde_json::json;
use stagegate_rollout::{ReleaseName, RolloutId, Tick, WorkloadName};
use stagegate_store::RecordedWindow;
use std::collections::BTreeMap;

const MINUTE_MS: u64 = 60_000;

/// Windows in progress: one for each workload with a rollout.
#[derive(Debug, Default)]
pub(super) struct Windows {
    open: BTreeMap<WorkloadName, Window>,
    done: Vec<RecordedWindow>,
}

/// A window belongs to one step of one rollout, at one weight.
#[derive(Debug)]
struct Window {
    minute: u64,
    rollout: RolloutId,
    step: usize,
    stable: ReleaseName,
    candidate: ReleaseName,
    counted: Tick,
}

impl Windows {
    /// Adds a tick of a workload's rollout in progress.
    pub(super) fn add(&mut self, live: &Live, tick: &Tick) {
        let Some(rollout) = live.split.state().rollout.as_deref() else { return };
        let workload = &live.split.spec().name;
        let minute = tick.at_ms / MINUTE_MS;
        let goes_on = self.open.get(workload).is_some_and(|window| {
            window.minute == minute
                && window.rollout == rollout.id
                && window.step == rollout.step
                && window.counted.weight == tick.weight
        });
        if !goes_on {
            self.close(workload);
            let window = Window {
                minute,
                rollout: rollout.id.clone(),
                step: rollout.step,
                stable: rollout.from.clone(),
                candidate: rollout.to.clone(),
                counted: Tick { weight: tick.weight, ..Tick::default() },
            };
            self.open.insert(workload.clone(), window);
        }
        let Some(window) = self.open.get_mut(workload) else { return };
        let counted = &mut window.counted;
        counted.at_ms = tick.at_ms;
        counted.observed_ms += tick.observed_ms;
        counted.stable.merge(&tick.stable);
        counted.candidate.merge(&tick.candidate);
        counted.apart.iter_mut().zip(tick.apart).for_each(|(sum, count)| *sum += count);
        if tick.doubt.is_some() {
            counted.doubt.clone_from(&tick.doubt);
        }
        // Buckets tell of the proxy's split and not of a policy: they are not kept.
    }

    fn close(&mut self, workload: &WorkloadName) {
        if let Some(window) = self.open.remove(workload) {
            self.done.push(RecordedWindow {
                workload: workload.clone(),
                at_ms: window.counted.at_ms,
                stable: window.stable,
                candidate: Some(window.candidate),
                body: json!(window.counted).to_string(),
            });
        }
    }

    /// Hands over the windows that are over at `now_ms`.
    pub(super) fn complete(&mut self, now_ms: u64) -> Vec<RecordedWindow> {
        let minute = now_ms / MINUTE_MS;
        let over = self.open.iter().filter(|(_, window)| window.minute < minute);
        let over: Vec<WorkloadName> = over.map(|(workload, _)| workload.clone()).collect();
        over.iter().for_each(|workload| self.close(workload));
        std::mem::take(&mut self.done)
    }
}
