//! A worker's thread: takes connections and questions until it has drained.

use crate::runtime::local_runtime;
use crate::serve;
use crate::shadow_copy::Shadow;
use crate::shared::Shared;
use crate::transport::Arrival;
use crate::watch::TICK_MS;
use crate::worker::{HAND_OVER, Live, Message, Worker};
use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::rc::Rc;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::sync::mpsc;

/// Time between two looks at unused upstream connections.
const SWEEP_MS: u64 = 5_000;

/// Runs a worker on this thread until it has drained. One that ends otherwise, by an error or a
/// panic outside of its connections' tasks, is dead from then on: the log says so, and nothing is
/// handed to it. Its connections are closed by then.
pub(crate) fn supervised(
    shared: &Arc<Shared>,
    index: usize,
    messages: mpsc::UnboundedReceiver<Message>,
) {
    let run = AssertUnwindSafe(|| worker(Arc::clone(shared), index, messages));
    let why = match catch_unwind(run) {
        Ok(Ok(())) => return,
        Ok(Err(error)) => error.to_string(),
        Err(panic) => said(&*panic),
    };
    shared.workers.bury(index);
    tracing::error!("worker {index} ended: {}", why.escape_debug());
}

/// Time before a thread that ended begins again.
const BEFORE_AGAIN: Duration = Duration::from_millis(250);

/// Sends copies on this thread until it is told to end. Where that ends by a panic, which loses the copies
/// under way, it begins again: nobody waits for a copy, but a rollback waits for this thread's word.
pub(crate) fn supervised_shadows(
    shared: &Arc<Shared>,
    mut messages: mpsc::UnboundedReceiver<Message>,
    mut copies: mpsc::Receiver<Box<Shadow>>,
) {
    loop {
        let run = || serve::shadows(Arc::clone(shared), &mut messages, &mut copies);
        let why = match catch_unwind(AssertUnwindSafe(run)) {
            Ok(Ok(())) => return,
            Ok(Err(error)) => error.to_string(),
            Err(panic) => said(&*panic),
        };
        tracing::error!("the thread that sends copies begins again: {}", why.escape_debug());
        std::thread::sleep(BEFORE_AGAIN);
    }
}

/// The message of a panic.
fn said(panic: &(dyn Any + Send)) -> String {
    let text = panic.downcast_ref::<&str>().copied();
    let text = text.or_else(|| panic.downcast_ref::<String>().map(String::as_str));
    format!("panic: {}", text.unwrap_or("without a message"))
}

/// Runs a worker on this thread until it has drained.
///
/// # Errors
/// When the runtime cannot be built.
fn worker(
    shared: Arc<Shared>,
    index: usize,
    messages: mpsc::UnboundedReceiver<Message>,
) -> std::io::Result<()> {
    let runtime = local_runtime()?;
    let worker = Rc::new(Worker::new(shared, Some(index)));
    runtime.block_on(work(Rc::clone(&worker), messages));
    worker.report();
    Ok(())
}

async fn work(worker: Rc<Worker>, mut messages: mpsc::UnboundedReceiver<Message>) {
    let started = Instant::now();
    let mut ticks = tokio::time::interval(Duration::from_millis(TICK_MS));
    ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    let (mut report_at, mut sweep_at) = (0, SWEEP_MS);
    loop {
        tokio::select! {
            message = messages.recv() => match message {
                Some(Message::Serve(arrival)) => begin(&worker, arrival),
                Some(Message::Settle(settle)) => worker.settle(settle),
                Some(Message::Cut(workload)) => worker.cut(&workload),
                Some(Message::Drain) | None => {
                    worker.draining.set(true);
                    worker.watches.wake_all();
                }
            },
            _ = ticks.tick() => {
                let now_ms = started.elapsed().as_millis() as u64;
                worker.watches.tick(now_ms);
                worker.settle_limits();
                if now_ms >= report_at {
                    report_at = now_ms + HAND_OVER.as_millis() as u64;
                    worker.report();
                }
                if now_ms >= sweep_at {
                    sweep_at = now_ms + SWEEP_MS;
                    worker.pools.borrow_mut().sweep(now_ms);
                }
            }
        }
        if worker.draining.get() && worker.connections.get() == 0 {
            return;
        }
    }
}

fn begin(worker: &Rc<Worker>, arrival: Arrival) {
    let live = Live::new(worker);
    tokio::task::spawn_local(serve::connection(Rc::clone(worker), arrival, live));
}

#[cfg(test)]
mod tests {
    use super::{BEFORE_AGAIN, supervised, supervised_shadows};
    use crate::fixtures::{clients, shared};
    use crate::worker::{Message, Settle};
    use std::sync::Arc;
    use std::sync::atomic::{AtomicUsize, Ordering};
    use tokio::sync::mpsc;

    #[test]
    fn a_worker_that_panics_is_dead_and_one_that_drains_is_not() {
        let mut panicking = shared(clients(), 2);
        // The worker's first report is in its main loop.
        panicking.sink = Arc::new(|report| assert_ne!(report.worker, Some(0), "no report from 0"));
        let shared = Arc::new(panicking);
        let (sender, receiver) = mpsc::unbounded_channel();
        supervised(&shared, 0, receiver);
        assert!(sender.send(Message::Drain).is_err(), "its end is closed");
        assert_eq!(shared.workers.alive(), [false, true]);
        let (sender, receiver) = mpsc::unbounded_channel();
        sender.send(Message::Drain).expect("open");
        supervised(&shared, 1, receiver);
        assert_eq!(shared.workers.alive(), [false, true]);
    }

    #[test]
    fn the_thread_that_sends_copies_begins_again_after_a_panic() {
        let mut panicking = shared(clients(), 1);
        let reports = AtomicUsize::new(0);
        panicking.sink = Arc::new(move |_| {
            assert!(reports.fetch_add(1, Ordering::Relaxed) > 0, "no first report");
        });
        let (sender, receiver) = mpsc::unbounded_channel();
        let (copies, waiting) = mpsc::channel(1);
        let thread = std::thread::spawn(move || {
            supervised_shadows(&Arc::new(panicking), receiver, waiting);
        });
        std::thread::sleep(2 * BEFORE_AGAIN);
        let (reply, answer) = tokio::sync::oneshot::channel();
        let settle = Settle { workload: Arc::from("w"), reply };
        assert!(sender.send(Message::Settle(settle)).is_ok(), "it listens");
        assert_eq!(answer.blocking_recv(), Ok(None), "it answers");
        sender.send(Message::Drain).expect("it listens");
        thread.join().expect("it ends");
        assert!(copies.is_closed());
    }
}
