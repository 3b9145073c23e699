//! Answers kept for a while, so that a repeated request is answered and not done twice.

use super::{Store, StoreError};
use rusqlite::{Connection, OptionalExtension, Transaction, params};
use serde::{Deserialize, Serialize};

/// The time for which an answer is kept.
const KEPT_MS: u64 = 24 * 60 * 60 * 1000;

/// An answer to keep under a key the client chose.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct NewIdempotency {
    /// The client's key.
    pub key: String,
    /// The caller.
    pub actor: String,
    /// Digest of the request: another request under the same key is a mistake of the client's.
    pub fingerprint: String,
    /// The answer, as JSON.
    pub response: String,
}

/// The answer that was given under a key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoredResponse {
    /// The caller.
    pub actor: String,
    /// Digest of the request.
    pub fingerprint: String,
    /// The answer, as JSON.
    pub response: String,
}

impl Store {
    /// The answer given under `key` in the 24 hours before `now_ms`.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub fn idempotent(&self, key: &str, now_ms: u64) -> Result<Option<StoredResponse>, StoreError> {
        find(&self.db, key, now_ms)
    }

    /// Replaces the answer under `key`, for what is only known after the change took effect.
    /// Without a stored answer it does nothing.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub fn replace_response(&mut self, key: &str, response: &str) -> Result<(), StoreError> {
        self.db
            .execute("UPDATE idempotency SET response = ?2 WHERE key = ?1", params![key, response])
            .map_err(StoreError::doing("completing the answer to a change"))?;
        Ok(())
    }
}

/// The answer given under `key` in the 24 hours before `now_ms`.
pub(super) fn find(
    db: &Connection,
    key: &str,
    now_ms: u64,
) -> Result<Option<StoredResponse>, StoreError> {
    db.query_row(
        "SELECT actor, fingerprint, response FROM idempotency WHERE key = ?1 AND at_ms > ?2",
        params![key, now_ms.saturating_sub(KEPT_MS)],
        |row| {
            Ok(StoredResponse {
                actor: row.get(0)?,
                fingerprint: row.get(1)?,
                response: row.get(2)?,
            })
        },
    )
    .optional()
    .map_err(StoreError::doing("looking up an idempotency key"))
}

/// Forgets the answer under `key` as part of a change.
pub(super) fn forget(change: &Transaction<'_>, key: &str) -> Result<(), StoreError> {
    change
        .execute("DELETE FROM idempotency WHERE key = ?1", [key])
        .map_err(StoreError::doing("forgetting an answer"))?;
    Ok(())
}

/// Keeps `answer` as part of a change and forgets expired ones.
pub(super) fn keep(
    change: &Transaction<'_>,
    answer: &NewIdempotency,
    now_ms: u64,
) -> Result<(), StoreError> {
    let keeping = StoreError::doing("keeping the answer to a change");
    let expired = now_ms.saturating_sub(KEPT_MS);
    change.execute("DELETE FROM idempotency WHERE at_ms <= ?1", [expired]).map_err(keeping)?;
    let kept = change
        .execute(
            "INSERT INTO idempotency VALUES (?1, ?2, ?3, ?4, ?5) ON CONFLICT DO NOTHING",
            params![answer.key, now_ms, answer.actor, answer.fingerprint, answer.response],
        )
        .map_err(keeping)?;
    if kept == 0 {
        return Err(StoreError::IdempotencyKeyTaken { key: answer.key.clone() });
    }
    Ok(())
}
