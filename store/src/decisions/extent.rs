//! The time that a set of records covers, so that whole segments can be skipped or deleted.

use super::record::id_time;
use stagegate_rollout::Record;

/// Ranges of times, in Unix milliseconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Extent {
    /// Arrival of the oldest record.
    pub(super) oldest_ms: u64,
    /// Arrival of the newest record.
    pub(super) newest_ms: u64,
    /// Earliest time in an id that has one.
    pub(super) first_id_ms: u64,
    /// Latest time in an id that has one.
    pub(super) last_id_ms: u64,
}

impl Default for Extent {
    /// Covers nothing.
    fn default() -> Self {
        Self { oldest_ms: u64::MAX, newest_ms: 0, first_id_ms: u64::MAX, last_id_ms: 0 }
    }
}

impl Extent {
    pub(super) fn add(&mut self, record: &Record<'_>) {
        self.oldest_ms = self.oldest_ms.min(record.at_ms);
        self.newest_ms = self.newest_ms.max(record.at_ms);
        if let Some(time) = id_time(record.request_id) {
            self.first_id_ms = self.first_id_ms.min(time);
            self.last_id_ms = self.last_id_ms.max(time);
        }
    }

    pub(super) fn merge(&mut self, other: &Self) {
        self.oldest_ms = self.oldest_ms.min(other.oldest_ms);
        self.newest_ms = self.newest_ms.max(other.newest_ms);
        self.first_id_ms = self.first_id_ms.min(other.first_id_ms);
        self.last_id_ms = self.last_id_ms.max(other.last_id_ms);
    }

    /// True if a record with this id can be among those covered.
    pub(super) fn may_hold(&self, id: &str) -> bool {
        id_time(id).is_none_or(|time| (self.first_id_ms..=self.last_id_ms).contains(&time))
    }
}
