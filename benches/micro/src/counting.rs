//! What a worker does after each request: a duration into a histogram, a record into the batch.

use std::hint::black_box;

use anyhow::Result;
use stagegate_rollout::{Arm, Histogram, KeyKind, Outcome, Reason, Record, RecordBatch};

use crate::Operation;

/// Different durations.
pub(crate) const VALUES: u32 = 4096;
/// Records in one batch, as many as a busy worker hands over at once.
pub(crate) const RECORDS: u32 = 1024;

/// Counting one duration.
#[expect(clippy::unnecessary_wraps, reason = "every case is prepared through one signature")]
pub(crate) fn histogram() -> Result<Operation> {
    let values = durations();
    let mut histogram = Histogram::default();
    let mut next = 0;
    Ok(Box::new(move || {
        histogram.record(black_box(values[next]));
        next = (next + 1) % values.len();
    }))
}

/// From 100 us to 100 s, each decade as often as any other, in no order.
fn durations() -> Vec<u64> {
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    (0..VALUES)
        .map(|_| {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            let place = (state >> 40) as f64 / f64::from(1 << 24);
            (100.0 * 10f64.powf(6.0 * place)) as u64
        })
        .collect()
}

/// Appending one decision; a full batch makes room for one of the same size, as a worker does when
/// it hands one over.
#[expect(clippy::unnecessary_wraps, reason = "every case is prepared through one signature")]
pub(crate) fn decisions() -> Result<Operation> {
    let record = Record {
        request_id: "01JD5ZK8Q3V7N4W2X6Y9T0R1SB",
        at_ms: 1_700_000_000_000,
        workload: "support-agent",
        release: "v43",
        arm: Arm::Candidate,
        reason: Reason::Weight,
        detail: "",
        epoch: 1207,
        key: KeyKind::User,
        bucket: Some(7_421),
        weight: 10_000,
        tenant: "tenant-00004711",
        user: "user-00815042",
        conversation: "conversation-0000815042",
        status: 200,
        outcome: Outcome::Ok,
        duration_us: 1_234_567,
        first_byte_us: 234_567,
        retries: 0,
        shadowed: false,
        spent: None,
        flags: "",
    };
    let mut batch = RecordBatch::default();
    Ok(Box::new(move || {
        if batch.len() == RECORDS as usize {
            let room = batch.as_bytes().len();
            black_box(std::mem::replace(&mut batch, RecordBatch::with_capacity(room)));
        }
        batch.push(black_box(&record));
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_cover_six_decades() {
        let values = durations();
        assert_eq!(values.len(), VALUES as usize);
        for decade in 2..8 {
            let range = 10u64.pow(decade)..10u64.pow(decade + 1);
            let share = values.iter().filter(|value| range.contains(value)).count();
            assert!((500..900).contains(&share), "{share} of {VALUES} in {range:?}");
        }
    }
}
