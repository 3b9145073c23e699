//! Data that the steering loop shares with other tasks.

use super::costs::CostBook;
use super::intake::Intake;
use super::sharing::share::Message;
use super::windows::Windows;
use stagegate_fleet::ReplicaName;
use stagegate_rollout::{Analysis, WorkloadName};
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};
use std::time::{Duration, Instant};
use tokio::sync::Notify;

/// Shortest time between two looks: workers hand over four times a second.
const AT_MOST_EVERY: Duration = Duration::from_millis(200);
/// Longest time between two looks.
const AT_LEAST_EVERY: Duration = Duration::from_secs(1);

/// Most messages of other replicas that wait. They come again.
const MOST_MESSAGES: usize = 4096;

/// Whose evidence the newest analysis of a workload rests on, in a fleet.
#[derive(Clone, Debug)]
pub(super) struct Shown {
    /// The replica that judged, and its term.
    pub(super) leader: ReplicaName,
    pub(super) term: u64,
    /// The share of the fleet's traffic whose evidence had arrived, from 0 to 1.
    pub(super) coverage: f64,
    /// Replicas whose evidence had not.
    pub(super) missing: Vec<ReplicaName>,
    /// When it was judged, or heard of.
    pub(super) at: Instant,
}

/// Data that the steering loop shares with other tasks.
#[derive(Debug, Default)]
pub(super) struct Steering {
    pub(super) intake: Intake,
    pub(super) costs: CostBook,
    newest: RwLock<BTreeMap<WorkloadName, Arc<Analysis>>>,
    windows: Mutex<Windows>,
    changed: Notify,
    /// What other replicas have said and the loop has not read yet.
    inbox: Mutex<Vec<Message>>,
    shown: RwLock<BTreeMap<WorkloadName, Shown>>,
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

    /// Another replica has said something.
    pub(super) fn hear(&self, message: Message) {
        let mut inbox = self.inbox.lock().unwrap_or_else(PoisonError::into_inner);
        if inbox.len() < MOST_MESSAGES {
            inbox.push(message);
        }
        drop(inbox);
        self.intake.announce();
    }

    /// What other replicas have said since the last time.
    pub(super) fn heard(&self) -> Vec<Message> {
        std::mem::take(&mut self.inbox.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Shows whose evidence the newest analysis of a workload rests on.
    pub(super) fn show(&self, workload: WorkloadName, shown: Shown) {
        self.shown.write().unwrap_or_else(PoisonError::into_inner).insert(workload, shown);
    }

    /// Whose evidence the newest analysis of a workload rests on; none for a process on its own.
    pub(super) fn shown(&self, workload: &str) -> Option<Shown> {
        self.shown.read().unwrap_or_else(PoisonError::into_inner).get(workload).cloned()
    }

    /// The latest term that anything was judged in.
    pub(super) fn newest_term(&self) -> u64 {
        let shown = self.shown.read().unwrap_or_else(PoisonError::into_inner);
        shown.values().map(|it| it.term).max().unwrap_or(0)
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
