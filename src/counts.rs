//! The way of counts from the workers to the gates: a bounded queue. While it is full, counts are merged
//! into one, so that nothing is lost and memory does not grow however long the gates take.

use stagegate_rollout::Delta;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio::sync::mpsc::error::TrySendError;
use tokio::sync::mpsc::{self, Receiver, Sender};

/// Hand-overs that wait at most.
const MOST: usize = 256;
/// Assigned keys of one workload that are kept in a hand-over; they only check the split.
const MOST_ASSIGNED: usize = 1 << 20;

/// Sends counts. Never waits.
#[derive(Clone)]
pub(crate) struct Counts {
    queue: Sender<Delta>,
    late: Arc<Mutex<Option<Delta>>>,
}

/// Receives counts in order.
pub(crate) struct Counted {
    queue: Receiver<Delta>,
    late: Arc<Mutex<Option<Delta>>>,
}

/// Both ends.
pub(crate) fn counts() -> (Counts, Counted) {
    with_room(MOST)
}

fn with_room(most: usize) -> (Counts, Counted) {
    let (sender, receiver) = mpsc::channel(most);
    let late = Arc::<Mutex<Option<Delta>>>::default();
    (Counts { queue: sender, late: Arc::clone(&late) }, Counted { queue: receiver, late })
}

impl Counts {
    /// Hands counts on, after those that found no room before.
    pub(crate) fn send(&self, delta: Delta) {
        let mut late = lock(&self.late);
        let next = match late.take() {
            None => delta,
            Some(mut merged) => {
                merged.merge(&delta);
                merged.assigned.values_mut().for_each(|keys| keys.truncate(MOST_ASSIGNED));
                merged
            }
        };
        if let Err(TrySendError::Full(next)) = self.queue.try_send(next) {
            *late = Some(next);
        }
    }
}

impl Counted {
    /// The next counts; none once all senders are gone.
    pub(crate) async fn next(&mut self) -> Option<Delta> {
        match self.queue.recv().await {
            Some(delta) => Some(delta),
            None => lock(&self.late).take(),
        }
    }
}

/// What is guarded is whole between any two statements.
fn lock(late: &Mutex<Option<Delta>>) -> MutexGuard<'_, Option<Delta>> {
    late.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::with_room;
    use stagegate_rollout::Delta;
    use std::sync::Arc;

    fn refused(count: u64) -> Delta {
        let mut delta = Delta::default();
        delta.refusals.insert((Arc::from("w"), "busy"), count);
        delta
    }

    #[tokio::test]
    async fn counts_that_find_no_room_are_merged_and_none_is_lost() {
        let (counts, mut counted) = with_room(2);
        for count in 1..=100 {
            counts.send(refused(count));
        }
        let key = (Arc::from("w"), "busy");
        assert_eq!(counted.next().await.expect("the first").refusals[&key], 1);
        counts.send(refused(1000));
        drop(counts);
        let mut sum = 1;
        let mut more = 0;
        while let Some(delta) = counted.next().await {
            sum += delta.refusals[&key];
            more += 1;
        }
        assert_eq!((sum, more), (5050 + 1000, 2));
    }
}
