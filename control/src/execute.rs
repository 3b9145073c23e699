//! One command, from the caller's wish to the answer.

use super::apply::{Applied, Decided, InForce, Source};
use super::draft::{draft, is_stale};
use super::emergency::{Emergency, What, takes_away, takes_traffic};
use super::preflight::Before;
use super::take_away::{Taken, Wish};
use super::{
    Answer, Changed, Control, ExecuteError, IdempotencyKey, Inner, Live, PATIENCE, Precondition,
    RollbackTiming, StoreAccessError, now_ms,
};
use crate::ports::{Event, Settled};
use serde_json::json;
use stagegate_rollout::{Command, Fallback, Grounds, Input, WorkloadName, step};
use stagegate_store::{Attachment, FactKind, NewAudit, NewFact, Store};
use std::sync::Arc;
use std::time::{Duration, Instant};

/// How long an answer waits for its timing to be stored for repeated requests.
const KEEPING: Duration = Duration::from_millis(500);

/// A command and everything that came with it.
#[derive(Clone, Debug)]
pub struct Order {
    /// The actor.
    pub actor: String,
    /// The workload.
    pub workload: String,
    /// The command.
    pub command: Command,
    /// The reason; may be empty where [`Command::needs_reason`] says so.
    pub reason: String,
    /// The caller's precondition.
    pub precondition: Precondition,
    /// The caller's key, to ask again without doing it again.
    pub idempotency: Option<IdempotencyKey<Changed>>,
    /// The caller insists although something speaks against it; needs a reason.
    pub overriding: bool,
    /// The ticket that a start of a rollout belongs to.
    pub ticket: Option<String>,
}

impl Control {
    /// Does what `order` says: records it, publishes the new plan and, where it takes traffic off
    /// the candidate, waits until every worker has followed.
    ///
    /// # Errors
    /// An [`ExecuteError`]; nothing changed then.
    pub async fn execute(&self, order: Order) -> Result<Answer<Changed>, ExecuteError> {
        let inner = Arc::clone(&self.inner);
        // A task of its own: a caller that hangs up must not leave the change half done.
        tokio::spawn(async move { inner.execute(order).await })
            .await
            .map_err(|error| ExecuteError::Lost(error.to_string()))?
    }
}

/// A change in force that still has to be answered.
struct Answerable {
    changed: Changed,
    committed: Instant,
}

/// The outcome of a turn.
enum Turned {
    InForce(Answerable),
    Before(String),
}

impl Inner {
    async fn execute(self: &Arc<Self>, order: Order) -> Result<Answer<Changed>, ExecuteError> {
        // Probes take their time: nobody's rollback may wait for them.
        let before = match &order.command {
            Command::Start { to, policy } => {
                self.one_configuration(order.overriding)?;
                self.preflight(&self.view(), &order.workload, to, policy).await?
            }
            Command::StartAa { policy } => {
                let view = self.view();
                let stable = view.find(&order.workload);
                match stable.map(|(_, live)| live.split.state().stable.clone()) {
                    Some(stable) => self.preflight(&view, &order.workload, &stable, policy).await?,
                    None => None,
                }
            }
            _ => None,
        };
        let (before, mut races) = (Arc::new(before), 0);
        let turned = loop {
            match self.attempt(&order, &before).await {
                Err(ExecuteError::Store(error)) if self.goes_again(&error, &mut races) => {}
                turned => break turned,
            }
        };
        let kept = match turned {
            Ok(Turned::InForce(answerable)) => {
                return Ok(Answer::New(self.settle(&order, answerable).await));
            }
            Ok(Turned::Before(kept)) => kept,
            Err(error) => {
                let answered = self.answer_before(order.idempotency.as_ref(), &order.actor, error);
                match answered.await {
                    Ok(kept) => kept,
                    Err(error) => {
                        if let ExecuteError::Refused(refusal) = &error {
                            self.audit_refusal(&order, refusal).await;
                        }
                        return Err(error);
                    }
                }
            }
        };
        // The first request may still be waiting for the workers: this answer means the same, so
        // it waits too.
        if takes_away(&order.command) {
            self.settled(&order.workload).await;
        }
        Ok(Answer::Kept(kept))
    }

    async fn attempt(
        self: &Arc<Self>,
        order: &Order,
        before: &Arc<Option<Before>>,
    ) -> Result<Turned, ExecuteError> {
        if self.is_emergency(order) {
            return self.take_traffic(order).await;
        }
        let (wanted, before) = (order.clone(), Arc::clone(before));
        let work = move |inner: Arc<Self>, turn| async move {
            let _turn = turn;
            inner.change(&wanted, (*before).as_ref()).await
        };
        self.in_order(Some(&order.workload), work).await
    }

    /// The answer an earlier request with the same key got.
    ///
    /// # Errors
    /// When the store cannot be read, or the key belongs to another request.
    pub(super) async fn answered<T>(
        &self,
        key: Option<&IdempotencyKey<T>>,
        actor: &str,
    ) -> Result<Option<String>, ExecuteError> {
        let Some(key) = key else { return Ok(None) };
        let stored_as = key.stored_as(actor);
        let find = move |store: &mut Store| Ok(store.idempotent(&stored_as, now_ms())?);
        self.with_store(find).await?.map(|kept| key.recognise(kept)).transpose()
    }

    /// The answer an earlier request with the same key got, for a request that is refused: what was
    /// done before may make no sense any more.
    ///
    /// # Errors
    /// The refusal when there is none.
    pub(super) async fn answer_before<T>(
        &self,
        key: Option<&IdempotencyKey<T>>,
        actor: &str,
        refusal: ExecuteError,
    ) -> Result<String, ExecuteError> {
        if refusal.is_of_the_store() {
            return Err(refusal);
        }
        self.answered(key, actor).await?.ok_or(refusal)
    }

    /// Does `work` in its turn. A refusal is answered by what was done before under the same key.
    pub(super) async fn once_in_order<T, F>(
        self: &Arc<Self>,
        workload: &str,
        key: Option<&IdempotencyKey<T>>,
        actor: &str,
        work: impl FnOnce(Arc<Self>) -> F + Send + 'static,
    ) -> Result<Answer<T>, ExecuteError>
    where
        T: Send + 'static,
        F: Future<Output = Result<Answer<T>, ExecuteError>> + Send + 'static,
    {
        let work = move |inner, turn| async move {
            let _turn = turn;
            work(inner).await
        };
        match self.in_order(Some(workload), work).await {
            Ok(answer) => Ok(answer),
            Err(refusal) => Ok(Answer::Kept(self.answer_before(key, actor, refusal).await?)),
        }
    }

    /// Returns true if the order can only take traffic off the candidate.
    fn is_emergency(&self, order: &Order) -> bool {
        let view = self.view();
        let live = view.find(&order.workload).map(|(_, live)| live);
        live.is_some_and(|live| takes_traffic(&order.command, live.split.state()))
    }

    /// Takes traffic away, whether the store answers or not.
    async fn take_traffic(self: &Arc<Self>, order: &Order) -> Result<Turned, ExecuteError> {
        let command = Box::new(order.command.clone());
        let emergency = Emergency {
            id: 0,
            workload: order.workload.clone(),
            actor: order.actor.clone(),
            reason: order.reason.clone(),
            at_ms: now_ms(),
            what: What::Command { command, overriding: order.overriding },
            answer: None,
        };
        let (precondition, key) = (order.precondition.clone(), order.idempotency.clone());
        let wish = Wish { emergency, precondition, key, right: None };
        match (self.take_away(wish).await?, &order.idempotency) {
            (Taken::InForce(decided, in_force), _) => {
                Ok(Turned::InForce(self.answerable(&decided, &in_force)))
            }
            (Taken::Before(kept), Some(key)) => Ok(Turned::Before(key.recognise(kept)?)),
            (Taken::Before(_), None) => Err(ExecuteError::KeyReused),
        }
    }

    fn answerable(&self, decided: &Decided, in_force: &InForce) -> Answerable {
        let recorded = in_force.audit_seq.is_some();
        let epoch =
            if decided.makes_a_plan && recorded { decided.after.epoch } else { self.view().epoch };
        let mut changed = draft(decided, epoch, recorded);
        changed.epoch = epoch;
        changed.audit_seq = in_force.audit_seq.unwrap_or_default();
        Answerable { changed, committed: in_force.at }
    }

    /// Checks, applies, records and publishes; the caller has the right to write.
    async fn change(&self, order: &Order, before: Option<&Before>) -> Result<Turned, ExecuteError> {
        self.ledger()?;
        let view = Arc::clone(&self.desk().recorded);
        let (place, live) = view.locate(&order.workload)?;
        is_stale(&order.precondition, live)?;
        if matches!(order.command, Command::Promote { force: false, .. }) {
            self.whole_evidence(&order.workload)?;
        }
        let at_ms = now_ms();
        let analysis = self.analysis_of(&order.workload);
        let preflight = before.map(|it| &it.preflight);
        let grounds = Grounds {
            analysis: analysis.as_deref(),
            preflight,
            overriding: order.overriding,
            ticket: order.ticket.as_deref(),
        };
        let Order { command, actor, reason, .. } = order;
        let input = stagegate_rollout::Order { command, by: actor, reason, grounds };
        let stepped = step(live.split.spec(), live.split.state(), Input::Command(input), at_ms)?;
        let source = (Source::Command, command.action(), audit_entry(order, at_ms));
        let mut decided = self.decide(&view, (place, live), stepped, source, analysis.as_deref());
        decided.attached.extend(checklist_at_start(&decided.after, before));
        let mut changed = draft(&decided, view.epoch, true);
        let answer = order.idempotency.as_ref().map(|key| key.keeping(actor, &changed));
        match (self.apply(&decided, answer, None).await?, &order.idempotency) {
            (Applied::InForce(InForce { audit_seq, at }), _) => {
                changed.audit_seq = audit_seq.unwrap_or_default();
                Ok(Turned::InForce(Answerable { changed, committed: at }))
            }
            (Applied::Before(kept), Some(key)) => Ok(Turned::Before(key.recognise(kept)?)),
            (Applied::Before(_), None) => Err(ExecuteError::KeyReused),
        }
    }

    /// Waits until the workers follow, where that matters, and completes the answer.
    async fn settle(&self, order: &Order, in_force: Answerable) -> Changed {
        let Answerable { mut changed, committed } = in_force;
        if !takes_away(&order.command) {
            return changed;
        }
        let Some((name, settled)) = self.settled(&order.workload).await else {
            return changed;
        };
        let acknowledged = committed.elapsed();
        changed.rollback = Some(RollbackTiming::of(&settled, committed, acknowledged));
        let fences = is_undone_by_a_fence(&order.command, &changed);
        changed.fleet = self.fleet_outcome(changed.audit_seq, changed.changed, fences).await;
        let action = order.command.action();
        if changed.changed && action.takes_a_release_out() {
            self.observer.on(&Event::RolledBack {
                workload: name,
                action,
                axis: None,
                last_candidate_request: settled.last_after(committed),
                delay: None,
            });
        }
        if let Some(key) = order.idempotency.as_ref().filter(|_| changed.recorded) {
            let text = (key.write)(&changed).to_string();
            self.complete_answer(key.stored_as(&order.actor), text).await;
        }
        changed
    }

    /// Waits until every worker routes by the newest plan.
    async fn settled(&self, workload: &str) -> Option<(WorkloadName, Settled)> {
        let view = self.view();
        let (_, live) = view.find(workload)?;
        let name = live.split.spec().name.clone();
        let settled = self.plane.settled(name.clone(), PATIENCE).await;
        Some((name, settled))
    }

    /// Adds the timing to the kept answer. The change itself is recorded; without this, a repeated
    /// request is answered without the timing.
    pub(super) async fn complete_answer(&self, key: String, text: String) {
        let kept = self.with_store(move |store| Ok(store.replace_response(&key, &text)?));
        // The answer does not wait for long: the change is recorded.
        let kept = tokio::time::timeout(KEEPING, kept).await;
        if let Err(error) = kept.unwrap_or(Err(StoreAccessError::Silent)) {
            tracing::warn!(%error, "cannot store the timing of a rollback for repeated requests");
        }
    }
}

/// Returns true if a fenced replica has the change by being fenced: everybody it is about goes to
/// stable there.
fn is_undone_by_a_fence(command: &Command, changed: &Changed) -> bool {
    let to_stable = matches!(changed.workload.split.spec().fallback, Fallback::Stable);
    !matches!(command, Command::Kill) || to_stable
}

/// The checklist as it was at the start of the rollout.
fn checklist_at_start(after: &Live, before: Option<&Before>) -> Option<Attachment> {
    let rollout = after.split.state().rollout.as_deref()?;
    let checklist = before?.checklist.as_ref()?;
    Some(Attachment::Fact(NewFact {
        kind: FactKind::ChecklistAtStart,
        workload: after.split.spec().name.clone(),
        subject: rollout.id.to_string(),
        once: None,
        body: json!(checklist).to_string(),
    }))
}

fn audit_entry(order: &Order, at_ms: u64) -> NewAudit {
    let mut details = json!(order.command);
    if order.overriding {
        details["override"] = json!(true);
    }
    NewAudit {
        at_ms,
        actor: order.actor.clone(),
        workload: Some(order.workload.clone()),
        action: order.command.label().to_owned(),
        reason: order.reason.clone(),
        summary: String::new(),
        details,
    }
}
