//! A worker's thread: takes connections and questions until it has drained.

use crate::serve;
use crate::shared::Shared;
use crate::transport::Arrival;
use crate::watch::TICK_MS;
use crate::worker::{HAND_OVER, Live, Message, Worker};
use std::rc::Rc;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::sync::mpsc;

/// Time between two looks at unused upstream connections.
const SWEEP_MS: u64 = 5_000;

/// The runtime of a thread whose tasks stay on it.
///
/// # Errors
/// When the system refuses.
pub(crate) fn runtime() -> std::io::Result<tokio::runtime::LocalRuntime> {
    tokio::runtime::Builder::new_current_thread()
        .enable_io()
        .enable_time()
        .build_local(tokio::runtime::LocalOptions::default())
}

/// Runs a worker on this thread until it has drained.
///
/// # Errors
/// When the runtime cannot be built.
pub(crate) fn worker(
    shared: Arc<Shared>,
    index: usize,
    messages: mpsc::UnboundedReceiver<Message>,
) -> std::io::Result<()> {
    let runtime = runtime()?;
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
