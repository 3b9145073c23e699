//! The recorder of measurements: the steering loop hands over what is to be stored and never waits
//! for it.
//!
//! One task writes, in order. What does not fit is dropped and counted; of evidence only the newest
//! is kept. Decisions do not come this way.

use super::Inner;
use super::now_ms;
use crate::ports::Event;
use stagegate_config::Measurements;
use stagegate_rollout::WorkloadName;
use stagegate_store::{EvidenceSnapshot, MeasuredRetention, NewAnalysis, RecordedWindow, Store};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::sync::Notify;
use tokio::task::JoinHandle;

/// Most analyses that wait, and most windows.
const ROOM: usize = 1000;
/// How long the end of the process waits for queued records.
const END: Duration = Duration::from_secs(5);
/// Pause before the recorder is begun again.
const AGAIN: Duration = Duration::from_millis(200);
/// Longest time between two of its looks while nothing is to be stored.
const SAY_EVERY: Duration = Duration::from_secs(5);

/// Evidence and spending of one moment.
#[derive(Debug)]
pub(super) struct Saving {
    pub(super) snapshots: Vec<EvidenceSnapshot>,
    pub(super) spending: Vec<(WorkloadName, String)>,
    pub(super) at_ms: u64,
}

#[derive(Debug, Default)]
struct Waiting {
    analyses: Vec<NewAnalysis>,
    windows: Vec<RecordedWindow>,
    newest: Option<Saving>,
    forget_at_ms: Option<u64>,
    dropped: usize,
    over: bool,
}

#[derive(Debug, Default)]
struct Shared {
    waiting: Mutex<Waiting>,
    more: Notify,
}

/// A handle on the recorder.
#[derive(Debug)]
pub(super) struct Recorder {
    shared: Arc<Shared>,
    task: Option<JoinHandle<()>>,
}

impl Recorder {
    /// Begins to write into the store of `inner`.
    pub(super) fn begin(inner: &Arc<Inner>) -> Self {
        let shared = Arc::new(Shared::default());
        let task = tokio::spawn(keep_running(Arc::clone(inner), Arc::clone(&shared)));
        Self { shared, task: Some(task) }
    }

    /// Hands analyses and windows over.
    pub(super) fn keep(&self, analyses: Vec<NewAnalysis>, windows: Vec<RecordedWindow>) {
        if analyses.is_empty() && windows.is_empty() {
            return;
        }
        let mut waiting = self.shared.lock();
        let Waiting { analyses: kept, windows: kept_windows, dropped, .. } = &mut *waiting;
        *dropped += add(kept, analyses) + add(kept_windows, windows);
        drop(waiting);
        self.shared.more.notify_one();
    }

    /// Hands evidence over; it replaces what still waits.
    pub(super) fn save(&self, saving: Saving) {
        self.shared.lock().newest = Some(saving);
        self.shared.more.notify_one();
    }

    /// Requests the removal of old measurements.
    pub(super) fn forget(&self, at_ms: u64) {
        self.shared.lock().forget_at_ms = Some(at_ms);
        self.shared.more.notify_one();
    }

    /// Ends, after what was handed over is written or the store takes too long.
    pub(super) async fn end(mut self) {
        let task = self.task.take();
        drop(self);
        if let Some(task) = task
            && tokio::time::timeout(END, task).await.is_err()
        {
            tracing::warn!("measurements are not stored: the state store does not answer");
        }
    }
}

/// Whoever has it no more, hands nothing over: a steering loop that panicked, too.
impl Drop for Recorder {
    fn drop(&mut self) {
        self.shared.lock().over = true;
        self.shared.more.notify_one();
    }
}

/// Adds what fits and returns how many did not.
fn add<T>(kept: &mut Vec<T>, mut new: Vec<T>) -> usize {
    let room = ROOM.saturating_sub(kept.len());
    let left = new.len().saturating_sub(room);
    new.truncate(room);
    kept.append(&mut new);
    left
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, Waiting> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Runs the recorder to its end. After a panic it is begun again: what it held then is lost.
async fn keep_running(inner: Arc<Inner>, shared: Arc<Shared>) {
    loop {
        let run = tokio::spawn(run(Arc::clone(&inner), Arc::clone(&shared)));
        if run.await.is_ok() {
            return inner.observer.on(&Event::RecorderEnded);
        }
        tracing::error!("the recorder of measurements has panicked and is begun again");
        tokio::time::sleep(AGAIN).await;
    }
}

async fn run(inner: Arc<Inner>, shared: Arc<Shared>) {
    loop {
        inner.observer.on(&Event::Recorded);
        let work = std::mem::take(&mut *shared.lock());
        let over = work.over;
        let nothing = work.analyses.is_empty() && work.windows.is_empty();
        if nothing && work.newest.is_none() && work.forget_at_ms.is_none() {
            if over {
                return;
            }
            // It says now and then that it is there.
            let _ = tokio::time::timeout(SAY_EVERY, shared.more.notified()).await;
            continue;
        }
        if work.dropped > 0 {
            tracing::warn!(
                dropped = work.dropped,
                "the state store was slow; measurements were dropped"
            );
        }
        let _pending = inner.pending.begin(now_ms());
        let keep = retention(inner.view().config.measurements);
        if let Some(store) = &inner.store
            && let Err(error) = store.write(move |store| write(store, &work, &keep)).await
        {
            tracing::warn!(%error, "measurements were not stored");
        }
        // What came meanwhile is written before the end.
        shared.lock().over |= over;
    }
}

/// What the store keeps of measurements.
fn retention(Measurements { minutes, analyses, .. }: Measurements) -> MeasuredRetention {
    let ms = |kept: Duration| u64::try_from(kept.as_millis()).unwrap_or(u64::MAX);
    MeasuredRetention {
        windows_ms: ms(minutes),
        analyses_ms: ms(analyses),
        ..MeasuredRetention::default()
    }
}

fn write(
    store: &mut Store,
    work: &Waiting,
    keep: &MeasuredRetention,
) -> Result<(), crate::StoreAccessError> {
    work.analyses.iter().try_for_each(|analysis| store.save_analysis(analysis))?;
    store.record_windows(&work.windows)?;
    if let Some(Saving { snapshots, spending, at_ms }) = &work.newest {
        store.save_evidence(snapshots)?;
        store.save_spending(spending, *at_ms)?;
    }
    if let Some(at_ms) = work.forget_at_ms {
        store.forget_measured(keep, at_ms)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::{MeasuredRetention, retention};
    use stagegate_config::Measurements;
    use std::time::Duration;

    #[test]
    fn minutes_and_analyses_are_kept_as_configured() {
        let of = |minutes, analyses| {
            let (minutes, analyses) = (Duration::from_secs(minutes), Duration::from_secs(analyses));
            retention(Measurements { minutes, analyses, ticks: false })
        };
        let usual = MeasuredRetention::default();
        assert_eq!(of(30 * 86_400, 30 * 86_400), usual);
        let shorter = MeasuredRetention { windows_ms: 3_600_000, analyses_ms: 60_000, ..usual };
        assert_eq!(of(3600, 60), shorter);
    }
}
