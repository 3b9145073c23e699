//! Records of what was *not* done: refused commands, refused callers, refused reloads.
//!
//! Worth keeping, but anyone who can reach the port can cause them. So their number is capped: an
//! attacker must not be able to grow the store.

use super::attached::add;
use super::limiter::Admitted;
use super::{Action, Control, Inner, Order, ReleaseOrder, ReleaseRefusal, ReloadOrder, now_ms};
use serde_json::{Value, json};
use stagegate_rollout::{Refusal, Rollout};
use stagegate_store::{NewAudit, NewChange};
use std::sync::Arc;
use std::time::Duration;

/// How long an answer waits for the record of a refusal.
const SOON: Duration = Duration::from_millis(500);

impl Control {
    /// Records that a caller was refused, if this minute's allowance is not used up. `actor` is the
    /// name of the token; none for a stranger. Does not wait.
    pub fn note_denied(&self, actor: Option<&str>, why: &str, details: Value) {
        let inner = Arc::clone(&self.inner);
        let name = actor.unwrap_or(STRANGER);
        let entry = entry(name, None, Action::Denied, "", why.to_owned(), details);
        let Some(entries) = inner.allowed(actor, entry) else { return };
        tokio::spawn(async move {
            for entry in entries {
                inner.audit_only(entry).await;
            }
        });
    }

    /// Records the test of a channel. Does not wait.
    pub fn note_test(&self, actor: &str, reason: &str, summary: &str) {
        self.note(entry(actor, None, Action::NotifyTest, reason, summary.to_owned(), json!({})));
    }

    /// Records that somebody signed in. Does not wait.
    pub fn note_sign_in(&self, actor: &str, summary: &str, details: Value) {
        self.note(entry(actor, None, Action::SignIn, "", summary.to_owned(), details));
    }

    /// Records that `actor` ended a session. Does not wait.
    pub fn note_sign_out(&self, actor: &str, summary: &str, details: Value) {
        self.note(entry(actor, None, Action::SignOut, "", summary.to_owned(), details));
    }

    fn note(&self, entry: NewAudit) {
        let inner = Arc::clone(&self.inner);
        tokio::spawn(async move {
            inner.audit_only(entry).await;
        });
    }
}

/// The actor of whoever has no token.
const STRANGER: &str = "unknown";

impl Inner {
    /// The records to write for `entry`: none while the allowance is used up.
    fn allowed(&self, actor: Option<&str>, entry: NewAudit) -> Option<Vec<NewAudit>> {
        let mut details = entry.details.clone();
        add(&mut details, "left_out", json!(true));
        let said = |summary: String, actor: &str| NewAudit {
            actor: actor.to_owned(),
            workload: None,
            action: Action::Denied.label().to_owned(),
            reason: String::new(),
            details: details.clone(),
            summary,
            ..entry.clone()
        };
        match self.limiter.admits(actor, entry.at_ms) {
            Admitted::Yes(before) => {
                let before = before.map(|summary| said(summary, Rollout::ITSELF));
                Some(before.into_iter().chain([entry]).collect())
            }
            Admitted::Last(summary) => Some(vec![said(summary, &entry.actor)]),
            Admitted::No => None,
        }
    }

    /// Writes the records of a refusal of a known caller; the caller waits for a moment at most.
    pub(super) async fn audit_refused(self: &Arc<Self>, entry: NewAudit) {
        let actor = entry.actor.clone();
        for entry in self.allowed(Some(&actor), entry).into_iter().flatten() {
            self.audit_soon(entry).await;
        }
    }

    /// Records a refused command.
    pub(super) async fn audit_refusal(self: &Arc<Self>, order: &Order, refusal: &Refusal) {
        let entry = entry(
            &order.actor,
            Some(&order.workload),
            order.command.action().into(),
            &order.reason,
            format!("refused: {refusal}"),
            json!(order.command),
        );
        self.audit_refused(entry).await;
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
        self.audit_refused(entry).await;
    }

    /// Records that a configuration was not taken over.
    pub(super) async fn audit_refused_reload(self: &Arc<Self>, order: &ReloadOrder, why: &str) {
        let summary = format!("refused: {why}");
        let entry = entry(&order.actor, None, Action::Reload, &order.reason, summary, json!({}));
        self.audit_refused(entry).await;
    }

    /// A record without a change. A store that refuses it is noted, nothing more.
    async fn audit_only(&self, entry: NewAudit) {
        let _order = self.order.lock().await;
        loop {
            let expected = self.desk().recorded.epoch;
            // Its result is noted where it is appended.
            let written = self.append(expected, NewChange::entry_only(entry.clone())).await;
            let again = written.is_err_and(|error| self.lost_a_race(&error));
            if !again || !self.moved_from(expected) {
                return;
            }
        }
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
