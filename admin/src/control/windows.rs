//! What was counted, minute by minute: recorded, so that it can be asked later what another policy
//! would have done.

use super::Live;
use serde::{Deserialize, Serialize};
use serde_json::json;
use stagegate_rollout::{Arm, ReleaseName, Series, Tick, Weight, WorkloadName};
use stagegate_store::RecordedWindow;
use std::collections::BTreeMap;

const MINUTE_MS: u64 = 60_000;

/// One arm's minute, as it is stored.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(super) struct Minute {
    /// For how much of it traffic was watched, in milliseconds.
    pub(super) observed_ms: u64,
    /// The weight at its end.
    pub(super) weight: Weight,
    /// What the arm did.
    pub(super) series: Series,
}

/// Minutes under way.
#[derive(Debug, Default)]
pub(super) struct Recorder {
    open: BTreeMap<Key, Minute>,
}

#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Key {
    workload: WorkloadName,
    at_ms: u64,
    arm: Arm,
    release: ReleaseName,
}

impl Recorder {
    /// Adds a tick of a rollout to its minute.
    pub(super) fn add(&mut self, live: &Live, tick: &Tick) {
        let Some(rollout) = live.split.state().rollout.as_deref() else { return };
        let arms = [
            (Arm::Stable, &rollout.from, &tick.stable),
            (Arm::Candidate, &rollout.to, &tick.candidate),
        ];
        for (arm, release, series) in arms {
            let minute = self
                .open
                .entry(Key {
                    workload: live.split.spec().name.clone(),
                    at_ms: tick.at_ms / MINUTE_MS * MINUTE_MS,
                    arm,
                    release: release.clone(),
                })
                .or_default();
            minute.observed_ms += tick.observed_ms;
            minute.weight = tick.weight;
            minute.series.merge(series);
        }
    }

    /// Hands over the minutes that are over at `now_ms`.
    pub(super) fn complete(&mut self, now_ms: u64) -> Vec<RecordedWindow> {
        let over = |key: &Key| key.at_ms + MINUTE_MS <= now_ms;
        let (done, open) =
            std::mem::take(&mut self.open).into_iter().partition(|(key, _)| over(key));
        self.open = open;
        let done: BTreeMap<Key, Minute> = done;
        done.into_iter()
            .map(|(key, minute)| RecordedWindow {
                workload: key.workload,
                at_ms: key.at_ms,
                arm: key.arm,
                release: key.release,
                body: json!(minute).to_string(),
            })
            .collect()
    }
}
