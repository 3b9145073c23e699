//! The score test of a difference between two failure shares.

use crate::special::bisect;
use crate::tally::Tally;

/// How many standard errors the observed difference lies above `delta` (Farrington and Manning
/// 1990). The standard error is that of the likeliest pair of shares that *has* the difference
/// `delta`, which is why it also works with no failure in either arm.
///
/// `delta` lies strictly between -1 and 1. Minus or plus infinity where the data cannot come from
/// such a pair at all; 0 while an arm has no units.
pub(crate) fn score(candidate: Tally, stable: Tally, delta: f64) -> f64 {
    let (Some(c), Some(s)) = (candidate.share(), stable.share()) else { return 0.0 };
    let restricted = likeliest_stable(candidate, stable, delta);
    let variance = |share: f64, units: f64| {
        let share = share.clamp(0.0, 1.0);
        share * (1.0 - share) / units
    };
    let error = (variance(restricted + delta, candidate.total())
        + variance(restricted, stable.total()))
    .sqrt();
    let above = c - s - delta;
    if above == 0.0 { 0.0 } else { above / error }
}

/// The failure share of stable in the likeliest pair of shares whose difference is `delta`.
pub(crate) fn likeliest_stable(candidate: Tally, stable: Tally, delta: f64) -> f64 {
    let (low, high) = ((-delta).max(0.0), (1.0 - delta).min(1.0));
    // The log-likelihood is concave: its slope falls from left to right. A term without counts
    // has no pull, also at the edge where its denominator is 0.
    let pull = |count: f64, share: f64| if count > 0.0 { count / share.max(0.0) } else { 0.0 };
    let rises = |share: f64| {
        pull(candidate.failures(), share + delta) + pull(stable.failures(), share)
            > pull(candidate.passes(), 1.0 - share - delta) + pull(stable.passes(), 1.0 - share)
    };
    bisect(low, high, rises)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tally(failures: u64, total: u64) -> Tally {
        Tally::of(failures, total).expect("counts")
    }

    #[test]
    fn without_a_margin_it_is_the_pooled_z_test() {
        let (candidate, stable) = (tally(15, 200), tally(30, 1000));
        let pooled: f64 = 45.0 / 1200.0;
        let error = (pooled * (1.0 - pooled) * (1.0 / 200.0 + 1.0 / 1000.0)).sqrt();
        assert!((likeliest_stable(candidate, stable, 0.0) - pooled).abs() < 1e-12);
        assert!((score(candidate, stable, 0.0) - (0.075 - 0.03) / error).abs() < 1e-9);
    }

    #[test]
    fn the_restricted_shares_are_the_maximum_on_a_grid() {
        let (candidate, stable) = (tally(7, 90), tally(11, 240));
        let ln_likelihood = |share: f64, delta: f64| {
            7.0 * (share + delta).ln()
                + 83.0 * (1.0 - share - delta).ln()
                + 11.0 * share.ln()
                + 229.0 * (1.0 - share).ln()
        };
        for delta in [-0.02, 0.01, 0.1] {
            let best = likeliest_stable(candidate, stable, delta);
            let top = ln_likelihood(best, delta);
            for step in 1..1000 {
                let share = f64::from(step) / 1000.0;
                if share + delta > 0.0 && share + delta < 1.0 {
                    assert!(ln_likelihood(share, delta) <= top + 1e-9, "{delta} {share}");
                }
            }
        }
    }

    #[test]
    fn no_failure_in_either_arm_still_has_a_standard_error() {
        // Restricted shares 1% and 0%: z = -0.01 / sqrt(0.01 * 0.99 / 2000).
        let z = score(tally(0, 2000), tally(0, 20_000), 0.01);
        assert!((z + 0.01 / (0.01f64 * 0.99 / 2000.0).sqrt()).abs() < 1e-6, "{z}");
    }
}
