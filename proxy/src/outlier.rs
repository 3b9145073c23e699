//! Passive health: an endpoint that fails real requests is left out for a while, and comes back by
//! probation.
//!
//! Active checks ask whether an endpoint answers a question made for the purpose; this looks at
//! what it does with real requests. Pure but for its atomics: time is an argument. A healthy
//! endpoint costs one load a request and no store.

use stagegate_settings::Ejection;
use stagegate_timing::Backoff;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::time::Duration;

/// Longest time an endpoint is left out at once.
const LONGEST: Duration = Duration::from_secs(300);

/// How one endpoint did lately. Shared by all workers.
#[derive(Debug, Default)]
pub(crate) struct Standing {
    /// Failures since the last success.
    failures: AtomicU32,
    /// Ejections since the last success.
    ejections: AtomicU32,
    /// Left out until then, in milliseconds of the caller's clock; 0 when it is not.
    until_ms: AtomicU64,
}

/// Whether a request may go to an endpoint.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Admission {
    /// As usual.
    Free,
    /// Its time is over: one request may try it ([`Standing::begin_trial`]).
    Trial,
    /// Left out.
    Ejected,
}

impl Standing {
    /// Whether requests may go there at `now_ms`.
    #[inline] // asked with every request
    pub(crate) fn admission(&self, now_ms: u64) -> Admission {
        match self.until_ms.load(Ordering::Relaxed) {
            0 => Admission::Free,
            until if now_ms >= until => Admission::Trial,
            _ => Admission::Ejected,
        }
    }

    /// Takes the one trial there is, if nobody was faster. Until it ends the endpoint stays left
    /// out for everybody else; a trial that never ends frees the next one after `patience`.
    pub(crate) fn begin_trial(&self, now_ms: u64, patience: Duration) -> bool {
        let until = self.until_ms.load(Ordering::Relaxed);
        let later = now_ms + millis(patience).max(1);
        until != 0
            && now_ms >= until
            && self
                .until_ms
                .compare_exchange(until, later, Ordering::Relaxed, Ordering::Relaxed)
                .is_ok()
    }

    /// A request went well: whatever was, is forgiven. True when it was left out until now.
    pub(crate) fn succeeded(&self) -> bool {
        if self.failures.load(Ordering::Relaxed) == 0 && self.until_ms.load(Ordering::Relaxed) == 0
        {
            return false;
        }
        self.failures.store(0, Ordering::Relaxed);
        self.ejections.store(0, Ordering::Relaxed);
        self.until_ms.swap(0, Ordering::Relaxed) != 0
    }

    /// A request failed. True when that is why the endpoint is left out from now on.
    pub(crate) fn failed(&self, rule: &Ejection, now_ms: u64) -> bool {
        let failures = self.failures.fetch_add(1, Ordering::Relaxed).saturating_add(1);
        let on_trial = self.until_ms.load(Ordering::Relaxed) != 0;
        if !on_trial && failures < rule.failures {
            return false;
        }
        let before = self.ejections.fetch_add(1, Ordering::Relaxed);
        let time = Backoff::doubling(rule.time, LONGEST).wait(before.saturating_add(1));
        let until = now_ms + millis(time).max(1);
        self.until_ms.fetch_max(until, Ordering::Relaxed);
        true
    }
}

fn millis(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX / 2)
}

#[cfg(test)]
mod tests {
    use super::{Admission, Standing};
    use stagegate_settings::Ejection;
    use std::time::Duration;

    const RULE: Ejection = Ejection { failures: 3, slow: None, time: Duration::from_secs(10) };
    const TRIAL: Duration = Duration::from_secs(2);

    fn ejected() -> Standing {
        let standing = Standing::default();
        assert!(!standing.failed(&RULE, 0));
        assert!(!standing.failed(&RULE, 1));
        assert!(standing.failed(&RULE, 2));
        standing
    }

    #[test]
    fn failures_in_a_row_eject_and_a_success_between_them_does_not() {
        assert_eq!(ejected().admission(3), Admission::Ejected);
        let standing = Standing::default();
        for at in 0..20 {
            assert!(!standing.failed(&RULE, at));
            assert!(!standing.failed(&RULE, at));
            assert!(!standing.succeeded(), "it was never left out");
        }
        assert_eq!(standing.admission(20), Admission::Free);
    }

    #[test]
    fn one_request_tries_it_and_brings_it_back() {
        let standing = ejected();
        assert_eq!(standing.admission(10_001), Admission::Ejected);
        assert_eq!(standing.admission(10_002), Admission::Trial);
        assert!(standing.begin_trial(10_002, TRIAL));
        assert!(!standing.begin_trial(10_002, TRIAL), "one at a time");
        assert_eq!(standing.admission(10_003), Admission::Ejected);
        assert!(standing.succeeded());
        assert_eq!(standing.admission(10_004), Admission::Free);
    }

    #[test]
    fn a_failed_trial_doubles_the_time_up_to_five_minutes() {
        let standing = ejected();
        let (mut now, mut time) = (10_002, 10);
        for _ in 0..8 {
            assert!(standing.begin_trial(now, TRIAL));
            assert!(standing.failed(&RULE, now), "a trial has no second chance");
            time = (time * 2).min(300);
            assert_eq!(standing.admission(now + time * 1000 - 1), Admission::Ejected);
            now += time * 1000;
            assert_eq!(standing.admission(now), Admission::Trial);
        }
        assert!(standing.begin_trial(now, TRIAL));
        standing.succeeded();
        assert!(!standing.failed(&RULE, now), "forgiven: it takes as many failures as at first");
    }

    #[test]
    fn a_trial_nobody_ends_makes_room_for_the_next() {
        let standing = ejected();
        assert!(standing.begin_trial(10_002, TRIAL));
        assert!(!standing.begin_trial(12_001, TRIAL));
        assert!(standing.begin_trial(12_002, TRIAL));
    }
}
