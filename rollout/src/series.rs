//! The counts of one series: a release of a workload in one arm.
//!
//! A new count is one row of the table below. A row of `counters` is also a metric of Prometheus
//! with the labels workload, release and arm; the row is all that the metric needs.

use crate::calibration::Calibration;
use crate::units::UnitSums;
use crate::usage::{CostTruth, TokenKind};
use crate::{ErrorClasses, Histogram, KeyKind, Outcome, Reason};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::sync::Arc;

/// The unit of a counter.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CounterUnit {
    /// Requests, responses or other things.
    Count,
    /// Bytes.
    Bytes,
}

/// A counter of [`Series`] that is shown as it is.
#[derive(Clone, Copy, Debug)]
pub struct Counter {
    /// The name of the metric.
    pub name: &'static str,
    /// The unit of its value.
    pub unit: CounterUnit,
    /// One sentence for people.
    pub help: &'static str,
    /// Reads it.
    pub of: fn(&Series) -> u64,
}

/// A count that merges by addition.
trait Add {
    fn add(&mut self, other: &Self);
}

impl<const N: usize> Add for [u64; N] {
    fn add(&mut self, other: &Self) {
        // Money and tokens are said by backends: a sum stays at the most there is.
        self.iter_mut().zip(other).for_each(|(sum, count)| *sum = sum.saturating_add(*count));
    }
}

impl Add for Histogram {
    fn add(&mut self, other: &Self) {
        self.merge(other);
    }
}

impl Add for BTreeMap<Arc<str>, Histogram> {
    fn add(&mut self, other: &Self) {
        for (name, values) in other {
            self.entry(Arc::clone(name)).or_default().merge(values);
        }
    }
}

impl Add for UnitSums {
    fn add(&mut self, other: &Self) {
        self.merge(other);
    }
}

impl Add for BTreeMap<Arc<str>, StageUse> {
    fn add(&mut self, other: &Self) {
        for (name, used) in other {
            self.entry(Arc::clone(name)).or_default().merge(used);
        }
    }
}

impl Add for ErrorClasses {
    fn add(&mut self, other: &Self) {
        self.merge(other);
    }
}

impl Add for Calibration {
    fn add(&mut self, other: &Self) {
        self.merge(other);
    }
}

impl Add for Scores {
    fn add(&mut self, other: &Self) {
        self.merge(other);
    }
}

macro_rules! series {
    (
        counters { $($(#[$doc:meta])* $counter:ident: $name:literal $unit:ident, $help:literal;)* }
        others { $($(#[$other_doc:meta])* $other:ident: $type:ty;)* }
    ) => {
        /// Counts of one series since the last hand-over.
        #[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
        #[serde(default)]
        pub struct Series {
            $($(#[$doc])* pub $counter: u64,)*
            $($(#[$other_doc])* pub $other: $type,)*
        }

        impl Series {
            /// The counters that are shown as they are, in the order of the table.
            pub const COUNTERS: &'static [Counter] = &[$(Counter {
                name: $name,
                unit: CounterUnit::$unit,
                help: $help,
                of: |series| series.$counter,
            }),*];

            /// Adds another series' counts.
            pub fn merge(&mut self, other: &Self) {
                $(self.$counter = self.$counter.saturating_add(other.$counter);)*
                $(self.$other.add(&other.$other);)*
            }
        }
    };
}

series! {
    counters {
        /// Response body bytes sent to clients.
        bytes_out: "stagegate_response_bytes_total" Bytes,
            "Response body bytes sent to clients";
        /// Request body bytes sent to endpoints, in the last try of each request.
        bytes_in: "stagegate_request_bytes_total" Bytes,
            "Request body bytes sent to endpoints, in the last try of each request";
        /// Requests that were sent to an endpoint again.
        retries: "stagegate_retries_total" Count,
            "Requests sent to an endpoint again, nothing of a response having been seen";
        /// Turns of a worker that requests ended because their share of work was done.
        gave_way: "stagegate_requests_gave_way_total" Count,
            "Times that a request let others of its worker go first, after its share of work: large bodies, or floods of small chunks, fields and events";
        /// Requests that a tester's header forced; counted here alone, never in the other fields.
        forced: "stagegate_forced_requests_total" Count,
            "Requests that a tester's signed force header sent to an arm";
        /// Answers that blame the client, by a 4xx, a gRPC status or an error in the body: failures
        /// only where they come more often than on stable.
        rejected: "stagegate_rejected_total" Count,
            "Requests a backend refused for what the client asked, by a 4xx, a gRPC status or an error in the body; no failure of the release";
        /// Answers with a part that could not be read: a cost that is no amount, or a body that is
        /// broken, too large or compressed in an unknown way.
        unreadable: "stagegate_unreadable_signals_total" Count,
            "Responses with a cost header that is no amount, or a body that could not be read: compressed in a way that is not understood, broken or too large";
        /// Requests whose client left before any byte of the response; those of `unanswered_us`.
        unanswered: "stagegate_unanswered_requests_total" Count,
            "Requests whose client left before any byte of the response came";
        /// Requests whose identity came behind the bytes that may be held back, or may have.
        identity_late: "stagegate_identity_late_total" Count,
            "Requests whose identity came too late in the body to decide, or may have";
        /// Requests whose spans were awaited, because their endpoint was sent a trace.
        traces_begun: "stagegate_traced_requests_total" Count,
            "Requests whose spans were awaited from the agents' traces";
        /// The part of `traces_begun` of which at least one span came in time.
        traces_joined: "stagegate_traced_requests_joined_total" Count,
            "Requests of which at least one span of the agents' traces came in time; a smaller number than of those awaited means that the stages are those of a sample";
    }
    others {
        /// Requests by the kind of key that decided, by [`KeyKind`]'s position.
        keys: [u64; KeyKind::ALL.len()];
        /// Finished requests by [`Outcome::index`].
        outcomes: [u64; Outcome::ALL.len()];
        /// Decisions by [`Reason::index`].
        reasons: [u64; Reason::ALL.len()];
        /// Microseconds from the end of the request head to the end of the response; without the
        /// requests of `abandoned_us`.
        duration_us: Histogram;
        /// Microseconds from the end of the request head to the response head.
        first_byte_us: Histogram;
        /// Microseconds that clients waited who left before the end of the response: the response
        /// would have taken at least as long. Together with `duration_us`, every request once.
        abandoned_us: Histogram;
        /// The part of `abandoned_us` whose clients left before any byte: the first byte would have
        /// taken at least as long. Together with `first_byte_us`, every request once.
        unanswered_us: Histogram;
        /// Microseconds between two body chunks of a stream.
        between_chunks_us: Histogram;
        /// Microseconds by stage, as the backend names them (`Server-Timing`) or the agents' traces
        /// do; capped in number.
        stages: BTreeMap<Arc<str>, Histogram>;
        /// Calls, failures, tokens and cost by stage, as the agents' traces state them; capped in
        /// number.
        stage_use: BTreeMap<Arc<str>, StageUse>;
        /// Tokens by [`TokenKind::index`].
        tokens: [u64; TokenKind::ALL.len()];
        /// Responses by how their cost is known, by [`CostTruth::index`].
        costs: [u64; CostTruth::ALL.len()];
        /// Nano-dollars of every response whose cost is known at all; its sum is the spend.
        cost_nanos: Histogram;
        /// The spend in nano-dollars by how it is known, by [`CostTruth::index`].
        spent_nanos: [u64; CostTruth::ALL.len()];
        /// Failures by class; capped in number.
        failures: ErrorClasses;
        /// Results of scored responses.
        scores: Scores;
        /// Confidence against correctness, of scored responses that came with a confidence.
        calibration: Calibration;
        /// Conversations and other units that the split draws, where a rollout counts them.
        units: UnitSums;
    }
}

impl Series {
    /// The number of finished requests.
    #[must_use]
    pub fn requests(&self) -> u64 {
        self.outcomes.iter().sum()
    }
}

/// What a stage did, as the agents' traces state it. Stages contain each other: the tokens of a call
/// count for the agent around it too.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct StageUse {
    /// Calls.
    pub calls: u64,
    /// Calls that failed.
    pub errors: u64,
    /// Input tokens, cached ones too.
    pub input: u64,
    /// Output tokens.
    pub output: u64,
    /// Known cost in nano-dollars.
    pub nanos: u64,
    /// Calls of models whose cost is not known.
    pub unpriced: u64,
}

impl StageUse {
    /// Adds another count. Figures come from agents: a sum stays at the most there is.
    pub const fn merge(&mut self, other: &Self) {
        self.calls = self.calls.saturating_add(other.calls);
        self.errors = self.errors.saturating_add(other.errors);
        self.input = self.input.saturating_add(other.input);
        self.output = self.output.saturating_add(other.output);
        self.nanos = self.nanos.saturating_add(other.nanos);
        self.unpriced = self.unpriced.saturating_add(other.unpriced);
    }
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
