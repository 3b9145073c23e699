//! Many event streams at once: how late each event comes, and the first byte of each stream.
//!
//! Prints `stagegate-bench phase=open` when all are open, then, after the measuring, the
//! report; the streams stay open until standard input ends, so that whoever started this can
//! look at the proxy's memory meanwhile.

use std::cell::{Cell, RefCell};
use std::net::SocketAddr;
use std::rc::Rc;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use memchr::memmem;
use socket2::SockRef;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::Notify;

use crate::clock::now_us;
use crate::events::STAMP;
use crate::latency::Latencies;
use crate::request;
use crate::response::Head;
use crate::span::seconds;

/// How many streams are being opened at a time: few, so that the time to the first byte is not
/// that of a queue.
const OPENING: usize = 8;

/// What to open.
#[derive(clap::Args)]
pub(crate) struct Args {
    /// Address of the proxy, or of the origin itself
    #[arg(long)]
    target: SocketAddr,
    /// How many streams
    #[arg(long)]
    count: usize,
    /// Seconds that are measured once all are open
    #[arg(long, default_value = "5", value_parser = seconds)]
    seconds: Duration,
}

/// What all streams share.
#[derive(Default)]
struct Shared {
    open: Cell<usize>,
    opened: Notify,
    first_bytes: RefCell<Latencies>,
    delays: RefCell<Latencies>,
    failure: RefCell<Option<anyhow::Error>>,
}

impl Shared {
    /// An error if a stream has failed.
    fn expect_whole(&self) -> Result<()> {
        self.failure.borrow_mut().take().map_or(Ok(()), Err)
    }
}

/// Opens, measures, reports, and holds until standard input ends.
pub(crate) async fn run(args: Args) -> Result<()> {
    let shared = Rc::<Shared>::default();
    for number in 0..args.count {
        while number - shared.open.get() >= OPENING {
            shared.opened.notified().await;
            shared.expect_whole()?;
        }
        spawn(number, args.target, &shared);
    }
    while shared.open.get() < args.count {
        shared.opened.notified().await;
        shared.expect_whole()?;
    }
    println!("stagegate-bench phase=open");
    shared.delays.borrow_mut().clear();
    let began = now_us();
    tokio::time::sleep(args.seconds).await;
    shared.expect_whole()?;
    let duration = now_us() - began;
    {
        let (delays, first) = (shared.delays.borrow(), shared.first_bytes.borrow());
        println!(
            "stagegate-bench requests={} duration_us={duration} {} {}",
            delays.count(),
            delays.fields(""),
            first.fields("ttfb_")
        );
    }
    let mut rest = Vec::new();
    tokio::task::spawn_blocking(move || {
        std::io::Read::read_to_end(&mut std::io::stdin(), &mut rest)
    })
    .await
    .context("waiting for standard input")?
    .context("reading standard input")?;
    Ok(())
}

fn spawn(number: usize, target: SocketAddr, shared: &Rc<Shared>) {
    let shared = Rc::clone(shared);
    tokio::task::spawn_local(async move {
        let ended = follow(number, target, &shared).await;
        // None of them ends by itself.
        let error = ended.err().unwrap_or_else(|| anyhow::anyhow!("it was closed"));
        *shared.failure.borrow_mut() = Some(error.context(format!("stream {number}")));
        shared.opened.notify_one();
    });
}

/// Opens one stream and notes every event until it ends.
async fn follow(number: usize, target: SocketAddr, shared: &Shared) -> Result<()> {
    let mut stream =
        request::connect(target).await.with_context(|| format!("connecting to {target}"))?;
    // Closed by reset: thousands of ports would wait for a minute otherwise.
    SockRef::from(&stream).set_linger(Some(Duration::ZERO)).context("setting SO_LINGER")?;
    let asked = now_us();
    stream.write_all(&request::get("/events", number, "")).await.context("sending a request")?;
    let mut read = Vec::with_capacity(512);
    let head = loop {
        if !fill(&mut stream, &mut read).await? {
            bail!("closed before its head was complete");
        }
        if let Some(head) = Head::parse(&read)? {
            break head;
        }
    };
    shared.first_bytes.borrow_mut().record(now_us().saturating_sub(asked));
    shared.open.set(shared.open.get() + 1);
    shared.opened.notify_one();
    read.drain(..head.length);
    loop {
        let now = now_us();
        let used = stamps(&read, |sent| {
            shared.delays.borrow_mut().record(now.saturating_sub(sent));
        });
        read.drain(..used);
        if !fill(&mut stream, &mut read).await? {
            return Ok(());
        }
    }
}

/// Reads more; false at the end.
async fn fill(stream: &mut TcpStream, read: &mut Vec<u8>) -> Result<bool> {
    Ok(stream.read_buf(read).await.context("reading a stream")? > 0)
}

/// Shows the time in every whole event; how many bytes are done with.
fn stamps(bytes: &[u8], mut see: impl FnMut(u64)) -> usize {
    let mut used = 0;
    for end in memmem::find_iter(bytes, b"\n\n") {
        let event = &bytes[used..end];
        used = end + 2;
        let Some(at) = memmem::find(event, STAMP) else { continue };
        let digits = event[at + STAMP.len()..].iter().take_while(|byte| byte.is_ascii_digit());
        see(digits.fold(0_u64, |sum, digit| sum.wrapping_mul(10) + u64::from(digit - b'0')));
    }
    used
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn events_are_told_however_they_are_cut() {
        let text =
            b"6\r\ndata: {\"sent_us\":17,\"x\":1}\n\n\r\n6\r\ndata: {\"sent_us\":23}\n\n\r\n";
        for split in 0..=text.len() {
            let (mut seen, mut buffer) = (Vec::new(), text[..split].to_vec());
            let used = stamps(&buffer, |sent| seen.push(sent));
            buffer.drain(..used);
            buffer.extend_from_slice(&text[split..]);
            stamps(&buffer, |sent| seen.push(sent));
            assert_eq!(seen, [17, 23], "cut at {split}");
        }
    }
}
