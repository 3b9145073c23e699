//! Did the keys go where the weight says? Sample-ratio mismatch, looked at at any time.
//!
//! A split that is off (a filter that loses one arm's records, a cache that answers for one arm)
//! makes every comparison worthless, so this is asked before anything else.

use crate::error::InvalidParameter;
use crate::special::{ln_add_exp, ln_beta};
use crate::tally::Tally;
use serde::{Deserialize, Serialize};
use std::f64::consts::LN_2;

/// Worth of the two priors in keys: the first sees gross errors soon, the second small ones in
/// the long run.
const PRIORS: [f64; 2] = [100.0, 10_000.0];

/// Evidence that a split does not follow its weight: a beta-binomial mixture around the weight
/// against the weight itself (Robbins 1970; as an SRM test, Lindon and Malek 2020).
///
/// Count every *distinct* targeting key once, among those whom the weight decides (no lists, no
/// cohorts, no forced requests). Or scored responses, with the share that should have been scored.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct SplitHealth {
    /// Evidence of the stretches under earlier weights.
    ln_before: f64,
    /// The weight in force and the keys since it is.
    weight: Option<f64>,
    /// On the candidate, and in all.
    counted: Tally,
}

impl SplitHealth {
    /// Evidence of this much or more makes an analysis invalid.
    pub const INVALID: f64 = 1000.0;

    /// Nothing counted yet.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Counts distinct keys that are new: `on_candidate` of `all`, where a share of `weight` was
    /// meant to. Another weight begins another stretch; the evidence of all multiplies.
    ///
    /// # Errors
    /// When `on_candidate` exceeds `all`, or `weight` is not from 0 to 1; then nothing was counted.
    pub fn update(
        &mut self,
        on_candidate: u64,
        all: u64,
        weight: f64,
    ) -> Result<(), InvalidParameter> {
        let holds = (0.0..=1.0).contains(&weight);
        let weight = InvalidParameter::unless(holds, "weight", weight, "from 0 to 1")?;
        let new = Tally::of(on_candidate, all)?;
        if self.weight != Some(weight) {
            self.ln_before = self.ln_value();
            self.weight = Some(weight);
            self.counted = Tally::default();
        }
        self.counted = self.counted.plus(new);
        Ok(())
    }

    /// The logarithm of the evidence.
    #[must_use]
    pub fn ln_value(&self) -> f64 {
        // Nobody or everybody: there is no ratio to miss.
        let Some(weight) = self.weight.filter(|weight| *weight > 0.0 && *weight < 1.0) else {
            return self.ln_before;
        };
        let (on, off) = (self.counted.failures(), self.counted.passes());
        let ln_claim = on * weight.ln() + off * (-weight).ln_1p();
        let [gross, fine] = PRIORS.map(|prior| {
            let (a, b) = (prior * weight, prior * (1.0 - weight));
            ln_beta(a + on, b + off) - ln_beta(a, b) - ln_claim
        });
        self.ln_before + ln_add_exp(gross, fine) - LN_2
    }

    /// Returns true if the split is shown to be wrong, so that no comparison of the arms is valid.
    #[must_use]
    pub fn is_invalid(&self) -> bool {
        self.ln_value() >= Self::INVALID.ln()
    }
}
