//! Steering: what was counted becomes evidence, evidence becomes a verdict, and a verdict acts.
//!
//! One loop for all workloads, beside the commands of people. It looks whenever something was counted,
//! at most four times a second, and once a second otherwise. It never waits for the store: what is
//! to be stored goes to a recorder, what follows from a verdict to a task. It
//! never promotes: that is a person's command. What it does by itself is to roll back, to complete
//! a watch, to record that a verdict changed, and to tell people.

use super::steering_state::SteeringState;
use super::{Control, Inner, Live};
use stagegate_rollout::{Analysis, Delta};
use std::future::Future;
use std::sync::Arc;
use std::time::Instant;

impl Control {
    /// Takes in what a worker counted. Does not wait.
    pub fn count(&self, delta: &Delta, now: Instant) {
        self.inner.steering.intake.count(delta, now);
        self.inner.steering.costs.count(delta, now);
    }

    /// What is unknown of the workload's costs of the last minutes, and the remedy, in words; none
    /// where every cost is known.
    #[must_use]
    pub fn unknown_cost(&self, workload: &str) -> Option<String> {
        self.inner.steering.costs.unknown(workload, Instant::now())
    }

    /// The newest analysis of the workload's rollout in progress, if there is one yet.
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
        let mut state = SteeringState::begin(inner).await;
        loop {
            let last = Instant::now();
            tokio::select! {
                () = &mut stop => break,
                () = inner.steering.due(last) => {}
            }
            state.look(inner);
        }
        state.end(inner).await;
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
