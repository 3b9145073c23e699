//! Source of rolling statistics, and of the text of `/metrics`.

use stagegate_rollout::{Arm, KeyKind, Outcome, ShadowKey, ShadowSeries};
use std::sync::Arc;
use std::time::Duration;

/// Rolling statistics of served requests.
pub trait StatsSource: Send + Sync + 'static {
    /// The windows that end now, of every series: several lengths each.
    fn snapshot(&self) -> Vec<SeriesStats>;

    /// The loops that stand still and without which nobody is protected, in words.
    fn stalled(&self) -> Vec<String> {
        Vec::new()
    }

    /// Returns the counts of copied requests since the start.
    fn shadows(&self) -> Vec<(ShadowKey, ShadowSeries)> {
        Vec::new()
    }
}

/// One series over one window that ends now.
#[derive(Clone, Debug)]
pub struct SeriesStats {
    /// Name of the workload.
    pub workload: Arc<str>,
    /// Name of the release that served.
    pub release: Arc<str>,
    /// The arm the requests count under.
    pub arm: Arm,
    /// Length of the window in seconds.
    pub seconds: u32,
    /// The part of the window in which traffic was counted: less than `seconds` soon after the
    /// start.
    pub covers: Duration,
    /// Finished requests by [`Outcome::index`].
    pub outcomes: [u64; Outcome::ALL.len()],
    /// Requests by the kind of key that decided, by [`KeyKind`]'s position.
    pub keys: [u64; KeyKind::ALL.len()],
    /// Responses whose cost is known.
    pub costed: u64,
    /// Their total cost in nano-dollars.
    pub spent_nanos: u64,
    /// Median, 95th and 99th percentile of the whole duration in microseconds; `None` where there
    /// are too few requests to say.
    pub duration_us: [Option<u64>; 3],
    /// Median time to the first byte in microseconds.
    pub first_byte_p50_us: Option<u64>,
}

/// The source of `/metrics`.
pub trait MetricsSource: Send + Sync + 'static {
    /// The Prometheus text exposition of everything.
    fn render(&self) -> String;
}

impl<F: Fn() -> String + Send + Sync + 'static> MetricsSource for F {
    fn render(&self) -> String {
        self()
    }
}
