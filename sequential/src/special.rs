//! The few special functions the tests need. Logarithms of gamma and the error function come
//! from `libm`; the rest is built on them and checked against published tables.

use std::f64::consts::FRAC_1_SQRT_2;

/// `ln(e^a + e^b)` without overflow.
#[must_use]
pub fn ln_add_exp(a: f64, b: f64) -> f64 {
    let (high, low) = if a > b { (a, b) } else { (b, a) };
    if low == f64::NEG_INFINITY { high } else { high + (low - high).exp().ln_1p() }
}

/// `ln(sum e^x)` without overflow; minus infinity of nothing.
#[must_use]
pub fn ln_sum_exp(values: &[f64]) -> f64 {
    let high = values.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    if high == f64::NEG_INFINITY {
        return high;
    }
    high + values.iter().map(|value| (value - high).exp()).sum::<f64>().ln()
}

/// `ln B(a, b)`, both above 0.
#[must_use]
pub fn ln_beta(a: f64, b: f64) -> f64 {
    libm::lgamma(a) + libm::lgamma(b) - libm::lgamma(a + b)
}

/// The standard normal distribution's probability below `z`.
#[must_use]
pub fn normal_cdf(z: f64) -> f64 {
    0.5 * libm::erfc(-z * FRAC_1_SQRT_2)
}

/// The `z` below which a standard normal variable lies with probability `p`; infinite at and
/// outside 0 and 1.
#[must_use]
pub fn normal_quantile(p: f64) -> f64 {
    if p >= 1.0 {
        return f64::INFINITY;
    }
    if p <= 0.0 {
        return f64::NEG_INFINITY;
    }
    if p > 0.5 {
        return -normal_quantile(1.0 - p);
    }
    // No tail that a float can hold lies beyond 39.
    bisect(-39.0, 0.0, |z| normal_cdf(z) < p)
}

/// The regularised incomplete beta function `I_x(a, b)`, `a` and `b` above 0: a beta variable's
/// probability below `x`.
#[must_use]
pub fn beta_cdf(x: f64, a: f64, b: f64) -> f64 {
    if x <= 0.0 {
        return 0.0;
    }
    if x >= 1.0 {
        return 1.0;
    }
    // The fraction converges fast below the mean; above it, use the other tail.
    if x > (a + 1.0) / (a + b + 2.0) {
        return 1.0 - beta_below_mean(1.0 - x, b, a);
    }
    beta_below_mean(x, a, b)
}

/// The continued fraction of `I_x(a, b)` (Abramowitz and Stegun 26.5.8), by Lentz's method.
fn beta_below_mean(x: f64, a: f64, b: f64) -> f64 {
    const TINY: f64 = 1e-300;
    let away_from_zero = |v: f64| if v.abs() < TINY { TINY } else { v };
    let (mut c, mut d) = (1.0, 1.0 / away_from_zero(1.0 - (a + b) * x / (a + 1.0)));
    let mut fraction = d;
    // About sqrt(max(a, b)) rounds are needed; the cap holds for 10^10 counts.
    for round in 1..=200_000 {
        let m = f64::from(round);
        let even = m * (b - m) * x / ((a + 2.0 * m - 1.0) * (a + 2.0 * m));
        let odd = -(a + m) * (a + b + m) * x / ((a + 2.0 * m) * (a + 2.0 * m + 1.0));
        let mut change = 1.0;
        for term in [even, odd] {
            d = 1.0 / away_from_zero(1.0 + term * d);
            c = away_from_zero(1.0 + term / c);
            change = c * d;
            fraction *= change;
        }
        if (change - 1.0).abs() < 1e-15 {
            break;
        }
    }
    let ln_front = a * x.ln() + b * (-x).ln_1p() - ln_beta(a, b) - a.ln();
    (ln_front.exp() * fraction).clamp(0.0, 1.0)
}

/// Finds the point between `left` and `right` where `is_left` changes from true to false.
pub(crate) fn bisect(mut left: f64, mut right: f64, is_left: impl Fn(f64) -> bool) -> f64 {
    loop {
        let middle = 0.5 * (left + right);
        // Also ends when the two are neighbours among the floats.
        if middle <= left || middle >= right || right - left < 1e-15 {
            return middle;
        }
        if is_left(middle) {
            left = middle;
        } else {
            right = middle;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::f64::consts::LN_2;

    fn close(got: f64, want: f64, tolerance: f64) {
        assert!((got - want).abs() <= tolerance, "got {got}, want {want}");
    }

    #[test]
    fn normal_quantiles_are_those_of_the_tables() {
        for (p, z) in [
            (0.5, 0.0),
            (0.9, 1.281_551_565_544_600_5),
            (0.95, 1.644_853_626_951_472_2),
            (0.975, 1.959_963_984_540_054),
            (0.995, 2.575_829_303_548_900_4),
            (1e-10, -6.361_340_902_404_056),
        ] {
            close(normal_quantile(p), z, 1e-9);
            close(normal_cdf(z), p, 1e-13);
        }
        assert_eq!(normal_quantile(1.0), f64::INFINITY);
        assert_eq!(normal_quantile(0.0), f64::NEG_INFINITY);
    }

    #[test]
    fn ln_beta_is_that_of_whole_numbers() {
        close(ln_beta(1.0, 1.0), 0.0, 1e-14);
        close(ln_beta(2.0, 3.0), (1.0f64 / 12.0).ln(), 1e-13);
        close(ln_beta(0.5, 0.5), std::f64::consts::PI.ln(), 1e-13);
    }

    #[test]
    fn the_incomplete_beta_function_is_the_binomial_tail() {
        // P(X >= k) of n throws by adding up, against I_p(k, n-k+1).
        for (n, p) in [(7u32, 0.3f64), (40, 0.05), (60, 0.92)] {
            let mut mass = (1.0 - p).powf(f64::from(n));
            let mut below = 0.0;
            for k in 1..=n {
                below += mass;
                mass *= f64::from(n - k + 1) / f64::from(k) * p / (1.0 - p);
                let tail = beta_cdf(p, f64::from(k), f64::from(n - k + 1));
                close(tail, 1.0 - below, 1e-12);
            }
        }
        close(beta_cdf(0.25, 0.5, 0.5), 1.0 / 3.0, 1e-13);
    }

    #[test]
    fn the_incomplete_beta_function_holds_for_a_billion_counts() {
        // The median of a nearly symmetric beta is near its mean.
        close(beta_cdf(0.5, 5e8, 5e8), 0.5, 1e-5);
        close(beta_cdf(0.05, 5e7, 9.5e8), 0.5, 1e-4);
    }

    #[test]
    fn adding_in_logarithms_does_not_overflow() {
        close(ln_add_exp(0.0, 0.0), LN_2, 1e-15);
        close(ln_add_exp(1e6, 1e6 - 1.0), 1e6 + (-1.0f64).exp().ln_1p(), 1e-9);
        assert_eq!(ln_add_exp(f64::NEG_INFINITY, 3.0), 3.0);
        close(ln_sum_exp(&[-1e9, 5.0, 5.0]), 5.0 + LN_2, 1e-12);
        assert_eq!(ln_sum_exp(&[]), f64::NEG_INFINITY);
    }
}
