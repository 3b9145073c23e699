//! The handle on delivery: enqueue and wake, test a channel, read the health of the channels.

use crate::answer::{Verdict, judge};
use crate::client::Client;
use crate::condition::{Condition, Conditions};
use crate::{Channel, Notice, route};
use stagegate_store::{Ending, NewMessage, Outbox, StoreError};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

/// Returns the configured channels. Called before every round, so that a reload takes effect at
/// once.
pub type Directory = Arc<dyn Fn() -> Vec<Channel> + Send + Sync>;

/// Called after every try with the channel's name and the outcome. Must be quick.
pub type Observer = Arc<dyn Fn(&str, Outcome) + Send + Sync>;

/// Settings of the delivery.
#[derive(Clone)]
pub struct NotifierSettings {
    /// The channels.
    pub channels: Directory,
    /// Counts the outcomes.
    pub observer: Observer,
    /// Unix milliseconds.
    pub now_ms: Arc<dyn Fn() -> u64 + Send + Sync>,
    /// The longest time that one try may take.
    pub patience: Duration,
}

impl NotifierSettings {
    /// The usual settings: ten seconds a try.
    #[must_use]
    pub fn new(
        channels: Directory,
        observer: Observer,
        now_ms: Arc<dyn Fn() -> u64 + Send + Sync>,
    ) -> Self {
        Self { channels, observer, now_ms, patience: Duration::from_secs(10) }
    }
}

/// The outcome of a try, or of a message that is given up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// The receiver has it.
    Delivered,
    /// The try failed; there will be another.
    Failed,
    /// The receiver does not want it; there will be no other.
    Refused,
    /// It was tried for a day.
    Expired,
    /// Too many waited.
    Dropped,
}

impl Outcome {
    /// Every outcome, in the order tables show them.
    pub const ALL: [Self; 5] =
        [Self::Delivered, Self::Failed, Self::Refused, Self::Expired, Self::Dropped];

    /// The word used as a label.
    #[must_use]
    pub const fn label(self) -> &'static str {
        match self {
            Self::Delivered => Ending::Delivered.label(),
            Self::Failed => "failed",
            Self::Refused => Ending::Refused.label(),
            Self::Expired => Ending::Expired.label(),
            Self::Dropped => Ending::Dropped.label(),
        }
    }
}

/// The health of a channel.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ChannelHealth {
    /// Its name.
    pub name: String,
    /// Its type, as in the configuration.
    pub kind: &'static str,
    /// Messages that wait for it.
    pub pending: u64,
    /// When the oldest of them was enqueued, in Unix milliseconds.
    pub oldest_pending_ms: Option<u64>,
    /// When a message last arrived.
    pub last_success_ms: Option<u64>,
    /// When a try last failed, and why.
    pub last_failure: Option<(u64, String)>,
}

/// The result of a test of a channel.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tested {
    /// Id of the notice that was sent.
    pub notice: String,
    /// The error, if it did not arrive.
    pub error: Option<String>,
    /// The duration, in milliseconds.
    pub took_ms: u64,
}

/// An error of the notifier.
#[derive(Debug, thiserror::Error)]
pub enum NotifierError {
    /// No such channel.
    #[error("there is no channel `{name}`; {}", known_words(known))]
    UnknownChannel {
        /// The name that was given.
        name: String,
        /// The names that exist.
        known: Vec<String>,
    },
    /// The outbox failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// A defect of the program.
    #[error("the thread that worked on it failed: {0}")]
    Lost(String),
}

fn known_words(known: &[String]) -> String {
    if known.is_empty() {
        return "none is configured: add one to `notify`".to_owned();
    }
    format!("there are: {}", known.join(", "))
}

/// Delivers notices. Cheap to clone. Sends only while [`Notifier::run`] runs.
#[derive(Clone)]
pub struct Notifier {
    pub(crate) inner: Arc<Inner>,
}

pub(crate) struct Inner {
    pub(crate) settings: NotifierSettings,
    pub(crate) client: Client,
    pub(crate) wake: tokio::sync::Notify,
    outbox: Mutex<Outbox>,
    /// The number of waiting messages at the last read of the outbox.
    pub(crate) waiting: AtomicU64,
    pub(crate) conditions: Conditions,
}

impl Notifier {
    /// Delivery from this outbox.
    #[must_use]
    pub fn new(outbox: Outbox, settings: NotifierSettings) -> Self {
        let client = Client::new(settings.patience);
        let inner = Inner {
            settings,
            client,
            wake: tokio::sync::Notify::new(),
            outbox: Mutex::new(outbox),
            waiting: AtomicU64::new(0),
            conditions: Conditions::default(),
        };
        Self { inner: Arc::new(inner) }
    }

    /// Enqueues notices that belong to no change; those of a change go in with its commit
    /// ([`route`] and [`stagegate_store::Attachment::Tell`], then [`Notifier::wake`]).
    /// Returns the number of new messages.
    ///
    /// # Errors
    /// When the outbox cannot be written; nothing is enqueued then.
    pub async fn notify(&self, notices: Vec<Notice>) -> Result<usize, NotifierError> {
        let inner = Arc::clone(&self.inner);
        let new = blocking(move || {
            let messages = route(&(inner.settings.channels)(), &notices);
            let at_ms = inner.now_ms();
            inner.with_outbox(|outbox| outbox.enqueue(&messages, at_ms))
        })
        .await??;
        self.wake();
        Ok(new)
    }

    /// The messages for these notices, one for each channel that wants one. Enqueue them with the
    /// change they tell of, then call [`Notifier::wake`].
    #[must_use]
    pub fn messages(&self, notices: &[Notice]) -> Vec<NewMessage> {
        route(&(self.inner.settings.channels)(), notices)
    }

    /// Wakes the delivery after an enqueue. Without it, delivery notices within five seconds.
    pub fn wake(&self) {
        self.inner.wake.notify_one();
    }

    /// Sends a test through a channel, once and at once, past its filter and its queue. If it
    /// arrives, the waiting messages are sent at once too.
    ///
    /// # Errors
    /// When there is no such channel, or the outbox fails. A test that did not arrive is a result,
    /// not an error.
    pub async fn test(&self, name: &str, actor: &str) -> Result<Tested, NotifierError> {
        let channels = (self.inner.settings.channels)();
        let Some(channel) = channels.iter().find(|channel| channel.name == name).cloned() else {
            let known = channels.into_iter().map(|channel| channel.name).collect();
            return Err(NotifierError::UnknownChannel { name: name.to_owned(), known });
        };
        let begun_ms = self.inner.now_ms();
        let notice = Notice::test(name, actor, begun_ms);
        let (inner, sent) = (Arc::clone(&self.inner), notice.clone());
        let error = blocking(move || {
            let error = match inner.send(&channel, &sent) {
                Verdict::Delivered => {
                    inner.hurry(&channel.name)?;
                    None
                }
                Verdict::Refused(why) | Verdict::Again { why, .. } => Some(why),
            };
            inner.record_test(&channel, &sent, error.as_deref())?;
            Ok::<_, StoreError>(error)
        })
        .await??;
        let now_ms = self.inner.now_ms();
        let outcome = if error.is_none() { Outcome::Delivered } else { Outcome::Failed };
        (self.inner.settings.observer)(name, outcome);
        Ok(Tested { notice: notice.id, error, took_ms: now_ms.saturating_sub(begun_ms) })
    }

    /// The health of every configured channel, in the order of the configuration.
    ///
    /// # Errors
    /// When the outbox cannot be read.
    pub async fn health(&self) -> Result<Vec<ChannelHealth>, NotifierError> {
        let inner = Arc::clone(&self.inner);
        let records = blocking(move || inner.with_outbox(|outbox| outbox.channels())).await??;
        let health = (self.inner.settings.channels)().into_iter().map(|channel| {
            let record = records.iter().find(|record| record.channel == channel.name);
            let record = record.cloned().unwrap_or_default();
            ChannelHealth {
                kind: channel.target.label(),
                name: channel.name,
                pending: record.pending,
                oldest_pending_ms: record.oldest_pending_ms,
                last_success_ms: record.last_success_ms,
                last_failure: record.last_failure,
            }
        });
        Ok(health.collect())
    }

    /// Names of the channels, in the order of the configuration.
    #[must_use]
    pub fn names(&self) -> Vec<String> {
        (self.inner.settings.channels)().into_iter().map(|channel| channel.name).collect()
    }

    /// The number of waiting messages when delivery last looked: after every try and at least every
    /// five seconds. Never blocks: for scrapes.
    #[must_use]
    pub fn waiting(&self) -> u64 {
        self.inner.waiting.load(Ordering::Relaxed)
    }

    /// The number of waiting messages, with those for channels that are no longer configured.
    /// Blocks on the disk for a moment.
    ///
    /// # Errors
    /// When the outbox cannot be read.
    pub fn pending(&self) -> Result<u64, StoreError> {
        self.inner.with_outbox(|outbox| outbox.pending())
    }
}

impl Inner {
    pub(crate) fn now_ms(&self) -> u64 {
        (self.settings.now_ms)()
    }

    /// Blocks on the disk.
    pub(crate) fn with_outbox<T>(&self, work: impl FnOnce(&mut Outbox) -> T) -> T {
        work(&mut self.outbox.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Keeps the result of a test with the channel's other messages. Blocks on the disk.
    fn record_test(
        &self,
        channel: &Channel,
        notice: &Notice,
        error: Option<&str>,
    ) -> Result<(), StoreError> {
        let message = NewMessage {
            channel: channel.name.clone(),
            notice: notice.id.clone(),
            topic: notice.topic(),
            rank: notice.severity as u8,
            body: String::new(),
        };
        let ending = if error.is_none() { Ending::Delivered } else { Ending::Refused };
        self.with_outbox(|outbox| outbox.sent(&message, self.now_ms(), ending, error))
    }

    /// Makes the waiting messages of a channel due now, because it works. Blocks on the disk.
    fn hurry(&self, channel: &str) -> Result<(), StoreError> {
        self.conditions.set(channel, Condition::default());
        self.with_outbox(|outbox| outbox.hurry(channel, self.now_ms()))?;
        self.wake.notify_one();
        Ok(())
    }

    /// Tries once. Blocks for at most the patience.
    pub(crate) fn send(&self, channel: &Channel, notice: &Notice) -> Verdict {
        let now_ms = self.now_ms();
        let request = channel.request(notice, now_ms);
        judge(self.client.post(&request, now_ms), &channel.target)
    }
}

async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> T + Send + 'static,
) -> Result<T, NotifierError> {
    let done = tokio::task::spawn_blocking(work).await;
    done.map_err(|error| NotifierError::Lost(error.to_string()))
}
