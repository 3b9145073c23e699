//! Counts per minute. They are recorded so that another policy can be replayed on them later.

use super::Live;
use serde_json::Value;
use stagegate_rollout::{RecordedMinute, ReleaseName, RolloutId, Series, Tick, WorkloadName};
use stagegate_store::RecordedWindow;
use std::collections::BTreeMap;

const MINUTE_MS: u64 = 60_000;
/// The loop looks at most five times a second.
const MOST_TICKS: usize = 400;

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
    counted: RecordedMinute,
}

impl Windows {
    /// Adds a tick of a workload's rollout in progress; `keep`: as itself too.
    pub(super) fn add(&mut self, live: &Live, tick: &Tick, keep: bool) {
        let Some(rollout) = live.split.state().rollout.as_deref() else { return };
        let workload = &live.split.spec().name;
        let minute = tick.at_ms / MINUTE_MS;
        let goes_on = self.open.get(workload).is_some_and(|window| {
            window.minute == minute
                && window.rollout == rollout.id
                && window.step == rollout.step
                && window.counted.sum.weight == tick.weight
        });
        if !goes_on {
            self.close(workload);
            let window = Window {
                minute,
                rollout: rollout.id.clone(),
                step: rollout.step,
                stable: rollout.from.clone(),
                candidate: rollout.to.clone(),
                counted: RecordedMinute {
                    sum: Tick { weight: tick.weight, ..Tick::default() },
                    ticks: Vec::new(),
                },
            };
            self.open.insert(workload.clone(), window);
        }
        let Some(window) = self.open.get_mut(workload) else { return };
        if keep && window.counted.ticks.len() < MOST_TICKS {
            window.counted.ticks.push(Tick { assigned: Vec::new(), ..tick.clone() });
        }
        let counted = &mut window.counted.sum;
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
            self.done.push(window.recorded(workload));
        }
    }

    /// The minute that is not over yet, as it would be recorded now.
    pub(super) fn begun(&self, workload: &WorkloadName) -> Option<RecordedWindow> {
        Some(self.open.get(workload)?.recorded(workload))
    }

    /// Hands over every window, also those that are not over: the process ends.
    pub(super) fn finish(&mut self) -> Vec<RecordedWindow> {
        let open: Vec<WorkloadName> = self.open.keys().cloned().collect();
        open.iter().for_each(|workload| self.close(workload));
        std::mem::take(&mut self.done)
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

impl Window {
    fn recorded(&self, workload: &WorkloadName) -> RecordedWindow {
        RecordedWindow {
            workload: workload.clone(),
            at_ms: self.counted.sum.at_ms,
            stable: self.stable.clone(),
            candidate: Some(self.candidate.clone()),
            body: compact(&self.counted),
        }
    }
}

/// The minute as it is stored. There are hundreds of ticks, so what is nothing in one is left out.
fn compact(minute: &RecordedMinute) -> String {
    // Counts are always JSON.
    let mut value = serde_json::to_value(minute).unwrap_or_default();
    let nothing = serde_json::to_value(Series::default()).unwrap_or_default();
    let ticks = value.get_mut("ticks").and_then(Value::as_array_mut);
    for tick in ticks.into_iter().flatten() {
        for arm in ["stable", "candidate"] {
            let series = tick.get_mut(arm).and_then(Value::as_object_mut);
            let Some(series) = series else { continue };
            series.retain(|key, value| nothing.get(key) != Some(value));
        }
    }
    value.to_string()
}

#[cfg(test)]
mod tests {
    use super::compact;
    use stagegate_rollout::{RecordedMinute, Series, Tick};

    #[test]
    fn what_is_stored_is_what_was_counted() {
        let mut stable = Series::default();
        stable.outcomes[0] = 7;
        stable.cost_nanos.record(12);
        let tick = Tick { at_ms: 5, observed_ms: 250, stable, ..Tick::default() };
        let minute = RecordedMinute { sum: tick.clone(), ticks: vec![tick.clone(), tick] };
        let text = compact(&minute);
        assert_eq!(serde_json::from_str::<RecordedMinute>(&text).expect("reads back"), minute);
        // Whoever wants the sum alone reads it as ever.
        assert_eq!(serde_json::from_str::<Tick>(&text).expect("reads back"), minute.sum);
        let one = |minute: &RecordedMinute| compact(minute).len();
        let without = RecordedMinute { ticks: Vec::new(), ..minute.clone() };
        assert!(one(&minute) < 2 * one(&without), "{} {}", one(&minute), one(&without));
    }
}
