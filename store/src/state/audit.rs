//! The audit entries and the hash that chains them.
//!
//! # Recomputing the chain
//! `hash = sha256(prev_hash ++ seq ++ at_ms ++ actor ++ workload ++ action ++ reason ++ summary ++
//! epoch_before ++ epoch ++ details)`, in lower-case hex, where each field is written as its length
//! in bytes (64 bits, little endian) followed by its bytes: texts in UTF-8, numbers in decimal
//! digits, `prev_hash` as its hex text (empty for the first entry), `workload` as `=` and its name,
//! or an empty text if there is none. Entries are numbered from 1 without gaps. The table `head`
//! holds the number of entries and the hash of the last one; keep a copy of those two elsewhere to
//! notice even a history that was rewritten as a whole.

use super::{Store, StoreError};
use rusqlite::{Row, named_params};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use std::sync::Arc;

/// An audit entry before it has a place in the chain.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct NewAudit {
    /// The time, in Unix milliseconds.
    pub at_ms: u64,
    /// The actor: the name of a token, or of a part of the program.
    pub actor: String,
    /// The workload it is about, if it is about one.
    pub workload: Option<String>,
    /// The action, in one word.
    pub action: String,
    /// The reason that was given, else empty.
    pub reason: String,
    /// The change, in words; for a refusal, the reason.
    pub summary: String,
    /// The request's details as JSON.
    pub details: serde_json::Value,
}

/// An entry of the chain.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct AuditEntry {
    /// Its number, from 1 without gaps.
    pub seq: u64,
    /// The time, in Unix milliseconds.
    pub at_ms: u64,
    /// The actor: the name of a token, or of a part of the program.
    pub actor: Arc<str>,
    /// The workload it is about, if it is about one.
    pub workload: Option<Arc<str>>,
    /// The action, in one word.
    pub action: String,
    /// The reason that was given, else empty.
    pub reason: String,
    /// The change, in words; for a refusal, the reason.
    pub summary: String,
    /// The epoch before it.
    pub epoch_before: u64,
    /// The epoch after it; the same unless it made a new plan.
    pub epoch: u64,
    /// The request's details, as the JSON text that was hashed.
    #[serde(serialize_with = "as_json")]
    pub details: String,
    /// Hash of the entry before, empty for the first.
    pub prev_hash: String,
    /// Hash of this entry and all before it.
    pub hash: String,
}

/// A filter of entries. The default lists the newest of all.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AuditFilter {
    /// Only those about this workload.
    pub workload: Option<String>,
    /// Only those by this actor.
    pub actor: Option<String>,
    /// Only those with a lower number: pass the last one seen to page back.
    pub before_seq: Option<u64>,
}

impl AuditEntry {
    /// The hash the entry must have, from its other fields.
    #[must_use]
    pub fn expected_hash(&self) -> String {
        let [seq, at_ms, before, after] =
            [self.seq, self.at_ms, self.epoch_before, self.epoch].map(|number| number.to_string());
        let workload = self.workload.as_deref().map_or_else(String::new, |name| format!("={name}"));
        let mut hash = Sha256::new();
        for field in [
            &*self.prev_hash,
            &seq,
            &at_ms,
            &self.actor,
            &workload,
            &self.action,
            &self.reason,
            &self.summary,
            &before,
            &after,
            &self.details,
        ] {
            hash.update((field.len() as u64).to_le_bytes());
            hash.update(field);
        }
        hex::encode(hash.finalize())
    }

    /// The columns [`AuditEntry::read`] expects, in its order.
    pub(super) const COLUMNS: &str = "seq, at_ms, actor, workload, action, reason, summary, \
         epoch_before, epoch, details, prev_hash, hash";

    pub(super) fn read(row: &Row<'_>) -> rusqlite::Result<Self> {
        Ok(Self {
            seq: row.get(0)?,
            at_ms: row.get(1)?,
            actor: row.get(2)?,
            workload: row.get(3)?,
            action: row.get(4)?,
            reason: row.get(5)?,
            summary: row.get(6)?,
            epoch_before: row.get(7)?,
            epoch: row.get(8)?,
            details: row.get(9)?,
            prev_hash: row.get(10)?,
            hash: row.get(11)?,
        })
    }
}

impl Store {
    /// Audit entries that match, newest first, at most `limit`.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub fn audit(&self, filter: &AuditFilter, limit: usize) -> Result<Vec<AuditEntry>, StoreError> {
        let reading = StoreError::doing("reading the audit log");
        let before = filter.before_seq.and_then(|seq| i64::try_from(seq).ok()).unwrap_or(i64::MAX);
        let limit = i64::try_from(limit).unwrap_or(i64::MAX);
        // Each filter has its index; `IS NULL OR` would read the whole table instead.
        let by = match (&filter.workload, &filter.actor) {
            (None, None) => "(:workload, :actor) IS (NULL, NULL)",
            (Some(_), None) => "workload = :workload AND :actor IS NULL",
            (None, Some(_)) => "actor = :actor AND :workload IS NULL",
            (Some(_), Some(_)) => "workload = :workload AND actor = :actor",
        };
        let columns = AuditEntry::COLUMNS;
        let sql = format!(
            "SELECT {columns} FROM audit WHERE {by} AND seq < :before ORDER BY seq DESC LIMIT :limit"
        );
        let mut rows = self.db.prepare_cached(&sql).map_err(reading)?;
        let given = named_params! {
            ":workload": filter.workload, ":actor": filter.actor, ":before": before, ":limit": limit,
        };
        rows.query_map(given, AuditEntry::read)
            .map_err(reading)?
            .map(|row| row.map_err(reading))
            .collect()
    }
}

/// Details are kept as the text that was hashed and shown as the JSON they are; altered ones are
/// shown as the text they became.
fn as_json<S: serde::Serializer>(text: &str, out: S) -> Result<S::Ok, S::Error> {
    match serde_json::from_str::<serde_json::Value>(text) {
        Ok(details) => details.serialize(out),
        Err(_) => text.serialize(out),
    }
}
