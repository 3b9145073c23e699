//! A rate limit shared by all workers: one atomic exchange for each caller.

use std::sync::atomic::{AtomicU64, Ordering};

/// Microseconds of unused time that may be caught up with.
const BURST_US: u64 = 1_000_000;

/// Lets so many through a second, evenly; after a pause, as many as a second's worth at once.
/// The generic cell rate algorithm (ITU-T I.371): one number says until when the time is taken.
#[derive(Debug)]
pub struct Quota {
    /// Microseconds per unit.
    each_us: u64,
    taken_until_us: AtomicU64,
}

impl Quota {
    /// `per_second` of at least 1, and at most a million.
    #[must_use]
    pub fn new(per_second: u32) -> Self {
        let each_us = BURST_US / u64::from(per_second.clamp(1, 1_000_000));
        Self { each_us, taken_until_us: AtomicU64::new(0) }
    }

    /// Takes one unit at `now_us`, in microseconds of any clock; returns false if none is left. A
    /// clock that goes back resets the quota.
    pub fn take(&self, now_us: u64) -> bool {
        let latest = now_us + BURST_US;
        let next = |taken: u64| {
            let begins = if taken > latest { now_us } else { taken.max(now_us) };
            let until = begins + self.each_us;
            (until <= latest).then_some(until)
        };
        self.taken_until_us.fetch_update(Ordering::Relaxed, Ordering::Relaxed, next).is_ok()
    }
}

#[cfg(test)]
mod tests {
    use super::Quota;

    fn passed(quota: &Quota, from_us: u64, to_us: u64) -> usize {
        (from_us..to_us).step_by(1_000).filter(|now| quota.take(*now)).count()
    }

    #[test]
    fn as_many_a_second_as_said_and_a_second_more_after_a_pause() {
        let quota = Quota::new(50);
        // Ten seconds at 50 a second, less the last one, whose time begins with the eleventh.
        assert_eq!(passed(&quota, 1_000_000, 11_000_000), 50 + 499);
        assert_eq!(passed(&quota, 11_000_000, 12_000_000), 50);
        assert_eq!(passed(&quota, 100_000_000, 100_010_000), 10, "all at once");
    }

    #[test]
    fn a_clock_that_goes_back_does_not_stop_anything() {
        let quota = Quota::new(1);
        assert!(quota.take(10_000_000_000));
        assert!(quota.take(5));
    }
}
