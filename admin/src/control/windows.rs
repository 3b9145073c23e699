//! What was counted, minute by minute: recorded, so that it can be asked later what another policy
//! would have done.

use super::Live;
use serde_json::json;
use stagegate_rollout::{ReleaseName, Tick, WorkloadName};
use stagegate_store::RecordedWindow;
use std::collections::BTreeMap;

const MINUTE_MS: u64 = 60_000;

/// Windows under way: one for each workload with a rollout.
#[derive(Debug, Default)]
pub(super) struct Recorder {
    open: BTreeMap<WorkloadName, Window>,
    done: Vec<RecordedWindow>,
}

/// A minute of both arms, or less where roles or weight changed within it.
#[derive(Debug)]
struct Window {
    minute: u64,
    stable: ReleaseName,
    candidate: ReleaseName,
    counted: Tick,
}

impl Recorder {
    /// Adds a tick of a rollout to its minute.
    pub(super) fn add(&mut self, live: &Live, tick: &Tick) {
        let Some(rollout) = live.split.state().rollout.as_deref() else { return };
        let name = &live.split.spec().name;
        let minute = tick.at_ms / MINUTE_MS;
        let is_of = |window: &Window| {
            window.minute == minute
                && window.counted.weight == tick.weight
                && (&window.stable, &window.candidate) == (&rollout.from, &rollout.to)
        };
        if self.open.get(name).is_some_and(|window| !is_of(window)) {
            self.close(&name.clone());
        }
        let window = self.open.entry(name.clone()).or_insert_with(|| Window {
            minute,
            stable: rollout.from.clone(),
            candidate: rollout.to.clone(),
            counted: Tick { weight: tick.weight, ..Tick::default() },
        });
        let counted = &mut window.counted;
        counted.at_ms = tick.at_ms;
        counted.observed_ms += tick.observed_ms;
        counted.stable.merge(&tick.stable);
        counted.candidate.merge(&tick.candidate);
        // What the split did is judged while it runs; the buckets are not worth their room.
    }

    fn close(&mut self, name: &WorkloadName) {
        let Some(window) = self.open.remove(name) else { return };
        self.done.push(RecordedWindow {
            workload: name.clone(),
            at_ms: window.counted.at_ms,
            stable: window.stable,
            candidate: Some(window.candidate),
            body: json!(window.counted).to_string(),
        });
    }

    /// Hands over the windows that are over at `now_ms`.
    pub(super) fn complete(&mut self, now_ms: u64) -> Vec<RecordedWindow> {
        let minute = now_ms / MINUTE_MS;
        let over = self.open.iter().filter(|(_, window)| window.minute < minute);
        let over: Vec<WorkloadName> = over.map(|(name, _)| name.clone()).collect();
        over.iter().for_each(|name| self.close(name));
        std::mem::take(&mut self.done)
    }
}
