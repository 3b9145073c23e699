//! The retry budget. It prevents that retries turn a small failure into a big one.
//!
//! The budget is a share of the requests lately: every request pays in a part of a retry, every
//! retry takes a whole one out. What was not used is not saved up for long. One budget belongs to
//! one worker and one endpoint, so that it costs no shared counter and no workload uses up
//! another's.

use stagegate_rollout::Weight;
use stagegate_settings::Retry;
use stagegate_timing::{Backoff, jitter};
use std::time::Duration;

/// Part of a retry that no request needs to have paid for: a service that is asked seldom may
/// retry too.
const FLOOR: f64 = 10.0;
/// Retries that can be saved up.
const CEILING: f64 = 50.0;

/// The rest of a retry budget.
#[derive(Clone, Copy, Debug)]
pub(crate) struct RetryBudget {
    left: f64,
}

impl Default for RetryBudget {
    fn default() -> Self {
        Self { left: FLOOR }
    }
}

impl RetryBudget {
    /// A request pays in.
    #[inline] // with every request
    pub(crate) fn pay(&mut self, settings: &Retry) {
        self.left = (self.left + settings.budget.ratio()).min(CEILING);
    }

    /// Takes one retry out, if there is one.
    pub(crate) fn take(&mut self, settings: &Retry) -> bool {
        let may = settings.budget != Weight::ZERO && self.left >= 1.0;
        if may {
            self.left -= 1.0;
        }
        may
    }
}

/// Returns the wait before retry `number` (1 is the first). `chance` is a random 32-bit number,
/// `retry_after` the wait that the response asked for. `None` if that is longer than permitted.
pub(crate) fn wait(
    settings: &Retry,
    number: u32,
    retry_after: Option<Duration>,
    chance: u32,
) -> Option<Duration> {
    let backoff = Backoff::doubling(settings.backoff, settings.backoff.saturating_mul(1 << 10));
    let jittered = jitter(backoff.wait(number), chance);
    match retry_after {
        Some(asked) if asked > settings.longest_wait => None,
        Some(asked) => Some(jittered.max(asked)),
        None => Some(jittered),
    }
}

#[cfg(test)]
mod tests {
    use super::RetryBudget;
    use stagegate_rollout::Weight;
    use stagegate_settings::Retry;
    use std::time::Duration;

    #[test]
    fn an_outage_is_retried_at_a_fifth_of_the_requests() {
        let settings = Retry::default();
        let mut budget = RetryBudget::default();
        let retries = (0..10_000)
            .filter(|_| {
                budget.pay(&settings);
                budget.take(&settings)
            })
            .count();
        assert!((2_000..=2_010).contains(&retries), "{retries}");
    }

    #[test]
    fn quiet_hours_save_up_fifty_retries_and_no_more() {
        let settings = Retry::default();
        let mut budget = RetryBudget::default();
        (0..1_000_000).for_each(|_| budget.pay(&settings));
        let burst = (0..1000).take_while(|_| budget.take(&settings)).count();
        assert_eq!(burst, 50);
    }

    #[test]
    fn no_budget_is_no_retry() {
        let settings = Retry { budget: Weight::ZERO, ..Retry::default() };
        assert!(!RetryBudget::default().take(&settings));
    }

    #[test]
    fn the_wait_grows_is_jittered_and_does_as_it_is_told() {
        let settings = Retry::default();
        let wait = |number, asked, chance| super::wait(&settings, number, asked, chance);
        let ms = Duration::from_micros;
        assert_eq!(wait(1, None, 0), Some(ms(12_500)));
        assert_eq!(wait(1, None, u32::MAX), Some(ms(25_000)));
        assert_eq!(wait(3, None, u32::MAX), Some(ms(100_000)));
        assert_eq!(wait(1, Some(Duration::from_secs(1)), 0), Some(Duration::from_secs(1)));
        assert_eq!(wait(1, Some(Duration::from_secs(2)), 0), None);
    }
}
