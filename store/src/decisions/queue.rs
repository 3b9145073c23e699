//! Batches between the workers and the writer: bounded, never blocking, and readable.

use stagegate_rollout::RecordBatch;
use std::collections::VecDeque;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// Bytes of records that may wait: at 10,000 requests a second, what a disk may stall for some
/// twenty seconds before anything is dropped.
const MAX_BYTES: usize = 32 * 1024 * 1024;
/// The time that the writer waits for more batches.
const LINGER: Duration = Duration::from_millis(500);
/// Bytes that are written without waiting for more, and as many as are written at once.
const GROUP_BYTES: usize = 1024 * 1024;

/// A batch and its place in the order of arrival, from 1.
#[derive(Clone, Debug)]
pub(super) struct Waiting {
    pub(super) order: u64,
    pub(super) batch: Arc<RecordBatch>,
}

#[derive(Debug, Default)]
struct State {
    waiting: VecDeque<Waiting>,
    bytes: usize,
    accepted: u64,
    /// Order of the last batch that left the queue, written or dropped.
    done: u64,
    since: Option<Instant>,
    flush: bool,
    closed: bool,
    passes: u64,
}

/// The queue.
#[derive(Debug, Default)]
pub(super) struct Queue {
    state: Mutex<State>,
    arrived: Condvar,
    left: Condvar,
}

/// The reason why a batch was not taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Refused {
    /// Too much waits already.
    Full,
    /// The log is closing.
    Closed,
}

/// The next job of the writer.
pub(super) enum Next {
    /// Write these; they stay visible in the queue until [`Queue::finish`].
    Write(Vec<Waiting>),
    /// Nothing arrived for a while: look after retention.
    Tidy,
    /// Nothing is left and nothing more will come.
    End,
}

impl Queue {
    fn lock(&self) -> MutexGuard<'_, State> {
        // Every critical section leaves the state whole, even if it panicked.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes a batch, unless too much waits already or the log is closing.
    pub(super) fn push(&self, batch: RecordBatch) -> Result<(), Refused> {
        let mut state = self.lock();
        let size = batch.as_bytes().len();
        if state.closed {
            return Err(Refused::Closed);
        }
        if state.bytes + size > MAX_BYTES {
            return Err(Refused::Full);
        }
        state.accepted += 1;
        let order = state.accepted;
        state.bytes += size;
        state.waiting.push_back(Waiting { order, batch: Arc::new(batch) });
        let wake = state.since.is_none() || state.bytes >= GROUP_BYTES;
        state.since.get_or_insert_with(Instant::now);
        drop(state);
        if wake {
            self.arrived.notify_one();
        }
        Ok(())
    }

    /// Waits for something to do, at most `tidy_after`.
    pub(super) fn next(&self, tidy_after: Duration) -> Next {
        let mut state = self.lock();
        let asleep_since = Instant::now();
        loop {
            let now = Instant::now();
            let ripe = state.since.map(|since| since + LINGER);
            let due = state.closed || state.flush || state.bytes >= GROUP_BYTES;
            if !state.waiting.is_empty() && (due || ripe.is_some_and(|ripe| ripe <= now)) {
                return Next::Write(group(&state.waiting));
            }
            if state.waiting.is_empty() && state.closed {
                return Next::End;
            }
            let tidy = asleep_since + tidy_after;
            if state.waiting.is_empty() && (state.flush || tidy <= now) {
                return Next::Tidy;
            }
            let until = ripe.unwrap_or(tidy).saturating_duration_since(now);
            state =
                self.arrived.wait_timeout(state, until).unwrap_or_else(PoisonError::into_inner).0;
        }
    }

    /// Removes the batches up to and including this one: they are written, or given up.
    pub(super) fn finish(&self, order: u64) {
        let mut state = self.lock();
        while state.waiting.front().is_some_and(|it| it.order <= order) {
            if let Some(gone) = state.waiting.pop_front() {
                state.bytes -= gone.batch.as_bytes().len();
            }
        }
        state.done = order;
        state.since = (!state.waiting.is_empty()).then(Instant::now);
    }

    /// Says that retention was applied to what has left the queue.
    pub(super) fn tidied(&self) {
        let mut state = self.lock();
        state.flush &= !state.waiting.is_empty();
        state.passes += 1;
        self.left.notify_all();
    }

    /// Waits until everything accepted so far has left the queue and retention has been applied.
    pub(super) fn flush(&self) {
        let mut state = self.lock();
        let (upto, pass) = (state.accepted, state.passes);
        while !state.closed && (state.done < upto || state.passes == pass) {
            state.flush = true;
            self.arrived.notify_one();
            state = self.left.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
    }

    /// Takes no more batches; the writer ends when it has written the last.
    pub(super) fn close(&self) {
        self.lock().closed = true;
        self.arrived.notify_one();
        self.left.notify_all();
    }

    /// The batches that wait or are being written, the newest first.
    pub(super) fn snapshot(&self) -> Vec<Waiting> {
        self.lock().waiting.iter().rev().cloned().collect()
    }
}

fn group(waiting: &VecDeque<Waiting>) -> Vec<Waiting> {
    let mut bytes = 0;
    let mut group = Vec::new();
    for next in waiting {
        bytes += next.batch.as_bytes().len();
        group.push(next.clone());
        if bytes >= GROUP_BYTES {
            break;
        }
    }
    group
}
