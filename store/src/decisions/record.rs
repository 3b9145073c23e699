//! A decision as readers get it.

use serde::Serialize;
use stagegate_rollout::{
    Arm, CostTruth, KeyKind, Outcome, Reason, Record, Spent, Weight, recorded_flags,
};

/// The decision for one request, and its outcome.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct OwnedRecord {
    /// The request's id.
    pub request_id: String,
    /// Arrival, in Unix milliseconds.
    pub at_ms: u64,
    /// Name of the workload.
    pub workload: String,
    /// Name of the release that served, if one did.
    pub release: Option<String>,
    /// The arm it counts under.
    pub arm: Arm,
    /// The rule that decided.
    pub reason: Reason,
    /// Cohort or group the rule names.
    pub detail: Option<String>,
    /// Epoch of the plan that decided.
    pub epoch: u64,
    /// The identity that was hashed.
    pub key: KeyKind,
    /// The key's bucket, 0 to 99999, when the weight was asked.
    pub bucket: Option<u32>,
    /// The weight at the time.
    pub weight: Weight,
    /// Tenant id, if known.
    pub tenant: Option<String>,
    /// User id, if known.
    pub user: Option<String>,
    /// Conversation id, if known.
    pub conversation: Option<String>,
    /// HTTP status the client got, if it got one.
    pub status: Option<u16>,
    /// The outcome of the request.
    pub outcome: Outcome,
    /// Microseconds from the end of the request head to the end of the response.
    pub duration_us: u64,
    /// Microseconds from the end of the request head to the response head.
    pub first_byte_us: u64,
    /// The number of retries.
    pub retries: u8,
    /// A copy was handed on to be sent to another release.
    pub shadowed: bool,
    /// The usage and the cost of the answer, if known.
    pub spent: Option<OwnedSpent>,
    /// The flags that were sent to the backend.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub flags: Vec<OwnedFlag>,
}

/// A flag that was evaluated for a request.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct OwnedFlag {
    /// Its key.
    pub key: String,
    /// The variant that was sent; empty if the backend uses its own default.
    pub variant: String,
    /// What decided.
    pub decided_by: String,
    /// True if a program asked for it while it worked on the request.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub remote: bool,
}

/// The usage and the cost of an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct OwnedSpent {
    /// The source of the cost.
    pub truth: CostTruth,
    /// Nano-dollars; none when the cost is unknown.
    pub nanos: Option<u64>,
    /// Input tokens, cached or not; 0 if none were reported.
    pub input: u64,
    /// Output tokens; 0 if none were reported.
    pub output: u64,
}

impl From<Spent> for OwnedSpent {
    fn from(spent: Spent) -> Self {
        let Spent { truth, nanos, input, output } = spent;
        Self { truth, nanos: (truth != CostTruth::Unknown).then_some(nanos), input, output }
    }
}

impl From<&Record<'_>> for OwnedRecord {
    fn from(record: &Record<'_>) -> Self {
        let known = |text: &str| (!text.is_empty()).then(|| text.to_owned());
        Self {
            request_id: record.request_id.to_owned(),
            at_ms: record.at_ms,
            workload: record.workload.to_owned(),
            release: known(record.release),
            arm: record.arm,
            reason: record.reason,
            detail: known(record.detail),
            epoch: record.epoch,
            key: record.key,
            bucket: record.bucket,
            weight: Weight::from_parts(record.weight).unwrap_or(Weight::FULL),
            tenant: known(record.tenant),
            user: known(record.user),
            conversation: known(record.conversation),
            status: (record.status != 0).then_some(record.status),
            outcome: record.outcome,
            duration_us: record.duration_us,
            first_byte_us: record.first_byte_us,
            retries: record.retries,
            shadowed: record.shadowed,
            spent: record.spent.map(OwnedSpent::from),
            flags: recorded_flags(record.flags)
                .map(|flag| OwnedFlag {
                    key: flag.key.to_owned(),
                    variant: flag.variant.to_owned(),
                    decided_by: flag.decided_by.to_owned(),
                    remote: flag.remote,
                })
                .collect(),
        }
    }
}

/// A filter of records. The default lists all.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Filter {
    /// Only those of this workload.
    pub workload: Option<String>,
    /// Only those of this tenant.
    pub tenant: Option<String>,
    /// Only those of this arm.
    pub arm: Option<Arm>,
    /// Only those this rule decided.
    pub reason: Option<Reason>,
    /// Only those with this flag, and with this variant of it if one is named.
    pub flag: Option<(String, Option<String>)>,
}

impl Filter {
    pub(super) fn accepts(&self, record: &Record<'_>) -> bool {
        self.workload.as_deref().is_none_or(|workload| workload == record.workload)
            && self.tenant.as_deref().is_none_or(|tenant| tenant == record.tenant)
            && self.arm.is_none_or(|arm| arm == record.arm)
            && self.reason.is_none_or(|reason| reason == record.reason)
            && self.flag.as_ref().is_none_or(|(key, variant)| {
                recorded_flags(record.flags).any(|flag| {
                    flag.key == key && variant.as_ref().is_none_or(|name| name == flag.variant)
                })
            })
    }
}

/// The newest records that match.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Recent {
    /// The records, the one that ended last first.
    pub records: Vec<OwnedRecord>,
    /// True if the search gave up before the oldest record because it had read enough: there may
    /// be older ones that match.
    pub more: bool,
    /// Blocks that could not be read and were passed over.
    pub damaged_blocks: u64,
}

/// The time in a UUIDv7, in Unix milliseconds; `None` for any other id.
pub(super) fn id_time(id: &str) -> Option<u64> {
    let bytes = id.as_bytes();
    let is_v7 = bytes.len() == 36
        && bytes[14] == b'7'
        && [8, 13, 18, 23].into_iter().all(|dash| bytes[dash] == b'-');
    if !is_v7 {
        return None;
    }
    bytes[..8].iter().chain(&bytes[9..13]).try_fold(0, |time, digit| {
        let digit = char::from(*digit).to_digit(16)?;
        Some(time << 4 | u64::from(digit))
    })
}

#[cfg(test)]
mod tests {
    use super::id_time;

    #[test]
    fn only_a_uuid_of_version_7_has_a_time() {
        assert_eq!(id_time("018bcfe5-6800-7abc-8def-0123456789ab"), Some(0x018b_cfe5_6800));
        for other in [
            "",
            "018bcfe5-6800-4abc-8def-0123456789ab",
            "018bcfe5x6800-7abc-8def-0123456789ab",
            "018bcfeg-6800-7abc-8def-0123456789ab",
            "018bcfe5-6800-7abc-8def-0123456789ab0",
            "request-1",
        ] {
            assert_eq!(id_time(other), None, "{other}");
        }
    }
}
