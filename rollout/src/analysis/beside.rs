//! The margin test of a gate whose values belong to units: of first failures, of first visits, and of
//! single tenants.

use super::fresh::Fresh;
use super::tenants::Tenants;
use serde::{Deserialize, Serialize};
use stagegate_sequential::MarginTest;

/// The part of the stake that is on single tenants.
const OF_TENANTS: f64 = 0.1;

/// Three tests that share the stake. A sum of fair bets is a fair bet.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct Beside {
    /// First failures: nearly half of the stake.
    first: MarginTest,
    /// Shares of failed turns in first visits: as much.
    visits: MarginTest,
    /// First failures of single tenants: the rest.
    pub(super) tenants: Tenants,
}

impl Beside {
    /// `None` if `margin` is no margin.
    pub(super) fn new(margin: f64) -> Option<Self> {
        let (first, visits) = (MarginTest::new(margin).ok()?, MarginTest::for_parts(margin).ok()?);
        Some(Self { first, visits, tenants: Tenants::new(margin) })
    }

    pub(super) fn update(&mut self, candidate: &Fresh, stable: &Fresh) {
        self.tenants.update(&candidate.tenants, &stable.tenants);
        first_failures(&mut self.first, candidate, stable);
        let of = |arm: &Fresh| arm.first_visits.clone();
        // Shares of turns are from 0 to 1: never refused.
        let counted = self.visits.update_parts(of(candidate), of(stable));
        debug_assert!(counted.is_ok());
    }

    pub(super) fn begin_block(&mut self) {
        self.first.begin_block();
        self.visits.begin_block();
        self.tenants.begin_block();
    }

    /// Natural logarithm of the evidence.
    pub(super) fn ln_value(&self) -> f64 {
        let all = half_each(self.first.ln_value(), self.visits.ln_value());
        ln_sum(all + (-OF_TENANTS).ln_1p(), self.tenants.ln_value() + OF_TENANTS.ln())
    }

    /// The tenant that the candidate fails beyond doubt by itself, if there is one.
    pub(super) fn broken_tenant(&self, ln_needed: f64) -> Option<&str> {
        self.tenants.broken(OF_TENANTS.ln(), ln_needed)
    }
}

/// Adds the turns of units at risk to a test, slice by slice.
pub(super) fn first_failures(test: &mut MarginTest, candidate: &Fresh, stable: &Fresh) {
    for slice in 0..candidate.first.len().max(stable.first.len()) {
        let of = |arm: &Fresh| arm.first.get(slice).copied().unwrap_or_default();
        test.update_slice(slice, of(candidate), of(stable));
    }
}

/// The mean of two e-processes is one. Values are logarithms.
pub(super) fn half_each(a: f64, b: f64) -> f64 {
    ln_sum(a, b) - std::f64::consts::LN_2
}

/// The logarithm of `exp(a) + exp(b)`.
fn ln_sum(a: f64, b: f64) -> f64 {
    a.max(b) + (-(a - b).abs()).exp().ln_1p()
}

#[cfg(test)]
mod tests {
    use super::{Beside, half_each};
    use crate::analysis::fresh::Fresh;
    use stagegate_sequential::Tally;

    #[test]
    fn the_mean_of_two_stakes() {
        assert!((half_each(0.0, 0.0)).abs() < 1e-12);
        assert!((half_each(10.0, -50.0) - (10.0 - 2.0_f64.ln())).abs() < 1e-9);
    }

    #[test]
    fn either_half_alone_shows_a_bad_candidate() {
        let arm = |bad: u64, visits: bool| {
            let parts = vec![(1.0, bad), (0.0, 20 - bad)];
            Fresh {
                first: if visits { Vec::new() } else { vec![Tally::of(bad, 20).expect("counts")] },
                first_visits: if visits { parts } else { Vec::new() },
                ..Fresh::default()
            }
        };
        for visits in [false, true] {
            let mut test = Beside::new(0.01).expect("a margin");
            assert!(test.ln_value().abs() < 1e-9, "nothing is known: {}", test.ln_value());
            for _ in 0..10 {
                test.update(&arm(10, visits), &arm(0, visits));
            }
            assert!(test.ln_value() > 9.0, "{visits}: {}", test.ln_value());
        }
    }
}
