//! The hand-off of a release to the people on call: its parts are gathered, people say theirs, and it is completed
//! once, when every part is there.

use super::runbook::{full, is_active, nothing};
use super::{
    Action, Answer, Control, ExecuteError, IdempotencyKey, Inner, Live, StoreAccessError, View,
    now_ms,
};
use crate::readiness;
use crate::results::unnumbered;
use serde::{Deserialize, Serialize};
use serde_json::json;
use stagegate_notify::{Notice, NoticeKind};
use stagegate_readiness::{
    HandoffEvent, HandoffFacts, HandoffNote, Part, PartLine, StatementRefusal, completed, handoff,
};
use stagegate_rollout::{Rollout, Severity, WorkloadName};
use stagegate_store::{Attachment, FactKind, NewAudit, NewChange, NewFact};
use std::sync::Arc;

/// Most events of one hand-off that are read.
const EVENTS: usize = 10_000;

/// The hand-off of the release that got all traffic.
#[derive(Clone, Debug)]
pub struct Handoff {
    /// The workload.
    pub workload: String,
    /// The rollout.
    pub rollout: String,
    /// The release.
    pub release: String,
    /// The ticket of the rollout.
    pub ticket: Option<String>,
    /// False once the release was taken out: there is nothing to hand over any more.
    pub active: bool,
    /// Who completed it, and when, in Unix milliseconds.
    pub completed: Option<(String, u64)>,
    /// Its parts.
    pub parts: Vec<PartLine>,
    /// The rollback runbook, as Markdown.
    pub rollback: String,
}

/// The request to do something about a hand-off.
#[derive(Clone, Debug)]
pub struct HandoffOrder {
    /// The actor.
    pub actor: String,
    /// The workload.
    pub workload: String,
    /// What is done.
    pub event: HandoffEvent,
    /// The caller's key, to ask again without doing it again.
    pub idempotency: Option<IdempotencyKey<HandoffMade>>,
}

/// What was done about a hand-off.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct HandoffMade {
    /// The workload.
    pub workload: String,
    /// The rollout.
    pub rollout: String,
    /// Number of the audit entry.
    pub audit_seq: u64,
    /// The event.
    pub note: HandoffNote,
}

impl Control {
    /// The hand-off of a workload.
    ///
    /// # Errors
    /// When there is no such workload, its release did not get all traffic, or the store cannot be read.
    pub async fn handoff(&self, workload: &str) -> Result<Handoff, ExecuteError> {
        let view = self.view();
        let live = view.locate(workload)?.1;
        self.inner.handed(self, &view, live).await
    }

    /// Files what a person says about a part, or completes the hand-off.
    ///
    /// # Errors
    /// An [`ExecuteError`]; nothing was filed then. A completion with a missing part names all of them.
    pub async fn hand_off(&self, order: HandoffOrder) -> Result<Answer<HandoffMade>, ExecuteError> {
        // What is missing is found out before the turn: probes take their time.
        let lacks = match order.event {
            HandoffEvent::Completed => missing(&self.handoff(&order.workload).await?),
            HandoffEvent::Told { .. } => Vec::new(),
        };
        let inner = Arc::clone(&self.inner);
        tokio::spawn(async move { inner.hand_off(order, lacks).await })
            .await
            .map_err(|error| ExecuteError::Lost(error.to_string()))?
    }
}

/// The parts that are missing, one line each.
fn missing(handoff: &Handoff) -> Vec<String> {
    let lines = handoff.parts.iter().filter(|it| !it.is_there);
    lines.map(|it| format!("{}: {}; {}", it.part.id(), it.seen.join(", "), it.remedy)).collect()
}

impl Inner {
    async fn handed(
        &self,
        control: &Control,
        view: &View,
        live: &Live,
    ) -> Result<Handoff, ExecuteError> {
        let name = &live.split.spec().name;
        let (rollout, _) = full(live).ok_or_else(|| nothing(name.as_str()))?;
        let notes = self.handoff_notes(name, rollout).await?;
        let runbook = control.runbook(name.as_str()).await?;
        let list = control.checklist(name.as_str(), Some(&rollout.to), None).await?;
        let parts = handoff(HandoffFacts {
            workload: name.as_str(),
            tasks: &runbook.tasks,
            checklist: &list.checklist,
            notes: &notes,
        });
        Ok(Handoff {
            workload: name.to_string(),
            rollout: rollout.id.to_string(),
            release: rollout.to.to_string(),
            ticket: rollout.ticket.clone(),
            active: is_active(rollout),
            completed: completed(&notes).map(|it| (it.by.clone(), it.at_ms)),
            parts,
            rollback: readiness::runbook_page(view, live, &rollout.to),
        })
    }

    async fn handoff_notes(
        &self,
        name: &WorkloadName,
        rollout: &Rollout,
    ) -> Result<Vec<HandoffNote>, StoreAccessError> {
        let (name, id) = (name.clone(), rollout.id.to_string());
        let facts =
            self.ask(move |store| Ok(store.facts(FactKind::Handoff, &name, &id, EVENTS)?));
        Ok(facts.await?.iter().filter_map(|it| serde_json::from_str(&it.body).ok()).collect())
    }

    async fn hand_off(
        self: &Arc<Self>,
        order: HandoffOrder,
        lacks: Vec<String>,
    ) -> Result<Answer<HandoffMade>, ExecuteError> {
        let wanted = order.clone();
        let work = move |inner: Arc<Self>| async move { inner.try_hand_off(&wanted, &lacks).await };
        let key = order.idempotency.as_ref();
        self.once_in_order(&order.workload, key, &order.actor, work).await
    }

    async fn try_hand_off(
        &self,
        order: &HandoffOrder,
        lacks: &[String],
    ) -> Result<Answer<HandoffMade>, ExecuteError> {
        self.ledger()?;
        let view = self.view();
        let live = view.locate(&order.workload)?.1;
        let (rollout, _) = full(live).ok_or_else(|| nothing(&order.workload))?;
        allowed(order, rollout, lacks)?;
        let note =
            HandoffNote { event: order.event.clone(), by: order.actor.clone(), at_ms: now_ms() };
        let name = &live.split.spec().name;
        let made = HandoffMade {
            workload: order.workload.clone(),
            rollout: rollout.id.to_string(),
            audit_seq: 0,
            note,
        };
        let mut change = NewChange {
            answer: order.idempotency.as_ref().map(|key| key.keeping(&order.actor, &made)),
            ..filed(name, rollout, &made.note)
        };
        if order.event == HandoffEvent::Completed {
            let notice = crate::tell::linked(notice(name, rollout, &made.note), &view);
            change.attachments.extend(self.told(&notice));
        }
        let recorded = self.append(view.epoch, change).await?;
        let made = |audit_seq| HandoffMade { audit_seq, ..made };
        let answer = Answer::of(recorded, order.idempotency.as_ref(), made)?;
        self.send_messages();
        Ok(answer)
    }
}

/// Refuses what makes no sense, and a completion while a part is missing.
fn allowed(order: &HandoffOrder, rollout: &Rollout, lacks: &[String]) -> Result<(), ExecuteError> {
    if !is_active(rollout) {
        return Err(ExecuteError::NotNow(format!(
            "rollout {} was taken out: there is nothing to hand over",
            rollout.id
        )));
    }
    match &order.event {
        HandoffEvent::Told { part, text } => {
            let known = Part::from_id(part).ok_or_else(|| {
                let ids: Vec<&str> =
                    Part::ALL.into_iter().filter(|it| it.is_told()).map(Part::id).collect();
                format!("there is no part `{part}`; people say: {}", ids.join(", "))
            });
            let checked = known.and_then(|part| part.check(text));
            checked.map_err(|why| ExecuteError::Check(StatementRefusal(why)))
        }
        HandoffEvent::Completed if !lacks.is_empty() => {
            let why = format!("the hand-off is not complete: {}", lacks.join(" | "));
            Err(ExecuteError::Check(StatementRefusal(why)))
        }
        HandoffEvent::Completed => Ok(()),
    }
}

/// The change that files an event.
fn filed(name: &WorkloadName, rollout: &Rollout, note: &HandoffNote) -> NewChange {
    let (words, once) = match &note.event {
        HandoffEvent::Told { part, text } => (format!("{part}: {text}"), None),
        HandoffEvent::Completed => ("complete".to_owned(), Some("completed".to_owned())),
    };
    let entry = NewAudit {
        at_ms: note.at_ms,
        actor: note.by.clone(),
        workload: Some(name.to_string()),
        action: Action::Handoff.label().to_owned(),
        reason: String::new(),
        summary: format!("hand-off of rollout {}: {words}", rollout.id),
        details: unnumbered(json!({ "rollout": rollout.id.to_string(), "note": note })),
    };
    let fact = NewFact {
        kind: FactKind::Handoff,
        workload: name.clone(),
        subject: rollout.id.to_string(),
        once,
        body: json!(note).to_string(),
    };
    NewChange { attachments: vec![Attachment::Fact(fact)], ..NewChange::entry_only(entry) }
}

fn notice(name: &WorkloadName, rollout: &Rollout, note: &HandoffNote) -> Notice {
    let id = format!("{}~handoff", rollout.id);
    let title = format!("{} was handed over to the people on call", rollout.to);
    let step = (rollout.step + 1).to_string();
    let notice =
        Notice::new(id, NoticeKind::HandedOff, Severity::Info, name.as_str(), note.at_ms, title)
            .of(rollout.id.to_string(), rollout.to.as_str(), step)
            .fact("by", &*note.by)
            .fact("pack", format!("stagegate handoff show {name}"));
    match &rollout.ticket {
        Some(ticket) => notice.fact("ticket", &**ticket),
        None => notice,
    }
}
