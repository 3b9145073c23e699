//! The thread that sends copies. It is a worker without clients: it has its own connections and
//! counts, and follows plans as workers do.

use super::send::send;
use crate::runtime::local_runtime;
use crate::shadow_copy::Shadow;
use crate::shared::Shared;
use crate::worker::{HAND_OVER, Message, Worker};
use stagegate_rollout::ShadowDrop;
use std::rc::Rc;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::sync::mpsc;

/// Time between two looks at unused connections.
const SWEEP: Duration = Duration::from_secs(5);

/// Sends copies on this thread until it is stopped. Copies in progress then end at once, because
/// nothing waits for them.
///
/// # Errors
/// When the runtime cannot be built.
pub(crate) fn shadows(
    shared: Arc<Shared>,
    messages: &mut mpsc::UnboundedReceiver<Message>,
    copies: &mut mpsc::Receiver<Box<Shadow>>,
) -> std::io::Result<()> {
    let runtime = local_runtime()?;
    let worker = Rc::new(Worker::new(shared, None));
    runtime.block_on(work(&worker, messages, copies));
    drop(runtime);
    worker.report();
    Ok(())
}

async fn work(
    worker: &Rc<Worker>,
    messages: &mut mpsc::UnboundedReceiver<Message>,
    copies: &mut mpsc::Receiver<Box<Shadow>>,
) {
    let started = Instant::now();
    let mut ticks = tokio::time::interval(HAND_OVER);
    ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    let mut sweep_at = SWEEP;
    loop {
        tokio::select! {
            biased;
            message = messages.recv() => match message {
                Some(Message::Settle(settle)) => worker.settle(settle),
                Some(Message::Drain) | None => break,
                Some(Message::Serve(_) | Message::Cut(_)) => {}
            },
            Some(copy) = copies.recv() => {
                tokio::task::spawn_local(send(Rc::clone(worker), copy));
            }
            _ = ticks.tick() => {
                let now = started.elapsed();
                worker.watches.tick(now.as_millis() as u64);
                worker.report();
                if now >= sweep_at {
                    sweep_at = now + SWEEP;
                    worker.pools.borrow_mut().sweep(now.as_millis() as u64);
                }
            }
        }
    }
    copies.close();
    while let Ok(copy) = copies.try_recv() {
        let mut stats = worker.stats.borrow_mut();
        stats.shadow(&copy.workload, &copy.release).dropped[ShadowDrop::Shutdown.index()] += 1;
    }
}
