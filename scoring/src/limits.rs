//! Bounds of live scoring.

use stagegate_eval::HealthLimits;
use std::time::Duration;

/// The most samples that wait for scorers, over all workloads. More are dropped.
pub(crate) const MAX_OPEN: usize = 10_000;

/// Bounds of the samples that are stored and held in memory.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Limits {
    /// The most bytes of samples that wait for scorers.
    pub memory: u64,
    /// Samples older than this are removed.
    pub max_age: Duration,
    /// Above this many, the oldest samples are removed.
    pub max_samples: u64,
    /// The limits beyond which scorers are not believed.
    pub judge: HealthLimits,
}
