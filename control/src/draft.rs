//! The answer to a change before it is recorded, and the check of what its caller believes.

use super::apply::Decided;
use super::{ChangeKind, Changed, ExecuteError, Live, Precondition};
use stagegate_store::NewAudit;

/// Refuses the change if the caller's precondition does not hold.
pub(super) fn is_stale(precondition: &Precondition, live: &Live) -> Result<(), ExecuteError> {
    if precondition.holds(live.epoch) {
        return Ok(());
    }
    Err(ExecuteError::Stale { live: live.clone() })
}

/// The answer, as far as it is known before the record is written. `epoch` is the one before.
pub(super) fn draft(decided: &Decided, epoch: u64, recorded: bool) -> Changed {
    let NewAudit { summary, actor, reason, .. } = &decided.entry;
    Changed {
        kind: ChangeKind::Workload(decided.action),
        changed: decided.is_new,
        summary: if decided.is_new { summary } else { "already so" }.to_owned(),
        epoch: epoch + u64::from(recorded && decided.makes_a_plan),
        audit_seq: 0,
        recorded,
        actor: actor.clone(),
        reason: reason.clone(),
        rollback: None,
        fleet: None,
        workload: decided.after.clone(),
    }
}
