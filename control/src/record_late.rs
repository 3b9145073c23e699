//! The records of what is in force already: made as soon as the store answers, in their order.

use super::apply::{Applied, Decided};
use super::desk::Ticket;
use super::emergency::Emergency;
use super::unrecorded::Unrecorded;
use super::{Inner, StoreAccessError};
use crate::ports::Peers;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

/// Time to the second try, and the longest time between two tries.
const RETRY: Duration = Duration::from_millis(500);
const RETRY_AT_LEAST_EVERY: Duration = Duration::from_secs(5);

impl Inner {
    /// Records what is in force and not recorded; the caller has the right to write.
    ///
    /// # Errors
    /// When the store refuses; what it has not taken stays in force.
    pub(super) async fn record_unrecorded(self: &Arc<Self>) -> Result<(), StoreAccessError> {
        let mut any = false;
        while let Some(unrecorded) = self.next_unrecorded() {
            any = true;
            match &unrecorded {
                Unrecorded::Workload(emergency) => self.record_late(emergency).await?,
                Unrecorded::Flag(emergency) => self.record_flag_late(emergency).await?,
            }
        }
        if any {
            // Detached: the file tells the next process no more than it may hear twice.
            drop(self.save_unrecorded());
        }
        Ok(())
    }

    /// The first change that may be recorded now. In a fleet a gate's change waits for the right of this
    /// replica to act by itself. It is dropped where another one has it: that one decides anew, by the same
    /// evidence.
    fn next_unrecorded(&self) -> Option<Unrecorded> {
        let may_act = self.right().is_ok();
        let another = |peers: &Arc<dyn Peers>| {
            peers.leader().is_some_and(|(leader, _)| leader != peers.name())
        };
        if !may_act && self.peers.get().is_some_and(another) {
            self.drop_verdicts();
        }
        let desk = self.desk();
        desk.unrecorded.iter().find(|it| may_act || !it.is_a_verdict()).cloned()
    }

    fn drop_verdicts(&self) {
        let mut desk = self.desk();
        let before = desk.unrecorded.len();
        desk.unrecorded.retain(|it| !it.is_a_verdict());
        if desk.unrecorded.len() == before {
            return;
        }
        tracing::warn!(
            "a gate's rollback that is not recorded is left to the replica that steers now"
        );
        self.put(&desk, None, None, true);
        drop(desk);
        self.steering.wake();
    }

    /// Records one emergency on top of whatever is recorded by now.
    async fn record_late(&self, emergency: &Emergency) -> Result<(), StoreAccessError> {
        let ticket = Ticket::of(emergency.id);
        let view = Arc::clone(&self.desk().recorded);
        let Some((place, live)) = view.find(&emergency.workload) else {
            tracing::error!(
                workload = emergency.workload,
                "an unrecorded change is dropped: its workload does not exist any more"
            );
            self.desk().unrecorded.retain(|it| it.id() != emergency.id);
            return Ok(());
        };
        let stepped = emergency.step_late(live.split.spec(), live.split.state());
        let decided = self.decide_emergency(&view, (place, live), emergency, stepped);
        let right = match emergency.analysis() {
            Some(_) => self.right()?,
            None => None,
        };
        let decided = Decided { right, ..decided };
        let answer = emergency.answer.as_ref().map(super::emergency::Kept::recorded);
        let applied = match self.apply(&decided, answer, Some(&ticket)).await {
            // The key was used before. The change is in force all the same, so it is recorded.
            Ok(Applied::Before(_)) => self.apply(&decided, None, Some(&ticket)).await,
            Err(error) if error.is_about_the_request() => {
                tracing::error!(%error, "recording a change without its refused attachments");
                let bare = Decided { attached: Vec::new(), ..decided };
                self.apply(&bare, None, Some(&ticket)).await
            }
            applied => applied,
        };
        applied.map(|_| ())
    }

    /// Records what is in force in the background, until all of it is recorded.
    pub(super) fn keep_recording(self: &Arc<Self>) {
        if self.recording.swap(true, Ordering::AcqRel) {
            return;
        }
        let weak = Arc::downgrade(self);
        tokio::spawn(async move {
            let mut pause = RETRY;
            loop {
                let Some(inner) = weak.upgrade() else { return };
                let recorded = {
                    let _order = inner.order.lock().await;
                    inner.record_unrecorded().await
                };
                match recorded {
                    Ok(()) => {
                        // A record that was on its way may have come by itself.
                        drop(inner.save_unrecorded());
                        inner.recording.store(false, Ordering::Release);
                        let more = !inner.desk().unrecorded.is_empty();
                        if !more || inner.recording.swap(true, Ordering::AcqRel) {
                            return;
                        }
                    }
                    Err(error) => tracing::error!(
                        %error,
                        "a change is in force but not recorded; will try again"
                    ),
                }
                drop(inner);
                tokio::time::sleep(pause).await;
                pause = (pause * 2).min(RETRY_AT_LEAST_EVERY);
            }
        });
    }

    /// Writes the unrecorded changes in force to the file. Resolves with true once it is written,
    /// and continues if the caller stops waiting.
    pub(super) fn save_unrecorded(self: &Arc<Self>) -> impl Future<Output = bool> + use<> {
        let inner = Arc::clone(self);
        let write = move || {
            let Some(file) = &inner.unrecorded_file else { return false };
            let written = file.write(|| inner.desk().unrecorded.clone());
            if let Err(error) = &written {
                tracing::error!(%error, "cannot write the file of unrecorded changes");
            }
            written.is_ok()
        };
        let task = tokio::task::spawn_blocking(write);
        async move { task.await.unwrap_or(false) }
    }
}
