//! Counts of exports since the start.

use std::sync::atomic::{AtomicU64, Ordering};

/// How exports ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Ended {
    Accepted,
    Denied,
    TooLarge,
    Malformed,
    Unsupported,
    Busy,
    Forwarded,
    ForwardFailed,
}

impl Ended {
    const ALL: [Self; 8] = [
        Self::Accepted,
        Self::Denied,
        Self::TooLarge,
        Self::Malformed,
        Self::Unsupported,
        Self::Busy,
        Self::Forwarded,
        Self::ForwardFailed,
    ];

    const fn label(self) -> &'static str {
        match self {
            Self::Accepted => "accepted",
            Self::Denied => "denied",
            Self::TooLarge => "too_large",
            Self::Malformed => "malformed",
            Self::Unsupported => "unsupported",
            Self::Busy => "busy",
            Self::Forwarded => "forwarded",
            Self::ForwardFailed => "forward_failed",
        }
    }
}

/// Counts of exports and of the spans in them.
#[derive(Debug, Default)]
pub struct Counts {
    ended: [AtomicU64; Ended::ALL.len()],
    received: AtomicU64,
    rejected: AtomicU64,
}

impl Counts {
    pub(crate) fn end(&self, how: Ended) {
        self.ended[how as usize].fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn spans(&self, received: u64, rejected: u64) {
        self.received.fetch_add(received, Ordering::Relaxed);
        self.rejected.fetch_add(rejected, Ordering::Relaxed);
    }

    /// Exports by result.
    #[must_use]
    pub fn exports(&self) -> Vec<(&'static str, u64)> {
        let count = |how: Ended| self.ended[how as usize].load(Ordering::Relaxed);
        Ended::ALL.into_iter().map(|how| (how.label(), count(how))).collect()
    }

    /// Spans that were read, and those that had no valid ids.
    #[must_use]
    pub fn read(&self) -> (u64, u64) {
        (self.received.load(Ordering::Relaxed), self.rejected.load(Ordering::Relaxed))
    }
}
