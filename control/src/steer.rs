//! Steering: what was counted becomes evidence, evidence becomes a verdict, and a verdict acts.
//!
//! One loop for all workloads, beside the commands of people and through the same turn. It looks
//! whenever something was counted, at most four times a second, and once a second otherwise. It
//! never promotes: that is a person's command. What it does by itself is to roll back, to complete
//! a watch, to record that a verdict changed, and to tell people.

use super::intake::Intake;
use super::steering_state::SteeringState;
use super::{Control, Inner, Live};
use stagegate_rollout::{Analysis, Delta, WorkloadName};
use std::collections::BTreeMap;
use std::future::Future;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::{Duration, Instant};
use tokio::sync::Notify;

/// Shortest time between two looks: workers hand over four times a second.
const AT_MOST_EVERY: Duration = Duration::from_millis(200);
/// Longest time between two looks.
const AT_LEAST_EVERY: Duration = Duration::from_secs(1);

/// What the loop and everybody else share.
#[derive(Debug, Default)]
pub(super) struct Steering {
    pub(super) intake: Intake,
    newest: RwLock<BTreeMap<WorkloadName, Arc<Analysis>>>,
    changed: Notify,
}

impl Steering {
    /// The plan changed: a rollout may have begun or moved.
    pub(super) fn wake(&self) {
        self.changed.notify_one();
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
    async fn due(&self, last: Instant) {
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

impl Control {
    /// Takes in what a worker counted. Does not wait.
    pub fn count(&self, delta: &Delta, now: Instant) {
        self.inner.steering.intake.count(delta, now);
    }

    /// The newest analysis of the workload's rollout under way, if there is one yet.
    #[must_use]
    pub fn analysis(&self, workload: &str) -> Option<Arc<Analysis>> {
        self.inner.analysis_of(workload)
    }

    /// Steers every rollout until `stop` resolves; then what was gathered is saved.
    pub async fn steer(&self, stop: impl Future<Output = ()>) {
        let inner = &self.inner;
        let mut stop = std::pin::pin!(stop);
        if inner.ledger().is_err() {
            // Started safe: nobody reaches a candidate, and nothing may be changed.
            return stop.await;
        }
        let mut state = SteeringState::new(inner).await;
        loop {
            let last = Instant::now();
            tokio::select! {
                () = &mut stop => break,
                () = inner.steering.due(last) => {}
            }
            state.look(inner).await;
        }
        state.save(inner).await;
    }
}

impl Inner {
    /// The newest analysis, if it is of the rollout and step that are in force.
    pub(super) fn analysis_of(&self, workload: &str) -> Option<Arc<Analysis>> {
        self.analysis_for(self.view().find(workload)?.1)
    }

    /// The same, for a workload that is at hand.
    pub(super) fn analysis_for(&self, live: &Live) -> Option<Arc<Analysis>> {
        let rollout = live.split.state().rollout.as_deref()?;
        let newest = self.steering.newest(live.split.spec().name.as_str())?;
        (newest.rollout == rollout.id && newest.step == rollout.step).then_some(newest)
    }
}
