//! The counts of offered records.

use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

/// The reason why something was not exported.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Loss {
    /// Too much was waiting.
    Queue,
    /// The collector would not take it, or not all of it.
    Refused,
    /// The collector could not be reached, or had no time, for too long.
    Unreachable,
    /// The process ended first, or another configuration.
    Shutdown,
}

impl Loss {
    /// Every reason.
    pub const ALL: [Self; 4] = [Self::Queue, Self::Refused, Self::Unreachable, Self::Shutdown];

    /// The word used in labels.
    #[must_use]
    pub const fn label(self) -> &'static str {
        match self {
            Self::Queue => "queue",
            Self::Refused => "refused",
            Self::Unreachable => "unreachable",
            Self::Shutdown => "shutdown",
        }
    }
}

/// Counts since the start; one after another, several exporters may share them.
#[derive(Debug, Default)]
pub struct Counts {
    waiting: AtomicUsize,
    spans: AtomicU64,
    events: AtomicU64,
    dropped: [AtomicU64; Loss::ALL.len()],
}

impl Counts {
    /// Spans and events that a collector took.
    #[must_use]
    pub fn exported(&self) -> (u64, u64) {
        (self.spans.load(Ordering::Relaxed), self.events.load(Ordering::Relaxed))
    }

    /// Returns the counts of dropped records by [`Loss::ALL`]: records that found no room, and
    /// spans and events that were lost later.
    #[must_use]
    pub fn dropped(&self) -> [u64; Loss::ALL.len()] {
        std::array::from_fn(|at| self.dropped[at].load(Ordering::Relaxed))
    }

    pub(crate) fn took_spans(&self, count: u64) {
        self.spans.fetch_add(count, Ordering::Relaxed);
    }

    pub(crate) fn took_events(&self, count: u64) {
        self.events.fetch_add(count, Ordering::Relaxed);
    }

    pub(crate) fn lost(&self, why: Loss, count: u64) {
        self.dropped[why as usize].fetch_add(count, Ordering::Relaxed);
    }

    /// Room for `count` more among `most`; none is taken when there is not enough.
    pub(crate) fn reserve(&self, count: usize, most: usize) -> bool {
        let fits = self.waiting.fetch_add(count, Ordering::Relaxed) + count <= most;
        if !fits {
            self.release(count);
        }
        fits
    }

    pub(crate) fn release(&self, count: usize) {
        self.waiting.fetch_sub(count, Ordering::Relaxed);
    }
}
