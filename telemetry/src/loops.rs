//! The loops that a process lives by, and when each has last looked.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// A loop that must not stand still.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Loop {
    /// Judges rollouts and rolls back.
    Steering,
    /// Takes in what workers counted.
    Collector,
    /// Sends messages to people.
    Notifier,
    /// Takes over sampled answers.
    Scoring,
}

impl Loop {
    /// Every loop.
    pub const ALL: [Self; 4] = [Self::Steering, Self::Collector, Self::Notifier, Self::Scoring];

    /// The word in metrics and texts.
    #[must_use]
    pub const fn label(self) -> &'static str {
        match self {
            Self::Steering => "steering",
            Self::Collector => "collector",
            Self::Notifier => "notifier",
            Self::Scoring => "scoring",
        }
    }

    /// Returns true if nobody is protected while it stands still.
    const fn protects(self) -> bool {
        matches!(self, Self::Steering | Self::Collector)
    }
}

/// When each loop has last looked, in Unix milliseconds; 0 before its first look.
#[derive(Debug, Default)]
pub(crate) struct Looks([AtomicU64; Loop::ALL.len()]);

impl Looks {
    pub(crate) fn note(&self, which: Loop) {
        self.0[which as usize].store(now_ms(), Ordering::Relaxed);
    }

    /// No look is expected from here on until the next one.
    pub(crate) fn forget(&self, which: Loop) {
        self.0[which as usize].store(0, Ordering::Relaxed);
    }

    /// The loops that have looked, with the time in seconds.
    pub(crate) fn seconds(&self) -> impl Iterator<Item = (Loop, f64)> + '_ {
        let at = |which: Loop| (which, self.0[which as usize].load(Ordering::Relaxed));
        Loop::ALL
            .into_iter()
            .map(at)
            .filter(|(_, at)| *at > 0)
            .map(|(it, at)| (it, at as f64 / 1e3))
    }

    /// The loops without which nobody is protected, and that have not looked for longer than
    /// `patience`.
    pub(crate) fn stalled(&self, patience: Duration) -> Vec<(Loop, Duration)> {
        let now = now_ms() as f64 / 1e3;
        self.seconds()
            .filter(|(it, _)| it.protects())
            .map(|(it, at)| (it, Duration::from_secs_f64((now - at).max(0.0))))
            .filter(|(_, since)| *since > patience)
            .collect()
    }
}

fn now_ms() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::{Looks, Loop};
    use std::time::Duration;

    #[test]
    fn a_loop_that_never_looked_is_not_missed_and_one_that_stopped_is() {
        let looks = Looks::default();
        assert!(looks.stalled(Duration::ZERO).is_empty());
        looks.note(Loop::Steering);
        looks.note(Loop::Notifier);
        std::thread::sleep(Duration::from_millis(20));
        let stalled = looks.stalled(Duration::from_millis(5));
        assert_eq!(stalled.iter().map(|it| it.0).collect::<Vec<_>>(), [Loop::Steering]);
        assert_eq!(looks.seconds().count(), 2);
        looks.forget(Loop::Steering);
        assert!(looks.stalled(Duration::ZERO).is_empty());
    }
}
