//! Messages on their way out: written with the change they tell of, kept until they have arrived.
//!
//! A row is one message to one channel. It goes in with the transaction of the change
//! ([`Attachment::Tell`](super::Attachment::Tell)), so that a change that happened is told and one
//! that did not is not. It leaves the queue when it was delivered or given up, and stays a while as
//! the memory that makes a repeated message no second one. What a message says, and how it is sent,
//! is not known here: the body is text.
//!
//! [`Outbox`] has a connection of its own. Delivery neither waits for changes nor keeps them
//! waiting, beyond the moment a write takes.

use super::{Store, StoreError};
use rusqlite::{Connection, OptionalExtension, Row, Transaction, TransactionBehavior, params};
use serde::{Deserialize, Serialize};
use std::time::Duration;

/// A message for one channel.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct NewMessage {
    /// Name of the channel.
    pub channel: String,
    /// Id of its notice. A channel receives a notice once, however often it is enqueued.
    pub notice: String,
    /// The subject. Messages about the same subject are sent in their order.
    pub topic: String,
    /// The severity. The lowest are dropped first when the queue is full.
    pub rank: u8,
    /// The notice.
    pub body: String,
}

/// A message that waits to be sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Message {
    /// Its number, in the order of enqueueing.
    pub id: u64,
    /// Name of the channel.
    pub channel: String,
    /// Id of what it tells.
    pub notice: String,
    /// The notice.
    pub body: String,
    /// When it was enqueued, in Unix milliseconds.
    pub at_ms: u64,
    /// The number of tries.
    pub attempts: u32,
}

/// The way in which a message left the queue.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ending {
    /// The receiver has it.
    Delivered,
    /// The receiver does not want it and never will.
    Refused,
    /// It was tried for too long.
    Expired,
    /// The queue was full.
    Dropped,
}

impl Ending {
    /// Every ending, in the order tables show them.
    pub const ALL: [Self; 4] = [Self::Delivered, Self::Refused, Self::Expired, Self::Dropped];

    /// The word used in the file and as a label.
    #[must_use]
    pub const fn label(self) -> &'static str {
        match self {
            Self::Delivered => "delivered",
            Self::Refused => "refused",
            Self::Expired => "expired",
            Self::Dropped => "dropped",
        }
    }
}

/// A message that was given up without another try.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Lost {
    /// Name of the channel.
    pub channel: String,
    /// Id of its notice.
    pub notice: String,
    /// The error of the last try, if there was one.
    pub error: Option<String>,
}

/// The remembered health of a channel.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ChannelRecord {
    /// Name of the channel.
    pub channel: String,
    /// Messages that wait.
    pub pending: u64,
    /// When the oldest of them was enqueued, in Unix milliseconds.
    pub oldest_pending_ms: Option<u64>,
    /// When a message last arrived.
    pub last_success_ms: Option<u64>,
    /// When a try last failed, and why.
    pub last_failure: Option<(u64, String)>,
}

/// The queue of outgoing messages.
#[derive(Debug)]
pub struct Outbox(Connection);

/// The time that one connection waits for the other's write.
const PATIENCE: Duration = Duration::from_secs(5);

/// A row may be sent when nothing older about the same waits for the same channel.
const FIRST_OF_ITS_TOPIC: &str = "state = 'pending' AND NOT EXISTS (
    SELECT 1 FROM outbox older WHERE older.state = 'pending'
        AND older.channel = outbox.channel AND older.topic = outbox.topic AND older.id < outbox.id)";

impl Store {
    /// Opens the queue beside this store.
    ///
    /// # Errors
    /// When the file cannot be opened a second time.
    pub fn outbox(&self) -> Result<Outbox, StoreError> {
        let open = || {
            let db = Connection::open(self.db.path().unwrap_or_default())?;
            db.busy_timeout(PATIENCE)?;
            db.pragma_update(None, "synchronous", "FULL")?;
            Ok(Outbox(db))
        };
        open().map_err(StoreError::doing("opening the outbox"))
    }
}

impl Outbox {
    /// Enqueues messages that belong to no change. Returns the number of new ones: a channel
    /// receives each notice once.
    ///
    /// # Errors
    /// When the file cannot be written; nothing is enqueued then.
    pub fn enqueue(&mut self, messages: &[NewMessage], at_ms: u64) -> Result<usize, StoreError> {
        let enqueueing = StoreError::doing("enqueueing messages");
        let write =
            self.0.transaction_with_behavior(TransactionBehavior::Immediate).map_err(enqueueing)?;
        let mut new = 0;
        for message in messages {
            new += usize::from(put(&write, message, at_ms)?);
        }
        write.commit().map_err(enqueueing)?;
        Ok(new)
    }

    /// The message of a channel to send now, if one is due.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub fn next(&self, channel: &str, now_ms: u64) -> Result<Option<Message>, StoreError> {
        let reading = StoreError::doing("reading the outbox");
        let sql = format!(
            "SELECT id, channel, notice, body, at_ms, attempts FROM outbox
             WHERE channel = ?1 AND due_ms <= ?2 AND {FIRST_OF_ITS_TOPIC}
             ORDER BY due_ms, id LIMIT 1"
        );
        let mut next = self.0.prepare_cached(&sql).map_err(reading)?;
        next.query_row(params![channel, now_ms], message).optional().map_err(reading)
    }

    /// When the next message of a channel is due, in Unix milliseconds.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub fn due_ms(&self, channel: &str) -> Result<Option<u64>, StoreError> {
        let reading = StoreError::doing("reading the outbox");
        let sql =
            format!("SELECT min(due_ms) FROM outbox WHERE channel = ?1 AND {FIRST_OF_ITS_TOPIC}");
        let mut due = self.0.prepare_cached(&sql).map_err(reading)?;
        due.query_row([channel], |row| row.get(0)).map_err(reading)
    }

    /// A try failed; the message is due again at `due_ms`.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub fn put_off(
        &mut self,
        id: u64,
        now_ms: u64,
        due_ms: u64,
        error: &str,
    ) -> Result<(), StoreError> {
        self.0
            .execute(
                "UPDATE outbox SET attempts = attempts + 1, due_ms = ?3, failed_ms = ?2, error = ?4
                 WHERE id = ?1 AND state = 'pending'",
                params![id, now_ms, due_ms, error],
            )
            .map(drop)
            .map_err(StoreError::doing("putting a message off"))
    }

    /// Makes what waits for a channel due now.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub fn hurry(&mut self, channel: &str, now_ms: u64) -> Result<(), StoreError> {
        self.0
            .execute(
                "UPDATE outbox SET due_ms = ?2
                 WHERE state = 'pending' AND channel = ?1 AND due_ms > ?2",
                params![channel, now_ms],
            )
            .map(drop)
            .map_err(StoreError::doing("making messages due"))
    }

    /// The last try ended the message's way.
    ///
    /// # Errors
    /// When the file cannot be written; the message will be tried again.
    pub fn end(
        &mut self,
        id: u64,
        now_ms: u64,
        ending: Ending,
        error: Option<&str>,
    ) -> Result<(), StoreError> {
        self.0
            .execute(
                "UPDATE outbox SET state = ?3, ended_ms = ?2, attempts = attempts + 1, body = '',
                    failed_ms = iif(?4 IS NULL, failed_ms, ?2), error = ifnull(?4, error)
                 WHERE id = ?1 AND state = 'pending'",
                params![id, now_ms, ending.label(), error],
            )
            .map(drop)
            .map_err(StoreError::doing("taking a message off the outbox"))
    }

    /// Records a message that was sent past the queue: it is part of the channel's health.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub fn sent(
        &mut self,
        message: &NewMessage,
        now_ms: u64,
        ending: Ending,
        error: Option<&str>,
    ) -> Result<(), StoreError> {
        let NewMessage { channel, notice, topic, rank, .. } = message;
        self.0
            .execute(
                "INSERT INTO outbox (channel, notice, topic, rank, body, at_ms, due_ms, state, attempts,
                    failed_ms, error, ended_ms)
                 VALUES (?1, ?2, ?3, ?4, '', ?5, ?5, ?6, 1, iif(?7 IS NULL, NULL, ?5), ?7, ?5)
                 ON CONFLICT DO NOTHING",
                params![channel, notice, topic, rank, now_ms, ending.label(), error],
            )
            .map(drop)
            .map_err(StoreError::doing("recording a message"))
    }

    /// Gives up what was enqueued at `before_ms` or earlier.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub fn expire(&mut self, before_ms: u64, now_ms: u64) -> Result<Vec<Lost>, StoreError> {
        let which = "SELECT id FROM outbox WHERE state = 'pending' AND at_ms <= ?3";
        self.give_up(Ending::Expired, now_ms, which, before_ms)
    }

    /// Gives up what is more than `keep` messages of a channel: the least important of them, the
    /// oldest first.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub fn trim(&mut self, keep: u64, now_ms: u64) -> Result<Vec<Lost>, StoreError> {
        let which = "SELECT id FROM (SELECT id, row_number() OVER (
                PARTITION BY channel ORDER BY rank DESC, id DESC) AS place
            FROM outbox WHERE state = 'pending') WHERE place > ?3";
        self.give_up(Ending::Dropped, now_ms, which, keep)
    }

    fn give_up(
        &mut self,
        ending: Ending,
        now_ms: u64,
        which: &str,
        limit: u64,
    ) -> Result<Vec<Lost>, StoreError> {
        let giving_up = StoreError::doing("giving messages up");
        let sql = format!(
            "UPDATE outbox SET state = ?1, ended_ms = ?2, body = '' WHERE id IN ({which})
             RETURNING channel, notice, error"
        );
        let mut rows = self.0.prepare_cached(&sql).map_err(giving_up)?;
        let lost = |row: &Row<'_>| {
            Ok(Lost { channel: row.get(0)?, notice: row.get(1)?, error: row.get(2)? })
        };
        let rows = rows.query_map(params![ending.label(), now_ms, limit], lost);
        rows.and_then(Iterator::collect).map_err(giving_up)
    }

    /// Forgets what left the queue at `before_ms` or earlier, but for the last message that each channel
    /// received: its health must not seem unknown after a quiet time.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub fn forget(&mut self, before_ms: u64) -> Result<(), StoreError> {
        self.0
            .execute(
                "DELETE FROM outbox WHERE state <> 'pending' AND ended_ms <= ?1 AND id NOT IN (
                    SELECT id FROM (SELECT id, row_number() OVER (
                        PARTITION BY channel ORDER BY ended_ms DESC, id DESC) AS place
                    FROM outbox WHERE state = 'delivered') WHERE place = 1)",
                [before_ms],
            )
            .map(drop)
            .map_err(StoreError::doing("forgetting old messages"))
    }

    /// The number of messages wait.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub fn pending(&self) -> Result<u64, StoreError> {
        let count = "SELECT count(*) FROM outbox WHERE state = 'pending'";
        let counting = StoreError::doing("counting waiting messages");
        self.0.query_row(count, [], |row| row.get(0)).map_err(counting)
    }

    /// The health of each channel that was ever written to, by name.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub fn channels(&self) -> Result<Vec<ChannelRecord>, StoreError> {
        let reading = StoreError::doing("reading the channels' records");
        let sql = "SELECT channel, sum(state = 'pending'),
                min(iif(state = 'pending', at_ms, NULL)), max(iif(state = 'delivered', ended_ms, NULL)),
                (SELECT failed_ms FROM outbox f WHERE f.channel = o.channel AND failed_ms IS NOT NULL
                    ORDER BY failed_ms DESC LIMIT 1),
                (SELECT error FROM outbox f WHERE f.channel = o.channel AND failed_ms IS NOT NULL
                    ORDER BY failed_ms DESC LIMIT 1)
            FROM outbox o GROUP BY channel ORDER BY channel";
        let mut rows = self.0.prepare_cached(sql).map_err(reading)?;
        let record = |row: &Row<'_>| {
            let failed: Option<u64> = row.get(4)?;
            let error: Option<String> = row.get(5)?;
            Ok(ChannelRecord {
                channel: row.get(0)?,
                pending: row.get(1)?,
                oldest_pending_ms: row.get(2)?,
                last_success_ms: row.get(3)?,
                last_failure: failed.zip(error),
            })
        };
        rows.query_map([], record).and_then(Iterator::collect).map_err(reading)
    }
}

fn message(row: &Row<'_>) -> rusqlite::Result<Message> {
    Ok(Message {
        id: row.get(0)?,
        channel: row.get(1)?,
        notice: row.get(2)?,
        body: row.get(3)?,
        at_ms: row.get(4)?,
        attempts: row.get(5)?,
    })
}

/// True if the message is new: a channel gets the same notice once.
pub(super) fn put(
    change: &Transaction<'_>,
    message: &NewMessage,
    at_ms: u64,
) -> Result<bool, StoreError> {
    let NewMessage { channel, notice, topic, rank, body } = message;
    let put = || {
        let mut insert = change.prepare_cached(
            "INSERT INTO outbox (channel, notice, topic, rank, body, at_ms, due_ms)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?6) ON CONFLICT DO NOTHING",
        )?;
        insert.execute(params![channel, notice, topic, rank, body, at_ms])
    };
    put().map(|rows| rows > 0).map_err(StoreError::doing("enqueueing a message"))
}
