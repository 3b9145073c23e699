//! The loop that empties the outbox.
//!
//! One message of a channel is under way at a time, and every channel is on its own: one that hangs
//! holds its thread for the patience and nobody else. After a failure the message waits by its own
//! count of failures, and the channel by the count of its failures in a row, so that a dead channel
//! is asked seldom however much waits for it, while one message that its receiver chokes on does
//! not keep the others for long. What a crash interrupted is sent again; the receiver knows it by
//! its `Idempotency-Key`.

use crate::answer::Verdict;
use crate::backoff::pause_ms;
use crate::notifier::{Inner, Outcome};
use crate::{Channel, Notice, Notifier};
use stagegate_store::{Ending, Lost, Message, StoreError};
use std::collections::BTreeSet;
use std::sync::atomic::Ordering;
use std::sync::{Arc, PoisonError};
use std::time::Duration;
use tokio::task::JoinSet;

/// How long a message is tried.
const LIFETIME_MS: u64 = 24 * 60 * 60 * 1000;
/// How long it is remembered that a channel was told, so that it is not told again.
const MEMORY_MS: u64 = 7 * LIFETIME_MS;
/// Most messages that wait for a channel.
const QUEUE: u64 = 1000;
/// Time between two looks at what is too old or too much.
const TIDY_EVERY_MS: u64 = 60 * 1000;
/// Longest time between two looks at the outbox: the clock may jump, and a wake be forgotten.
const LOOK_EVERY_MS: u64 = 5 * 1000;
/// How long nothing is sent when the outbox fails: what cannot be marked as sent would be sent
/// again and again.
const STORE_PAUSE_MS: u64 = 60 * 1000;

/// What is remembered of a channel between two tries.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Condition {
    /// Failures in a row.
    failures: u32,
    /// When it may be asked again, in Unix milliseconds.
    rests_until_ms: u64,
}

impl Notifier {
    /// Sends what waits and what comes, for ever.
    pub async fn run(self) {
        let mut busy: BTreeSet<String> = BTreeSet::new();
        let mut tries: JoinSet<String> = JoinSet::new();
        let mut tidy_at_ms = 0;
        loop {
            let inner = Arc::clone(&self.inner);
            let (names, tidy) = (busy.clone(), inner.now_ms() >= tidy_at_ms);
            let looked = tokio::task::spawn_blocking(move || inner.look(&names, tidy)).await;
            let now_ms = self.inner.now_ms();
            if tidy {
                tidy_at_ms = now_ms + TIDY_EVERY_MS;
            }
            let (ready, look_again_ms) = match looked {
                Ok(Ok(looked)) => looked,
                Ok(Err(error)) => {
                    tracing::error!(%error, "the outbox cannot be read: nobody is told anything");
                    (Vec::new(), now_ms + STORE_PAUSE_MS)
                }
                Err(error) => {
                    tracing::error!(%error, "a look at the outbox failed");
                    (Vec::new(), now_ms + STORE_PAUSE_MS)
                }
            };
            for (channel, message) in ready {
                busy.insert(channel.name.clone());
                let inner = Arc::clone(&self.inner);
                tries.spawn_blocking(move || {
                    inner.try_one(&channel, &message);
                    channel.name
                });
            }
            let wait = look_again_ms.saturating_sub(now_ms).min(LOOK_EVERY_MS);
            tokio::select! {
                Some(tried) = tries.join_next() => match tried {
                    Ok(channel) => drop(busy.remove(&channel)),
                    Err(error) => {
                        // It does not say which: all that ran are asked again, after a rest.
                        tracing::error!(%error, "a try to send failed");
                        let rest = Condition { failures: 1, rests_until_ms: now_ms + STORE_PAUSE_MS };
                        for channel in std::mem::take(&mut busy) {
                            self.inner.set_condition(&channel, rest);
                        }
                        tries = JoinSet::new();
                    }
                },
                () = self.inner.wake.notified() => {}
                () = tokio::time::sleep(Duration::from_millis(wait)) => {}
            }
        }
    }
}

impl Inner {
    /// What each idle and rested channel is to be sent now, and when to look again.
    fn look(
        &self,
        busy: &BTreeSet<String>,
        tidy: bool,
    ) -> Result<(Vec<(Channel, Message)>, u64), StoreError> {
        let now_ms = self.now_ms();
        let channels = (self.settings.channels)();
        if tidy {
            self.tidy(now_ms)?;
        }
        let waiting = self.with_outbox(|outbox| outbox.pending())?;
        self.waiting.store(waiting, Ordering::Relaxed);
        let mut ready = Vec::new();
        let mut again_ms = u64::MAX;
        for channel in channels.into_iter().filter(|channel| !busy.contains(&channel.name)) {
            let Some(due_ms) = self.with_outbox(|outbox| outbox.due_ms(&channel.name))? else {
                continue;
            };
            let due_ms = due_ms.max(self.condition(&channel.name).rests_until_ms);
            if due_ms > now_ms {
                again_ms = again_ms.min(due_ms);
            } else if let Some(message) =
                self.with_outbox(|outbox| outbox.next(&channel.name, now_ms))?
            {
                ready.push((channel, message));
            }
        }
        Ok((ready, again_ms))
    }

    /// Gives up what waited too long or is too much, and forgets what is long over.
    fn tidy(&self, now_ms: u64) -> Result<(), StoreError> {
        let before_ms = now_ms.saturating_sub(LIFETIME_MS);
        let expired = self.with_outbox(|outbox| outbox.expire(before_ms, now_ms))?;
        self.mourn(&expired, Outcome::Expired, "was tried for a day");
        let dropped = self.with_outbox(|outbox| outbox.trim(QUEUE, now_ms))?;
        self.mourn(&dropped, Outcome::Dropped, "was one too many in the queue");
        self.with_outbox(|outbox| outbox.forget(now_ms.saturating_sub(MEMORY_MS)))
    }

    fn mourn(&self, lost: &[Lost], outcome: Outcome, why: &str) {
        for Lost { channel, notice, error } in lost {
            let last = error.as_deref().unwrap_or("never tried");
            tracing::error!(channel, notice, last, "a notice {why} and is given up");
            (self.settings.observer)(channel, outcome);
        }
    }

    /// Sends one message and writes down how that went.
    fn try_one(&self, channel: &Channel, message: &Message) {
        let verdict = match serde_json::from_str::<Notice>(&message.body) {
            Ok(notice) => self.send(channel, &notice),
            Err(error) => Verdict::Refused(format!("its notice cannot be read: {error}")),
        };
        let now_ms = self.now_ms();
        let (outcome, mut condition, written) = match verdict {
            Verdict::Delivered => {
                let end = self.end(message, now_ms, Ending::Delivered, None);
                (Outcome::Delivered, Condition::default(), end)
            }
            Verdict::Refused(why) => {
                let (channel, notice) = (&message.channel, &message.notice);
                tracing::error!(channel, notice, why, "a notice was refused and is given up");
                let end = self.end(message, now_ms, Ending::Refused, Some(&why));
                // The receiver works; it is the message that does not.
                (Outcome::Refused, Condition::default(), end)
            }
            Verdict::Again { why, asked_ms } => {
                let failures = self.condition(&channel.name).failures.saturating_add(1);
                let rest_ms = pause_ms(failures, &channel.name, asked_ms);
                let pause_ms =
                    pause_ms(message.attempts.saturating_add(1), &message.notice, asked_ms);
                let (channel, notice, tries) =
                    (&message.channel, &message.notice, message.attempts + 1);
                tracing::warn!(channel, notice, tries, pause_ms, why, "a notice was not delivered");
                let due_ms = now_ms + pause_ms.max(1);
                let put_off =
                    self.with_outbox(|outbox| outbox.put_off(message.id, now_ms, due_ms, &why));
                let condition = Condition { failures, rests_until_ms: now_ms + rest_ms };
                (Outcome::Failed, condition, put_off)
            }
        };
        (self.settings.observer)(&channel.name, outcome);
        if let Err(error) = written {
            tracing::error!(%error, channel = channel.name, "how a try went cannot be written down");
            condition.rests_until_ms = now_ms + STORE_PAUSE_MS;
        }
        self.set_condition(&channel.name, condition);
    }

    fn condition(&self, channel: &str) -> Condition {
        let conditions = self.conditions.lock().unwrap_or_else(PoisonError::into_inner);
        conditions.get(channel).copied().unwrap_or_default()
    }

    /// Remembers how a channel is.
    pub(crate) fn set_condition(&self, channel: &str, condition: Condition) {
        let mut conditions = self.conditions.lock().unwrap_or_else(PoisonError::into_inner);
        conditions.insert(channel.to_owned(), condition);
    }

    fn end(
        &self,
        message: &Message,
        now_ms: u64,
        ending: Ending,
        error: Option<&str>,
    ) -> Result<(), StoreError> {
        self.with_outbox(|outbox| outbox.end(message.id, now_ms, ending, error))
    }
}
