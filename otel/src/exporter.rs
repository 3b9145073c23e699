//! Sends waiting records to the collector in batches. A failed batch is tried again for a while,
//! then dropped and counted.

use crate::client::{Client, Endpoint, Failure};
use crate::counts::{Counts, Loss};
use crate::message::{Exporting, Signal};
use bytes::Bytes;
use opentelemetry_proto::tonic::logs::v1::LogRecord;
use opentelemetry_proto::tonic::trace::v1::Span;
use stagegate_timing::{Backoff, jitter};
use std::hash::{BuildHasher as _, RandomState};
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;
use tokio::sync::{mpsc, watch};
use tokio::time::Instant;

/// Records that may wait.
const MOST_WAITING: usize = 8192;
/// Spans and events that are sent at once.
const BATCH: usize = 512;
/// The time to wait for more before a batch is sent.
const GATHERING: Duration = Duration::from_secs(1);
/// The time for which a batch is tried.
const PATIENCE: Duration = Duration::from_secs(60);
/// Pause before the second try; each later one is twice as long, up to the longest.
const LONGEST_PAUSE: Duration = Duration::from_secs(15);
const PAUSES: Backoff = Backoff::doubling(Duration::from_millis(500), LONGEST_PAUSE);
/// The time that the last batches may take when the exporter ends.
const LAST_WORDS: Duration = Duration::from_secs(3);

/// Settings of the export.
#[derive(Clone, Debug)]
pub struct Settings {
    /// The collector.
    pub endpoint: Endpoint,
    /// The timeout of one call.
    pub timeout: Duration,
    /// Attributes of this process: `service.name` and whatever else it is known by.
    pub resource: Vec<(String, String)>,
    /// This program's version.
    pub version: &'static str,
}

/// Spans and events that are sent together.
#[derive(Debug, Default)]
pub struct Batch {
    /// Spans.
    pub spans: Vec<Span>,
    /// Events: log records with a name.
    pub events: Vec<LogRecord>,
}

/// A running exporter of records of type `T`. Ends when it is dropped, in the background.
#[derive(Debug)]
pub struct Exporter<T> {
    queue: mpsc::UnboundedSender<Vec<T>>,
    counts: Arc<Counts>,
    /// When the last word must have been said, once it ends.
    ending: watch::Sender<Option<Instant>>,
    thread: Option<JoinHandle<()>>,
}

impl<T: Send + 'static> Exporter<T> {
    /// Starts a thread that turns records into spans and events by `translate`, and exports them.
    ///
    /// # Errors
    /// When there is no thread.
    pub fn start(
        settings: Settings,
        counts: Arc<Counts>,
        translate: impl Fn(T, &mut Batch) + Send + 'static,
    ) -> std::io::Result<Self> {
        // Bounded by its records, which [`Exporter::offer`] counts, and not by its batches.
        let (queue, waiting) = mpsc::unbounded_channel();
        let (ending, told_to_end) = watch::channel(None);
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let Settings { endpoint, timeout, resource, version } = settings;
        let sender = Sender {
            exporting: Exporting::new(&resource, version),
            counts: Arc::clone(&counts),
            told_to_end,
            endpoint: endpoint.authority(),
            client: Client::new(endpoint, timeout, version),
            is_failing: false,
        };
        let counted = Arc::clone(&counts);
        let thread = std::thread::Builder::new()
            .name("otel".to_owned())
            .spawn(move || runtime.block_on(run(waiting, counted, translate, sender)))?;
        Ok(Self { queue, counts, ending, thread: Some(thread) })
    }

    /// Takes records to be exported, or drops and counts them; never waits.
    pub fn offer(&self, records: Vec<T>) {
        let count = records.len();
        if !self.counts.reserve(count, MOST_WAITING) {
            return self.counts.lost(Loss::Queue, count as u64);
        }
        if self.queue.send(records).is_err() {
            self.counts.release(count);
            self.counts.lost(Loss::Shutdown, count as u64);
        }
    }

    /// Sends what waits, as far as that can be done within a few seconds. Blocks.
    pub fn stop(mut self) {
        let thread = self.thread.take();
        drop(self);
        if thread.is_some_and(|thread| thread.join().is_err()) {
            tracing::error!("the exporter of traces panicked");
        }
    }
}

impl<T> Drop for Exporter<T> {
    fn drop(&mut self) {
        let _ = self.ending.send(Some(Instant::now() + LAST_WORDS));
    }
}

/// Gathers batches and sends them, until the exporter is dropped and nothing waits any more.
async fn run<T>(
    mut waiting: mpsc::UnboundedReceiver<Vec<T>>,
    counts: Arc<Counts>,
    translate: impl Fn(T, &mut Batch),
    mut sender: Sender,
) {
    while let Some(first) = waiting.recv().await {
        let mut batch = Batch::default();
        let mut add = |records: Vec<T>| {
            counts.release(records.len());
            records.into_iter().for_each(|record| translate(record, &mut batch));
            batch.spans.len() + batch.events.len()
        };
        let mut gathered = add(first);
        let until = Instant::now() + GATHERING;
        while gathered < BATCH {
            match tokio::time::timeout_at(until, waiting.recv()).await {
                Ok(Some(more)) => gathered = add(more),
                Ok(None) | Err(_) => break,
            }
        }
        sender.send(batch).await;
    }
}

/// Sends one batch after the other.
struct Sender {
    client: Client,
    exporting: Exporting,
    counts: Arc<Counts>,
    told_to_end: watch::Receiver<Option<Instant>>,
    endpoint: String,
    is_failing: bool,
}

impl Sender {
    async fn send(&mut self, batch: Batch) {
        let Batch { mut spans, mut events } = batch;
        while !spans.is_empty() {
            let rest = spans.split_off(spans.len().min(BATCH));
            let count = spans.len() as u64;
            let message = self.exporting.spans(std::mem::replace(&mut spans, rest));
            let taken = self.deliver(Signal::Spans, message.into(), count).await;
            self.counts.took_spans(taken);
        }
        while !events.is_empty() {
            let rest = events.split_off(events.len().min(BATCH));
            let count = events.len() as u64;
            let message = self.exporting.events(std::mem::replace(&mut events, rest));
            let taken = self.deliver(Signal::Events, message.into(), count).await;
            self.counts.took_events(taken);
        }
    }

    /// Delivers one message, in several tries if need be; gives how much of it was taken.
    async fn deliver(&mut self, signal: Signal, message: Bytes, count: u64) -> u64 {
        let begun = Instant::now();
        let mut failures = 0;
        loop {
            failures += 1;
            let wait = match self.try_once(signal, &message).await {
                Ok((rejected, why)) => {
                    if rejected > 0 {
                        tracing::warn!(rejected, why, "the collector rejected a part of a batch");
                    }
                    let rejected = rejected.min(count);
                    self.counts.lost(Loss::Refused, rejected);
                    self.works();
                    return count - rejected;
                }
                Err(Failure::Refused(why)) => {
                    self.fails(&why);
                    self.counts.lost(Loss::Refused, count);
                    return 0;
                }
                Err(Failure::Again(why, asked)) => {
                    self.fails(&why);
                    asked.unwrap_or_else(|| PAUSES.wait(failures)).min(LONGEST_PAUSE)
                }
            };
            let is_ending = self.told_to_end.borrow().is_some();
            if is_ending || begun.elapsed() + wait > PATIENCE {
                let why = if is_ending { Loss::Shutdown } else { Loss::Unreachable };
                self.counts.lost(why, count);
                return 0;
            }
            // In between, so that not all of a fleet come back at once.
            let wait = jitter(wait, draw());
            // Told to end, it tries once more.
            let _ = tokio::time::timeout(wait, self.told_to_end.wait_for(Option::is_some)).await;
        }
    }

    /// One attempt, cut short when the exporter is stopped.
    async fn try_once(
        &mut self,
        signal: Signal,
        message: &Bytes,
    ) -> Result<(u64, String), Failure> {
        let mut told = self.told_to_end.clone();
        let patience = async {
            let until = told.wait_for(Option::is_some).await.ok().and_then(|until| *until);
            tokio::time::sleep_until(until.unwrap_or_else(Instant::now)).await;
        };
        tokio::select! {
            sent = self.client.send(signal, message) => sent,
            () = patience => Err(Failure::Again("the process ends".to_owned(), None)),
        }
    }

    fn works(&mut self) {
        if std::mem::replace(&mut self.is_failing, false) {
            tracing::info!(collector = self.endpoint, "export of traces works again");
        }
    }

    /// Said once for each time it begins to fail: traces are not worth more noise.
    fn fails(&mut self, why: &str) {
        if !std::mem::replace(&mut self.is_failing, true) {
            tracing::warn!(collector = self.endpoint, why, "cannot export traces");
        }
    }
}

/// A number that differs from process to process and from time to time.
fn draw() -> u32 {
    (RandomState::new().hash_one(0) >> 32) as u32
}
