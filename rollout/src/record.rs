//! The record of one decision, and the compact form in which workers hand over many.
//!
//! A worker appends every request's record to one byte buffer: no allocation of its own, no
//! pointer to chase. The form is private to one version of the program except in the decision log,
//! whose blocks begin with a version byte of the store's.

use crate::{Arm, CostTruth, KeyKind, Outcome, Reason};

/// The usage and the cost of an answer, as the record keeps them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Spent {
    /// The source of the cost.
    pub truth: CostTruth,
    /// Nano-dollars, 0 when the cost is unknown.
    pub nanos: u64,
    /// Input tokens, cached or not; 0 if none were reported.
    pub input: u64,
    /// Output tokens; 0 if none were reported.
    pub output: u64,
}

/// The decision for one request, and its outcome.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Record<'a> {
    /// The request's id.
    pub request_id: &'a str,
    /// Arrival, in Unix milliseconds.
    pub at_ms: u64,
    /// Name of the workload.
    pub workload: &'a str,
    /// Name of the release that served, empty if none did.
    pub release: &'a str,
    /// The arm it counts under.
    pub arm: Arm,
    /// The rule that decided.
    pub reason: Reason,
    /// Cohort or group the rule names, else empty.
    pub detail: &'a str,
    /// Epoch of the plan that decided.
    pub epoch: u64,
    /// The identity that was hashed.
    pub key: KeyKind,
    /// The key's bucket, when the weight was asked.
    pub bucket: Option<u32>,
    /// The weight at the time, in 1/100000.
    pub weight: u32,
    /// Tenant id, empty if unknown.
    pub tenant: &'a str,
    /// User id, empty if unknown.
    pub user: &'a str,
    /// Conversation id, empty if unknown.
    pub conversation: &'a str,
    /// HTTP status the client got, 0 if none.
    pub status: u16,
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
    pub spent: Option<Spent>,
    /// The flags that were sent, as `recorded_flags` reads them; empty if none were.
    pub flags: &'a str,
}

/// Most bytes of the text of flags.
const LONGEST_FLAGS: usize = 8192;

/// A form of a record that this version cannot read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("decision record is damaged")]
pub struct DecodeError;

/// Records in their compact form, in the order they were appended.
#[derive(Clone, Debug, Default)]
pub struct RecordBatch {
    bytes: Vec<u8>,
    len: usize,
}

impl RecordBatch {
    /// A batch with room for `bytes`.
    #[must_use]
    pub fn with_capacity(bytes: usize) -> Self {
        Self { bytes: Vec::with_capacity(bytes), len: 0 }
    }

    /// Appends a record. Texts are cut at 255 bytes, on a character boundary.
    pub fn push(&mut self, record: &Record<'_>) {
        let out = &mut self.bytes;
        let start = out.len();
        out.extend_from_slice(&[0, 0]);
        let flags = record.arm.index() as u8
            | u8::from(record.bucket.is_some()) << 1
            | u8::from(record.spent.is_some()) << 2
            | u8::from(record.shadowed) << 3
            | u8::from(!record.flags.is_empty()) << 4;
        out.extend_from_slice(&[
            flags,
            record.reason.index() as u8,
            record.key as u8,
            record.outcome.index() as u8,
            record.retries,
        ]);
        out.extend_from_slice(&record.status.to_le_bytes());
        out.extend_from_slice(&record.at_ms.to_le_bytes());
        for number in [
            record.epoch,
            u64::from(record.bucket.unwrap_or(0)),
            u64::from(record.weight),
            record.duration_us,
            record.first_byte_us,
        ] {
            push_varint(out, number);
        }
        for text in [
            record.request_id,
            record.workload,
            record.release,
            record.detail,
            record.tenant,
            record.user,
            record.conversation,
        ] {
            let text = &text[..text.floor_char_boundary(255)];
            out.push(text.len() as u8);
            out.extend_from_slice(text.as_bytes());
        }
        if let Some(spent) = &record.spent {
            out.push(spent.truth.index() as u8);
            for number in [spent.nanos, spent.input, spent.output] {
                push_varint(out, number);
            }
        }
        if !record.flags.is_empty() {
            let flags = &record.flags[..record.flags.floor_char_boundary(LONGEST_FLAGS)];
            out.extend_from_slice(&(flags.len() as u16).to_le_bytes());
            out.extend_from_slice(flags.as_bytes());
        }
        let length = (out.len() - start - 2) as u16;
        out[start..start + 2].copy_from_slice(&length.to_le_bytes());
        self.len += 1;
    }

    /// The number of records there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.len
    }

    /// True if there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// The compact form.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        &self.bytes
    }
}

/// Reads records back from their compact form.
pub fn records(bytes: &[u8]) -> impl Iterator<Item = Result<Record<'_>, DecodeError>> {
    let mut rest = bytes;
    std::iter::from_fn(move || {
        if rest.is_empty() {
            return None;
        }
        let framed = rest.split_first_chunk::<2>().and_then(|(length, tail)| {
            tail.split_at_checked(usize::from(u16::from_le_bytes(*length)))
        });
        let Some((body, tail)) = framed else {
            rest = &[];
            return Some(Err(DecodeError));
        };
        rest = tail;
        Some(decode(body).ok_or(DecodeError))
    })
}

fn decode(mut bytes: &[u8]) -> Option<Record<'_>> {
    let input = &mut bytes;
    let [flags, reason, key, outcome, retries] = *take::<5>(input)?;
    let status = u16::from_le_bytes(*take::<2>(input)?);
    let at_ms = u64::from_le_bytes(*take::<8>(input)?);
    let [epoch, bucket, weight, duration_us, first_byte_us] = [
        take_varint(input)?,
        take_varint(input)?,
        take_varint(input)?,
        take_varint(input)?,
        take_varint(input)?,
    ];
    let record = Record {
        request_id: take_text(input)?,
        workload: take_text(input)?,
        release: take_text(input)?,
        detail: take_text(input)?,
        tenant: take_text(input)?,
        user: take_text(input)?,
        conversation: take_text(input)?,
        at_ms,
        arm: *Arm::ALL.get(usize::from(flags & 1))?,
        reason: *Reason::ALL.get(usize::from(reason))?,
        epoch,
        key: *KeyKind::ALL.get(usize::from(key))?,
        bucket: (flags & 2 != 0).then_some(bucket as u32),
        weight: weight as u32,
        status,
        outcome: *Outcome::ALL.get(usize::from(outcome))?,
        duration_us,
        first_byte_us,
        retries,
        shadowed: flags & 8 != 0,
        spent: None,
        flags: "",
    };
    // Records of earlier versions never have these bits.
    let spent = if flags & 4 == 0 { None } else { Some(take_spent(input)?) };
    let flags = if flags & 16 == 0 { "" } else { take_long_text(input)? };
    Some(Record { spent, flags, ..record })
}

fn take_spent(input: &mut &[u8]) -> Option<Spent> {
    let [truth] = *take::<1>(input)?;
    Some(Spent {
        truth: *CostTruth::ALL.get(usize::from(truth))?,
        nanos: take_varint(input)?,
        input: take_varint(input)?,
        output: take_varint(input)?,
    })
}

fn push_varint(out: &mut Vec<u8>, mut number: u64) {
    while number >= 0x80 {
        out.push(number as u8 | 0x80);
        number >>= 7;
    }
    out.push(number as u8);
}

fn take<'a, const N: usize>(input: &mut &'a [u8]) -> Option<&'a [u8; N]> {
    let (head, tail) = input.split_first_chunk::<N>()?;
    *input = tail;
    Some(head)
}

fn take_varint(input: &mut &[u8]) -> Option<u64> {
    let mut number = 0;
    for shift in (0..64).step_by(7) {
        let [byte] = *take::<1>(input)?;
        number |= u64::from(byte & 0x7f) << shift;
        if byte < 0x80 {
            return Some(number);
        }
    }
    None
}

fn take_long_text<'a>(input: &mut &'a [u8]) -> Option<&'a str> {
    let length = u16::from_le_bytes(*take::<2>(input)?);
    let (text, tail) = input.split_at_checked(usize::from(length))?;
    *input = tail;
    std::str::from_utf8(text).ok()
}

fn take_text<'a>(input: &mut &'a [u8]) -> Option<&'a str> {
    let [length] = *take::<1>(input)?;
    let (text, tail) = input.split_at_checked(usize::from(length))?;
    *input = tail;
    std::str::from_utf8(text).ok()
}

#[cfg(test)]
mod tests {
    use super::{Record, RecordBatch, Spent, records};
    use crate::{Arm, CostTruth, KeyKind, Outcome, Reason};
    use proptest::prelude::*;

    fn sample<'a>(
        request_id: &'a str,
        tenant: &'a str,
        bucket: Option<u32>,
        duration_us: u64,
    ) -> Record<'a> {
        Record {
            request_id,
            at_ms: 1_700_000_000_000,
            workload: "agent",
            release: "v2",
            arm: Arm::Candidate,
            reason: Reason::Weight,
            detail: "",
            epoch: 7,
            key: KeyKind::User,
            bucket,
            weight: 10_000,
            tenant,
            user: "u",
            conversation: "",
            status: 200,
            outcome: Outcome::Ok,
            duration_us,
            first_byte_us: 12,
            retries: 1,
            shadowed: false,
            spent: None,
            flags: "",
        }
    }

    proptest! {
        #[test]
        fn reads_what_it_wrote(id in ".{0,60}", tenant in ".{0,60}", bucket: Option<u32>, duration: u64) {
            let record = sample(&id, &tenant, bucket, duration);
            let mut batch = RecordBatch::default();
            batch.push(&record);
            batch.push(&record);
            let read: Vec<_> = records(batch.as_bytes()).collect();
            prop_assert_eq!(read, vec![Ok(record), Ok(record)]);
        }

        #[test]
        fn garbage_is_an_error_not_a_panic(bytes: Vec<u8>) {
            let _ = records(&bytes).count();
        }
    }

    proptest! {
        #[test]
        fn what_an_answer_cost_is_kept_beside_records_that_have_none(nanos: u64, input: u64, output: u64, truth in 0..CostTruth::ALL.len()) {
            let spent = Spent { truth: CostTruth::ALL[truth], nanos, input, output };
            let plain = sample("a", "t", Some(3), 9);
            let flags = "a\u{1f}on\u{1f}targeting\u{1e}";
            let costly = Record { spent: Some(spent), shadowed: true, flags, ..plain };
            let mut batch = RecordBatch::default();
            for record in [&costly, &plain, &costly] {
                batch.push(record);
            }
            let read: Vec<_> = records(batch.as_bytes()).collect();
            prop_assert_eq!(read, vec![Ok(costly), Ok(plain), Ok(costly)]);
        }
    }

    #[test]
    fn records_of_the_first_version_are_still_read() {
        // Written by the version before costs were kept: `sample("id", "t", Some(5), 300)`.
        let old = b"\x28\x00\x03\x07\x01\x00\x01\xc8\x00\x00\x68\xe5\xcf\x8b\x01\x00\x00\x07\x05\x90\x4e\xac\x02\x0c\x02id\x05agent\x02v2\x00\x01t\x01u\x00";
        let read: Vec<_> = records(old).collect();
        assert_eq!(read, [Ok(sample("id", "t", Some(5), 300))]);
    }

    #[test]
    fn long_texts_are_cut_on_a_character() {
        let long = "ä".repeat(200);
        let mut batch = RecordBatch::default();
        batch.push(&sample("id", &long, None, 1));
        let read = records(batch.as_bytes()).next().expect("one").expect("readable");
        assert_eq!(read.tenant, "ä".repeat(127));
    }
}
