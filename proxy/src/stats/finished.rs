//! What became of one request, as the counts take it.

use stagegate_rollout::{Arm, Outcome, Parts, Reason, Seen, Unpriced};
use stagegate_signals::{Cost, Failure, Usage};
use std::sync::Arc;

/// The facts of a request that tell its parts. Nothing is known by default.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Facts<'a> {
    /// The cohort of the tenant, enabled or not.
    pub(crate) cohort: Option<&'a str>,
    /// The model, as the answer names it.
    pub(crate) model: Option<&'a str>,
    /// The language that the client prefers.
    pub(crate) language: Option<&'a str>,
    /// Whether the answer is a stream; none without an answer.
    pub(crate) streams: Option<bool>,
    /// The status of the answer; 0 without one.
    pub(crate) status: u16,
    /// The failure that the answer names.
    pub(crate) failure: Option<&'a Failure>,
}

/// The facts of an answer that are counted.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Told<'a> {
    pub(crate) usage: Option<Usage>,
    pub(crate) cost: Option<Cost>,
    /// The reason for an unknown cost, and the model, empty if none was named.
    pub(crate) unpriced: Option<(Unpriced, &'a str)>,
    /// Names and microseconds.
    pub(crate) stages: &'a [(String, u64)],
    /// Refused for what the client asked.
    pub(crate) rejected: bool,
    /// Something in it could not be read.
    pub(crate) unreadable: bool,
    /// The class of its failure, if it failed.
    pub(crate) failure: Option<&'a str>,
    /// What tells its parts, while units are counted.
    pub(crate) facts: Facts<'a>,
    /// The tenant that asked.
    pub(crate) asked: Option<&'a str>,
    /// The tenant's use counts under this name.
    pub(crate) tenant: Option<&'a Arc<str>>,
}

/// The result of one request, for counting.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Finished {
    pub(crate) outcome: Outcome,
    pub(crate) reason: Reason,
    pub(crate) duration_us: u64,
    /// Zero when there was no response head.
    pub(crate) first_byte_us: u64,
    pub(crate) bytes_out: u64,
    /// Body bytes of the request that were sent in the last try.
    pub(crate) bytes_in: u64,
    pub(crate) retries: u8,
    /// Turns that it ended because its share of work was done.
    pub(crate) gave_way: u32,
    /// The client left before the end of the response.
    pub(crate) abandoned: bool,
    /// An identity came too late to decide, or may have.
    pub(crate) identity_late: bool,
    /// The weight drew its arm, so that gates compare it.
    pub(crate) is_drawn: bool,
    /// The unit it belongs to, 0 for one of its own; none while nobody counts units.
    pub(crate) unit: Option<u64>,
    /// When it ended, in Unix milliseconds.
    pub(crate) at_ms: u64,
}

impl Finished {
    pub(super) fn has_failed(&self, told: &Told<'_>) -> bool {
        self.outcome != Outcome::Ok || told.rejected
    }

    /// For the units.
    pub(super) fn seen(
        &self,
        unit: u64,
        tenant: Option<Arc<str>>,
        arm: Arm,
        told: &Told<'_>,
    ) -> Seen {
        let usage = told.usage.unwrap_or_default();
        Seen {
            unit,
            tenant,
            parts: Parts::default(),
            failure: None,
            arm,
            at_ms: self.at_ms,
            body: self.bytes_in,
            outcome: self.outcome,
            rejected: told.rejected,
            duration_us: self.duration_us,
            first_byte_us: self.first_byte_us,
            abandoned: self.abandoned,
            nanos: told.cost.and_then(|cost| cost.nanos),
            input: (usage.total_input(), usage.cache_read),
        }
    }
}
