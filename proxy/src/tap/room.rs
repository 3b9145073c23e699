//! The memory that all copies together may take.

use std::sync::atomic::{AtomicUsize, Ordering};

/// Counts the bytes of all copies against what they may take.
#[derive(Debug)]
pub(super) struct Room {
    used: AtomicUsize,
    capacity: AtomicUsize,
}

impl Room {
    /// Room for `capacity` bytes.
    pub(super) const fn new(capacity: usize) -> Self {
        Self { used: AtomicUsize::new(0), capacity: AtomicUsize::new(capacity) }
    }

    /// Changes how many bytes there are.
    pub(super) fn set_capacity(&self, bytes: usize) {
        self.capacity.store(bytes, Ordering::Relaxed);
    }

    /// Bytes that are taken now.
    pub(super) fn used(&self) -> usize {
        self.used.load(Ordering::Relaxed)
    }

    /// Takes so many bytes more; false, and nothing is taken, when they do not fit.
    pub(super) fn reserve(&self, bytes: usize) -> bool {
        let before = self.used.fetch_add(bytes, Ordering::Relaxed);
        let fits = before + bytes <= self.capacity.load(Ordering::Relaxed);
        if !fits {
            self.used.fetch_sub(bytes, Ordering::Relaxed);
        }
        fits
    }

    /// Gives bytes back.
    pub(super) fn release(&self, bytes: usize) {
        self.used.fetch_sub(bytes, Ordering::Relaxed);
    }
}
