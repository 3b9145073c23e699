//! The file: every state change is one transaction, on disk before it is acknowledged.

use crate::cipher::{self, Text};
use crate::entry::{Answer, Entry, Kept, NewEntry, Polled, Request, State};
use crate::keeping::{All, Counts, Totals, bytes_of, keep, ms};
use rusqlite::{Connection, OptionalExtension, Row, params};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

const FILE: &str = "queue.db";
/// The form of the file that this version reads and writes.
const SCHEMA: i64 = 1;
/// The time to wait for another process's write, during a take-over.
const PATIENCE: Duration = Duration::from_secs(5);
const COLUMNS: &str =
    "seq, id, workload, state, line, created_ms, changed_ms, expires_ms, tries, status, bytes";

/// A refusal of the file. Nothing changed.
#[derive(Debug, thiserror::Error)]
pub enum QueueError {
    /// It cannot be opened.
    #[error("cannot open the queue of killed workloads, {}: {source}", path.display())]
    Open {
        /// The file.
        path: PathBuf,
        /// The error of SQLite.
        source: rusqlite::Error,
    },
    /// A later version of the program wrote it.
    #[error("the queue of killed workloads, {}, has schema {found}, and this version knows up to {SCHEMA}", path.display())]
    Newer {
        /// The file.
        path: PathBuf,
        /// Its schema.
        found: i64,
    },
    /// Reading or writing failed.
    #[error("the queue of killed workloads failed: {0}")]
    Sqlite(#[from] rusqlite::Error),
    /// Its thread has ended.
    #[error("the queue of killed workloads has ended")]
    Ended,
}

/// The open file.
#[derive(Debug)]
pub(crate) struct File {
    db: Connection,
    /// What is bounded, read from the file again with every sweep: an answer or a drop makes room a moment later.
    counts: Counts,
}

fn entry(row: &Row<'_>) -> rusqlite::Result<Entry> {
    Ok(Entry {
        seq: row.get(0)?,
        id: row.get(1)?,
        workload: row.get(2)?,
        state: State::from_file(row.get(3)?),
        line: row.get(4)?,
        created_ms: row.get::<_, i64>(5)?.unsigned_abs(),
        changed_ms: row.get::<_, i64>(6)?.unsigned_abs(),
        expires_ms: row.get::<_, i64>(7)?.unsigned_abs(),
        tries: row.get::<_, i64>(8)?.unsigned_abs(),
        status: row.get(9)?,
        bytes: row.get::<_, i64>(10)?.unsigned_abs(),
    })
}

fn file(state: State) -> i64 {
    State::ALL.iter().position(|it| *it == state).unwrap_or_default() as i64
}

impl File {
    pub(crate) fn open(dir: &Path) -> Result<Self, QueueError> {
        let path = dir.join(FILE);
        let opened = |path: &Path| -> rusqlite::Result<(Connection, i64)> {
            let db = Connection::open(path)?;
            db.busy_timeout(PATIENCE)?;
            db.pragma_update(None, "journal_mode", "WAL")?;
            db.pragma_update(None, "synchronous", "FULL")?;
            let found = db.pragma_query_value(None, "user_version", |row| row.get(0))?;
            Ok((db, found))
        };
        let (db, found) =
            opened(&path).map_err(|source| QueueError::Open { path: path.clone(), source })?;
        if found > SCHEMA {
            return Err(QueueError::Newer { path, found });
        }
        db.execute_batch(
            "CREATE TABLE IF NOT EXISTS entry (
                seq INTEGER PRIMARY KEY AUTOINCREMENT, id TEXT NOT NULL UNIQUE, workload TEXT NOT NULL,
                state INTEGER NOT NULL, line TEXT NOT NULL, caller BLOB, digest BLOB NOT NULL,
                repeatable INTEGER NOT NULL, created_ms INTEGER NOT NULL, changed_ms INTEGER NOT NULL,
                expires_ms INTEGER NOT NULL, tries INTEGER NOT NULL DEFAULT 0, status INTEGER,
                bytes INTEGER NOT NULL, request BLOB, answer BLOB) STRICT;
             CREATE UNIQUE INDEX IF NOT EXISTS entry_caller ON entry (caller) WHERE caller IS NOT NULL;
             CREATE INDEX IF NOT EXISTS entry_next ON entry (workload, state, seq);
             CREATE INDEX IF NOT EXISTS entry_totals ON entry (workload, state, created_ms, bytes);
             PRAGMA user_version = 1;",
        )?;
        let mut file = Self { db, counts: Counts::new() };
        file.totals()?;
        Ok(file)
    }

    /// Entries that a crash left while they were sent: those that may be repeated wait again.
    pub(crate) fn recover(&mut self, now_ms: u64) -> Result<u64, QueueError> {
        let turn = self.db.transaction()?;
        turn.execute(
            "UPDATE entry SET state = ?1, changed_ms = ?3 WHERE state = ?2 AND repeatable = 1",
            params![file(State::Waiting), file(State::Sending), ms(now_ms)],
        )?;
        let unknown = turn.execute(
            "UPDATE entry SET state = ?1, changed_ms = ?3 WHERE state = ?2",
            params![file(State::Unknown), file(State::Sending), ms(now_ms)],
        )?;
        turn.commit()?;
        Ok(unknown as u64)
    }

    /// Keeps several requests in one transaction; gives the bytes that each takes, 0 where it was there before.
    pub(crate) fn keep(
        &mut self,
        all: &All,
        new: &[NewEntry],
        now_ms: u64,
    ) -> Result<Vec<(Kept, u64)>, QueueError> {
        let turn = self.db.transaction()?;
        let mut counts = self.counts.clone();
        let kept = new.iter().map(|it| keep(&turn, all, &mut counts, it, now_ms));
        let kept = kept.collect::<rusqlite::Result<_>>()?;
        turn.commit()?;
        self.counts = counts;
        Ok(kept)
    }

    /// The oldest one that waits, from now on being sent; none while the key does not open it.
    pub(crate) fn begin(
        &mut self,
        all: &All,
        workload: &str,
        now_ms: u64,
    ) -> Result<Option<(String, Request)>, QueueError> {
        let found = self
            .db
            .prepare_cached(
                "SELECT id, request FROM entry WHERE workload = ?1 AND state = ?2 AND expires_ms > ?3
                 ORDER BY seq LIMIT 1",
            )?
            .query_row(params![workload, file(State::Waiting), ms(now_ms)], |row| {
                Ok((row.get::<_, String>(0)?, row.get::<_, Vec<u8>>(1)?))
            })
            .optional()?;
        let Some((id, sealed)) = found else { return Ok(None) };
        let Some(request) = opened(all, workload, Text::Request, &id, &sealed) else {
            tracing::error!(
                workload,
                id,
                "the key of `kill_switch.fallback.queue` does not open a stored request: set the key that it was stored with"
            );
            return Ok(None);
        };
        self.db.execute(
            "UPDATE entry SET state = ?2, changed_ms = ?3, tries = tries + 1 WHERE id = ?1",
            params![id, file(State::Sending), ms(now_ms)],
        )?;
        Ok(Some((id, request)))
    }

    /// It was not sent after all.
    pub(crate) fn put_back(&mut self, id: &str, now_ms: u64) -> Result<(), QueueError> {
        self.db.execute(
            "UPDATE entry SET state = ?2, changed_ms = ?4 WHERE id = ?1 AND state = ?3",
            params![id, file(State::Waiting), file(State::Sending), ms(now_ms)],
        )?;
        Ok(())
    }

    /// Its sending was cut off: it waits again if it may be repeated, or nobody knows.
    pub(crate) fn cut_off(&mut self, id: &str, now_ms: u64) -> Result<State, QueueError> {
        let repeatable: bool =
            self.db
                .query_row("SELECT repeatable FROM entry WHERE id = ?1", [id], |row| row.get(0))?;
        let state = if repeatable { State::Waiting } else { State::Unknown };
        self.db.execute(
            "UPDATE entry SET state = ?2, changed_ms = ?4 WHERE id = ?1 AND state = ?3",
            params![id, file(state), file(State::Sending), ms(now_ms)],
        )?;
        Ok(state)
    }

    /// Its answer came. It is kept as long as the request might have waited.
    pub(crate) fn finish(
        &mut self,
        all: &All,
        workload: &str,
        id: &str,
        answer: &Answer,
        now_ms: u64,
    ) -> Result<(), QueueError> {
        let settings = all.get(workload);
        let plain = serde_json::to_vec(answer).unwrap_or_default();
        let sealed = settings.and_then(|it| cipher::seal(it.key.bytes(), Text::Answer, id, &plain));
        let lasting = settings.map_or(Duration::ZERO, |it| it.lasting).as_millis() as u64;
        let bytes = sealed.as_deref().map_or(0, bytes_of);
        self.db.execute(
            "UPDATE entry SET state = ?2, changed_ms = ?3, expires_ms = ?4, status = ?5, bytes = ?6,
                request = NULL, answer = ?7 WHERE id = ?1",
            params![
                id,
                file(State::Answered),
                ms(now_ms),
                ms(now_ms.saturating_add(lasting)),
                answer.status,
                ms(bytes),
                sealed
            ],
        )?;
        Ok(())
    }

    /// What a caller gets.
    pub(crate) fn poll(&self, all: &All, id: &str) -> Result<Polled, QueueError> {
        let found = self
            .db
            .query_row("SELECT workload, state, answer FROM entry WHERE id = ?1", [id], |row| {
                Ok((row.get::<_, String>(0)?, row.get(1)?, row.get::<_, Option<Vec<u8>>>(2)?))
            })
            .optional()?;
        let Some((workload, state, sealed)) = found else { return Ok(Polled::Nothing) };
        Ok(match (State::from_file(state), sealed) {
            (State::Waiting | State::Sending, _) => Polled::Waiting,
            (State::Answered, Some(sealed)) => {
                match opened(all, &workload, Text::Answer, id, &sealed) {
                    Some(answer) => Polled::Answered(answer),
                    None => Polled::Over(State::Unknown),
                }
            }
            (State::Answered, None) => Polled::Over(State::Unknown),
            (over, _) => Polled::Over(over),
        })
    }

    /// Entries of a workload after this place, in their order.
    pub(crate) fn list(
        &self,
        workload: &str,
        after: i64,
        limit: usize,
    ) -> Result<Vec<Entry>, QueueError> {
        let text = format!(
            "SELECT {COLUMNS} FROM entry WHERE workload = ?1 AND seq > ?2 ORDER BY seq LIMIT ?3"
        );
        let mut rows = self.db.prepare_cached(&text)?;
        let found = rows.query_map(params![workload, after, ms(limit as u64)], entry)?;
        Ok(found.collect::<Result<_, _>>()?)
    }

    /// One entry with its request, while there is one.
    pub(crate) fn show(
        &self,
        all: &All,
        workload: &str,
        id: &str,
    ) -> Result<Option<(Entry, Option<Request>)>, QueueError> {
        let text = format!("SELECT {COLUMNS}, request FROM entry WHERE id = ?1 AND workload = ?2");
        let found = self
            .db
            .query_row(&text, [id, workload], |row| {
                Ok((entry(row)?, row.get::<_, Option<Vec<u8>>>(11)?))
            })
            .optional()?;
        Ok(found.map(|(entry, sealed)| {
            let request = sealed.and_then(|it| opened(all, workload, Text::Request, id, &it));
            (entry, request)
        }))
    }

    /// Takes a request out that waits; false if there is none.
    pub(crate) fn drop_one(
        &mut self,
        workload: &str,
        id: &str,
        now_ms: u64,
    ) -> Result<bool, QueueError> {
        let dropped = self.db.execute(
            "UPDATE entry SET state = ?3, changed_ms = ?5, request = NULL, bytes = 0
             WHERE id = ?1 AND workload = ?2 AND state = ?4",
            params![id, workload, file(State::Dropped), file(State::Waiting), ms(now_ms)],
        )?;
        if dropped > 0 {
            self.totals()?;
        }
        Ok(dropped > 0)
    }

    /// Gives up what waited too long, by workload, and forgets what is over. What is over is kept as long as it
    /// might have waited, so that its caller is told.
    pub(crate) fn sweep(&mut self, now_ms: u64) -> Result<BTreeMap<String, u64>, QueueError> {
        let turn = self.db.transaction()?;
        let mut expired = BTreeMap::new();
        {
            let mut rows = turn.prepare(
                "UPDATE entry SET state = ?1, changed_ms = ?3, request = NULL, bytes = 0,
                    expires_ms = ?3 + (expires_ms - created_ms)
                 WHERE state = ?2 AND expires_ms <= ?3 RETURNING workload",
            )?;
            let states = params![file(State::Expired), file(State::Waiting), ms(now_ms)];
            for workload in rows.query_map(states, |row| row.get::<_, String>(0))? {
                *expired.entry(workload?).or_default() += 1;
            }
        }
        turn.execute(
            "DELETE FROM entry WHERE state >= ?1 AND expires_ms <= ?2",
            params![file(State::Answered), ms(now_ms)],
        )?;
        turn.commit()?;
        Ok(expired)
    }

    /// By workload: how many wait, since when, and all bytes.
    pub(crate) fn totals(&mut self) -> Result<Totals, QueueError> {
        let mut rows = self.db.prepare_cached(
            "SELECT workload, SUM(state <= 1), MIN(CASE WHEN state <= 1 THEN created_ms END), SUM(bytes)
             FROM entry GROUP BY workload",
        )?;
        let found = rows.query_map([], |row| {
            let count = |at: usize| row.get::<_, i64>(at).map(i64::unsigned_abs);
            let oldest: Option<i64> = row.get(2)?;
            Ok((row.get::<_, String>(0)?, (count(1)?, oldest.map(i64::unsigned_abs), count(3)?)))
        })?;
        let found: Totals = found.collect::<Result<_, _>>()?;
        let counts =
            found.iter().map(|(name, (waiting, _, bytes))| (name.clone(), (*waiting, *bytes)));
        self.counts = counts.collect();
        Ok(found)
    }
}

fn opened<T: serde::de::DeserializeOwned>(
    all: &All,
    workload: &str,
    kind: Text,
    id: &str,
    sealed: &[u8],
) -> Option<T> {
    let key = all.get(workload)?.key.bytes();
    serde_json::from_slice(&cipher::open(key, kind, id, sealed)?).ok()
}
