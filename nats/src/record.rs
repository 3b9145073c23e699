//! An entry of the ledger as bytes.

use bytes::Bytes;
use serde::{Deserialize, Serialize};
use stagegate_fleet::{Entry, Place};
use stagegate_store::{AuditEntry, NewChange};
use std::sync::Arc;

/// Version of the form. A replica that meets a later one stops to be fresh.
const VERSION: u32 = 1;
/// Largest text that is taken back.
const LARGEST: usize = 64 << 20;
/// Fast, and most of what there is to gain.
const LEVEL: i32 = 3;

/// An entry as it is written.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Record {
    pub(crate) version: u32,
    /// Number of the audit entry.
    pub(crate) number: u64,
    pub(crate) epoch_before: u64,
    pub(crate) epoch: u64,
    pub(crate) prev_hash: String,
    pub(crate) hash: String,
    /// The replica that appended it.
    pub(crate) author: String,
    /// The term in which it steered, if it acted by itself.
    #[serde(default)]
    pub(crate) term: Option<u64>,
    /// The change; none in the first record of a fleet that begins with the history of a process.
    pub(crate) change: Option<NewChange>,
}

/// Bytes that are no entry.
#[derive(Debug, thiserror::Error)]
pub enum RecordError {
    /// A later version wrote it.
    #[error("entry {number} was written by a later version of Stagegate: update this replica")]
    Later {
        /// Its number.
        number: u64,
    },
    /// It cannot be read.
    #[error("an entry of the fleet's ledger cannot be read: {0}")]
    Damaged(String),
}

impl Record {
    /// The record of a change that became `entry`. `term`: the author steers in it, and acted by itself.
    pub(crate) fn of(
        entry: &AuditEntry,
        change: NewChange,
        author: &str,
        term: Option<u64>,
    ) -> Self {
        Self {
            version: VERSION,
            number: entry.seq,
            epoch_before: entry.epoch_before,
            epoch: entry.epoch,
            prev_hash: entry.prev_hash.clone(),
            hash: entry.hash.clone(),
            author: author.to_owned(),
            term,
            change: Some(change),
        }
    }

    /// The first record of a fleet that begins with this history.
    pub(crate) fn beginning(number: u64, epoch: u64, hash: &str, author: &str) -> Self {
        Self {
            version: VERSION,
            number,
            epoch_before: epoch,
            epoch,
            prev_hash: String::new(),
            hash: hash.to_owned(),
            author: author.to_owned(),
            term: None,
            change: None,
        }
    }

    /// The bytes.
    pub(crate) fn encode(&self) -> Result<Bytes, RecordError> {
        let damaged = |error: &dyn std::fmt::Display| RecordError::Damaged(error.to_string());
        let text = serde_json::to_vec(self).map_err(|error| damaged(&error))?;
        let packed = zstd::bulk::compress(&text, LEVEL).map_err(|error| damaged(&error))?;
        Ok(packed.into())
    }

    /// Reads bytes.
    pub(crate) fn decode(bytes: &[u8]) -> Result<Self, RecordError> {
        #[derive(Deserialize)]
        struct Head {
            version: u32,
            number: u64,
        }
        let damaged = |error: &dyn std::fmt::Display| RecordError::Damaged(error.to_string());
        let text = zstd::bulk::decompress(bytes, LARGEST).map_err(|error| damaged(&error))?;
        let head: Head = serde_json::from_slice(&text).map_err(|error| damaged(&error))?;
        if head.version > VERSION {
            return Err(RecordError::Later { number: head.number });
        }
        serde_json::from_slice(&text).map_err(|error| damaged(&error))
    }

    /// Its place, at a position of the stream.
    pub(crate) fn place(&self, position: u64) -> Place {
        Place { number: self.number, position, epoch: self.epoch, mark: mark(&self.hash) }
    }

    /// The entry, at a position of the stream.
    pub(crate) fn entry(self, position: u64, ack_to: Option<Arc<str>>) -> Entry<Arc<Self>> {
        let (place, before, term) = (self.place(position), mark(&self.prev_hash), self.term);
        Entry { place, before, term, ack_to, body: Arc::new(self) }
    }
}

/// The first 64 bits of a hash in hex; 0 for the empty hash before the first entry.
pub(crate) fn mark(hash: &str) -> u64 {
    hash.get(..16).and_then(|text| u64::from_str_radix(text, 16).ok()).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::{Record, RecordError, mark};

    #[test]
    fn a_record_is_read_as_it_was_written_and_a_later_one_is_refused() {
        let mut record = Record::beginning(7, 3, "00ff00ff00ff00ff11", "eu-7");
        assert_eq!(Record::decode(&record.encode().unwrap()).unwrap(), record);
        assert_eq!(record.place(70).mark, 0x00ff_00ff_00ff_00ff);
        record.version += 1;
        let later = Record::decode(&record.encode().unwrap()).unwrap_err();
        assert!(matches!(later, RecordError::Later { number: 7 }), "{later}");
        assert!(matches!(Record::decode(b"no"), Err(RecordError::Damaged(_))));
        assert_eq!((mark(""), mark("x")), (0, 0));
    }
}
