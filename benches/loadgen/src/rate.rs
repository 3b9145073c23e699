//! Requests at a constant rate: an open loop.
//!
//! A generator that waits for an answer before it sends again hides every stall: while the
//! proxy stands still, it asks nothing. Here requests fall due at fixed times, whatever became
//! of the earlier ones, and a latency counts from when its request *was due*.

use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::net::SocketAddr;
use std::rc::Rc;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::Notify;

use crate::clock::{Ticker, now_us};
use crate::latency::Latencies;
use crate::span::{micros, seconds};
use crate::{request, response};

/// What falls due between two ticks falls due at the first of them.
const TICK: Duration = Duration::from_micros(250);

/// What to send.
#[derive(clap::Args)]
pub(crate) struct Args {
    /// Address of the proxy
    #[arg(long)]
    target: SocketAddr,
    /// What is asked for
    #[arg(long, default_value = "/small")]
    path: String,
    /// Keep-alive connections
    #[arg(long, default_value_t = 64)]
    connections: usize,
    /// Requests a second, over all connections
    #[arg(long)]
    rate: u32,
    /// Seconds that are measured
    #[arg(long, default_value = "3", value_parser = seconds)]
    seconds: Duration,
}

/// What all connections share.
#[derive(Default)]
struct Shared {
    /// When the waiting requests were due, in microseconds.
    due: RefCell<VecDeque<u64>>,
    more: Notify,
    latencies: RefCell<Latencies>,
    turn: Cell<usize>,
    failure: RefCell<Option<anyhow::Error>>,
}

/// Sends, measures and reports.
pub(crate) async fn run(args: Args) -> Result<()> {
    if args.rate == 0 || args.connections == 0 {
        bail!(
            "--rate is {} and --connections {}; both must be at least 1",
            args.rate,
            args.connections
        );
    }
    let shared = Rc::<Shared>::default();
    let requests: Rc<[Vec<u8>]> = request::of_all_users(&args.path, "").into();
    for _ in 0..args.connections {
        let stream = request::connect(args.target)
            .await
            .with_context(|| format!("connecting to {}", args.target))?;
        let (shared, requests) = (Rc::clone(&shared), Rc::clone(&requests));
        tokio::task::spawn_local(async move {
            if let Err(error) = serve(stream, &shared, &requests).await {
                *shared.failure.borrow_mut() = Some(error);
            }
        });
    }
    let began = now_us();
    pace(&shared, args.rate, args.seconds).await?;
    let duration = now_us() - began;
    let (latencies, waiting) = (shared.latencies.borrow(), shared.due.borrow().len());
    println!(
        "stagegate-bench requests={} duration_us={duration} {} waiting={waiting}",
        latencies.count(),
        latencies.fields("")
    );
    Ok(())
}

/// Lets requests fall due for so long.
async fn pace(shared: &Shared, rate: u32, time: Duration) -> Result<()> {
    let mut ticker = Ticker::new(TICK);
    let (began, mut ticks, mut sent) = (now_us(), 0, 0);
    while ticks * micros(TICK) < micros(time) {
        // After a delay several ticks are made up for, each with the time it should have had.
        for _ in 0..ticker.ticks().await {
            ticks += 1;
            let at = ticks * micros(TICK);
            let wanted = u64::from(rate) * at / 1_000_000;
            for _ in sent..wanted {
                shared.due.borrow_mut().push_back(began + at);
                shared.more.notify_one();
            }
            sent = wanted;
        }
        if let Some(error) = shared.failure.borrow_mut().take() {
            return Err(error);
        }
    }
    Ok(())
}

/// One connection: takes what is due, one request at a time.
async fn serve(mut stream: TcpStream, shared: &Shared, requests: &[Vec<u8>]) -> Result<()> {
    let mut buffer = Vec::with_capacity(8 << 10);
    loop {
        let Some(due) = shared.due.borrow_mut().pop_front() else {
            shared.more.notified().await;
            continue;
        };
        let turn = shared.turn.get();
        shared.turn.set((turn + 1) % requests.len());
        stream.write_all(&requests[turn]).await.context("sending a request")?;
        buffer.clear();
        while response::sized(&buffer)?.is_none_or(|length| buffer.len() < length) {
            if stream.read_buf(&mut buffer).await.context("reading a response")? == 0 {
                bail!("the connection was closed before a response was complete");
            }
        }
        shared.latencies.borrow_mut().record(now_us().saturating_sub(due));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn what_is_due_is_due_on_time_whoever_takes_it() {
        let shared = Shared::default();
        let before = now_us();
        // Nobody takes any: a closed loop would have sent one.
        pace(&shared, 10_000, Duration::from_millis(50)).await.expect("paced");
        let due = shared.due.take();
        assert!(due.len() >= 500, "{} requests fell due in 50 ms at 10,000 a second", due.len());
        let spread = due[499] - due[0];
        assert!((49_000..=50_500).contains(&spread), "the first 500 are {spread} us apart");
        assert!(due[0] >= before);
    }
}
