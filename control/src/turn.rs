//! The order of changes, and what is in force.
//!
//! Two locks. `order` is the right to write: a task that records something holds it until the store
//! has answered, so that records are made one after the other. `desk` is held for moments, while
//! something is decided and published in memory, and never during a wait. A change that takes
//! traffic away needs the desk alone.

use super::desk::Desk;
use super::{Inner, StoreAccessError};
use crate::ports::{Event, Prepared, Publication};
use stagegate_rollout::WorkloadName;
use std::future::Future;
use std::sync::{Arc, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::sync::OwnedMutexGuard;
use tokio::time::{Instant, timeout_at};

/// How long a change that gives traffic waits for its turn and for the store together.
pub(super) const WAIT: Duration = Duration::from_secs(2);

impl Inner {
    /// The parts of what is in force.
    pub(super) fn desk(&self) -> MutexGuard<'_, Desk> {
        self.desk.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Puts in force what is on the desk. Without `publish` the plan stays as it is: nothing in it
    /// decides requests differently.
    pub(super) fn put(
        &self,
        desk: &Desk,
        prepared: Option<Prepared>,
        cut: Option<WorkloadName>,
        publish: bool,
    ) {
        let next = desk.in_force();
        if !publish {
            return self.set_view(next);
        }
        let (epoch, splits) = (next.epoch, next.splits());
        self.plane.publish(Publication {
            epoch,
            config: Arc::clone(&next.config),
            prepared,
            splits: splits.clone(),
            cut,
        });
        self.set_view(next);
        self.observer.on(&Event::Published { epoch, splits });
    }

    /// Waits for the right to write.
    ///
    /// # Errors
    /// [`StoreAccessError::Slow`] when others write for too long.
    pub(super) async fn right_to_write(
        &self,
        workload: Option<&str>,
        deadline: Instant,
    ) -> Result<OwnedMutexGuard<()>, StoreAccessError> {
        let waiting = Arc::clone(&self.order).lock_owned();
        timeout_at(deadline, waiting).await.map_err(|_| self.slow(workload, false))
    }

    /// Runs `work` with the right to write, after everything that is in force was recorded. It goes
    /// on when the caller has stopped waiting.
    ///
    /// # Errors
    /// [`StoreAccessError::Slow`] when the store takes too long, and the errors of `work`.
    pub(super) async fn in_order<T, E, F>(
        self: &Arc<Self>,
        workload: Option<&str>,
        work: impl FnOnce(Arc<Self>, OwnedMutexGuard<()>) -> F + Send + 'static,
    ) -> Result<T, E>
    where
        T: Send + 'static,
        E: From<StoreAccessError> + Send + 'static,
        F: Future<Output = Result<T, E>> + Send + 'static,
    {
        let deadline = Instant::now() + WAIT;
        let order = self.right_to_write(workload, deadline).await?;
        let inner = Arc::clone(self);
        let task = tokio::spawn(async move {
            inner.record_unrecorded().await?;
            work(inner, order).await
        });
        match timeout_at(deadline, task).await {
            Ok(Ok(done)) => done,
            Ok(Err(lost)) => {
                Err(StoreAccessError::Store(format!("the change was lost: {lost}")).into())
            }
            Err(_) => Err(self.slow(workload, true).into()),
        }
    }

    /// The error of a store that does not answer. `begun`: the change may be on its way into it.
    pub(super) fn slow(&self, workload: Option<&str>, begun: bool) -> StoreAccessError {
        let view = self.view();
        let mut in_force = format!("epoch {}", view.epoch);
        if let Some((_, live)) = workload.and_then(|name| view.find(name)) {
            let state = live.split.state();
            let closed = if state.closed.is_some() { ", rolled back" } else { "" };
            let killed = if state.killed.is_some() { ", killed" } else { "" };
            in_force = format!("{in_force} with weight {}{closed}{killed}", state.weight);
        }
        StoreAccessError::Slow { in_force, begun }
    }
}
