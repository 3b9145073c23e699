//! A client that wants nothing special while others misbehave.

use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle, sleep};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, anyhow};

/// Between two of its requests.
const PAUSE: Duration = Duration::from_millis(20);
/// The time for which it waits for anything.
const PATIENCE: Duration = Duration::from_secs(10);

/// A client under way.
pub(super) struct Bystander {
    over: Arc<AtomicBool>,
    thread: JoinHandle<Result<Vec<Duration>>>,
}

/// The result.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Seen {
    pub(super) requests: usize,
    pub(super) p50: Duration,
    pub(super) p99: Duration,
    pub(super) longest: Duration,
}

impl Bystander {
    /// Asks `server` again and again, each time on a new connection.
    pub(super) fn start(server: SocketAddr) -> Self {
        let over = Arc::new(AtomicBool::new(false));
        let stop = Arc::clone(&over);
        let thread = thread::spawn(move || {
            let mut took = Vec::new();
            while !stop.load(Ordering::Relaxed) {
                let begun = Instant::now();
                ask(server).with_context(|| format!("request {} failed", took.len() + 1))?;
                took.push(begun.elapsed());
                sleep(PAUSE);
            }
            Ok(took)
        });
        Self { over, thread }
    }

    /// The result; an error if a request failed.
    pub(super) fn end(self) -> Result<Seen> {
        self.over.store(true, Ordering::Relaxed);
        let took = self.thread.join().map_err(|_| anyhow!("the bystander panicked"))??;
        seen(took).context("the bystander had no time to ask anything")
    }
}

fn seen(mut took: Vec<Duration>) -> Option<Seen> {
    took.sort_unstable();
    let at = |share: usize| took.get((took.len() * share / 100).min(took.len().saturating_sub(1)));
    Some(Seen { requests: took.len(), p50: *at(50)?, p99: *at(99)?, longest: *took.last()? })
}

fn ask(server: SocketAddr) -> Result<()> {
    let mut stream = TcpStream::connect_timeout(&server, PATIENCE).context("connecting")?;
    stream.set_read_timeout(Some(PATIENCE)).context("setting a timeout")?;
    stream
        .write_all(b"GET / HTTP/1.1\r\nHost: bystander\r\nConnection: close\r\n\r\n")
        .context("asking")?;
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).context("reading the answer")?;
    if !answer.starts_with(b"HTTP/1.1 200 ") {
        let line = String::from_utf8_lossy(&answer[..answer.len().min(60)]).into_owned();
        return Err(anyhow!("answered with {line:?}"));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_are_those_of_what_was_seen() {
        let millis = Duration::from_millis;
        let took: Vec<Duration> = (1..=200).rev().map(millis).collect();
        let expected =
            Seen { requests: 200, p50: millis(101), p99: millis(199), longest: millis(200) };
        assert_eq!(seen(took), Some(expected));
        assert_eq!(seen(Vec::new()), None);
    }
}
