//! Comparison of the tenants of both arms. A total accuracy hides that one arm has the harder
//! tenants; the slices show it.

use super::tally::{Tally, ratio};
use stagegate_sequential::{Alpha, Tally as Units, interval};

/// The candidate's accuracy minus stable's, from -1 to 1.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Difference {
    /// The observed share.
    pub estimate: f64,
    /// The lower bound of a 95% interval at one look.
    pub lower: f64,
    /// The upper bound.
    pub upper: f64,
}

impl Difference {
    /// `None` while an arm has no scored sample.
    #[must_use]
    pub fn of(stable: &Tally, candidate: &Tally) -> Option<Self> {
        let (s, c) = (accuracy(stable)?, accuracy(candidate)?);
        let units = |tally: &Tally| Units::of(tally.failed, tally.scored()).ok();
        // Of failure shares: candidate minus stable, the other way round for accuracy.
        let failing = interval::difference(units(candidate)?, units(stable)?, Alpha::PROMOTION);
        Some(Self { estimate: c - s, lower: -failing.high, upper: -failing.low })
    }
}

/// The spread of two arms' samples over the same slices.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Mix {
    /// Share of samples that would have to be of another slice for the arms to be asked alike
    /// (total variation distance): 0 is alike, 1 has nothing in common.
    pub shift: f64,
    /// The candidate's accuracy minus stable's if the candidate had stable's mix: the slices'
    /// differences weighted by stable's samples (direct standardisation), over the slices that both
    /// arms have. `None` without such a slice.
    pub adjusted: Option<f64>,
}

impl Mix {
    /// Of pairs of stable's and the candidate's tallies, one for each slice. `None` while an arm
    /// has no scored sample.
    #[must_use]
    pub fn of(slices: &[(Tally, Tally)]) -> Option<Self> {
        let total = |of: fn(&(Tally, Tally)) -> &Tally| {
            slices.iter().map(|pair| of(pair).scored()).sum::<u64>() as f64
        };
        let (stable, candidate) = (total(|pair| &pair.0), total(|pair| &pair.1));
        if stable == 0.0 || candidate == 0.0 {
            return None;
        }
        let (mut apart, mut weighted, mut weight) = (0.0, 0.0, 0.0);
        for (s, c) in slices {
            let share = s.scored() as f64 / stable;
            apart += (share - c.scored() as f64 / candidate).abs();
            if let (Some(s), Some(c)) = (accuracy(s), accuracy(c)) {
                weighted += share * (c - s);
                weight += share;
            }
        }
        Some(Self { shift: apart / 2.0, adjusted: (weight > 0.0).then(|| weighted / weight) })
    }
}

fn accuracy(tally: &Tally) -> Option<f64> {
    ratio(tally.passed, tally.scored())
}
