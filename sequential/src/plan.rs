//! Forecasts before a rollout: the time that it takes, and the regressions that it can detect.

use crate::alpha::Alpha;
use crate::error::InvalidParameter;
use crate::promotion::against_limit;
use crate::risk_difference::likeliest_stable;
use crate::special::{bisect, normal_cdf, normal_quantile};
use crate::tally::Tally;
use crate::{Claim, CoinTest, ShareTest};
use std::time::Duration;

/// Beyond this many units the answer is "never".
const NEVER: f64 = 1e9;

/// How many counted candidate units it takes until a failure share of `actual` is found to be
/// above `limit`, in the share `quantile` of cases (0.5: the median). `None` if more than 10^9, as
/// when `actual` is not above the limit. Within 15% of the exact figure.
///
/// # Errors
/// When a share or the quantile is not strictly between 0 and 1.
pub fn until_found_against_limit(
    limit: f64,
    actual: f64,
    alpha: Alpha,
    quantile: f64,
) -> Result<Option<u64>, InvalidParameter> {
    let actual = InvalidParameter::unless_inside_unit("actual", actual)?;
    let empty = ShareTest::new(limit, Claim::Above)?;
    // What a failure and a pass move the evidence by, at the true share.
    let (up, down) = ((actual / limit).ln(), ((1.0 - actual) / (1.0 - limit)).ln());
    let walk = Walk {
        drift: actual * up + (1.0 - actual) * down,
        variance: actual * (1.0 - actual) * (up - down).powi(2),
    };
    walk.until(quantile, |units| {
        let mut test = empty.clone();
        let counted = Tally::new(units * actual, units);
        counted.map(|counted| test.update(counted)).is_ok() && test.rejects(alpha)
    })
}

/// How many counted candidate units it takes until a candidate that fails with share `candidate`
/// is found to be worse than a stable arm that fails with share `stable`, when the candidate has
/// the share `weight` of the counted units; in the share `quantile` of cases. `None` if more than
/// 10^9, as when it is not worse.
///
/// # Errors
/// When a share, the weight or the quantile is not strictly between 0 and 1.
pub fn until_found_against_stable(
    candidate: f64,
    stable: f64,
    weight: f64,
    alpha: Alpha,
    quantile: f64,
) -> Result<Option<u64>, InvalidParameter> {
    let candidate = InvalidParameter::unless_inside_unit("candidate", candidate)?;
    let stable = InvalidParameter::unless_inside_unit("stable", stable)?;
    let weight = InvalidParameter::unless_inside_unit("weight", weight)?;
    let empty = CoinTest::new(1.0, Claim::Above)?;
    // Stable's units per candidate unit, and what a failure of either arm moves the evidence by,
    // at the true ratio.
    let others = (1.0 - weight) / weight;
    let ratio = candidate / stable;
    let all = weight * ratio + 1.0 - weight;
    let (up, down) = ((ratio / all).ln(), -all.ln());
    let walk = Walk {
        drift: candidate * up + others * stable * down,
        variance: candidate * (1.0 - candidate) * up * up
            + others * stable * (1.0 - stable) * down * down,
    };
    walk.until(quantile, |units| {
        let mut test = empty.clone();
        let theirs = units * others;
        let counted = Tally::new(units * candidate, units)
            .and_then(|mine| Ok((mine, Tally::new(theirs * stable, theirs)?)));
        counted.map(|(mine, theirs)| test.update(mine, theirs)).is_ok() && test.rejects(alpha)
    })
}

/// How the logarithm of the evidence moves per candidate unit.
struct Walk {
    drift: f64,
    variance: f64,
}

impl Walk {
    /// When the walk first arrives where its mean arrives once `arrived` holds: the inverse
    /// Gaussian distribution's quantile (Wald 1947).
    fn until(
        &self,
        quantile: f64,
        arrived: impl Fn(f64) -> bool,
    ) -> Result<Option<u64>, InvalidParameter> {
        let quantile = InvalidParameter::unless_inside_unit("quantile", quantile)?;
        let Some(mean) = smallest(arrived) else { return Ok(None) };
        // A walk along its drift alone would have come this far.
        let shape = (self.drift * mean).powi(2) / self.variance;
        let arrived_by = |units: f64| {
            let (scale, part) = ((shape / units).sqrt(), units / mean);
            // The second factor is as small as the first is large.
            let back = (2.0 * shape / mean).min(700.0).exp() * normal_cdf(-scale * (part + 1.0));
            normal_cdf(scale * (part - 1.0)) + back
        };
        let units = bisect(0.0, mean * 100.0, |units| arrived_by(units) < quantile);
        Ok(Some(units.ceil() as u64))
    }
}

/// The number of units from which on `arrived` holds.
fn smallest(arrived: impl Fn(f64) -> bool) -> Option<f64> {
    let mut high = 1.0;
    while !arrived(high) {
        high *= 2.0;
        if high > NEVER {
            return None;
        }
    }
    Some(bisect(high / 2.0, high, |units| !arrived(units)))
}

/// How likely a promotion's look passes with `units` scored candidate units (and `stable_units` of
/// stable), when the arms really fail with the shares `candidate` and `stable`, for a `margin` in
/// shares. Normal approximation of Farrington and Manning (1990).
///
/// # Errors
/// When there are no units, or a share or the margin is not strictly between 0 and 1.
pub fn chance_against_stable(
    candidate: (f64, f64),
    stable: (f64, f64),
    margin: f64,
    alpha: Alpha,
) -> Result<f64, InvalidParameter> {
    let ((c, c_units), (s, s_units)) = (candidate, stable);
    let margin = InvalidParameter::unless_inside_unit("margin", margin)?;
    InvalidParameter::unless_inside_unit("candidate share", c)?;
    InvalidParameter::unless_inside_unit("stable share", s)?;
    InvalidParameter::unless_positive("candidate units", c_units)?;
    InvalidParameter::unless_positive("stable units", s_units)?;
    let variance = |share: f64, units: f64| share * (1.0 - share) / units;
    let expected = (Tally::new(c * c_units, c_units)?, Tally::new(s * s_units, s_units)?);
    let restricted = likeliest_stable(expected.0, expected.1, margin);
    let claimed = variance(restricted + margin, c_units) + variance(restricted, s_units);
    let actual = variance(c, c_units) + variance(s, s_units);
    let z = normal_quantile(1.0 - alpha.get());
    Ok(normal_cdf((margin - (c - s) - z * claimed.sqrt()) / actual.sqrt()))
}

/// How likely a promotion's look passes with `units` scored candidate units, when the candidate
/// really fails with the share `actual` and must be shown to be below `limit`.
///
/// # Errors
/// When there are no units, or a share is not strictly between 0 and 1.
pub fn chance_against_limit(
    actual: f64,
    units: u64,
    limit: f64,
    alpha: Alpha,
) -> Result<f64, InvalidParameter> {
    let actual = InvalidParameter::unless_inside_unit("actual", actual)?;
    InvalidParameter::unless(units > 0, "units", units as f64, "from 1 on")?;
    let units = units as f64;
    let passes = |failures: f64| -> Result<bool, InvalidParameter> {
        Ok(against_limit(Tally::new(failures.min(units), units)?, limit)?.passes(alpha))
    };
    if !passes(0.0)? {
        return Ok(0.0);
    }
    // The largest whole number of failures that still passes; the test is exact, and so is this.
    let (mut most, mut too_many) = (0.0, units);
    while too_many - most > 1.0 {
        let middle = ((most + too_many) / 2.0f64).floor();
        if passes(middle)? {
            most = middle;
        } else {
            too_many = middle;
        }
    }
    // P(at most `most` failures) under the actual share is this very p-value.
    Ok(against_limit(Tally::new(most, units)?, actual)?.p_value)
}

/// How long it takes to count `units` candidate units, at `per_second` requests in all, of which
/// the candidate gets `weight` and of those `sampled` are counted. `None` if never.
#[must_use]
pub fn time_for(units: u64, per_second: f64, weight: f64, sampled: f64) -> Option<Duration> {
    let rate = per_second * weight * sampled;
    let seconds = if rate > 0.0 { units as f64 / rate } else { return None };
    Duration::try_from_secs_f64(seconds).ok()
}
