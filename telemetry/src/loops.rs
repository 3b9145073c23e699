//! The loops that a process lives by, and when each has last looked.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

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
    /// Stores measurements.
    Recorder,
}

impl Loop {
    /// Every loop.
    pub const ALL: [Self; 5] =
        [Self::Steering, Self::Collector, Self::Notifier, Self::Scoring, Self::Recorder];

    /// The word in metrics and texts.
    #[must_use]
    pub const fn label(self) -> &'static str {
        match self {
            Self::Steering => "steering",
            Self::Collector => "collector",
            Self::Notifier => "notifier",
            Self::Scoring => "scoring",
            Self::Recorder => "recorder",
        }
    }

    /// Returns true if nobody is protected while it stands still.
    const fn protects(self) -> bool {
        matches!(self, Self::Steering | Self::Collector)
    }
}

/// When each loop has last looked. The wall clock is for people; silence is measured by a clock that
/// nobody sets.
#[derive(Debug)]
pub(crate) struct Looks {
    begun: Instant,
    looks: [Look; Loop::ALL.len()],
}

/// The last look of a loop.
#[derive(Debug, Default)]
struct Look {
    /// In Unix milliseconds; 0 before its first look.
    unix_ms: AtomicU64,
    /// In milliseconds since the process began to count.
    steady_ms: AtomicU64,
}

impl Default for Looks {
    fn default() -> Self {
        Self { begun: Instant::now(), looks: Default::default() }
    }
}

impl Looks {
    pub(crate) fn note(&self, which: Loop) {
        let look = &self.looks[which as usize];
        look.steady_ms.store(self.steady_ms(), Ordering::Relaxed);
        look.unix_ms.store(now_ms().max(1), Ordering::Relaxed);
    }

    /// No look is expected from here on until the next one.
    pub(crate) fn forget(&self, which: Loop) {
        self.looks[which as usize].unix_ms.store(0, Ordering::Relaxed);
    }

    /// The loops that have looked, with the time in Unix seconds.
    pub(crate) fn seconds(&self) -> impl Iterator<Item = (Loop, f64)> + '_ {
        self.looked()
            .map(|(which, look)| (which, look.unix_ms.load(Ordering::Relaxed) as f64 / 1e3))
    }

    /// The loops without which nobody is protected, and that have not looked for longer than
    /// `patience`.
    pub(crate) fn stalled(&self, patience: Duration) -> Vec<(Loop, Duration)> {
        let now = self.steady_ms();
        let since = |look: &Look| {
            Duration::from_millis(now.saturating_sub(look.steady_ms.load(Ordering::Relaxed)))
        };
        self.looked()
            .filter(|(which, _)| which.protects())
            .map(|(which, look)| (which, since(look)))
            .filter(|(_, since)| *since > patience)
            .collect()
    }

    fn looked(&self) -> impl Iterator<Item = (Loop, &Look)> {
        let has_looked = |look: &Look| look.unix_ms.load(Ordering::Relaxed) > 0;
        let all = Loop::ALL.into_iter().map(|which| (which, &self.looks[which as usize]));
        all.filter(move |(_, look)| has_looked(look))
    }

    fn steady_ms(&self) -> u64 {
        u64::try_from(self.begun.elapsed().as_millis()).unwrap_or(u64::MAX)
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
