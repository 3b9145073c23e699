//! Correlated units, and the information that they carry.

use crate::error::InvalidParameter;

/// The design effect: the number of clustered units that carry the information of one independent
/// unit, `1 + (m - 1) ICC` for clusters of mean size `m` with intraclass correlation `ICC` (Kish,
/// Survey Sampling, 1965).
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct DesignEffect(f64);

impl DesignEffect {
    /// Units that are independent.
    pub const NONE: Self = Self(1.0);

    /// The effect of clusters (conversations) of `mean_size` units (turns) whose outcomes
    /// correlate with `icc`. For sizes that differ much, pass the size of the cluster an average
    /// *unit* is in: `sum m^2 / sum m`.
    ///
    /// # Errors
    /// When `mean_size` is below 1 or `icc` is not from 0 to 1.
    pub fn of_clusters(mean_size: f64, icc: f64) -> Result<Self, InvalidParameter> {
        let holds = mean_size >= 1.0 && mean_size.is_finite();
        InvalidParameter::unless(holds, "mean_size", mean_size, "a number from 1 on")?;
        InvalidParameter::unless((0.0..=1.0).contains(&icc), "icc", icc, "from 0 to 1")?;
        Ok(Self(1.0 + (mean_size - 1.0) * icc))
    }

    /// Returns the divisor of the counts, 1 or more.
    #[must_use]
    pub const fn get(self) -> f64 {
        self.0
    }
}

#[cfg(test)]
mod tests {
    use super::DesignEffect;

    #[test]
    fn the_extremes_are_independence_and_one_unit_per_cluster() {
        let effect = |size, icc| DesignEffect::of_clusters(size, icc).expect("in range").get();
        assert_eq!(effect(8.0, 0.0), 1.0);
        assert_eq!(effect(8.0, 1.0), 8.0);
        assert_eq!(effect(1.0, 0.7), DesignEffect::NONE.get());
    }

    #[test]
    fn nonsense_is_refused() {
        assert!(DesignEffect::of_clusters(0.5, 0.1).is_err());
        assert!(DesignEffect::of_clusters(2.0, -0.1).is_err());
        assert!(DesignEffect::of_clusters(2.0, f64::NAN).is_err());
    }
}
