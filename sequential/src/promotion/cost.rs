//! Mean cost against stable's.

use crate::error::InvalidParameter;
use crate::promotion::NonInferiority;
use crate::special::normal_cdf;
use serde::{Deserialize, Serialize};

/// Count, sum and sum of squares: what a mean and its standard error need. Merges by addition.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Moments {
    count: f64,
    sum: f64,
    squares: f64,
}

impl Moments {
    /// The moments of units given as `(value, how many)`; from a histogram pass each bucket's
    /// middle.
    ///
    /// # Errors
    /// When a value is negative or not a number.
    pub fn of(units: impl IntoIterator<Item = (f64, u64)>) -> Result<Self, InvalidParameter> {
        let mut all = Self::default();
        for (value, count) in units {
            let valid = value >= 0.0 && value.is_finite();
            InvalidParameter::unless(valid, "value", value, "a number from 0 on")?;
            let count = count as f64;
            all = all.plus(Self { count, sum: count * value, squares: count * value * value });
        }
        Ok(all)
    }

    /// Both together.
    #[must_use]
    pub fn plus(self, other: Self) -> Self {
        Self {
            count: self.count + other.count,
            sum: self.sum + other.sum,
            squares: self.squares + other.squares,
        }
    }

    /// The same with the exact sum, where the values were rounded: all of them are taken to be off by
    /// the same part.
    #[must_use]
    pub fn with_sum(self, sum: f64) -> Self {
        let part = if self.sum > 0.0 && sum.is_finite() { sum / self.sum } else { 1.0 };
        Self { count: self.count, sum: self.sum * part, squares: self.squares * part * part }
    }

    /// A slice's part in a mean that is weighted by `count`: as many units with the same mean, and with a
    /// spread that makes the variance of the weighted mean that of the units that there were,
    /// `(count/N)^2 variance / units`. Differences between the slices stay in it, so it errs on the
    /// side of caution.
    #[must_use]
    pub fn scaled_to(self, count: f64) -> Self {
        let Some(mean) = self.mean() else { return Self::default() };
        let spread = (self.squares - self.sum * mean).max(0.0) / self.count;
        let part = count / self.count;
        Self { count, sum: count * mean, squares: count * (spread * part + mean * mean) }
    }

    /// Number of units.
    #[must_use]
    pub const fn count(self) -> f64 {
        self.count
    }

    /// Their mean; `None` of nothing.
    #[must_use]
    pub fn mean(self) -> Option<f64> {
        (self.count > 0.0).then(|| self.sum / self.count)
    }

    /// The standard error of the mean; `None` of fewer than two units.
    #[must_use]
    pub fn standard_error(self) -> Option<f64> {
        self.variance_of_mean().map(f64::sqrt)
    }

    /// The variance of the mean; `None` of fewer than two units.
    pub(crate) fn variance_of_mean(self) -> Option<f64> {
        let mean = self.mean().filter(|_| self.count >= 2.0)?;
        // Rounding can put the difference a hair below zero.
        let spread = (self.squares - self.sum * mean).max(0.0);
        Some(spread / (self.count - 1.0) / self.count)
    }
}

/// Tests if the candidate's mean is less than `limit` times stable's (1.2: at most a fifth more).
///
/// The test of `mean_c - limit * mean_s < 0` by its standard error (Fieller 1954): no logarithm,
/// so it also holds where many units cost nothing. Until both arms have two units nothing passes.
/// For a mean dominated by a handful of units the normal approximation is too kind; the rollback's
/// `MeanTest` needs none.
///
/// # Errors
/// When `limit` is not a number above 0.
pub fn mean_ratio(
    candidate: Moments,
    stable: Moments,
    limit: f64,
) -> Result<NonInferiority, InvalidParameter> {
    let limit = InvalidParameter::unless_positive("limit", limit)?;
    let parts = (
        candidate.mean().zip(candidate.variance_of_mean()),
        stable.mean().zip(stable.variance_of_mean()),
    );
    let (Some((c, c_variance)), Some((s, s_variance))) = parts else {
        return Ok(NonInferiority { p_value: 1.0 });
    };
    let above = c - limit * s;
    let error = (c_variance + limit * limit * s_variance).sqrt();
    let p_value = if error > 0.0 {
        normal_cdf(above / error)
    } else if above < 0.0 {
        0.0
    } else {
        1.0
    };
    Ok(NonInferiority { p_value })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn moments(units: &[(f64, u64)]) -> Moments {
        Moments::of(units.iter().copied()).expect("values")
    }

    #[test]
    fn a_candidate_that_costs_the_same_passes_once_there_are_enough_units() {
        let costs = |times| moments(&[(0.5, 6 * times), (1.0, 3 * times), (9.0, times)]);
        let few = mean_ratio(costs(3), costs(300), 1.2).expect("a limit");
        let many = mean_ratio(costs(200), costs(2000), 1.2).expect("a limit");
        assert!(few.p_value > 0.2, "{few:?}");
        assert!(many.p_value < 0.01, "{many:?}");
    }

    #[test]
    fn a_candidate_above_the_limit_does_not_pass() {
        let found =
            mean_ratio(moments(&[(1.2, 50), (1.4, 50)]), moments(&[(1.0, 99), (1.02, 99)]), 1.2);
        assert!(found.expect("a limit").p_value > 0.99);
    }

    #[test]
    fn equal_costs_need_no_standard_error() {
        let same = mean_ratio(moments(&[(1.0, 5)]), moments(&[(1.0, 5)]), 1.2).expect("a limit");
        assert_eq!(same.p_value, 0.0);
        let dearer = mean_ratio(moments(&[(1.2, 5)]), moments(&[(1.0, 5)]), 1.2).expect("a limit");
        assert_eq!(dearer.p_value, 1.0);
    }

    #[test]
    fn rounded_values_with_an_exact_sum_are_exact() {
        // A hundred times $0.001, which a bucket has as $0.00099.
        let exact = moments(&[(0.000_99, 100)]).with_sum(0.1);
        assert!((exact.mean().expect("a mean") - 0.001).abs() < 1e-15);
        assert!(exact.standard_error().expect("an error") < 1e-9);
        assert_eq!(Moments::default().with_sum(1.0), Moments::default());
    }

    #[test]
    fn a_weighted_slice_keeps_its_mean_and_the_error_of_its_units() {
        let slice = moments(&[(0.5, 60), (1.0, 40)]);
        let scaled = slice.scaled_to(10.0);
        assert_eq!((scaled.count(), scaled.mean()), (10.0, slice.mean()));
        let (a, b) = (slice.standard_error().expect("two"), scaled.standard_error().expect("two"));
        assert!((a / b - 1.0).abs() < 0.1, "{a} {b}");
    }

    #[test]
    fn nothing_passes_on_no_data() {
        for (candidate, stable) in [
            (Moments::default(), moments(&[(1.0, 5)])),
            (moments(&[(1.0, 1)]), moments(&[(1.0, 5)])),
            (moments(&[(1.0, 5)]), Moments::default()),
        ] {
            assert_eq!(mean_ratio(candidate, stable, 1.2).expect("a limit").p_value, 1.0);
        }
        assert!(Moments::of([(f64::NAN, 1)]).is_err());
        assert!(mean_ratio(Moments::default(), Moments::default(), 0.0).is_err());
    }
}
