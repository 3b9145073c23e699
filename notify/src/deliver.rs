//! The loop that empties the outbox.
//!
//! A channel sends one message at a time, and the channels are independent: one that hangs blocks
//! its own thread until the timeout, and no other channel. After a failure the message waits by its
//! own number of failures, and the channel by its number of failures in a row. So a dead channel is
//! tried rarely, however many messages wait, and one message that its receiver cannot take does not
//! block the others for long. A try that a crash interrupted is repeated; the receiver recognises
//! it by its `Idempotency-Key`.

use crate::answer::Verdict;
use crate::backoff::pause_ms;
use crate::condition::Condition;
use crate::notifier::{Inner, Outcome};
use crate::{Channel, Notice, Notifier};
use stagegate_store::{Ending, Lost, Message, StoreError};
use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;
use tokio::task::JoinSet;

/// Time for which a message is tried.
const LIFETIME_MS: u64 = 24 * 60 * 60 * 1000;
/// Time for which a delivered message is remembered, so that it is not sent again.
const MEMORY_MS: u64 = 7 * LIFETIME_MS;
/// Most messages that wait for a channel.
const QUEUE: u64 = 1000;
/// Time between two removals of old and excess messages.
const TIDY_EVERY_MS: u64 = 60 * 1000;
/// Longest time between two reads of the outbox: the clock may jump, and a wake may be missed.
const LOOK_EVERY_MS: u64 = 5 * 1000;
/// Pause after a failure of the outbox. Without it, a message that cannot be marked as sent would
/// be sent again and again.
const STORE_PAUSE_MS: u64 = 60 * 1000;

impl Notifier {
    /// Sends all waiting and new messages. Never returns.
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
                    tracing::error!(%error, "cannot read the outbox; no notification is sent");
                    (Vec::new(), now_ms + STORE_PAUSE_MS)
                }
                Err(error) => {
                    tracing::error!(%error, "the task that reads the outbox failed");
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
                        // The error does not name the channel: all running ones are tried again after a pause.
                        tracing::error!(%error, "a task that sends a notification failed");
                        let rest = Condition { failures: 1, rests_until_ms: now_ms + STORE_PAUSE_MS };
                        for channel in std::mem::take(&mut busy) {
                            self.inner.conditions.set(&channel, rest);
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
    /// The next message of every idle channel that may be tried now, and the time of the next look.
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
            let due_ms = due_ms.max(self.conditions.of(&channel.name).rests_until_ms);
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

    /// Gives up messages that are too old or too many, and deletes old records of delivery.
    fn tidy(&self, now_ms: u64) -> Result<(), StoreError> {
        let before_ms = now_ms.saturating_sub(LIFETIME_MS);
        let expired = self.with_outbox(|outbox| outbox.expire(before_ms, now_ms))?;
        self.report_lost(&expired, Outcome::Expired, "expired after a day of tries");
        let dropped = self.with_outbox(|outbox| outbox.trim(QUEUE, now_ms))?;
        self.report_lost(&dropped, Outcome::Dropped, "was dropped: too many messages wait");
        self.with_outbox(|outbox| outbox.forget(now_ms.saturating_sub(MEMORY_MS)))
    }

    fn report_lost(&self, lost: &[Lost], outcome: Outcome, why: &str) {
        for Lost { channel, notice, error } in lost {
            let last = error.as_deref().unwrap_or("never tried");
            tracing::error!(channel, notice, last, "notification {why}");
            (self.settings.observer)(channel, outcome);
        }
    }

    /// Sends one message and records the result.
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
                tracing::error!(
                    channel,
                    notice,
                    why,
                    "the receiver refused a notification; it is not sent again"
                );
                let end = self.end(message, now_ms, Ending::Refused, Some(&why));
                // The receiver works; only this message is refused.
                (Outcome::Refused, Condition::default(), end)
            }
            Verdict::Again { why, asked_ms } => {
                let failures = self.conditions.of(&channel.name).failures.saturating_add(1);
                let rest_ms = pause_ms(failures, &channel.name, asked_ms);
                let pause_ms =
                    pause_ms(message.attempts.saturating_add(1), &message.notice, asked_ms);
                let (channel, notice, tries) =
                    (&message.channel, &message.notice, message.attempts + 1);
                tracing::warn!(
                    channel,
                    notice,
                    tries,
                    pause_ms,
                    why,
                    "a notification was not delivered; it will be sent again"
                );
                let due_ms = now_ms + pause_ms.max(1);
                let put_off =
                    self.with_outbox(|outbox| outbox.put_off(message.id, now_ms, due_ms, &why));
                let condition = Condition { failures, rests_until_ms: now_ms + rest_ms };
                (Outcome::Failed, condition, put_off)
            }
        };
        (self.settings.observer)(&channel.name, outcome);
        if let Err(error) = written {
            tracing::error!(%error, channel = channel.name, "cannot record the result of a delivery");
            condition.rests_until_ms = now_ms + STORE_PAUSE_MS;
        }
        self.conditions.set(&channel.name, condition);
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
