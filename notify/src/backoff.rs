//! When to try again.

use sha2::{Digest, Sha256};
use stagegate_timing::{Backoff, jitter};
use std::time::Duration;

/// The longest pause of our own accord.
const LONGEST_MS: u64 = 10 * 60 * 1000;
/// Pauses of our own accord.
const PAUSES: Backoff =
    Backoff::doubling(Duration::from_secs(1), Duration::from_millis(LONGEST_MS));
/// A receiver may ask for a longer one; after a day a message is given up anyway.
const LONGEST_ASKED_MS: u64 = 24 * 60 * 60 * 1000;

/// Milliseconds to wait after `failures` failures in a row (at least 1): doubling from a second to
/// ten minutes, shortened by up to a half so that many who failed together do not come back
/// together. What shortens it is drawn from `seed` and `failures` alone. A receiver's own wish
/// (`Retry-After`) is a lower bound.
pub(crate) fn pause_ms(failures: u32, seed: &str, asked_ms: Option<u64>) -> u64 {
    let digest = Sha256::new().chain_update(seed).chain_update(failures.to_le_bytes()).finalize();
    let draw = u32::from_le_bytes([digest[0], digest[1], digest[2], digest[3]]);
    let ours = jitter(PAUSES.wait(failures), draw).as_millis() as u64;
    ours.max(asked_ms.unwrap_or(0).min(LONGEST_ASKED_MS))
}

#[cfg(test)]
mod tests {
    use super::{LONGEST_ASKED_MS, LONGEST_MS, pause_ms};

    #[test]
    fn pauses_double_up_to_ten_minutes() {
        for failures in 1..100 {
            let whole = 1000_u64.checked_shl(failures - 1).unwrap_or(u64::MAX);
            let whole = if failures > 20 { LONGEST_MS } else { whole.min(LONGEST_MS) };
            for seed in ["a", "b", "c"] {
                let pause = pause_ms(failures, seed, None);
                assert!((whole / 2..=whole).contains(&pause), "{failures}: {pause}");
            }
        }
    }

    #[test]
    fn those_who_failed_together_come_back_apart() {
        let pauses: std::collections::BTreeSet<u64> =
            (0..50).map(|n| pause_ms(5, &n.to_string(), None)).collect();
        assert!(pauses.len() > 45, "{pauses:?}");
    }

    #[test]
    fn a_wish_of_the_receiver_is_granted_within_a_day() {
        assert_eq!(pause_ms(1, "a", Some(120_000)), 120_000);
        assert!(pause_ms(20, "a", Some(5)) >= LONGEST_MS / 2, "but never sooner than our own");
        assert_eq!(pause_ms(1, "a", Some(u64::MAX)), LONGEST_ASKED_MS);
    }
}
