//! Waits between tries.

use std::time::Duration;

/// Waits that grow with every failure in a row.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Backoff {
    /// The wait after the first failure.
    pub first: Duration,
    /// Each further failure multiplies the wait by this.
    pub factor: u32,
    /// No wait is longer.
    pub longest: Duration,
}

impl Backoff {
    /// Waits that double.
    #[must_use]
    pub const fn doubling(first: Duration, longest: Duration) -> Self {
        Self { first, factor: 2, longest }
    }

    /// The wait after `failures` failures in a row, at least 1.
    #[must_use]
    pub fn wait(&self, failures: u32) -> Duration {
        let growth = self.factor.saturating_pow(failures.saturating_sub(1));
        self.first.saturating_mul(growth).min(self.longest)
    }
}

/// Shortens a wait by up to a half, so that many who failed together do not come back together.
/// `draw` is a random number: 0 gives the half, [`u32::MAX`] the whole.
#[must_use]
pub fn jitter(wait: Duration, draw: u32) -> Duration {
    let half = wait / 2;
    half + half.mul_f64(f64::from(draw) / f64::from(u32::MAX))
}

#[cfg(test)]
mod tests {
    use super::{Backoff, jitter};
    use std::time::Duration;

    const SECOND: Duration = Duration::from_secs(1);

    #[test]
    fn waits_grow_up_to_the_longest() {
        let doubling = Backoff::doubling(SECOND, 10 * SECOND);
        let waits: Vec<u64> = (1..7).map(|failures| doubling.wait(failures).as_secs()).collect();
        assert_eq!(waits, [1, 2, 4, 8, 10, 10]);
        assert_eq!(doubling.wait(u32::MAX), 10 * SECOND);
        let faster = Backoff { factor: 4, ..doubling };
        assert_eq!(faster.wait(2), 4 * SECOND);
        assert_eq!(Backoff::doubling(SECOND, Duration::MAX).wait(40), SECOND * u32::MAX);
    }

    #[test]
    fn jitter_leaves_at_least_a_half() {
        assert_eq!(jitter(SECOND, 0), SECOND / 2);
        assert_eq!(jitter(SECOND, u32::MAX), SECOND);
        assert_eq!(jitter(Duration::ZERO, 7), Duration::ZERO);
        let middle = jitter(SECOND, u32::MAX / 2);
        assert!(middle > SECOND * 7 / 10 && middle < SECOND * 8 / 10, "{middle:?}");
    }
}
