//! One command, from the caller's wish to the answer.

use super::perform::{Decided, InForce};
use super::{
    Answer, Changed, Control, IdempotencyKey, Inner, KeeperError, Live, PATIENCE, Precondition,
    ReleaseRefusal, RollbackTiming, View, now_ms,
};
use crate::ports::{Event, Publication, Settled};
use serde_json::json;
use stagegate_rollout::{
    Command, Grounds, Input, ListKind, Preflight, Refusal, Weight, WorkloadName, step,
};
use stagegate_store::{NewAudit, NewIdempotency};
use std::sync::Arc;
use std::time::Instant;

/// A command and everything that came with it.
#[derive(Clone, Debug)]
pub struct Order {
    /// Who.
    pub actor: String,
    /// On which workload.
    pub workload: String,
    /// What.
    pub command: Command,
    /// Why; may be empty where [`Command::needs_reason`] says so.
    pub reason: String,
    /// What the caller believes the state to be.
    pub precondition: Precondition,
    /// The caller's key, to ask again without doing it again.
    pub idempotency: Option<IdempotencyKey<Changed>>,
    /// The caller insists although something speaks against it; needs a reason.
    pub overriding: bool,
}

/// Why a command was not done. Nothing changed.
#[derive(Debug, thiserror::Error)]
pub enum ExecuteError {
    /// No such workload.
    #[error("there is no workload `{name}`; there are: {known}")]
    UnknownWorkload {
        /// The name that was given.
        name: String,
        /// The names that exist.
        known: String,
    },
    /// Somebody was faster.
    #[error("the workload changed since: its epoch is {}", live.epoch)]
    Stale {
        /// The workload as it is.
        live: Live,
    },
    /// The command makes no sense now.
    #[error(transparent)]
    Refused(#[from] Refusal),
    /// Something around the workload is not as the command needs it.
    #[error("{0}")]
    NotNow(String),
    /// The release cannot be added or removed now.
    #[error(transparent)]
    Release(#[from] ReleaseRefusal),
    /// The key belongs to another request.
    #[error("the Idempotency-Key was used for another request: use a new one")]
    KeyReused,
    /// The store refused.
    #[error(transparent)]
    Keeper(#[from] KeeperError),
    /// A defect of the program.
    #[error("the change was lost: {0}; read the workload to see whether it was made")]
    Lost(String),
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
    /// The store's name for the caller's key.
    key: Option<String>,
}

impl Inner {
    async fn execute(&self, order: Order) -> Result<Answer<Changed>, ExecuteError> {
        let key = order.idempotency.as_ref().map(|it| format!("{}\n{}", order.actor, it.key));
        // Probes take their time: nobody's rollback may wait for them.
        let preflight = match &order.command {
            Command::Start { to, policy } => {
                self.preflight(&self.view(), &order.workload, to, policy).await?
            }
            _ => None,
        };
        let in_force = {
            let _turn = self.turn.lock().await;
            match self.answered(order.idempotency.as_ref(), key.as_deref()).await? {
                Some(kept) => Err(kept),
                None => Ok(self.change(&order, preflight.as_ref(), key).await?),
            }
        };
        let in_force = match in_force {
            Ok(in_force) => in_force,
            Err(kept) => {
                // The first request may still be waiting for the workers: this answer means the
                // same, so it waits too.
                if takes_away(&order.command) {
                    self.settled(self.view().epoch, &order.workload).await;
                }
                return Ok(Answer::Kept(kept));
            }
        };
        Ok(Answer::New(self.settle(&order, in_force).await))
    }

    /// The answer an earlier request with the same key got.
    pub(super) async fn answered<T>(
        &self,
        given: Option<&IdempotencyKey<T>>,
        key: Option<&str>,
    ) -> Result<Option<String>, ExecuteError> {
        let (Some(key), Some(given)) = (key, given) else { return Ok(None) };
        let key = key.to_owned();
        let stored =
            self.keeper()?.with(move |store| Ok(store.idempotent(&key, now_ms())?)).await?;
        let Some(stored) = stored else { return Ok(None) };
        if stored.fingerprint != given.fingerprint {
            return Err(ExecuteError::KeyReused);
        }
        Ok(Some(stored.response))
    }

    /// Checks, applies, records and publishes; the caller holds the turn.
    async fn change(
        &self,
        order: &Order,
        preflight: Option<&Preflight>,
        key: Option<String>,
    ) -> Result<Answerable, ExecuteError> {
        let keeper = self.keeper()?;
        let view = self.view();
        let (place, live) = view.find(&order.workload).ok_or_else(|| {
            ExecuteError::UnknownWorkload { name: order.workload.clone(), known: view.known() }
        })?;
        is_stale(&order.precondition, live)?;
        let at_ms = now_ms();
        let analysis = self.analysis_of(&order.workload);
        let grounds =
            Grounds { analysis: analysis.as_deref(), preflight, overriding: order.overriding };
        let Order { command, actor, reason, .. } = order;
        let input = stagegate_rollout::Order { command, by: actor, reason, grounds };
        let stepped = step(live.split.spec(), live.split.state(), Input::Command(input), at_ms);
        let stepped = match stepped {
            Ok(stepped) => stepped,
            Err(refusal) => {
                self.audit_refusal(order, &refusal).await;
                return Err(refusal.into());
            }
        };
        let entry = audit_entry(order, at_ms);
        let decided = self.decide(&view, (place, live), stepped, entry, analysis.as_deref(), false);
        let mut changed = draft(order, &decided);
        if order.idempotency.is_some() {
            // The kept answer must hold the number of the record it is written with.
            changed.audit_seq = keeper.newest_seq().await? + 1;
        }
        let answer = answer(order, key.clone(), &changed);
        let InForce { record, at } = self.perform(&view, decided, answer).await?;
        changed.audit_seq = record.map_or(0, |record| record.seq);
        Ok(Answerable { changed, committed: at, key })
    }

    pub(super) fn publish_one(
        &self,
        view: &View,
        place: usize,
        after: Live,
        epoch: u64,
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

    /// Waits until the workers follow, where that matters, and completes the answer.
    async fn settle(&self, order: &Order, in_force: Answerable) -> Changed {
        let Answerable { mut changed, committed, key } = in_force;
        if !takes_away(&order.command) {
            return changed;
        }
        let Some((name, settled)) = self.settled(changed.epoch, &order.workload).await else {
            return changed;
        };
        let acknowledged = committed.elapsed();
        changed.rollback = Some(RollbackTiming::of(&settled, committed, acknowledged));
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
        if let Some((key, given)) = key.zip(order.idempotency.as_ref()) {
            self.complete_answer(key, (given.write)(&changed).to_string()).await;
        }
        changed
    }

    /// Waits until every worker routes by the plan `epoch`, or a later one.
    async fn settled(&self, epoch: u64, workload: &str) -> Option<(WorkloadName, Settled)> {
        let view = self.view();
        let (_, live) = view.find(workload)?;
        let name = live.split.spec().name.clone();
        let settled = self.plane.settled(epoch, name.clone(), PATIENCE).await;
        Some((name, settled))
    }

    /// Adds the timing to the kept answer. The change itself is recorded; without this, a repeated
    /// request is answered without the timing.
    async fn complete_answer(&self, key: String, text: String) {
        let Ok(keeper) = self.keeper() else { return };
        let kept = keeper.with(move |store| Ok(store.replace_response(&key, &text)?)).await;
        if let Err(error) = kept {
            tracing::warn!(%error, "the timing of a rollback was not kept for repeated requests");
        }
    }
}

/// Whether the caller believes something else.
pub(super) fn is_stale(precondition: &Precondition, live: &Live) -> Result<(), ExecuteError> {
    if precondition.holds(live.epoch) {
        return Ok(());
    }
    Err(ExecuteError::Stale { live: live.clone() })
}

/// The answer, as far as it is known before the record is written.
fn draft(order: &Order, decided: &Decided) -> Changed {
    let summary = &decided.entry.summary;
    Changed {
        action: order.command.action().into(),
        changed: decided.is_new,
        summary: if decided.is_new { summary } else { "already so" }.to_owned(),
        epoch: decided.epoch,
        audit_seq: 0,
        actor: order.actor.clone(),
        reason: order.reason.clone(),
        rollback: None,
        workload: decided.after.clone(),
    }
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

fn answer(order: &Order, key: Option<String>, changed: &Changed) -> Option<NewIdempotency> {
    let given = order.idempotency.as_ref()?;
    Some(NewIdempotency {
        key: key?,
        actor: order.actor.clone(),
        fingerprint: given.fingerprint.clone(),
        response: (given.write)(changed).to_string(),
    })
}

/// Whether the command takes anybody off the candidate, so that its answer must mean that no new
/// request of theirs will arrive there.
fn takes_away(command: &Command) -> bool {
    match command {
        Command::SetWeight { weight } => *weight == Weight::ZERO,
        Command::Rollback
        | Command::Abort
        | Command::Restore
        | Command::Kill
        | Command::RollbackCohort
        | Command::Exclude { .. }
        | Command::List { list: ListKind::Deny, .. }
        | Command::Unlist { list: ListKind::Allow, .. } => true,
        _ => false,
    }
}
