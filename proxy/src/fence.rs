//! The fence of a replica in a fleet: from a moment on, requests follow a plan without candidates.
//!
//! The moment is compared with the clock for every request, and once more when its first byte is
//! written. A timer would be too late in a process that was paused.

use crate::plan::Plan;
use arc_swap::ArcSwap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

/// There is no fence.
const NEVER: u64 = u64::MAX;

/// When candidates close, and what holds then.
pub(crate) struct Fence {
    base: Instant,
    /// Microseconds after `base`.
    closes_at: AtomicU64,
    /// The plan in force, without candidates. Made for a process with a fence only.
    pub(crate) plan: ArcSwap<Plan>,
}

impl Default for Fence {
    fn default() -> Self {
        Self { base: Instant::now(), closes_at: AtomicU64::new(NEVER), plan: ArcSwap::default() }
    }
}

impl Fence {
    /// Candidates close at this moment; at once without one.
    pub(crate) fn set(&self, closes_at: Option<Instant>) {
        let after = closes_at.map_or(0, |at| {
            let after = at.saturating_duration_since(self.base).as_micros();
            u64::try_from(after).unwrap_or(NEVER).min(NEVER - 1)
        });
        self.closes_at.store(after, Ordering::Release);
    }

    /// Returns true if this process is a replica with a fence.
    pub(crate) fn is_used(&self) -> bool {
        self.closes_at.load(Ordering::Acquire) != NEVER
    }

    /// Returns true if candidates are closed now. Without a fence no clock is read.
    pub(crate) fn is_closed(&self) -> bool {
        match self.closes_at.load(Ordering::Acquire) {
            NEVER => false,
            at => self.base.elapsed().as_micros() >= u128::from(at),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Fence;
    use std::time::{Duration, Instant};

    #[test]
    fn a_fence_closes_by_the_clock_and_opens_only_by_a_later_moment() {
        let fence = Fence::default();
        assert!(!fence.is_used() && !fence.is_closed(), "a process on its own has none");
        fence.set(Some(Instant::now() + Duration::from_secs(60)));
        assert!(fence.is_used() && !fence.is_closed());
        fence.set(Some(Instant::now()));
        assert!(fence.is_closed());
        fence.set(Some(Instant::now() + Duration::from_secs(60)));
        assert!(!fence.is_closed());
        fence.set(None);
        assert!(fence.is_used() && fence.is_closed());
    }
}
