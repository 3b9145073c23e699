//! Failure shares: against a limit, and against stable with a margin.

use crate::error::InvalidParameter;
use crate::promotion::NonInferiority;
use crate::risk_difference::score;
use crate::special::{beta_cdf, normal_cdf};
use crate::tally::Tally;

/// Tests if the failure share is below `limit`: the exact binomial test.
///
/// # Errors
/// When `limit` is not strictly between 0 and 1.
pub fn against_limit(candidate: Tally, limit: f64) -> Result<NonInferiority, InvalidParameter> {
    let limit = InvalidParameter::unless_inside_unit("limit", limit)?;
    // P(at most so many failures | limit); certain when everything may have failed.
    let p_value = if candidate.passes() > 0.0 {
        beta_cdf(1.0 - limit, candidate.passes(), candidate.failures() + 1.0)
    } else {
        1.0
    };
    Ok(NonInferiority { p_value })
}

/// Tests if the candidate's failure share is less than `margin` above stable's: the score test of
/// Farrington and Manning (1990).
///
/// `margin` is a difference of shares: 0.01 is one percentage point. With no failure in either arm
/// it passes once `margin` itself would have shown; a *ratio* of failure rates never could.
///
/// # Errors
/// When `margin` is not strictly between 0 and 1.
pub fn against_stable(
    candidate: Tally,
    stable: Tally,
    margin: f64,
) -> Result<NonInferiority, InvalidParameter> {
    let margin = InvalidParameter::unless_inside_unit("margin", margin)?;
    if candidate.total() == 0.0 || stable.total() == 0.0 {
        return Ok(NonInferiority { p_value: 1.0 });
    }
    Ok(NonInferiority { p_value: normal_cdf(score(candidate, stable, margin)) })
}
