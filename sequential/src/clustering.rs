//! Correlated units, and the information that they carry.

use crate::error::InvalidParameter;
use serde::{Deserialize, Serialize};

/// Clusters before their correlation is measured.
const LEAST_CLUSTERS: f64 = 20.0;

/// Sums over clusters (conversations) with `k` failures of `m` units (turns) each. They merge by
/// addition.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct ClusterSums {
    clusters: f64,
    k: f64,
    m: f64,
    kk: f64,
    km: f64,
    mm: f64,
}

impl ClusterSums {
    /// Adds `count` clusters with `k` failures of `m` units each.
    pub fn add(&mut self, k: u64, m: u64, count: u64) {
        let (k, m, count) = (k as f64, m as f64, count as f64);
        self.clusters += count;
        self.k += count * k;
        self.m += count * m;
        self.kk += count * k * k;
        self.km += count * k * m;
        self.mm += count * m * m;
    }

    /// True if there are enough clusters to measure their correlation.
    #[must_use]
    pub const fn are_enough(&self) -> bool {
        self.clusters >= LEAST_CLUSTERS
    }

    /// Both together.
    #[must_use]
    pub fn plus(self, other: Self) -> Self {
        Self {
            clusters: self.clusters + other.clusters,
            k: self.k + other.k,
            m: self.m + other.m,
            kk: self.kk + other.kk,
            km: self.km + other.km,
            mm: self.mm + other.mm,
        }
    }
}

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

    /// The effect that was measured over whole clusters, from sums over them of `k` failures among
    /// `m` units each: `sum (k - p m)^2 / [sum m p (1 - p)]` with the overall share `p` (the delta
    /// method; Deng, Knoblich and Lu 2018). Never below 1. With fewer than 20 clusters there is
    /// nothing to measure, and every cluster counts as one unit.
    #[must_use]
    pub fn measured(sums: ClusterSums) -> Self {
        if sums.m <= 0.0 {
            return Self::NONE;
        }
        if sums.clusters < LEAST_CLUSTERS {
            return Self((sums.mm / sums.m).max(1.0));
        }
        let p = sums.k / sums.m;
        let plain = sums.m * p * (1.0 - p);
        if plain <= 0.0 {
            return Self::NONE;
        }
        let spread = sums.kk - 2.0 * p * sums.km + p * p * sums.mm;
        Self((spread / plain).max(1.0))
    }

    /// Returns the divisor of the counts, 1 or more.
    #[must_use]
    pub const fn get(self) -> f64 {
        self.0
    }
}

#[cfg(test)]
mod tests {
    use super::{ClusterSums, DesignEffect};

    #[test]
    fn the_extremes_are_independence_and_one_unit_per_cluster() {
        let effect = |size, icc| DesignEffect::of_clusters(size, icc).expect("in range").get();
        assert_eq!(effect(8.0, 0.0), 1.0);
        assert_eq!(effect(8.0, 1.0), 8.0);
        assert_eq!(effect(1.0, 0.7), DesignEffect::NONE.get());
    }

    #[test]
    fn the_measured_effect_is_that_of_the_clusters() {
        let sums = |clusters: &[(u64, u64, u64)]| {
            let mut sums = ClusterSums::default();
            clusters.iter().for_each(|(k, m, count)| sums.add(*k, *m, *count));
            DesignEffect::measured(sums).get()
        };
        // All of a conversation fails or nothing does: eight turns are one unit.
        assert!((sums(&[(8, 8, 100), (0, 8, 900)]) - 8.0).abs() < 1e-9);
        // Single requests are worth one each.
        assert!((sums(&[(1, 1, 100), (0, 1, 900)]) - 1.0).abs() < 1e-9);
        assert_eq!(sums(&[(0, 8, 5)]), 8.0, "too few to measure");
        assert_eq!(sums(&[(0, 8, 500)]), 1.0);
    }

    #[test]
    fn nonsense_is_refused() {
        assert!(DesignEffect::of_clusters(0.5, 0.1).is_err());
        assert!(DesignEffect::of_clusters(2.0, -0.1).is_err());
        assert!(DesignEffect::of_clusters(2.0, f64::NAN).is_err());
    }
}
