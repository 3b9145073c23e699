//! The health of the log: the dropped records, and the last error.

use super::queue::Refused;
use serde::Serialize;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};
use std::sync::{Mutex, PoisonError};

/// Records that were dropped since the start, by reason. Traffic was not touched.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Dropped {
    /// The writer did not keep up: too much waited already.
    pub queue_full: u64,
    /// The disk was full, or failed.
    pub write_failed: u64,
    /// They were not in a readable form.
    pub unreadable: u64,
    /// They came after the log was closed.
    pub closed: u64,
}

impl Dropped {
    /// Counts by the word for the reason, for metrics.
    #[must_use]
    pub const fn by_reason(&self) -> [(&'static str, u64); 4] {
        [
            ("queue_full", self.queue_full),
            ("write_failed", self.write_failed),
            ("unreadable", self.unreadable),
            ("closed", self.closed),
        ]
    }

    /// The number of records.
    #[must_use]
    pub const fn total(&self) -> u64 {
        self.queue_full + self.write_failed + self.unreadable + self.closed
    }
}

/// The health of the log.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct LogStatus {
    /// True if the last attempt to write worked and nothing overflowed since.
    pub healthy: bool,
    /// The last error since the start.
    pub last_error: Option<String>,
    /// Records written since the start.
    pub written: u64,
    /// Records dropped since the start.
    pub dropped: Dropped,
    /// Files of blocks there are.
    pub segments: u64,
    /// Files that could not be read at the start and were set aside as `.damaged`.
    pub set_aside: u64,
    /// Bytes on disk.
    pub bytes: u64,
    /// Arrival of the oldest record, in Unix milliseconds.
    pub oldest_ms: Option<u64>,
}

/// The counts of the log's threads.
#[derive(Debug, Default)]
pub(super) struct Health {
    failing: AtomicBool,
    last_error: Mutex<Option<String>>,
    written: AtomicU64,
    queue_full: AtomicU64,
    write_failed: AtomicU64,
    unreadable: AtomicU64,
    closed: AtomicU64,
}

impl Health {
    pub(super) fn refused(&self, why: Refused, records: u64) {
        match why {
            Refused::Full => {
                self.queue_full.fetch_add(records, Relaxed);
                self.failed("too many records wait for the disk".to_owned());
            }
            Refused::Closed => {
                self.closed.fetch_add(records, Relaxed);
            }
        }
    }

    pub(super) fn wrote(&self, records: u64, unreadable: u64) {
        self.written.fetch_add(records, Relaxed);
        self.unreadable.fetch_add(unreadable, Relaxed);
        self.failing.store(false, Relaxed);
    }

    pub(super) fn write_failed(&self, why: String, records: u64) {
        self.write_failed.fetch_add(records, Relaxed);
        self.failed(why);
    }

    pub(super) fn failed(&self, why: String) {
        self.failing.store(true, Relaxed);
        *self.last_error.lock().unwrap_or_else(PoisonError::into_inner) = Some(why);
    }

    pub(super) fn healthy(&self) -> bool {
        !self.failing.load(Relaxed)
    }

    pub(super) fn dropped(&self) -> Dropped {
        Dropped {
            queue_full: self.queue_full.load(Relaxed),
            write_failed: self.write_failed.load(Relaxed),
            unreadable: self.unreadable.load(Relaxed),
            closed: self.closed.load(Relaxed),
        }
    }

    /// The status as far as it is counted here.
    pub(super) fn status(&self) -> LogStatus {
        LogStatus {
            healthy: self.healthy(),
            last_error: self.last_error.lock().unwrap_or_else(PoisonError::into_inner).clone(),
            written: self.written.load(Relaxed),
            dropped: self.dropped(),
            ..LogStatus::default()
        }
    }
}
