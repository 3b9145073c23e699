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

#[cfg(test)]
mod tests {
    use super::{above, below};

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
