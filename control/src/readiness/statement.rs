//! Statements about checks: refused with the remedy, or recorded with the message about them.

use super::subject::subject;
use crate::draft::is_stale;
use crate::readiness::facts;
use crate::results::unnumbered;
use crate::{
    Action, Answer, ChecklistAction, Control, ExecuteError, IdempotencyKey, Inner, Live,
    Precondition, View, now_ms,
};
use serde::{Deserialize, Serialize};
use serde_json::json;
use stagegate_notify::{Notice, NoticeKind};
use stagegate_readiness::{
    Check, Evidence, FileSeen, Item, Statement, StatementKind, StatementRefusal, check_statement,
};
use stagegate_rollout::{ReleaseName, Severity};
use stagegate_store::{Attachment, FactKind, NewAudit, NewChange, NewFact};
use stagegate_timing::moment;
use std::sync::Arc;

/// How long a waiver is good where nothing else is said, in milliseconds.
const WAIVED_FOR_MS: u64 = 7 * 86_400_000;

/// The wanted statement.
#[derive(Clone, Debug)]
pub struct Said {
    /// What is done.
    pub kind: StatementKind,
    /// The reason; may be empty where the kind says so.
    pub reason: String,
    /// A link to more.
    pub link: Option<String>,
    /// The file that is handed over.
    pub file: Option<FileSeen>,
    /// The end of its validity, in Unix milliseconds; the usual one if absent.
    pub until_ms: Option<u64>,
    /// A day that it sets, in Unix milliseconds.
    pub date_ms: Option<u64>,
    /// Evidence with figures.
    pub evidence: Option<Evidence>,
}

/// The request to record a statement.
#[derive(Clone, Debug)]
pub struct StatementOrder {
    /// The actor.
    pub actor: String,
    /// The workload.
    pub workload: String,
    /// The release; the one that is rolled out if absent.
    pub release: Option<ReleaseName>,
    /// The check's id.
    pub check: String,
    /// The statement.
    pub said: Said,
    /// The caller's precondition.
    pub precondition: Precondition,
    /// The caller's key, to ask again without doing it again.
    pub idempotency: Option<IdempotencyKey<StatementMade>>,
}

/// A recorded statement.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct StatementMade {
    /// The workload.
    pub workload: String,
    /// The release.
    pub release: String,
    /// Number of the audit entry.
    pub audit_seq: u64,
    /// The statement.
    pub statement: Statement,
}

impl Control {
    /// Records a statement about a check.
    ///
    /// # Errors
    /// An [`ExecuteError`]; nothing was recorded then.
    pub async fn state_check(
        &self,
        order: StatementOrder,
    ) -> Result<Answer<StatementMade>, ExecuteError> {
        let inner = Arc::clone(&self.inner);
        tokio::spawn(async move { inner.state_check(order).await })
            .await
            .map_err(|error| ExecuteError::Lost(error.to_string()))?
    }
}

impl Inner {
    async fn state_check(
        self: &Arc<Self>,
        order: StatementOrder,
    ) -> Result<Answer<StatementMade>, ExecuteError> {
        let wanted = order.clone();
        let work = move |inner: Arc<Self>| async move { inner.try_state(&wanted).await };
        let key = order.idempotency.as_ref();
        self.once_in_order(&order.workload, key, &order.actor, work).await
    }

    /// Checks and records; the caller has the right to write.
    async fn try_state(
        &self,
        order: &StatementOrder,
    ) -> Result<Answer<StatementMade>, ExecuteError> {
        self.ledger()?;
        let view = self.view();
        let live = view.locate(&order.workload)?.1;
        is_stale(&order.precondition, live)?;
        let release = subject(live, order.release.as_ref())?;
        let (item, statement) = stated(&view, live, &release, order)?;
        let made = StatementMade {
            workload: order.workload.clone(),
            release: release.to_string(),
            audit_seq: 0,
            statement,
        };
        let fact = NewFact {
            kind: FactKind::Statement,
            workload: live.split.spec().name.clone(),
            subject: release.to_string(),
            once: None,
            body: json!(made.statement).to_string(),
        };
        let entry = entry(&made, &item);
        let mut attachments = vec![Attachment::Fact(fact)];
        if order.said.kind == StatementKind::Waive {
            attachments.extend(self.told(&waived(&view, &made, &item)));
        }
        let change = NewChange {
            answer: order.idempotency.as_ref().map(|key| key.keeping(&order.actor, &made)),
            attachments,
            ..NewChange::entry_only(entry)
        };
        let recorded = self.append(view.epoch, change).await?;
        let made = |audit_seq| StatementMade { audit_seq, ..made };
        let answer = Answer::of(recorded, order.idempotency.as_ref(), made)?;
        self.send_messages();
        Ok(answer)
    }

    /// The messages of a notice.
    pub(crate) fn told(&self, notice: &Notice) -> Vec<Attachment> {
        let messages = self.notifier.get().map(|it| it.messages(std::slice::from_ref(notice)));
        messages.into_iter().flatten().map(Attachment::Tell).collect()
    }
}

/// The statement as it is recorded, with the check that it is about.
fn stated(
    view: &View,
    live: &Live,
    release: &ReleaseName,
    order: &StatementOrder,
) -> Result<(Item, Statement), ExecuteError> {
    let policy = super::policy_for(view, live, release);
    let settings = view.config.readiness(&policy.name);
    let item = settings.item(&order.check).ok_or_else(|| {
        let dropped = settings.dropped.iter().find(|it| it.id == order.check);
        let why = match dropped {
            Some(dropped) => format!(
                "policy {} drops the check {} ({})",
                policy.name, order.check, dropped.reason
            ),
            None => {
                let items = settings.items();
                let ids: Vec<&str> = items.iter().map(|it| it.id.as_str()).collect();
                format!("there is no check `{}`; there are: {}", order.check, ids.join(", "))
            }
        };
        ExecuteError::Check(StatementRefusal(why))
    })?;
    let workload = view.config.workload(&order.workload);
    let declared = workload.and_then(|it| it.releases.get(release));
    let said = order.said.clone();
    let (at_ms, waives) = (now_ms(), said.kind == StatementKind::Waive);
    let usual = if waives { WAIVED_FOR_MS } else { item.good_for_ms.max(1) };
    let signs_a_text = item.check == Some(Check::C15) && said.kind == StatementKind::Sign;
    let statement = Statement {
        check: order.check.clone(),
        kind: said.kind,
        by: order.actor.clone(),
        at_ms,
        reason: said.reason,
        until_ms: said.until_ms.unwrap_or_else(|| at_ms.saturating_add(usual)),
        fingerprint: declared.map(stagegate_config::Release::fingerprint).unwrap_or_default(),
        link: said.link,
        file: said.file,
        document: signs_a_text.then(|| facts::runbook(view, live, release).1),
        date_ms: said.date_ms,
        evidence: said.evidence,
    };
    let digest = declared.and_then(|it| it.artifact.digest.as_deref());
    check_statement(&item, &statement, &order.workload, digest)?;
    Ok((item, statement))
}

fn entry(made: &StatementMade, item: &Item) -> NewAudit {
    let StatementMade { workload, release, statement, .. } = made;
    let verb = match statement.kind {
        StatementKind::Sign => "signed",
        StatementKind::Attach => "evidence attached",
        StatementKind::Waive => "waived",
        StatementKind::Withdraw => "withdrawn",
    };
    let until = match statement.kind {
        StatementKind::Withdraw => String::new(),
        _ => format!(", until {}", moment(statement.until_ms)),
    };
    NewAudit {
        at_ms: statement.at_ms,
        actor: statement.by.clone(),
        workload: Some(workload.clone()),
        action: Action::Checklist(ChecklistAction::Said(statement.kind)).label().to_owned(),
        reason: statement.reason.clone(),
        summary: format!("check {} of release {release}: {verb}{until}", item.id),
        details: unnumbered(json!({ "release": release, "statement": statement })),
    }
}

/// The message about a waiver.
fn waived(view: &View, made: &StatementMade, item: &Item) -> Notice {
    let StatementMade { workload, release, statement, .. } = made;
    let title = format!(
        "{} waived check {} of release {release}: {}",
        statement.by, item.id, statement.reason
    );
    let id = format!("{workload}~{release}~waived~{}~{}", item.id, statement.at_ms);
    let mut notice = Notice::new(
        id,
        NoticeKind::CheckWaived,
        Severity::Warning,
        workload,
        statement.at_ms,
        title,
    )
    .fact("check", &*item.question)
    .fact("owner", &*item.owner)
    .fact("until", moment(statement.until_ms));
    notice.release = Some(release.clone());
    notice.subject = format!("check-{}", item.id);
    crate::tell::linked(notice, view)
}
