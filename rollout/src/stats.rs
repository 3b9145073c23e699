//! The counts of the workers, in the one form that gates and Prometheus read. Counts merge by
//! addition.

use crate::{Arm, FlagCounts, Seen, Series, ShadowKey, ShadowSeries, Unpriced};
use std::collections::HashMap;
use std::sync::Arc;

/// The key of a series. Names are shared with the plan, so that a key costs two pointers.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct SeriesKey {
    /// Name of the workload.
    pub workload: Arc<str>,
    /// Name of the release that served; empty if none did.
    pub release: Arc<str>,
    /// The arm the requests count under.
    pub arm: Arm,
}

/// A request or connection that the proxy itself answered or ended, by workload (empty where none
/// was matched) and reason (the `stagegate-reason` header).
pub type Refusals = HashMap<(Arc<str>, &'static str), u64>;

/// Answers whose cost is not known, by workload, reason and model (empty if none was named).
pub type UnpricedCounts = HashMap<(Arc<str>, Unpriced, Arc<str>), u64>;

/// The use of one tenant of a workload.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct TenantUse {
    /// Finished requests.
    pub requests: u64,
    /// Tokens of every kind.
    pub tokens: u64,
    /// Known cost in nano-dollars.
    pub cost_nanos: u64,
}

impl TenantUse {
    /// Adds another count.
    pub const fn merge(&mut self, other: &Self) {
        self.requests += other.requests;
        self.tokens = self.tokens.saturating_add(other.tokens);
        self.cost_nanos = self.cost_nanos.saturating_add(other.cost_nanos);
    }
}

/// Counts since the last hand-over, of one worker or merged from several.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Delta {
    /// Counts by series, of the requests whose arm the weight drew: those that gates compare.
    pub series: HashMap<SeriesKey, Series>,
    /// Counts of all other requests: sent by a list, a cohort, an exclusion, a header, or by a
    /// conversation that began before the step. Counted everywhere, and compared nowhere.
    pub apart: HashMap<SeriesKey, Series>,
    /// Single requests of `series`, for the units, while a rollout is active.
    pub seen: HashMap<SeriesKey, Vec<Seen>>,
    /// Answers that the proxy itself made.
    pub refusals: Refusals,
    /// Answers whose cost is not known, of a capped set of models; the rest counts under `other`.
    pub unpriced: UnpricedCounts,
    /// Use by workload and tenant, of a capped set of tenants; the rest counts under `other`.
    pub tenants: HashMap<(Arc<str>, Arc<str>), TenantUse>,
    /// Buckets of the keys that the weight alone assigned to an arm, by workload, while a rollout
    /// is active, to check the split against the weight. With repeats.
    pub assigned: HashMap<Arc<str>, Vec<u32>>,
    /// Copies of requests, which no gate and no arm counts.
    pub shadows: HashMap<ShadowKey, ShadowSeries>,
    /// Flags that were evaluated for requests.
    pub flags: FlagCounts,
}

impl Delta {
    /// Adds another delta's counts.
    pub fn merge(&mut self, other: &Self) {
        for (key, series) in &other.series {
            self.series.entry(key.clone()).or_default().merge(series);
        }
        for (key, series) in &other.apart {
            self.apart.entry(key.clone()).or_default().merge(series);
        }
        for (key, seen) in &other.seen {
            self.seen.entry(key.clone()).or_default().extend(seen.iter().cloned());
        }
        for (key, count) in &other.refusals {
            *self.refusals.entry(key.clone()).or_default() += count;
        }
        for (key, count) in &other.unpriced {
            *self.unpriced.entry(key.clone()).or_default() += count;
        }
        for (key, used) in &other.tenants {
            self.tenants.entry(key.clone()).or_default().merge(used);
        }
        for (workload, buckets) in &other.assigned {
            self.assigned.entry(Arc::clone(workload)).or_default().extend(buckets);
        }
        for (key, series) in &other.shadows {
            self.shadows.entry(key.clone()).or_default().merge(series);
        }
        self.flags.merge(&other.flags);
    }

    /// Every series, compared or not.
    pub fn all_series(&self) -> impl Iterator<Item = (&SeriesKey, &Series)> {
        self.series.iter().chain(&self.apart)
    }

    /// Returns true if nothing was counted.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.series.is_empty()
            && self.apart.is_empty()
            && self.seen.is_empty()
            && self.refusals.is_empty()
            && self.unpriced.is_empty()
            && self.tenants.is_empty()
            && self.assigned.is_empty()
            && self.shadows.is_empty()
            && self.flags.is_empty()
    }
}
