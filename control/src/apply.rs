//! From the state machine's decision to the plan in force: recorded first, then published.
//!
//! People's commands and what the evidence does by itself come through here alike: an automatic
//! rollback is a rollback.

use super::attached::{add, decisive, of_rollout};
use super::ports::Publication;
use super::tell::told;
use super::{Inner, Live, StoreAccessError, View};
use crate::ports::{Epoch, Event};
use serde_json::json;
use stagegate_rollout::{
    Action, Analysis, Axis, Effect, GateId, Notice, Split, Stepped, WorkloadName, WorkloadState,
};
use stagegate_store::{Attachment, NewAudit, NewChange, NewIdempotency, Recorded, StoredResponse};
use std::sync::Arc;
use std::time::{Duration, Instant};

/// How long a rollback waits for the store before it happens all the same.
const RECORD_PATIENCE: Duration = Duration::from_secs(1);

/// Who asked for a change.
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
    /// What is done.
    pub(super) action: Action,
    /// Place of the workload in the view.
    pub(super) place: usize,
    /// The workload before.
    pub(super) before: Live,
    /// The workload afterwards.
    pub(super) after: Live,
    /// Whether anything changed at all.
    pub(super) is_new: bool,
    /// Whether a new plan comes of it.
    pub(super) makes_a_plan: bool,
    /// The audit entry.
    pub(super) entry: NewAudit,
    /// Rows that belong to the change.
    pub(super) attached: Vec<Attachment>,
    /// Whether running responses of the candidate are aborted too.
    pub(super) cut: bool,
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
        let epoch = if makes_a_plan { view.epoch + 1 } else { live.epoch };
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
            trigger: trigger.map(|it| (it.axis(), it.gate().cloned())),
        }
    }

    /// Records and publishes; the caller holds the turn.
    ///
    /// # Errors
    /// When the store refuses; nothing changed then.
    pub(super) async fn apply(
        &self,
        view: &View,
        decided: Decided,
        answer: Option<NewIdempotency>,
    ) -> Result<Applied, StoreAccessError> {
        let recorded = self.append(view.epoch, decided.change(answer)).await;
        match recorded? {
            Recorded::Before(kept) => Ok(Applied::Before(kept)),
            Recorded::Now(entry) => {
                let at = Instant::now();
                self.put_in_force(view, &decided, view.epoch + u64::from(decided.makes_a_plan));
                Ok(Applied::InForce(InForce { audit_seq: Some(entry.seq), at }))
            }
        }
    }

    /// As [`Inner::apply`], for a rollback that no person can repeat: users are protected whether
    /// the store works or not. A store that refuses, or takes its time, does not keep the candidate
    /// in; the error of a rollback that could not be recorded is handed back, so that it is tried
    /// again.
    ///
    /// While it is not recorded, the plan in force bears the number of the one before, and a crash
    /// would bring the candidate back, with the evidence that was saved last.
    pub(super) async fn apply_fail_safe(
        &self,
        view: &View,
        decided: &Decided,
    ) -> (InForce, Option<StoreAccessError>) {
        let recording = self.append(view.epoch, decided.change(None));
        let mut recording = std::pin::pin!(recording);
        let recorded = match tokio::time::timeout(RECORD_PATIENCE, &mut recording).await {
            Ok(recorded) => recorded,
            Err(_) => {
                tracing::error!(
                    workload = decided.name(),
                    "the state store does not answer: rolling back without a record"
                );
                self.put_in_force(view, decided, view.epoch);
                recording.await
            }
        };
        let at = Instant::now();
        match recorded {
            Ok(recorded) => {
                self.put_in_force(view, decided, view.epoch + u64::from(decided.makes_a_plan));
                let audit_seq = match recorded {
                    Recorded::Now(entry) => Some(entry.seq),
                    Recorded::Before(_) => None,
                };
                (InForce { audit_seq, at }, None)
            }
            Err(error) => {
                self.put_in_force(view, decided, view.epoch);
                (InForce { audit_seq: None, at }, Some(error))
            }
        }
    }

    /// Records a change, and remembers whether the store did its work.
    pub(super) async fn append(
        &self,
        expected: Epoch,
        change: NewChange,
    ) -> Result<Recorded, StoreAccessError> {
        let ledger = self.ledger()?;
        let recorded = ledger.append(expected, change).await;
        self.note_commit(&recorded);
        recorded
    }

    fn put_in_force(&self, view: &View, decided: &Decided, epoch: Epoch) {
        if !decided.is_new {
            return;
        }
        let after = decided.after.clone();
        if decided.makes_a_plan {
            let cut = decided.cut.then(|| after.split.spec().name.clone());
            self.publish_one(view, decided.place, after, epoch, cut);
        } else {
            let mut next = View::clone(view);
            if let Some(slot) = next.live.get_mut(decided.place) {
                *slot = after;
            }
            self.set_view(next);
        }
        decided.log(epoch);
        self.steering.wake();
        if let Some(notifier) = self.notifier.get() {
            notifier.wake();
        }
    }

    /// Publishes a plan in which one workload is another.
    pub(super) fn publish_one(
        &self,
        view: &View,
        place: usize,
        after: Live,
        epoch: Epoch,
        cut: Option<WorkloadName>,
    ) {
        let mut next = view.clone();
        next.epoch = epoch;
        if let Some(slot) = next.live.get_mut(place) {
            *slot = after;
        }
        let splits = next.splits();
        self.plane.publish(Publication {
            epoch,
            config: Arc::clone(&next.config),
            prepared: None,
            splits: splits.clone(),
            cut,
        });
        self.set_view(next);
        self.observer.on(&Event::Published { epoch, splits });
    }

    /// The messages that tell people of it: recorded with the change, sent if and only if it was
    /// made.
    fn messages(&self, workload: &WorkloadName, notices: &[Notice]) -> Vec<Attachment> {
        let Some(notifier) = self.notifier.get().filter(|_| !notices.is_empty()) else {
            return Vec::new();
        };
        let told: Vec<_> = notices.iter().map(|notice| told(workload, notice)).collect();
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
    fn log(&self, epoch: Epoch) {
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
