//! What workers count, in the one form that gates, Prometheus and (later) a fleet all read.
//! Everything merges by addition.

use crate::usage::{CostTruth, TokenKind};
use crate::{Arm, Histogram, Outcome, Reason, ShadowKey, ShadowSeries};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, HashMap};
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
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
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
    /// Requests that a tester's header forced; counted here alone, never in the other fields.
    pub forced: u64,
    /// Answers with a 4xx status that blames the client: failures only where they come more often
    /// than on stable.
    pub rejected: u64,
    /// Microseconds between two body chunks of a stream.
    pub between_chunks_us: Histogram,
    /// Microseconds by stage, as the backend names them (`Server-Timing`); capped in number.
    pub stages: BTreeMap<Arc<str>, Histogram>,
    /// Tokens by [`TokenKind::index`].
    pub tokens: [u64; TokenKind::ALL.len()],
    /// Responses by how their cost is known, by [`CostTruth::index`].
    pub costs: [u64; CostTruth::ALL.len()],
    /// Nano-dollars of every response whose cost is known at all; its sum is the spend.
    pub cost_nanos: Histogram,
    /// The spend in nano-dollars by how it is known, by [`CostTruth::index`].
    pub spent_nanos: [u64; CostTruth::ALL.len()],
    /// Answers that told something that could not be read: a cost that is no amount, a body
    /// compressed in an unknown way.
    pub unreadable: u64,
    /// Results of scored responses.
    pub scores: Scores,
}

/// Results of scored responses, of the live sample and of its labelled part.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Scores {
    /// Scored responses that passed.
    pub passed: u64,
    /// Scored responses that failed.
    pub failed: u64,
    /// Of the responses with a known right answer, those that passed.
    pub labelled_passed: u64,
    /// Of the responses with a known right answer, those that failed.
    pub labelled_failed: u64,
}

impl Scores {
    /// Adds another count.
    pub const fn merge(&mut self, other: &Self) {
        self.passed += other.passed;
        self.failed += other.failed;
        self.labelled_passed += other.labelled_passed;
        self.labelled_failed += other.labelled_failed;
    }
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
        self.rejected += other.rejected;
        self.between_chunks_us.merge(&other.between_chunks_us);
        for (stage, times) in &other.stages {
            self.stages.entry(Arc::clone(stage)).or_default().merge(times);
        }
        add(&mut self.tokens, &other.tokens);
        add(&mut self.costs, &other.costs);
        self.cost_nanos.merge(&other.cost_nanos);
        add(&mut self.spent_nanos, &other.spent_nanos);
        self.unreadable += other.unreadable;
        self.scores.merge(&other.scores);
    }
}

/// A request or connection that the proxy itself answered or ended, by workload (empty where none
/// was matched) and reason (the `stagegate-reason` header).
pub type Refusals = HashMap<(Arc<str>, &'static str), u64>;

/// What one tenant of a workload used.
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
        self.tokens += other.tokens;
        self.cost_nanos += other.cost_nanos;
    }
}

/// Counts since the last hand-over, of one worker or merged from several.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Delta {
    /// Counts by series.
    pub series: HashMap<SeriesKey, Series>,
    /// Answers of the proxy's own making.
    pub refusals: Refusals,
    /// Use by workload and tenant, of a capped set of tenants; the rest counts under `other`.
    pub tenants: HashMap<(Arc<str>, Arc<str>), TenantUse>,
    /// Buckets of the keys that the weight alone assigned to an arm, by workload, while a rollout
    /// is under way: what tells whether the split is the one that was asked for. With repeats.
    pub assigned: HashMap<Arc<str>, Vec<u32>>,
    /// Copies of requests, which no gate and no arm counts.
    pub shadows: HashMap<ShadowKey, ShadowSeries>,
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
        for (key, used) in &other.tenants {
            self.tenants.entry(key.clone()).or_default().merge(used);
        }
        for (workload, buckets) in &other.assigned {
            self.assigned.entry(Arc::clone(workload)).or_default().extend(buckets);
        }
        for (key, series) in &other.shadows {
            self.shadows.entry(key.clone()).or_default().merge(series);
        }
    }

    /// Whether nothing was counted.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.series.is_empty()
            && self.refusals.is_empty()
            && self.tenants.is_empty()
            && self.assigned.is_empty()
            && self.shadows.is_empty()
    }
}
