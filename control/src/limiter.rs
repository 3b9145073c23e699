//! A cap on records that anyone who can reach the port can cause.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

/// Most such records of one origin in a minute.
const PER_MINUTE: u64 = 30;
/// Most origins that are told apart.
const ORIGINS: usize = 256;

/// Counts records in fixed minutes, apart for everyone with a token and for all strangers together:
/// a stranger cannot use up what is kept for a token.
#[derive(Debug, Default)]
pub(super) struct Limiter {
    minute: Mutex<Minute>,
}

#[derive(Debug, Default)]
struct Minute {
    number: u64,
    written: BTreeMap<String, u64>,
}

/// The strangers' place among the origins; no token has this name.
const STRANGERS: &str = "";

/// What becomes of a record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Admitted {
    /// It is written, after this one if there is one.
    Yes(Option<String>),
    /// It is left out, and this is written once in its place.
    Last(String),
    /// It is left out.
    No,
}

impl Limiter {
    /// Decides about one more record at `now_ms`. `actor` is the name of the token; none for a
    /// stranger.
    pub(super) fn admits(&self, actor: Option<&str>, now_ms: u64) -> Admitted {
        let mut minute = self.minute.lock().unwrap_or_else(PoisonError::into_inner);
        let mut before = None;
        if minute.number != now_ms / 60_000 {
            let left_out: u64 =
                minute.written.values().map(|written| written.saturating_sub(PER_MINUTE)).sum();
            before = (left_out > 0).then(|| {
                format!("{left_out} records of refusals were left out in the minute before")
            });
            *minute = Minute { number: now_ms / 60_000, written: BTreeMap::new() };
        }
        let origin = actor.unwrap_or(STRANGERS);
        let is_one_too_many =
            minute.written.len() >= ORIGINS && !minute.written.contains_key(origin);
        let origin = if is_one_too_many { STRANGERS } else { origin };
        let written = minute.written.entry(origin.to_owned()).or_default();
        *written = written.saturating_add(1);
        match *written {
            1..=PER_MINUTE => Admitted::Yes(before),
            written if written == PER_MINUTE + 1 => Admitted::Last(format!(
                "further refusals of {} are left out until the end of the minute",
                if origin == STRANGERS { "strangers" } else { origin }
            )),
            _ => Admitted::No,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Admitted, Limiter, ORIGINS, PER_MINUTE};

    #[test]
    fn a_flood_of_refusals_writes_a_bounded_number_of_records_each_minute() {
        let limiter = Limiter::default();
        let all: Vec<Admitted> = (0..1000).map(|_| limiter.admits(None, 60_000)).collect();
        let written = all.iter().filter(|it| matches!(it, Admitted::Yes(_))).count();
        let said = all.iter().filter(|it| matches!(it, Admitted::Last(_))).count();
        assert_eq!((written as u64, said), (PER_MINUTE, 1));
        let next = limiter.admits(None, 120_000);
        let Admitted::Yes(Some(before)) = next else { panic!("{next:?}") };
        assert!(before.starts_with("970 records"), "{before}");
        assert_eq!(limiter.admits(None, 120_000), Admitted::Yes(None));
    }

    #[test]
    fn strangers_do_not_use_up_what_is_kept_for_a_token() {
        let limiter = Limiter::default();
        (0..1000).for_each(|_| drop(limiter.admits(None, 60_000)));
        assert_eq!(limiter.admits(Some("ann"), 60_000), Admitted::Yes(None));
        (0..1000).for_each(|_| drop(limiter.admits(Some("ann"), 60_000)));
        assert_eq!(limiter.admits(Some("bob"), 60_000), Admitted::Yes(None));
        (0..3 * ORIGINS).for_each(|it| drop(limiter.admits(Some(&it.to_string()), 60_000)));
        assert!(limiter.minute.lock().unwrap().written.len() <= ORIGINS + 1);
    }
}
