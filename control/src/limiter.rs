//! A cap on records that anyone who can reach the port can cause.

use std::sync::{Mutex, PoisonError};

/// Most such records in a minute.
const PER_MINUTE: u32 = 30;

/// Counts records in fixed minutes.
#[derive(Debug, Default)]
pub(super) struct Limiter {
    minute: Mutex<(u64, u32)>,
}

impl Limiter {
    /// Whether one more may be written at `now_ms`.
    pub(super) fn admits(&self, now_ms: u64) -> bool {
        let mut minute = self.minute.lock().unwrap_or_else(PoisonError::into_inner);
        if minute.0 != now_ms / 60_000 {
            *minute = (now_ms / 60_000, 0);
        }
        minute.1 += 1;
        minute.1 <= PER_MINUTE
    }
}

#[cfg(test)]
mod tests {
    use super::{Limiter, PER_MINUTE};

    #[test]
    fn a_flood_of_refusals_writes_a_bounded_number_of_records_each_minute() {
        let limiter = Limiter::default();
        let written = (0..1000).filter(|_| limiter.admits(60_000)).count();
        assert_eq!(written, PER_MINUTE as usize);
        assert!(limiter.admits(120_000), "the next minute has an allowance of its own");
    }
}
