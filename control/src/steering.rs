//! Data that the steering loop shares with other tasks.

use super::costs::CostBook;
use super::intake::Intake;
use super::windows::Windows;
use stagegate_rollout::{Analysis, WorkloadName};
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};
use std::time::{Duration, Instant};
use tokio::sync::Notify;

/// Shortest time between two looks: workers hand over four times a second.
const AT_MOST_EVERY: Duration = Duration::from_millis(200);
/// Longest time between two looks.
const AT_LEAST_EVERY: Duration = Duration::from_secs(1);

/// Data that the steering loop shares with other tasks.
#[derive(Debug, Default)]
pub(super) struct Steering {
    pub(super) intake: Intake,
    pub(super) costs: CostBook,
    newest: RwLock<BTreeMap<WorkloadName, Arc<Analysis>>>,
    windows: Mutex<Windows>,
    changed: Notify,
}

impl Steering {
    /// The plan changed: a rollout may have begun or moved.
    pub(super) fn wake(&self) {
        self.changed.notify_one();
    }

    /// The minutes that are being counted. Held for moments only.
    pub(super) fn windows(&self) -> MutexGuard<'_, Windows> {
        // Sums hold no invariant that a panic elsewhere could have broken.
        self.windows.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The newest analysis of a workload since the start, of whatever rollout it was.
    pub(super) fn newest(&self, workload: &str) -> Option<Arc<Analysis>> {
        let newest = self.newest.read().unwrap_or_else(PoisonError::into_inner);
        newest.get(workload).cloned()
    }

    pub(super) fn set_newest(&self, workload: &WorkloadName, analysis: Arc<Analysis>) {
        let mut newest = self.newest.write().unwrap_or_else(PoisonError::into_inner);
        newest.insert(workload.clone(), analysis);
    }

    /// Resolves when it is time to look again after a look that ended at `last`.
    pub(super) async fn due(&self, last: Instant) {
        tokio::select! {
            () = self.changed.notified() => return,
            () = tokio::time::sleep_until((last + AT_MOST_EVERY).into()) => {}
        }
        tokio::select! {
            () = self.changed.notified() => {}
            () = self.intake.arrived() => {}
            () = tokio::time::sleep_until((last + AT_LEAST_EVERY).into()) => {}
        }
    }
}
