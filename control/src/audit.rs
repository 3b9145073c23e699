//! Records of what was *not* done: refused commands, refused callers, refused reloads.
//!
//! Worth keeping, but anyone who can reach the port can cause them. So their number is capped: an
//! attacker must not be able to grow the store.

use super::{Action, Control, Inner, Order, ReleaseOrder, ReleaseRefusal, now_ms};
use serde_json::{Value, json};
use stagegate_rollout::Refusal;
use stagegate_store::{NewAudit, NewChange};
use std::sync::Arc;
use std::time::Duration;

/// How long an answer waits for the record of a refusal.
const SOON: Duration = Duration::from_millis(500);

impl Control {
    /// Records that a caller was refused, if this minute's allowance is not used up. Does not wait.
    pub fn note_denied(&self, actor: &str, why: &str, details: Value) {
        let inner = Arc::clone(&self.inner);
        let entry = entry(actor, None, Action::Denied, "", why.to_owned(), details);
        if !inner.limiter.admits(entry.at_ms) {
            return;
        }
        tokio::spawn(async move {
            inner.audit_only(entry).await;
        });
    }

    /// Records that somebody tried a channel out. Does not wait.
    pub fn note_test(&self, actor: &str, reason: &str, summary: &str) {
        let inner = Arc::clone(&self.inner);
        let entry = entry(actor, None, Action::NotifyTest, reason, summary.to_owned(), Value::Null);
        tokio::spawn(async move {
            inner.audit_only(entry).await;
        });
    }
}

impl Inner {
    /// Records that a command made no sense.
    pub(super) async fn audit_refusal(self: &Arc<Self>, order: &Order, refusal: &Refusal) {
        let entry = entry(
            &order.actor,
            Some(&order.workload),
            order.command.action().into(),
            &order.reason,
            format!("refused: {refusal}"),
            json!(order.command),
        );
        if self.limiter.admits(entry.at_ms) {
            self.audit_soon(entry).await;
        }
    }

    /// Records that a release was not added or removed.
    pub(super) async fn audit_refused_release(
        self: &Arc<Self>,
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
            self.audit_soon(entry).await;
        }
    }

    /// Records that a configuration was not taken over.
    pub(super) async fn audit_refused_reload(self: &Arc<Self>, actor: &str, why: &str) {
        let entry = entry(actor, None, Action::Reload, "", format!("refused: {why}"), Value::Null);
        if self.limiter.admits(entry.at_ms) {
            self.audit_soon(entry).await;
        }
    }

    /// A record without a change. A store that refuses it is noted, nothing more.
    async fn audit_only(&self, entry: NewAudit) {
        let _order = self.order.lock().await;
        let expected = self.desk().recorded.epoch;
        // Its result is noted where it is appended.
        let _ = self.append(expected, NewChange::entry_only(entry)).await;
    }

    /// The same; the caller waits for a moment at most.
    async fn audit_soon(self: &Arc<Self>, entry: NewAudit) {
        let inner = Arc::clone(self);
        let written = tokio::spawn(async move { inner.audit_only(entry).await });
        // A store that does not answer is seen elsewhere.
        let _ = tokio::time::timeout(SOON, written).await;
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
