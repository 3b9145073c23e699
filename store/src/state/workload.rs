//! The stored state of a workload.

use super::{StoreError, release};
use rusqlite::{Transaction, params};
use stagegate_rollout::{WorkloadName, WorkloadState};

/// Stores a workload's state as a part of a change, and marks its releases as used.
pub(super) fn save_state(
    change: &Transaction<'_>,
    name: &WorkloadName,
    state: &WorkloadState,
    at_ms: u64,
) -> Result<(), StoreError> {
    let text = serde_json::to_string(state).map_err(|e| StoreError::Damaged {
        what: format!("new state of workload `{name}`"),
        why: e.to_string(),
    })?;
    change
        .execute(
            "INSERT INTO workload VALUES (?1, ?2) ON CONFLICT DO UPDATE SET state = excluded.state",
            params![name.as_str(), text],
        )
        .map_err(StoreError::doing("recording a workload's state"))?;
    for used in [Some(&state.stable), state.candidate.as_ref()].into_iter().flatten() {
        release::mark_used(change, name.as_str(), used.as_str(), at_ms)?;
    }
    Ok(())
}
