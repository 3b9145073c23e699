//! The mean of something heavy-tailed (cost, tokens) against a limit.
//!
//! Betting the fraction `lambda` of one's wealth on each unit pays `1 + lambda (X/m - 1)`: at
//! most 1 on average while the mean is at most `m`, whatever the distribution, as long as it is
//! never negative (Waudby-Smith and Ramdas, Estimating means of bounded random variables by
//! betting, 2024). No variance is assumed to exist.

use crate::Cusum;
use crate::alpha::Alpha;
use crate::error::InvalidParameter;
use crate::process::{Accumulator, EProcess};
use serde::{Deserialize, Serialize};

/// The fractions that are bet.
const LAMBDAS: [f64; 4] = [0.01, 0.03, 0.1, 0.3];

/// Tests if a mean is above a limit; may be checked at any time.
pub type MeanTest = Mean<EProcess>;

/// The same without an end: see [`Cusum`].
pub type MeanCusum = Mean<Cusum>;

/// A mean against a limit, with evidence that adds up in the way of `A`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(
    try_from = "Stored<A>",
    into = "Stored<A>",
    bound(
        serialize = "A: Accumulator + Clone + Serialize",
        deserialize = "A: Accumulator + Deserialize<'de>"
    )
)]
pub struct Mean<A> {
    evidence: A,
}

#[derive(Serialize, Deserialize)]
struct Stored<A> {
    evidence: A,
}

impl<A: Accumulator> Mean<A> {
    /// A test that can show that a mean is above its limit.
    #[must_use]
    pub fn new() -> Self {
        Self { evidence: A::begin(&[1.0 / LAMBDAS.len() as f64; LAMBDAS.len()]) }
    }

    /// Counts units that were not counted before, as `(value, how many)`.
    ///
    /// From a histogram pass each bucket's *lower* edge: evidence can then only be too small. The
    /// limit may differ from tick to tick (1.2 times what stable costs), but must be known before
    /// this tick's units: take it from the ticks before.
    ///
    /// # Errors
    /// When `limit` is not above 0, or a value is negative or not a number; then nothing was
    /// counted.
    pub fn update(
        &mut self,
        units: impl IntoIterator<Item = (f64, u64)>,
        limit: f64,
    ) -> Result<(), InvalidParameter> {
        let limit = InvalidParameter::unless_positive("limit", limit)?;
        let mut ln_factors = [0.0; LAMBDAS.len()];
        let mut counted = false;
        for (value, count) in units {
            let valid = value >= 0.0 && value.is_finite();
            InvalidParameter::unless(valid, "value", value, "a number from 0 on")?;
            let excess = (value / limit).min(f64::MAX) - 1.0;
            for (ln_factor, lambda) in ln_factors.iter_mut().zip(LAMBDAS) {
                *ln_factor += count as f64 * (lambda * excess).ln_1p();
            }
            counted |= count > 0;
        }
        if counted {
            self.evidence.multiply(&ln_factors);
        }
        Ok(())
    }

    /// The evidence.
    #[must_use]
    pub const fn evidence(&self) -> &A {
        &self.evidence
    }

    /// The logarithm of the evidence: [`Alpha::ln_threshold`] or more rejects.
    #[must_use]
    pub fn ln_value(&self) -> f64 {
        self.evidence.ln_value()
    }
}

impl<A: Accumulator> Default for Mean<A> {
    fn default() -> Self {
        Self::new()
    }
}

impl MeanTest {
    /// Begins a block: see [`EProcess::begin_block`].
    pub fn begin_block(&mut self) {
        self.evidence.begin_block();
    }

    /// Returns true if the mean is shown to be above its limit: see [`EProcess::rejects`].
    #[must_use]
    pub fn rejects(&self, alpha: Alpha) -> bool {
        self.evidence.rejects(alpha)
    }
}

impl MeanCusum {
    /// Returns true if the evidence is at least `level`: see [`Cusum::alarms`].
    #[must_use]
    pub fn alarms(&self, level: f64) -> bool {
        self.evidence.alarms(level)
    }

    /// Forgets everything: see [`Cusum::reset`].
    pub fn reset(&mut self) {
        self.evidence.reset();
    }
}

impl<A: Accumulator> TryFrom<Stored<A>> for Mean<A> {
    type Error = InvalidParameter;

    fn try_from(stored: Stored<A>) -> Result<Self, InvalidParameter> {
        stored.evidence.check(LAMBDAS.len())?;
        Ok(Self { evidence: stored.evidence })
    }
}

impl<A> From<Mean<A>> for Stored<A> {
    fn from(test: Mean<A>) -> Self {
        Self { evidence: test.evidence }
    }
}
