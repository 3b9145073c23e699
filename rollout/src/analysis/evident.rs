//! Plain tails: whether so many of so many are out of the ordinary, without special functions.

/// Bound on the chance of `bad` or more of `n` when each is bad with chance `share`, by
/// Chernoff: `exp(-n KL(bad/n || share))`. It is 1 where there are not more than expected.
fn chance_of_so_many(bad: u64, n: u64, share: f64) -> f64 {
    if n == 0 || bad as f64 <= share * n as f64 {
        return 1.0;
    }
    (-(n as f64) * divergence(bad as f64 / n as f64, share)).exp()
}

/// `KL(a || b)` of two coins.
fn divergence(a: f64, b: f64) -> f64 {
    let part = |a: f64, b: f64| if a > 0.0 { a * (a / b).ln() } else { 0.0 };
    part(a, b) + part(1.0 - a, 1.0 - b)
}

/// True if more than `share` are bad, by an accident of one in `1/chance` at most.
pub(super) fn above((bad, n): (u64, u64), share: f64, chance: f64) -> bool {
    chance_of_so_many(bad, n, share) < chance
}

/// True if fewer than `share` are bad, by an accident of one in `1/chance` at most.
pub(super) fn below((bad, n): (u64, u64), share: f64, chance: f64) -> bool {
    chance_of_so_many(n.saturating_sub(bad), n, 1.0 - share) < chance
}

/// True if the candidate fails evidently oftener than stable. Where stable has the larger part its share is known;
/// where it is a holdback its share is an estimate too, and what both have together is asked: the likelihood
/// ratio of two shares against one (Chernoff's bound for both at once).
pub(super) fn worse(candidate: (u64, u64), stable: (u64, u64), chance: f64) -> bool {
    if candidate.1 == 0 || stable.1 == 0 {
        return false;
    }
    let share = |(bad, n): (u64, u64)| bad as f64 / n as f64;
    if stable.1 >= candidate.1 / 2 {
        return above(candidate, share(stable), chance);
    }
    let both = share((candidate.0 + stable.0, candidate.1 + stable.1));
    let part = |arm: (u64, u64)| arm.1 as f64 * divergence(share(arm), both);
    share(candidate) > share(stable) && part(candidate) + part(stable) > -chance.ln()
}

#[cfg(test)]
mod tests {
    use super::{above, below, worse};

    #[test]
    fn a_small_stable_arm_is_an_estimate() {
        // 88% of 60 beside 90% of 6000: the same outage.
        assert!(!worse((5400, 6000), (53, 60), 1e-4));
        assert!(above((5400, 6000), 0.87, 1e-4), "as if the share were known");
        assert!(worse((5400, 6000), (10, 60), 1e-4));
        assert!(!worse((100, 6000), (10, 60), 1e-4));
        // With the larger part its share is known.
        assert!(worse((90, 100), (5000, 10_000), 1e-4));
        assert!(!worse((0, 0), (5, 10), 0.5) && !worse((5, 10), (0, 0), 0.5));
    }

    #[test]
    fn a_few_of_few_are_evident_only_where_they_are_rare() {
        assert!(above((3, 3), 0.05, 1e-3));
        assert!(!above((2, 20), 0.05, 1e-3));
        assert!(!above((0, 0), 0.05, 0.5));
        assert!(above((1, 1), 0.0, 1e-3));
        assert!(!above((100, 100), 1.0, 0.5));
        assert!(below((0, 50), 0.2, 1e-3));
        assert!(!below((5, 50), 0.1, 0.5));
        assert!(!below((0, 50), 0.0, 0.5));
    }
}
