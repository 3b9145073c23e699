//! A share with its bounds, so that 38 of 40 is not read as exactly 95%.

use serde::{Deserialize, Serialize};
use stagegate_sequential::{Alpha, Tally, interval};

/// Units that the bounds are narrowest for: what a gate asks for by default.
const TYPICAL: f64 = 5000.0;

/// A share from 0 to 1 and where it may lie: a 95% confidence sequence, valid however often it is
/// looked at.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Share {
    /// The observed share.
    pub estimate: f64,
    /// The lower bound.
    pub lower: f64,
    /// The upper bound.
    pub upper: f64,
}

impl Share {
    /// The share of `passed` among `passed + failed`; `None` before the first.
    #[must_use]
    pub fn of(passed: u64, failed: u64) -> Option<Self> {
        Self::narrowest_at(TYPICAL, passed, failed)
    }

    /// The same with bounds that are narrowest for so many units.
    pub(crate) fn narrowest_at(units: f64, passed: u64, failed: u64) -> Option<Self> {
        let counted = Tally::of(failed, passed + failed).ok()?;
        let estimate = 1.0 - counted.share()?;
        let failing = interval::at_all_times(counted, Alpha::PROMOTION, units).ok()?;
        Some(Self { estimate, lower: 1.0 - failing.high, upper: 1.0 - failing.low })
    }
}
