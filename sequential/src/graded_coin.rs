//! Heavy-tailed totals (what a conversation costs) of the candidate against stable's beside it.
//!
//! A total `X` counts as `x = min(X, K S) / (K S)`, from 0 to 1, where `S` is stable's mean before
//! this tick and `K` is 20: one dear conversation is at most one unit of evidence, and no variance
//! needs to exist. With `c = n_c r0 / (n_c r0 + n_s)` a total of the candidate multiplies the evidence
//! by `1 + x (g - 1)(1 - c) / (1 + c (g - 1))` and one of stable by `1 - x (g - 1) c / (1 + c (g - 1))`.
//! These are the coin's factors, and straight lines in `x`: the average over a tick is at most
//! `exp(u (1 - c) n_c mean_c - u c n_s mean_s)` with `u = (g - 1)/(1 + c (g - 1))`, and that is at most 1
//! while the candidate's mean is at most `r0` times stable's (Waudby-Smith and Ramdas 2024 for the
//! line; the coin for the rest).

use crate::alpha::Alpha;
use crate::error::InvalidParameter;
use crate::process::{Accumulator, EProcess};
use serde::{Deserialize, Serialize};

/// Totals above this many times stable's mean count as this much.
const CAP: f64 = 20.0;
/// Totals are held until both arms have so many of a slice.
const TOGETHER: u64 = 5;
/// Totals of stable before its mean is a scale.
const LEAST: f64 = 20.0;
/// Totals of stable that its mean is taken of.
const REMEMBERED: f64 = 5000.0;
/// How many slices are kept apart; further ones share the last place.
const SLICES: usize = 16;
/// The alternatives: a mean total is a small part of the cap, so a doubled one needs a large `g`.
const RATIOS: [f64; 12] = [1.1, 1.6, 2.3, 3.3, 4.7, 6.8, 9.8, 14.0, 20.0, 29.0, 42.0, 60.0];

/// Whether the candidate's mean total is above `r0` times that of stable; looked at at any time.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "Stored", into = "Stored")]
pub struct GradedCoinTest {
    r0: f64,
    evidence: EProcess,
    slices: Vec<Slice>,
}

/// Totals that wait for the other arm, and stable's sum and count before.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
struct Slice {
    candidate: Vec<(f64, u64)>,
    stable: Vec<(f64, u64)>,
    before: (f64, f64),
}

#[derive(Serialize, Deserialize)]
struct Stored {
    r0: f64,
    evidence: EProcess,
    slices: Vec<Slice>,
}

fn count(totals: &[(f64, u64)]) -> u64 {
    totals.iter().map(|(_, count)| count).sum()
}

impl GradedCoinTest {
    /// A test that can show that the candidate's mean is above `r0` times stable's.
    ///
    /// # Errors
    /// When `r0` is not a number above 0.
    pub fn new(r0: f64) -> Result<Self, InvalidParameter> {
        let priors = [1.0 / RATIOS.len() as f64; RATIOS.len()];
        Self::with(r0, EProcess::begin(&priors), Vec::new())
    }

    fn with(r0: f64, evidence: EProcess, mut slices: Vec<Slice>) -> Result<Self, InvalidParameter> {
        let r0 = InvalidParameter::unless_positive("r0", r0)?;
        evidence.check(RATIOS.len())?;
        slices.truncate(SLICES);
        Ok(Self { r0, evidence, slices })
    }

    /// Counts both arms' totals of one slice that ended at the same time, as `(total, how many)`.
    /// Slices are numbered from 0.
    ///
    /// # Errors
    /// When a total is negative or not a number; then nothing was counted.
    pub fn update_slice(
        &mut self,
        slice: usize,
        candidate: impl IntoIterator<Item = (f64, u64)>,
        stable: impl IntoIterator<Item = (f64, u64)>,
    ) -> Result<(), InvalidParameter> {
        let (candidate, stable): (Vec<_>, Vec<_>) =
            (candidate.into_iter().collect(), stable.into_iter().collect());
        for (total, _) in candidate.iter().chain(&stable) {
            let valid = *total >= 0.0 && total.is_finite();
            InvalidParameter::unless(valid, "total", *total, "a number from 0 on")?;
        }
        let slice = slice.min(SLICES - 1);
        if slice >= self.slices.len() {
            self.slices.resize(slice + 1, Slice::default());
        }
        let Some(place) = self.slices.get_mut(slice) else { return Ok(()) };
        place.candidate.extend(candidate);
        place.stable.extend(stable);
        if count(&place.candidate) < TOGETHER || count(&place.stable) < TOGETHER {
            return Ok(());
        }
        let Slice { candidate, stable, before: (sum, n) } = std::mem::take(place);
        let (all, known) = stable.iter().fold((sum, n), |(sum, n), (total, count)| {
            (sum + total * *count as f64, n + *count as f64)
        });
        let kept = (REMEMBERED / known).min(1.0);
        place.before = (all * kept, known * kept);
        if n >= LEAST && sum > 0.0 {
            self.bet(CAP * sum / n, &candidate, &stable);
        }
        Ok(())
    }

    fn bet(&mut self, cap: f64, candidate: &[(f64, u64)], stable: &[(f64, u64)]) {
        let expected = count(candidate) as f64 * self.r0;
        let c = expected / (expected + count(stable) as f64);
        let of = |ratio: f64| {
            let unit = (ratio - 1.0) / (1.0 + c * (ratio - 1.0));
            let sum = |totals: &[(f64, u64)], slope: f64| {
                let of =
                    |(total, n): &(f64, u64)| *n as f64 * (slope * (total / cap).min(1.0)).ln_1p();
                totals.iter().map(of).sum::<f64>()
            };
            sum(candidate, unit * (1.0 - c)) + sum(stable, -unit * c)
        };
        self.evidence.multiply(&RATIOS.map(of));
    }

    /// Begins a block: see [`EProcess::begin_block`].
    pub fn begin_block(&mut self) {
        self.evidence.begin_block();
    }

    /// The logarithm of the evidence: [`Alpha::ln_threshold`] or more rejects.
    #[must_use]
    pub fn ln_value(&self) -> f64 {
        self.evidence.ln_value()
    }

    /// Whether the claim is shown at `alpha`: see [`EProcess::rejects`].
    #[must_use]
    pub fn rejects(&self, alpha: Alpha) -> bool {
        self.evidence.rejects(alpha)
    }
}

impl TryFrom<Stored> for GradedCoinTest {
    type Error = InvalidParameter;

    fn try_from(stored: Stored) -> Result<Self, InvalidParameter> {
        Self::with(stored.r0, stored.evidence, stored.slices)
    }
}

impl From<GradedCoinTest> for Stored {
    fn from(test: GradedCoinTest) -> Self {
        Self { r0: test.r0, evidence: test.evidence, slices: test.slices }
    }
}

#[cfg(test)]
mod tests {
    use super::GradedCoinTest;
    use crate::alpha::Alpha;

    fn fed(ratio: f64, dear: Option<f64>) -> GradedCoinTest {
        let mut test = GradedCoinTest::new(1.2).expect("a ratio");
        for tick in 0..400 {
            let stable = [(0.5, 60), (1.0, 30), (6.0, 9)];
            let mut candidate = vec![(0.5 * ratio, 6), (1.0 * ratio, 3), (6.0 * ratio, 1)];
            if tick == 200 {
                candidate.extend(dear.map(|total| (total, 1)));
            }
            test.update_slice(0, candidate, stable).expect("totals");
        }
        test
    }

    #[test]
    fn doubled_totals_are_found_and_equal_ones_are_not() {
        assert!(fed(2.0, None).rejects(Alpha::ROLLBACK));
        assert!(!fed(1.0, None).rejects(Alpha::ROLLBACK));
        assert!(!fed(1.2, None).rejects(Alpha::ROLLBACK));
    }

    #[test]
    fn one_dear_conversation_is_never_enough() {
        // A thousand times as dear as all others together.
        let without = fed(1.1, None);
        let with = fed(1.1, Some(1e6));
        assert!(!with.rejects(Alpha::ROLLBACK));
        assert!(with.ln_value() - without.ln_value() < 60f64.ln());
    }

    #[test]
    fn totals_that_make_no_sense_are_refused() {
        let mut test = GradedCoinTest::new(1.2).expect("a ratio");
        assert!(test.update_slice(0, [(f64::NAN, 1)], []).is_err());
        assert!(test.update_slice(0, [], [(-1.0, 1)]).is_err());
        let text = serde_json::to_string(&test).expect("text");
        assert_eq!(serde_json::from_str::<GradedCoinTest>(&text).expect("a test"), test);
        assert!(GradedCoinTest::new(0.0).is_err());
    }
}
