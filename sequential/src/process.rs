//! Accumulates evidence over alternatives, and over the possible beginnings of a change.
//!
//! A likelihood ratio is a bet against the claim "all is well" that pays 1 on average while the
//! claim holds. Multiplying them gives wealth; wealth of `1/alpha` is had with probability at most
//! `alpha`, ever, by someone who bets against the truth (Ville 1939). A plain product forgets
//! slowly: 50,000 good responses lose so much that a later regression is buried. So the stake is
//! spread over the times at which the change may begin: `w_0 = 0.9` bets from the start,
//! the rest as `0.1/(s(s+1))` from the s-th block on. What is not yet staked is kept, and the sum
//! is one e-process.

use crate::alpha::Alpha;
use crate::error::InvalidParameter;
use crate::special::{ln_add_exp, ln_sum_exp};
use serde::{Deserialize, Serialize};

/// The stake that bets from the start on.
const AT_START: f64 = 0.9;

/// Ways in which evidence against a claim adds up, one value per alternative to the claim.
///
/// Two exist: [`EProcess`] bounds the probability of any false alarm ever, [`Cusum`](crate::Cusum)
/// their frequency.
pub trait Accumulator: Sized + sealed::Sealed {
    /// No evidence yet; `priors` are the alternatives' parts of the stake and sum to 1.
    #[must_use]
    fn begin(priors: &[f64]) -> Self;

    /// Takes in the logarithms of the likelihood ratios of what was counted, one per alternative.
    fn multiply(&mut self, ln_factors: &[f64]);

    /// The logarithm of the evidence.
    fn ln_value(&self) -> f64;

    /// An error unless this is a possible state of `alternatives` alternatives.
    ///
    /// # Errors
    /// When the lengths differ, or a number is not finite.
    fn check(&self, alternatives: usize) -> Result<(), InvalidParameter>;
}

pub(crate) mod sealed {
    /// Keeps the trait's implementations here.
    pub trait Sealed {}
}

/// Evidence whose every value, at any time, is honest: under the claim it ever reaches
/// `1/alpha` with probability at most `alpha`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct EProcess {
    /// Per alternative, the logarithm of the wealth of all stakes placed so far.
    ln_wealth: Vec<f64>,
    ln_priors: Vec<f64>,
    /// The block that is counted now, from 0 on.
    block: u64,
    /// True if this block has counts.
    counted: bool,
    ln_peak: f64,
}

impl EProcess {
    /// Begins a block: from here on one more stake bets that the change begins now.
    ///
    /// The caller decides how long a block is (minutes rather than responses), by anything but the
    /// outcomes still to come. A block without counts is not a block: calling this again is free.
    pub fn begin_block(&mut self) {
        if !self.counted {
            return;
        }
        self.counted = false;
        self.block += 1;
        let block = self.block as f64;
        let ln_stake = ((1.0 - AT_START) / (block * (block + 1.0))).ln();
        for (wealth, prior) in self.ln_wealth.iter_mut().zip(&self.ln_priors) {
            *wealth = ln_add_exp(*wealth, ln_stake + prior);
        }
    }

    /// The largest logarithm of the evidence so far, from 0 on.
    #[must_use]
    pub fn ln_peak(&self) -> f64 {
        self.ln_peak
    }

    /// Returns true if the claim is rejected at `alpha`. Once rejected, it remains so.
    #[must_use]
    pub fn rejects(&self, alpha: Alpha) -> bool {
        self.ln_peak >= alpha.ln_threshold()
    }

    /// The anytime-valid p-value: the smallest `alpha` at which the claim was ever rejected.
    #[must_use]
    pub fn p_value(&self) -> f64 {
        (-self.ln_peak).exp().min(1.0)
    }

    /// The sum of the stakes of all later blocks: `0.1/(s(s+1)) + ...` from `s = block + 1` on.
    fn ln_unspent(&self) -> f64 {
        ((1.0 - AT_START) / (self.block as f64 + 1.0)).ln()
    }
}

impl sealed::Sealed for EProcess {}

impl Accumulator for EProcess {
    fn begin(priors: &[f64]) -> Self {
        let ln_priors: Vec<f64> = priors.iter().map(|prior| prior.ln()).collect();
        let ln_wealth = ln_priors.iter().map(|prior| prior + AT_START.ln()).collect();
        Self { ln_wealth, ln_priors, block: 0, counted: false, ln_peak: 0.0 }
    }

    fn multiply(&mut self, ln_factors: &[f64]) {
        self.counted = true;
        for (wealth, factor) in self.ln_wealth.iter_mut().zip(ln_factors) {
            *wealth += factor;
        }
        // The exact sum costs an exponential per alternative. While all is well a bound from above
        // tells that this is no peak: what is not yet staked is at most 0.1, a peak at least 1.
        let best = self.ln_wealth.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        if self.ln_wealth.len() as f64 * best.exp() > AT_START {
            self.ln_peak = self.ln_peak.max(self.ln_value());
        }
    }

    fn ln_value(&self) -> f64 {
        ln_add_exp(ln_sum_exp(&self.ln_wealth), self.ln_unspent())
    }

    fn check(&self, alternatives: usize) -> Result<(), InvalidParameter> {
        for (key, list) in [("ln_wealth", &self.ln_wealth), ("ln_priors", &self.ln_priors)] {
            check_list(key, list, alternatives)?;
        }
        let finite = self.ln_peak.is_finite();
        InvalidParameter::unless(finite, "ln_peak", self.ln_peak, "finite").map(drop)
    }
}

/// An error unless a stored list has one finite number per alternative.
pub(crate) fn check_list(
    key: &'static str,
    list: &[f64],
    alternatives: usize,
) -> Result<(), InvalidParameter> {
    let (length, expected) = (list.len() as f64, "as long as there are alternatives");
    InvalidParameter::unless(list.len() == alternatives, key, length, expected)?;
    for value in list {
        InvalidParameter::unless(value.is_finite(), key, *value, "a list of finite numbers")?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_stakes_together_are_one_at_any_number_of_blocks() {
        let mut process = EProcess::begin(&[0.25, 0.75]);
        for _ in 0..1000 {
            assert!(process.ln_value().abs() < 1e-12);
            process.multiply(&[0.0, 0.0]);
            process.begin_block();
        }
    }

    #[test]
    fn a_block_without_counts_costs_nothing() {
        let mut process = EProcess::begin(&[1.0]);
        process.begin_block();
        process.begin_block();
        assert_eq!(process, EProcess::begin(&[1.0]));
    }

    #[test]
    fn a_late_change_is_found_after_a_long_good_time() {
        // Every block of good responses divides a bet by e^10, every bad one multiplies it by e^3.
        let mut process = EProcess::begin(&[1.0]);
        for _ in 0..100 {
            process.multiply(&[-10.0]);
            process.begin_block();
        }
        assert!(process.ln_value() < 0.0);
        let mut bad_blocks = 0;
        while !process.rejects(Alpha::ROLLBACK) {
            process.multiply(&[3.0]);
            process.begin_block();
            bad_blocks += 1;
        }
        // ln(1/alpha) + ln(100 * 101 / 0.1) = 16.1, not the 1000 that were lost before.
        assert_eq!(bad_blocks, 6);
    }

    #[test]
    fn a_rejection_is_not_taken_back() {
        let mut process = EProcess::begin(&[1.0]);
        process.multiply(&[5.0]);
        process.multiply(&[-50.0]);
        assert!(process.rejects(Alpha::ROLLBACK));
        assert!(process.ln_value() < 0.0);
        assert!((process.p_value() - 1.0 / (0.9 * 5.0f64.exp() + 0.1)).abs() < 1e-12);
    }
}
