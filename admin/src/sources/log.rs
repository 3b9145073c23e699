//! The store's decision log as the API shows it.

use super::{DecisionFilter, DecisionSource, DecisionsUnavailable};
use stagegate_api::{Decision, DecisionLogStatus};
use stagegate_store::{DecisionLog, Filter, LogError, OwnedRecord};

impl DecisionSource for DecisionLog {
    fn get(&self, request_id: &str) -> Result<Option<Decision>, DecisionsUnavailable> {
        Ok(Self::get(self, request_id).map_err(unavailable)?.map(decision))
    }

    fn recent(
        &self,
        filter: &DecisionFilter,
        limit: usize,
    ) -> Result<Vec<Decision>, DecisionsUnavailable> {
        let filter = Filter {
            workload: filter.workload.clone(),
            tenant: filter.tenant.clone(),
            arm: filter.arm,
            reason: filter.reason,
        };
        let recent = Self::recent(self, &filter, limit).map_err(unavailable)?;
        Ok(recent.records.into_iter().map(decision).collect())
    }

    fn status(&self) -> DecisionLogStatus {
        DecisionLogStatus {
            enabled: true,
            healthy: self.healthy(),
            dropped: self.dropped().total(),
        }
    }
}

// By value because that is how `map_err` hands it over.
#[allow(clippy::needless_pass_by_value)]
fn unavailable(error: LogError) -> DecisionsUnavailable {
    DecisionsUnavailable(stagegate_control::with_causes(&error))
}

fn decision(record: OwnedRecord) -> Decision {
    Decision {
        request_id: record.request_id,
        at_ms: record.at_ms,
        workload: record.workload,
        release: record.release.unwrap_or_default(),
        arm: record.arm.label().to_owned(),
        reason: record.reason.label().to_owned(),
        detail: record.detail.unwrap_or_default(),
        epoch: record.epoch,
        key: record.key.label().to_owned(),
        bucket: record.bucket,
        weight: record.weight.to_string(),
        tenant: record.tenant.unwrap_or_default(),
        user: record.user.unwrap_or_default(),
        conversation: record.conversation.unwrap_or_default(),
        status: record.status.unwrap_or(0),
        outcome: record.outcome.label().to_owned(),
        duration_ms: record.duration_us as f64 / 1e3,
        first_byte_ms: record.first_byte_us as f64 / 1e3,
        retries: record.retries,
        shadowed: record.shadowed,
    }
}
