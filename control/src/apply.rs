//! From the state machine's decision to the plan in force: recorded first, then published.
//!
//! People's commands and what the evidence does by itself come through here alike: an automatic
//! rollback is a rollback.

use super::attached::{add, decisive, of_rollout};
use super::desk::Ticket;
use super::tell::{linked, told};
use super::{Inner, Live, StoreAccessError, View, now_ms};
use crate::ports::Epoch;
use serde_json::json;
use stagegate_rollout::{
    Action, Analysis, Axis, Effect, GateId, Notice, Split, Stepped, WorkloadName, WorkloadState,
};
use stagegate_store::{Attachment, NewAudit, NewChange, NewIdempotency, Recorded, StoredResponse};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Instant;

/// The origin of a change.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Source {
    /// A person. Every change of theirs makes a plan, so that `If-Match` of others notices it.
    Command,
    /// The evidence. It makes a plan only where requests are decided differently.
    Evidence,
}

/// A change that was decided and is neither recorded nor in force yet.
#[derive(Clone, Debug)]
pub(super) struct Decided {
    /// The action.
    pub(super) action: Action,
    /// Place of the workload in the view.
    pub(super) place: usize,
    /// The workload before.
    pub(super) before: Live,
    /// The workload afterwards.
    pub(super) after: Live,
    /// True if anything changed.
    pub(super) is_new: bool,
    /// True if the change makes a new plan.
    pub(super) makes_a_plan: bool,
    /// The audit entry.
    pub(super) entry: NewAudit,
    /// Rows that belong to the change.
    pub(super) attached: Vec<Attachment>,
    /// True if running responses of the candidate are aborted too.
    pub(super) cut: bool,
    /// The term in which a replica of a fleet does it by itself; none for what a person asked for.
    pub(super) right: Option<u64>,
    /// The axis, and the gate if it is one gate's, that did it by itself.
    pub(super) trigger: Option<(Axis, Option<GateId>)>,
}

/// A change that is in force.
#[derive(Debug)]
pub(super) struct InForce {
    /// Number of its audit entry; none while the store refuses and users had to be protected all
    /// the same.
    pub(super) audit_seq: Option<u64>,
    /// Time of its record, or else of its publication.
    pub(super) at: Instant,
}

/// The outcome of applying a change.
#[derive(Debug)]
pub(super) enum Applied {
    /// It is in force.
    InForce(InForce),
    /// Its key has an answer, so nothing was done.
    Before(StoredResponse),
}

impl Inner {
    /// Prepares what the state machine decided. `entry` holds who, what and why; what the decision
    /// rests on is added to its details.
    pub(super) fn decide(
        &self,
        view: &View,
        (place, live): (usize, &Live),
        stepped: Stepped,
        (source, action, mut entry): (Source, Action, NewAudit),
        analysis: Option<&Analysis>,
    ) -> Decided {
        let Stepped { state, summary, effects } = stepped;
        let (spec, before) = (live.split.spec(), live.split.state());
        let is_new = !summary.is_empty();
        entry.summary = summary;
        let mut attached = Vec::new();
        let (mut notices, mut cut, mut publish) = (Vec::new(), false, source == Source::Command);
        for effect in effects {
            match effect {
                Effect::Record(said) => {
                    if let Some(id) = &said.analysis {
                        add(&mut entry.details, "analysis", json!(id));
                        attached.extend(decisive(&spec.name, id, analysis));
                    }
                    if !said.against.is_empty() {
                        add(&mut entry.details, "against", json!(said.against));
                    }
                }
                Effect::Publish => publish = true,
                Effect::Cut => cut = true,
                Effect::Notify(notice) => notices.push(*notice),
            }
        }
        let makes_a_plan = is_new && publish;
        attached.extend(of_rollout(&spec.name, before, &state));
        if is_new && !makes_a_plan {
            let (workload, state) = (spec.name.clone(), Box::new(state.clone()));
            attached.push(Attachment::State { workload, state });
        }
        attached.extend(self.messages(&spec.name, &notices));
        let epoch = if makes_a_plan { view.newest() + 1 } else { live.epoch };
        let after = Live { split: Arc::new(Split::new(Arc::clone(spec), Arc::new(state))), epoch };
        let trigger = analysis.filter(|_| source == Source::Evidence);
        let trigger = trigger.and_then(|it| it.trigger.as_ref());
        Decided {
            action,
            place,
            before: live.clone(),
            after,
            is_new,
            makes_a_plan,
            entry,
            attached,
            cut,
            right: None,
            trigger: trigger.map(|it| (it.axis(), it.gate().cloned())),
        }
    }

    /// Records and publishes; the caller has the right to write. `of` is the ticket of an
    /// emergency, which may be in force already.
    ///
    /// # Errors
    /// When the store refuses; nothing changed then.
    pub(super) async fn apply(
        &self,
        decided: &Decided,
        answer: Option<NewIdempotency>,
        of: Option<&Ticket>,
    ) -> Result<Applied, StoreAccessError> {
        let expected = self.desk().recorded.epoch;
        match self.append_in(decided.right, expected, decided.change(answer)).await? {
            Recorded::Before(kept) => Ok(Applied::Before(kept)),
            Recorded::Now(entry) => {
                let at = Instant::now();
                self.put_recorded(decided, of);
                Ok(Applied::InForce(InForce { audit_seq: Some(entry.seq), at }))
            }
        }
    }

    /// Puts in force what the store has taken.
    fn put_recorded(&self, decided: &Decided, of: Option<&Ticket>) {
        let mut desk = self.desk();
        let mut is_in_force = false;
        if let Some(ticket) = of {
            ticket.recorded.store(true, Ordering::Release);
            let waiting = desk.unrecorded.len();
            desk.unrecorded.retain(|it| it.id() != ticket.id);
            is_in_force = desk.unrecorded.len() < waiting;
        }
        if decided.is_new {
            let mut recorded = View::clone(&desk.recorded);
            recorded.epoch += u64::from(decided.makes_a_plan);
            if let Some(slot) = recorded.live.get_mut(decided.place) {
                *slot = decided.after.clone();
            }
            desk.recorded = Arc::new(recorded);
        }
        if decided.is_new || is_in_force {
            let cut = decided.cut && !is_in_force;
            let cut = cut.then(|| decided.after.split.spec().name.clone());
            self.put(&desk, None, cut, decided.is_new && decided.makes_a_plan);
        }
        let epoch = desk.recorded.epoch;
        drop(desk);
        if is_in_force {
            tracing::info!(
                workload = decided.name(),
                epoch,
                "an unrecorded change is now recorded"
            );
        } else if decided.is_new {
            decided.log(epoch);
            self.steering.wake();
        }
        if decided.is_new {
            self.send_messages();
        }
    }

    /// Records a change, and remembers whether the store did its work.
    pub(super) async fn append(
        &self,
        expected: Epoch,
        change: NewChange,
    ) -> Result<Recorded, StoreAccessError> {
        self.append_in(None, expected, change).await
    }

    /// The same for what a replica of a fleet does by itself in a term.
    async fn append_in(
        &self,
        term: Option<u64>,
        expected: Epoch,
        change: NewChange,
    ) -> Result<Recorded, StoreAccessError> {
        let ledger = self.ledger()?;
        let recorded = {
            let _pending = self.pending.begin(now_ms());
            match term {
                Some(term) => ledger.append_in_term(expected, term, change).await,
                None => ledger.append(expected, change).await,
            }
        };
        match &recorded {
            // Another replica was faster. What it did is taken in before this is decided anew.
            Err(error) if self.lost_a_race(error) => self.refresh_after_a_race().await,
            recorded => self.note_commit(recorded),
        }
        recorded
    }

    /// Records a change of no plan behind all that are being made.
    pub(super) async fn append_in_order<E: From<StoreAccessError> + Send + 'static>(
        self: &Arc<Self>,
        workload: &str,
        change: NewChange,
    ) -> Result<Recorded, E> {
        self.in_order(Some(workload), |inner, turn| async move {
            let _turn = turn;
            loop {
                let expected = inner.desk().recorded.epoch;
                match inner.append(expected, change.clone()).await {
                    Err(error) if inner.lost_a_race(&error) && inner.moved_from(expected) => {}
                    recorded => return Ok(recorded?),
                }
            }
        })
        .await
    }

    /// Records what this process does by itself, behind all changes that are being made. It is tried again
    /// for as long as this process has the right to.
    ///
    /// # Errors
    /// [`StoreAccessError::NotSteering`] when it has not, and those of the store.
    pub(super) async fn append_by_itself(
        self: &Arc<Self>,
        workload: &str,
        change: NewChange,
    ) -> Result<Recorded, StoreAccessError> {
        let right = self.right()?;
        self.in_order(Some(workload), move |inner, turn| async move {
            let _turn = turn;
            loop {
                if !inner.still_has(right) {
                    return Err(StoreAccessError::NotSteering);
                }
                let expected = inner.desk().recorded.epoch;
                match inner.append_in(right, expected, change.clone()).await {
                    Err(error) if inner.lost_a_race(&error) => {}
                    recorded => return recorded,
                }
            }
        })
        .await
    }

    /// Lets the messages go that were recorded with a change.
    pub(super) fn send_messages(&self) {
        if let Some(notifier) = self.notifier.get() {
            notifier.wake();
        }
    }

    /// The messages that tell people of it: recorded with the change, sent if and only if it was
    /// made.
    fn messages(&self, workload: &WorkloadName, notices: &[Notice]) -> Vec<Attachment> {
        let Some(notifier) = self.notifier.get().filter(|_| !notices.is_empty()) else {
            return Vec::new();
        };
        let view = self.view();
        let told = |notice| linked(told(workload, notice), &view);
        let told: Vec<_> = notices.iter().map(told).collect();
        notifier.messages(&told).into_iter().map(Attachment::Tell).collect()
    }
}

impl Decided {
    /// Name of the workload.
    pub(super) fn name(&self) -> &str {
        self.after.split.spec().name.as_str()
    }

    fn change(&self, answer: Option<NewIdempotency>) -> NewChange {
        let (spec, state) = (self.after.split.spec(), self.after.split.state());
        let states = self.makes_a_plan.then(|| (spec.name.clone(), WorkloadState::clone(state)));
        NewChange {
            entry: self.entry.clone(),
            states: states.into_iter().collect(),
            makes_a_plan: self.makes_a_plan,
            answer,
            attachments: self.attached.clone(),
        }
    }

    /// One line for every change; a warning where a gate took the candidate out.
    pub(super) fn log(&self, epoch: Epoch) {
        let (action, workload, actor) = (self.action.label(), self.name(), &*self.entry.actor);
        let (from, to) = (routing(&self.before), routing(&self.after));
        let (reason, summary) = (&*self.entry.reason, &*self.entry.summary);
        match &self.trigger {
            Some((axis, gate)) => {
                let gate = gate.as_ref().map_or("none", GateId::as_str);
                let axis = axis.label();
                tracing::warn!(
                    action,
                    workload,
                    from,
                    to,
                    actor,
                    axis,
                    gate,
                    epoch,
                    reason,
                    summary,
                    "the candidate was rolled back automatically"
                );
            }
            None => tracing::info!(
                action,
                workload,
                from,
                to,
                actor,
                epoch,
                reason,
                summary,
                "the workload changed"
            ),
        }
    }
}

/// Releases and share of a workload, for the log.
fn routing(live: &Live) -> String {
    let state = live.split.state();
    let killed = if state.killed.is_some() { ", killed" } else { "" };
    match &state.candidate {
        Some(candidate) => {
            let closed = if state.closed.is_some() { " closed" } else { "" };
            format!(
                "stable {}, candidate {candidate} {}{closed}{killed}",
                state.stable, state.weight
            )
        }
        None => format!("stable {}{killed}", state.stable),
    }
}
