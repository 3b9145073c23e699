//! Intervals to show beside every estimate, so that nobody takes 2 of 40 for 5%.

use crate::alpha::Alpha;
use crate::error::InvalidParameter;
use crate::risk_difference::score;
use crate::special::{beta_cdf, bisect, ln_beta, normal_quantile};
use crate::tally::Tally;

/// From where to where a quantity may lie.
#[derive(Clone, Copy, Debug, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct Interval {
    /// The lower end.
    pub low: f64,
    /// The upper end.
    pub high: f64,
}

impl Interval {
    /// Whether the value lies within, ends included.
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
