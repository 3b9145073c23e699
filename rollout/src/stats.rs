//! What workers count, in the one form that gates, Prometheus and (later) a fleet all read.
//! Everything merges by addition.

use crate::{Arm, Histogram, Outcome, Reason};
use std::collections::HashMap;
use std::sync::Arc;

/// What a series is about. Names are shared with the plan, so that a key costs two pointers.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct SeriesKey {
    /// Name of the workload.
    pub workload: Arc<str>,
    /// Name of the release that served; empty if none did.
    pub release: Arc<str>,
    /// The arm the requests count under.
    pub arm: Arm,
}

/// Counts of one series since the last hand-over.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Series {
    /// Finished requests by [`Outcome::index`].
    pub outcomes: [u64; Outcome::ALL.len()],
    /// Decisions by [`Reason::index`].
    pub reasons: [u64; Reason::ALL.len()],
    /// Microseconds from the end of the request head to the end of the response.
    pub duration_us: Histogram,
    /// Microseconds from the end of the request head to the response head.
    pub first_byte_us: Histogram,
    /// Requests that were sent to an endpoint again.
    pub retries: u64,
    /// Response body bytes sent to clients.
    pub bytes_out: u64,
    /// Requests that a tester's header forced; counted here alone, never in the fields above.
    pub forced: u64,
}

impl Series {
    /// How many requests finished.
    #[must_use]
    pub fn requests(&self) -> u64 {
        self.outcomes.iter().sum()
    }

    /// Adds another series' counts.
    pub fn merge(&mut self, other: &Self) {
        let add = |into: &mut [u64], from: &[u64]| {
            into.iter_mut().zip(from).for_each(|(sum, count)| *sum += count);
        };
        add(&mut self.outcomes, &other.outcomes);
        add(&mut self.reasons, &other.reasons);
        self.duration_us.merge(&other.duration_us);
        self.first_byte_us.merge(&other.first_byte_us);
        self.retries += other.retries;
        self.bytes_out += other.bytes_out;
        self.forced += other.forced;
    }
}

/// A request or connection that the proxy itself answered or ended, by workload (empty where none
/// was matched) and reason (the `stagegate-reason` header).
pub type Refusals = HashMap<(Arc<str>, &'static str), u64>;

/// Counts since the last hand-over, of one worker or merged from several.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Delta {
    /// Counts by series.
    pub series: HashMap<SeriesKey, Series>,
    /// Answers of the proxy's own making.
    pub refusals: Refusals,
}

impl Delta {
    /// Adds another delta's counts.
    pub fn merge(&mut self, other: &Self) {
        for (key, series) in &other.series {
            self.series.entry(key.clone()).or_default().merge(series);
        }
        for (key, count) in &other.refusals {
            *self.refusals.entry(key.clone()).or_default() += count;
        }
    }

    /// Whether nothing was counted.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.series.is_empty() && self.refusals.is_empty()
    }
}
