//! Passive health: endpoints that fail real requests.

use std::time::Duration;

/// The ejection of endpoints that fail real requests.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ejection {
    /// Failed or slow requests in a row that eject it, at least 1.
    pub failures: u32,
    /// A response head that takes longer counts as a failure; none does when absent.
    pub slow: Option<Duration>,
    /// Time it is left out the first time; doubles with every ejection in a row, to `longest`.
    pub time: Duration,
    /// Longest time it is left out.
    pub longest: Duration,
}

impl Default for Ejection {
    fn default() -> Self {
        Self {
            failures: 5,
            slow: None,
            time: Duration::from_secs(10),
            longest: Duration::from_secs(300),
        }
    }
}
