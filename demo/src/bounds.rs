//! Exact bounds of a binomial count: does the split keep what the weight promises?

/// The counts that `trials` draws with chance `p` stay within in `confidence` of all cases, cut
/// evenly on both sides.
///
/// The distribution is built outward from its mode with the ratio of neighbouring terms,
/// `pmf(k+1)/pmf(k) = (n-k)/(k+1) * p/(1-p)`, and normalized by its own sum: no factorials, no
/// approximation by a normal curve, which is poor where the weight is small.
pub(crate) fn binomial_bounds(trials: u64, p: f64, confidence: f64) -> (u64, u64) {
    if trials == 0 || p <= 0.0 {
        return (0, 0);
    }
    if p >= 1.0 {
        return (trials, trials);
    }
    /// Terms this far below the mode's do not move the sum of doubles.
    const NEGLIGIBLE: f64 = 1e-18;
    let (n, odds) = (trials as f64, p / (1.0 - p));
    let mode = (((n + 1.0) * p).floor() as u64).min(trials);
    let above = std::iter::successors(Some((mode, 1.0)), |&(k, term)| {
        let next = term * (n - k as f64) / (k as f64 + 1.0) * odds;
        (k < trials && next > NEGLIGIBLE).then_some((k + 1, next))
    });
    let below = std::iter::successors(Some((mode, 1.0)), |&(k, term)| {
        let next = term * k as f64 / (n - k as f64 + 1.0) / odds;
        (k > 0 && next > NEGLIGIBLE).then(|| (k - 1, next))
    });
    let mut terms: Vec<(u64, f64)> = below.skip(1).collect();
    terms.reverse();
    terms.extend(above);
    let tail = (1.0 - confidence) / 2.0 * terms.iter().map(|(_, term)| term).sum::<f64>();
    let low = first_beyond(tail, terms.iter()).unwrap_or(mode);
    let high = first_beyond(tail, terms.iter().rev()).unwrap_or(mode);
    (low, high)
}

/// The count at which the terms up to it exceed `tail`.
fn first_beyond<'a>(tail: f64, mut terms: impl Iterator<Item = &'a (u64, f64)>) -> Option<u64> {
    let mut outside = 0.0;
    let beyond = terms.find(|(_, term)| {
        outside += term;
        outside > tail
    });
    beyond.map(|&(k, _)| k)
}

#[cfg(test)]
mod tests {
    use super::binomial_bounds;

    #[test]
    fn agrees_with_tables() {
        // Central intervals as R's qbinom(c(0.0005, 0.9995), n, p) gives them.
        assert_eq!(binomial_bounds(10, 0.5, 0.999), (0, 10));
        assert_eq!(binomial_bounds(100, 0.5, 0.95), (40, 60));
        assert_eq!(binomial_bounds(20, 0.5, 0.95), (6, 14));
    }

    #[test]
    fn the_mass_outside_is_as_small_as_promised() {
        for (n, p) in [(50_u64, 0.01), (1_000, 0.1), (2_345, 0.37), (300, 0.99)] {
            let (low, high) = binomial_bounds(n, p, 0.999);
            let mut log_choose = 0.0_f64;
            let mut outside = 0.0;
            for k in 0..=n {
                let (nf, kf) = (n as f64, k as f64);
                if k > 0 {
                    log_choose += ((nf - kf + 1.0) / kf).ln();
                }
                let mass = (log_choose + kf * p.ln() + (nf - kf) * (1.0 - p).ln()).exp();
                outside += if k < low || k > high { mass } else { 0.0 };
            }
            assert!(outside <= 0.001, "{n} draws at {p}: {outside} outside {low}..={high}");
            assert!(high - low < n, "bounds that say something");
        }
    }

    #[test]
    fn certain_weights_leave_no_room() {
        assert_eq!(binomial_bounds(500, 0.0, 0.999), (0, 0));
        assert_eq!(binomial_bounds(500, 1.0, 0.999), (500, 500));
        assert_eq!(binomial_bounds(0, 0.3, 0.999), (0, 0));
    }
}
