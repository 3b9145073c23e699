//! Records of what was *not* done: refused commands, refused callers, refused reloads.
//!
//! Worth keeping, but anyone who can reach the port can cause them. So their number is capped: an
//! attacker must not be able to grow the store.

use super::{Action, Control, Inner, Order, ReleaseOrder, ReleaseRefusal, now_ms};
use serde_json::{Value, json};
use stagegate_rollout::Refusal;
use stagegate_store::{NewAudit, NewChange};
use std::sync::{Mutex, PoisonError};

/// Most such records in a minute.
const PER_MINUTE: u32 = 30;

/// Counts records in fixed minutes.
#[derive(Debug, Default)]
pub(super) struct Limiter {
    minute: Mutex<(u64, u32)>,
}

impl Limiter {
    /// Whether one more may be written at `now_ms`.
    fn admits(&self, now_ms: u64) -> bool {
        let mut minute = self.minute.lock().unwrap_or_else(PoisonError::into_inner);
        if minute.0 != now_ms / 60_000 {
            *minute = (now_ms / 60_000, 0);
        }
        minute.1 += 1;
        minute.1 <= PER_MINUTE
    }
}

impl Control {
    /// Records that a caller was refused, if this minute's allowance is not used up. Does not wait.
    pub fn note_denied(&self, actor: &str, why: &str, details: Value) {
        let inner = std::sync::Arc::clone(&self.inner);
        let entry = entry(actor, None, Action::Denied, "", why.to_owned(), details);
        if !inner.limiter.admits(entry.at_ms) {
            return;
        }
        tokio::spawn(async move {
            let _turn = inner.turn.lock().await;
            inner.audit_only(entry).await;
        });
    }

    /// Records that somebody tried a channel out. Does not wait.
    pub fn note_test(&self, actor: &str, reason: &str, summary: &str) {
        let inner = std::sync::Arc::clone(&self.inner);
        let entry = entry(actor, None, Action::NotifyTest, reason, summary.to_owned(), Value::Null);
        tokio::spawn(async move {
            let _turn = inner.turn.lock().await;
            inner.audit_only(entry).await;
        });
    }
}

impl Inner {
    /// Records that a command made no sense; the caller does not hold the turn.
    pub(super) async fn audit_refusal(&self, order: &Order, refusal: &Refusal) {
        let entry = entry(
            &order.actor,
            Some(&order.workload),
            order.command.action().into(),
            &order.reason,
            format!("refused: {refusal}"),
            json!(order.command),
        );
        if self.limiter.admits(entry.at_ms) {
            let _turn = self.turn.lock().await;
            self.audit_only(entry).await;
        }
    }

    /// Records that a release was not added or removed; the caller does not hold the turn.
    pub(super) async fn audit_refused_release(
        &self,
        order: &ReleaseOrder,
        refusal: &ReleaseRefusal,
    ) {
        let entry = entry(
            &order.actor,
            Some(&order.workload),
            order.change.kind().into(),
            &order.reason,
            format!("refused: {refusal}"),
            order.change.details(),
        );
        if self.limiter.admits(entry.at_ms) {
            let _turn = self.turn.lock().await;
            self.audit_only(entry).await;
        }
    }

    /// Records that a configuration was not taken over; takes the turn.
    pub(super) async fn audit_refused_reload(&self, actor: &str, why: &str) {
        let entry = entry(actor, None, Action::Reload, "", format!("refused: {why}"), Value::Null);
        if self.limiter.admits(entry.at_ms) {
            let _turn = self.turn.lock().await;
            self.audit_only(entry).await;
        }
    }

    /// A record without a change. A store that refuses it is noted, nothing more.
    pub(super) async fn audit_only(&self, entry: NewAudit) {
        // Its result is noted where it is appended.
        let _ = self.append(self.view().epoch, NewChange::entry_only(entry)).await;
    }
}

fn entry(
    actor: &str,
    workload: Option<&str>,
    action: Action,
    reason: &str,
    summary: String,
    details: Value,
) -> NewAudit {
    NewAudit {
        at_ms: now_ms(),
        actor: actor.to_owned(),
        workload: workload.map(str::to_owned),
        action: action.label().to_owned(),
        reason: reason.to_owned(),
        summary,
        details,
    }
}

#[cfg(test)]
mod tests {
    use super::{Limiter, PER_MINUTE};

    #[test]
    fn a_flood_of_refusals_writes_a_bounded_number_of_records_each_minute() {
        let limiter = Limiter::default();
        let written = (0..1000).filter(|_| limiter.admits(60_000)).count();
        assert_eq!(written, PER_MINUTE as usize);
        assert!(limiter.admits(120_000), "the next minute has an allowance of its own");
    }
}
