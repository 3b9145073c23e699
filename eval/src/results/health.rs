//! Health of the judge. A judge that is silent, that changed its mind, or that scores one arm more
//! than the other gives no evidence about a release, whatever its figures are.

use crate::Tally;

/// The counts of the judge in a window.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct JudgeCounts {
    /// Samples of stable in the window.
    pub stable: Tally,
    /// Samples of the candidate in the window.
    pub candidate: Tally,
    /// Samples of stable before the window: what is usual.
    pub usual: Tally,
    /// Since when samples wait without any being scored, in Unix milliseconds.
    pub silent_since_ms: Option<u64>,
    /// The number of samples that is about. A few that cannot be judged are no silence.
    pub unanswered: u64,
}

/// The limits beyond which a judge is not believed.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct HealthLimits {
    /// The time for which samples may wait without any being scored, in milliseconds.
    pub silence_ms: u64,
    /// Fewest samples on each side of a comparison.
    pub at_least: u64,
    /// Largest difference of stable's pass rate from its usual one.
    pub drift: f64,
    /// Largest difference between the arms in the share that got a verdict.
    pub coverage: f64,
    /// The time for which what counts as present is, in milliseconds. What is usual are the
    /// [`HealthLimits::USUAL`] windows before it.
    pub window_ms: u64,
}

impl HealthLimits {
    /// The number of windows before the present one say what is usual.
    pub const USUAL: u64 = 24;
}

impl Default for HealthLimits {
    /// Three minutes, 200 samples, five points each; the present is a quarter of an hour.
    fn default() -> Self {
        Self { silence_ms: 180_000, at_least: 200, drift: 0.05, coverage: 0.05, window_ms: 900_000 }
    }
}

/// Fewer samples without a verdict are no silence.
const LEAST_SILENT: u64 = 10;

/// The health of the judge.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Health {
    /// Nothing speaks against it.
    Good,
    /// Samples wait, and none was scored for this long: the eval verdict is `error`.
    Silent {
        /// Milliseconds.
        for_ms: u64,
    },
    /// Stable did not change, its pass rate did: the eval verdict is `error`.
    Drifted {
        /// Stable's usual pass rate.
        usual: f64,
        /// Its pass rate in the window.
        now: f64,
    },
    /// One arm's samples get verdicts more often: the eval verdict is `inconclusive`.
    Uneven {
        /// Share of stable's samples with a verdict.
        stable: f64,
        /// Share of the candidate's.
        candidate: f64,
    },
}

/// A difference must be this many standard errors away from zero, however large it is: about one
/// false alarm in 16,000 looks.
const SURE: f64 = 4.0;

/// Judges the judge.
#[must_use]
pub fn judge_health(counts: &JudgeCounts, limits: &HealthLimits, now_ms: u64) -> Health {
    if let Some(since_ms) = counts.silent_since_ms {
        let for_ms = now_ms.saturating_sub(since_ms);
        if for_ms >= limits.silence_ms && counts.unanswered >= LEAST_SILENT {
            return Health::Silent { for_ms };
        }
    }
    let passes = |tally: &Tally| (tally.passed, tally.scored());
    if let Some((usual, now)) =
        differ(passes(&counts.usual), passes(&counts.stable), limits.drift, limits.at_least)
    {
        return Health::Drifted { usual, now };
    }
    let covered = |tally: &Tally| (tally.scored(), tally.scored() + tally.unscored);
    if let Some((stable, candidate)) = differ(
        covered(&counts.stable),
        covered(&counts.candidate),
        limits.coverage,
        limits.at_least,
    ) {
        return Health::Uneven { stable, candidate };
    }
    Health::Good
}

/// Two shares that differ by more than `most`, and surely (pooled two-proportion z).
fn differ(a: (u64, u64), b: (u64, u64), most: f64, at_least: u64) -> Option<(f64, f64)> {
    if a.1.min(b.1) < at_least.max(1) {
        return None;
    }
    let (n_a, n_b) = (a.1 as f64, b.1 as f64);
    let (share_a, share_b) = (a.0 as f64 / n_a, b.0 as f64 / n_b);
    let pooled = (a.0 + b.0) as f64 / (n_a + n_b);
    let error = (pooled * (1.0 - pooled) * (1.0 / n_a + 1.0 / n_b)).sqrt();
    let gap = (share_a - share_b).abs();
    (gap > most && gap > SURE * error).then_some((share_a, share_b))
}
