//! The permitted probability of a false alarm.

use crate::error::InvalidParameter;
use serde::{Deserialize, Serialize};

/// The largest acceptable probability of a false alarm, strictly between 0 and 1.
#[derive(Clone, Copy, Debug, PartialEq, PartialOrd, Serialize, Deserialize)]
#[serde(try_from = "f64", into = "f64")]
pub struct Alpha(f64);

impl Alpha {
    /// All rollback triggers of a rollout together: 1%.
    pub const ROLLBACK: Self = Self(0.01);
    /// A promotion gate: 5%.
    pub const PROMOTION: Self = Self(0.05);

    /// The probability.
    #[must_use]
    pub const fn get(self) -> f64 {
        self.0
    }

    /// `ln(1/alpha)`: what the logarithm of an e-process must reach to reject.
    #[must_use]
    pub fn ln_threshold(self) -> f64 {
        -self.0.ln()
    }

    /// This test's part of the whole (weighted Bonferroni): `alpha * weight / total`.
    ///
    /// # Errors
    /// When `weight` is not above 0, or above `total`.
    pub fn part(self, weight: f64, total: f64) -> Result<Self, InvalidParameter> {
        let total = InvalidParameter::unless_positive("total", total)?;
        let holds = weight > 0.0 && weight <= total;
        let weight = InvalidParameter::unless(holds, "weight", weight, "above 0, at most `total`")?;
        Ok(self.scaled(weight / total))
    }

    /// This many times as much, for parts above 0 up to 1.
    pub(crate) fn scaled(self, part: f64) -> Self {
        Self((self.0 * part).max(f64::MIN_POSITIVE))
    }
}

impl TryFrom<f64> for Alpha {
    type Error = InvalidParameter;

    fn try_from(value: f64) -> Result<Self, InvalidParameter> {
        InvalidParameter::unless_inside_unit("alpha", value).map(Self)
    }
}

impl From<Alpha> for f64 {
    fn from(alpha: Alpha) -> Self {
        alpha.0
    }
}

#[cfg(test)]
mod tests {
    use super::Alpha;

    #[test]
    fn only_probabilities_strictly_between_never_and_always_are_taken() {
        for bad in [0.0, 1.0, -0.1, 1.5, f64::NAN, f64::INFINITY] {
            assert!(Alpha::try_from(bad).is_err(), "{bad}");
        }
        let error = Alpha::try_from(1.5).expect_err("too large").to_string();
        assert_eq!(error, "`alpha` is 1.5: it must be above 0 and below 1");
    }

    #[test]
    fn four_axes_share_one_per_cent_by_weight() {
        let part = Alpha::ROLLBACK.part(2.0, 5.0).expect("a part");
        assert!((part.get() - 0.004).abs() < 1e-15);
        assert!(Alpha::ROLLBACK.part(6.0, 5.0).is_err());
    }
}
