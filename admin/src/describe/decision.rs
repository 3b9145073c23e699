//! Recorded decisions as the API shows them.

use super::{arm, key_kind, outcome, rule};
use crate::sources::RemoteFlag;
use stagegate_api::{Decision, DecisionFlag, FlagDecider};
use stagegate_store::OwnedRecord;

/// The record of one request.
#[must_use]
pub fn decision(record: OwnedRecord) -> Decision {
    let spent = record.spent;
    Decision {
        request_id: record.request_id,
        at_ms: record.at_ms,
        workload: record.workload,
        release: record.release.unwrap_or_default(),
        arm: arm(record.arm),
        reason: rule(record.reason),
        detail: record.detail.unwrap_or_default(),
        epoch: record.epoch,
        key: key_kind(record.key),
        bucket: record.bucket,
        weight: record.weight.to_string(),
        tenant: record.tenant.unwrap_or_default(),
        user: record.user.unwrap_or_default(),
        conversation: record.conversation.unwrap_or_default(),
        status: record.status.unwrap_or(0),
        outcome: outcome(record.outcome),
        duration_ms: record.duration_us as f64 / 1e3,
        first_byte_ms: record.first_byte_us as f64 / 1e3,
        retries: record.retries,
        cost_usd: spent.and_then(|spent| spent.nanos).map(|nanos| nanos as f64 / 1e9),
        input_tokens: spent.map(|spent| spent.input),
        output_tokens: spent.map(|spent| spent.output),
        shadowed: record.shadowed,
        flags: record
            .flags
            .into_iter()
            .map(|flag| DecisionFlag {
                decided_by: FlagDecider::from_word(&flag.decided_by).unwrap_or(FlagDecider::Error),
                flag: flag.key,
                variant: flag.variant,
                remote: flag.remote,
            })
            .collect(),
    }
}

/// Adds flags that were evaluated for a program after the record was written.
pub fn add_remote(decision: &mut Decision, late: Vec<RemoteFlag>) {
    for RemoteFlag { flag, variant, decided_by } in late {
        let decided_by = FlagDecider::from_word(decided_by).unwrap_or(FlagDecider::Error);
        let flag = DecisionFlag { flag, variant, decided_by, remote: true };
        if !decision.flags.contains(&flag) {
            decision.flags.push(flag);
        }
    }
}
