//! Intervals to show beside every estimate, so that 2 of 40 is not read as exactly 5%.

use crate::alpha::Alpha;
use crate::error::InvalidParameter;
use crate::promotion::Moments;
use crate::risk_difference::score;
use crate::special::{beta_cdf, bisect, ln_beta, normal_quantile};
use crate::tally::Tally;

/// The range in which a quantity may lie.
#[derive(Clone, Copy, Debug, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct Interval {
    /// The lower end.
    pub low: f64,
    /// The upper end.
    pub high: f64,
}

impl Interval {
    /// Returns true if the value lies within, ends included.
    #[must_use]
    pub fn contains(self, value: f64) -> bool {
        self.low <= value && value <= self.high
    }
}

/// Bounds of a share that hold *at all times at once* with probability `1 - alpha`: what a page
/// that is looked at again and again must show.
///
/// They are narrowest around `best_at` units, the number one means to decide at. The beta-binomial
/// mixture of Robbins; tuned as in Waudby-Smith and Ramdas, and Howard et al. (2021).
///
/// # Errors
/// When `best_at` is not a number above 0.
pub fn at_all_times(
    counted: Tally,
    alpha: Alpha,
    best_at: f64,
) -> Result<Interval, InvalidParameter> {
    let best_at = InvalidParameter::unless_positive("best_at", best_at)?;
    let twice = 2.0 * alpha.ln_threshold();
    // Worth of the mixture's prior in units; a prior of less than one unit is all edges.
    let prior = (best_at / (twice + twice.ln_1p()) - 1.0).max(1.0);
    let (s, f) = (counted.failures(), counted.passes());
    let inside = |m: f64| {
        let (a, b) = (prior * m, prior * (1.0 - m));
        let ln_e = ln_beta(a + s, b + f) - ln_beta(a, b) - s * m.ln() - f * (-m).ln_1p();
        ln_e < alpha.ln_threshold()
    };
    // The evidence against the observed share itself is never above 1, and grows on both sides.
    let share = counted.share().unwrap_or(0.5);
    let low = if s > 0.0 { bisect(0.0, share, |m| !inside(m)) } else { 0.0 };
    let high = if f > 0.0 { bisect(share, 1.0, inside) } else { 1.0 };
    Ok(Interval { low, high })
}

/// Bounds of a share that hold with probability `1 - alpha` at *one* look planned beforehand
/// (Clopper and Pearson 1934): exact, never too narrow.
#[must_use]
pub fn at_one_look(counted: Tally, alpha: Alpha) -> Interval {
    let (s, f) = (counted.failures(), counted.passes());
    let tail = alpha.get() / 2.0;
    let low = if s > 0.0 { bisect(0.0, 1.0, |p| beta_cdf(p, s, f + 1.0) < tail) } else { 0.0 };
    let high =
        if f > 0.0 { bisect(0.0, 1.0, |p| beta_cdf(p, s + 1.0, f) < 1.0 - tail) } else { 1.0 };
    Interval { low, high }
}

/// The upper bound alone, which may then use up all of `alpha`: "at most so many".
#[must_use]
pub fn at_most(counted: Tally, alpha: Alpha) -> f64 {
    let (s, f) = (counted.failures(), counted.passes());
    if f > 0.0 { bisect(0.0, 1.0, |p| beta_cdf(p, s + 1.0, f) < 1.0 - alpha.get()) } else { 1.0 }
}

/// The lower bound alone, which may then use up all of `alpha`: "at least so many".
#[must_use]
pub fn at_least(counted: Tally, alpha: Alpha) -> f64 {
    let (s, f) = (counted.failures(), counted.passes());
    if s > 0.0 { bisect(0.0, 1.0, |p| beta_cdf(p, s, f + 1.0) < alpha.get()) } else { 0.0 }
}

/// Bounds of the candidate's failure share minus stable's at one look (Miettinen and Nurminen
/// 1985). It is the promotion's test turned inside out, so what is shown and what is decided agree.
/// From -1 to 1 while an arm has no units.
#[must_use]
pub fn difference(candidate: Tally, stable: Tally, alpha: Alpha) -> Interval {
    let z = normal_quantile(1.0 - alpha.get() / 2.0);
    let all = candidate.total() + stable.total();
    let (Some(c), Some(s)) = (candidate.share(), stable.share()) else {
        return Interval { low: -1.0, high: 1.0 };
    };
    let widening = (all / (all - 1.0).max(1.0)).sqrt();
    let at = |delta| score(candidate, stable, delta) / widening;
    Interval {
        low: bisect(-1.0, c - s, |delta| at(delta) > z),
        high: bisect(c - s, 1.0, |delta| at(delta) > -z),
    }
}

/// Bounds of the candidate's mean in multiples of stable's at one look (Fieller 1954): the
/// promotion's cost test turned inside out. `None` while an arm has fewer than two units, or
/// stable's mean is so uncertain that no ratio can be ruled out.
#[must_use]
pub fn mean_ratio(candidate: Moments, stable: Moments, alpha: Alpha) -> Option<Interval> {
    let (c, s) = (candidate.mean()?, stable.mean()?);
    let (c_variance, s_variance) = (candidate.variance_of_mean()?, stable.variance_of_mean()?);
    let z = normal_quantile(1.0 - alpha.get() / 2.0);
    if s <= z * s_variance.sqrt() {
        return None;
    }
    // How far the data lie above a ratio, in units of what chance explains; falls as it grows.
    let above = |ratio: f64| c - ratio * s - z * (c_variance + ratio * ratio * s_variance).sqrt();
    let below = |ratio: f64| ratio * s - c - z * (c_variance + ratio * ratio * s_variance).sqrt();
    let mut far = 2.0 * c / s + 1.0;
    while below(far) < 0.0 && far < f64::MAX / 2.0 {
        far *= 2.0;
    }
    let low = if above(0.0) > 0.0 { bisect(0.0, c / s, |ratio| above(ratio) > 0.0) } else { 0.0 };
    Some(Interval { low, high: bisect(c / s, far, |ratio| below(ratio) < 0.0) })
}
