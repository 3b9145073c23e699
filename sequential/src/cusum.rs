//! Evidence that never gets tired: for the time after a rollout, without an end.

use crate::error::InvalidParameter;
use crate::process::{Accumulator, check_list, sealed};
use crate::special::ln_sum_exp;
use serde::{Deserialize, Serialize};

/// An e-CUSUM: per alternative `M <- max(M, 1) * L`, evidence is their mean by prior weight.
///
/// Because every tick may be the first of a change at no cost, a false alarm comes sooner or
/// later. What is bounded is how soon: while the claim holds, the mean number of ticks until the
/// evidence reaches `A` is at least `A` (Shin, Ramdas and Rinaldo, E-detectors, 2024, from
/// Lorden 1971).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Cusum {
    ln_wealth: Vec<f64>,
    ln_priors: Vec<f64>,
}

impl Cusum {
    /// Returns true if the evidence is at least `level`: alarm.
    #[must_use]
    pub fn alarms(&self, level: f64) -> bool {
        self.ln_value() >= level.ln()
    }

    /// Forgets everything, as after an alarm that was dealt with.
    pub fn reset(&mut self) {
        self.ln_wealth.fill(0.0);
    }
}

impl sealed::Sealed for Cusum {}

impl Accumulator for Cusum {
    fn begin(priors: &[f64]) -> Self {
        let ln_priors: Vec<f64> = priors.iter().map(|prior| prior.ln()).collect();
        Self { ln_wealth: vec![0.0; ln_priors.len()], ln_priors }
    }

    fn multiply(&mut self, ln_factors: &[f64]) {
        for (wealth, factor) in self.ln_wealth.iter_mut().zip(ln_factors) {
            *wealth = wealth.max(0.0) + factor;
        }
    }

    fn ln_value(&self) -> f64 {
        let parts =
            self.ln_wealth.iter().zip(&self.ln_priors).map(|(wealth, prior)| wealth + prior);
        ln_sum_exp(&parts.collect::<Vec<_>>())
    }

    fn check(&self, alternatives: usize) -> Result<(), InvalidParameter> {
        check_list("ln_wealth", &self.ln_wealth, alternatives)?;
        check_list("ln_priors", &self.ln_priors, alternatives)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_million_good_ticks_do_not_delay_the_alarm() {
        let mut cusum = Cusum::begin(&[0.5, 0.5]);
        for _ in 0..1_000_000 {
            cusum.multiply(&[-1.0, -2.0]);
        }
        for _ in 0..8 {
            assert!(!cusum.alarms(1000.0));
            cusum.multiply(&[1.0, 0.5]);
        }
        // 0.5 e^8 + 0.5 e^4 = 1518.
        assert!(cusum.alarms(1000.0));
        cusum.reset();
        assert!(!cusum.alarms(1.1));
    }
}
