//! One command, from the caller's wish to the answer.

use super::keeper::Commit;
use super::{Control, Inner, KeeperError, Live, PATIENCE, ReleaseRefusal, View, now_ms};
use crate::api::types::{Changed, RollbackTiming};
use crate::data_plane::{Event, Publication, Settled};
use crate::describe;
use serde_json::json;
use stagegate_rollout::{
    Change, Command, ListKind, OnRollback, Refusal, Split, Weight, WorkloadName, WorkloadState,
    apply,
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
    pub idempotency: Option<IdempotencyKey>,
}

/// `If-Match`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Precondition {
    /// None: last one wins.
    #[default]
    None,
    /// The workload's epoch must be one of these.
    Epochs(Vec<u64>),
}

impl Precondition {
    pub(super) fn holds(&self, epoch: u64) -> bool {
        match self {
            Self::None => true,
            Self::Epochs(epochs) => epochs.contains(&epoch),
        }
    }
}

/// `Idempotency-Key`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IdempotencyKey {
    /// What the caller sent.
    pub key: String,
    /// Digest of the request: the key may be used for this request only.
    pub fingerprint: String,
}

/// A command that was done.
#[derive(Clone, Debug)]
pub struct Done {
    /// The answer.
    pub changed: Changed,
    /// Whether the answer is that of an earlier request with the same key.
    pub replayed: bool,
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
    pub async fn execute(&self, order: Order) -> Result<Done, ExecuteError> {
        let inner = Arc::clone(&self.inner);
        // A task of its own: a caller that hangs up must not leave the change half done.
        tokio::spawn(async move { inner.execute(order).await })
            .await
            .map_err(|error| ExecuteError::Lost(error.to_string()))?
    }
}

/// A change in force that still has to be answered.
struct InForce {
    changed: Changed,
    committed: Instant,
    /// The store's name for the caller's key.
    key: Option<String>,
}

impl Inner {
    async fn execute(&self, order: Order) -> Result<Done, ExecuteError> {
        let key = order.idempotency.as_ref().map(|it| format!("{}\n{}", order.actor, it.key));
        let in_force = {
            let _turn = self.turn.lock().await;
            match self.answered(order.idempotency.as_ref(), key.as_deref()).await? {
                Some(changed) => Err(changed),
                None => Ok(self.change(&order, key).await?),
            }
        };
        let in_force = match in_force {
            Ok(in_force) => in_force,
            Err(changed) => {
                // The first request may still be waiting for the workers: this answer means the
                // same, so it waits too.
                if takes_away(&order.command) {
                    self.settled(self.view().epoch, &order.workload).await;
                }
                return Ok(Done { changed, replayed: true });
            }
        };
        Ok(Done { changed: self.settle(&order, in_force).await, replayed: false })
    }

    /// The answer an earlier request with the same key got.
    pub(super) async fn answered(
        &self,
        given: Option<&IdempotencyKey>,
        key: Option<&str>,
    ) -> Result<Option<Changed>, ExecuteError> {
        let (Some(key), Some(given)) = (key, given) else { return Ok(None) };
        let key = key.to_owned();
        let stored =
            self.keeper()?.with(move |store| Ok(store.idempotent(&key, now_ms())?)).await?;
        let Some(stored) = stored else { return Ok(None) };
        if stored.fingerprint != given.fingerprint {
            return Err(ExecuteError::KeyReused);
        }
        let changed = serde_json::from_str(&stored.response)
            .map_err(|error| KeeperError::Store(format!("a kept answer is damaged: {error}")))?;
        Ok(Some(changed))
    }

    /// Checks, applies, records and publishes; the caller holds the turn.
    async fn change(&self, order: &Order, key: Option<String>) -> Result<InForce, ExecuteError> {
        let keeper = self.keeper()?;
        let view = self.view();
        let (place, live) = view.find(&order.workload).ok_or_else(|| {
            ExecuteError::UnknownWorkload { name: order.workload.clone(), known: view.known() }
        })?;
        if !order.precondition.holds(live.epoch) {
            return Err(ExecuteError::Stale { live: live.clone() });
        }
        let (spec, before) = (live.split.spec(), live.split.state());
        let at_ms = now_ms();
        let applied = apply(spec, before, &order.command, &order.actor, &order.reason, at_ms);
        let Change { state, summary } = match applied {
            Ok(change) => change,
            Err(refusal) => {
                self.audit_refusal(order, &refusal).await;
                return Err(refusal.into());
            }
        };
        let is_new = !summary.is_empty();
        let epoch = view.epoch + u64::from(is_new);
        let after = Live {
            split: Arc::new(Split::new(Arc::clone(spec), Arc::new(state.clone()))),
            epoch: if is_new { epoch } else { live.epoch },
        };
        let mut changed = draft(order, &summary, epoch, &after);
        if order.idempotency.is_some() {
            // The kept answer must hold the number of the record it is written with.
            changed.audit_seq = keeper.newest_seq().await? + 1;
        }
        let states = if is_new { vec![(spec.name.clone(), state)] } else { Vec::new() };
        let recorded = keeper
            .commit(Commit {
                entry: audit_entry(order, summary, at_ms),
                states,
                epoch,
                answer: answer(order, key.clone(), &changed),
            })
            .await;
        self.note_commit(&recorded);
        changed.audit_seq = recorded?.seq;
        let committed = Instant::now();
        if is_new {
            let cut = cuts(&order.command, &after.split).then(|| spec.name.clone());
            self.publish_one(&view, place, after, epoch, cut);
            tracing::info!(
                actor = order.actor,
                workload = order.workload,
                epoch,
                summary = changed.summary,
                "changed"
            );
        }
        Ok(InForce { changed, committed, key })
    }

    fn publish_one(
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
    async fn settle(&self, order: &Order, in_force: InForce) -> Changed {
        let InForce { mut changed, committed, key } = in_force;
        if !takes_away(&order.command) {
            return changed;
        }
        let Some((name, settled)) = self.settled(changed.epoch, &order.workload).await else {
            return changed;
        };
        let acknowledged = committed.elapsed();
        let last = settled
            .last_candidate_request
            .map_or_else(Default::default, |at| at.saturating_duration_since(committed));
        changed.rollback = Some(RollbackTiming {
            last_candidate_request_ms: last.as_secs_f64() * 1e3,
            acknowledged_ms: acknowledged.as_secs_f64() * 1e3,
            acknowledged_workers: settled.acknowledged_workers,
            workers: settled.workers,
            settled: settled.acknowledged_workers >= settled.workers,
        });
        if changed.changed
            && matches!(order.command, Command::Rollback | Command::RollbackCohort | Command::Kill)
        {
            self.observer.on(&Event::RolledBack {
                workload: name,
                command: order.command.label(),
                last_candidate_request: last,
            });
        }
        if let Some(key) = key {
            self.complete_answer(key, &changed).await;
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
    async fn complete_answer(&self, key: String, changed: &Changed) {
        let Ok(keeper) = self.keeper() else { return };
        let text = json!(changed).to_string();
        let kept = keeper.with(move |store| Ok(store.replace_response(&key, &text)?)).await;
        if let Err(error) = kept {
            tracing::warn!(%error, "the timing of a rollback was not kept for repeated requests");
        }
    }
}

/// The answer, as far as it is known before the record is written.
fn draft(order: &Order, summary: &str, epoch: u64, after: &Live) -> Changed {
    let changed = !summary.is_empty();
    Changed {
        command: order.command.label().to_owned(),
        changed,
        summary: if changed { summary } else { "already so" }.to_owned(),
        epoch,
        audit_seq: 0,
        actor: order.actor.clone(),
        reason: order.reason.clone(),
        rollback: None,
        workload: describe::workload(after),
    }
}

fn audit_entry(order: &Order, summary: String, at_ms: u64) -> NewAudit {
    NewAudit {
        at_ms,
        actor: order.actor.clone(),
        workload: Some(order.workload.clone()),
        action: order.command.label().to_owned(),
        reason: order.reason.clone(),
        summary,
        details: json!(order.command),
    }
}

fn answer(order: &Order, key: Option<String>, changed: &Changed) -> Option<NewIdempotency> {
    let given = order.idempotency.as_ref()?;
    Some(NewIdempotency {
        key: key?,
        actor: order.actor.clone(),
        fingerprint: given.fingerprint.clone(),
        response: json!(changed).to_string(),
    })
}

/// Whether the command takes anybody off the candidate, so that its answer must mean that no new
/// request of theirs will arrive there.
fn takes_away(command: &Command) -> bool {
    match command {
        Command::SetWeight { weight } => *weight == Weight::ZERO,
        Command::Rollback
        | Command::Kill
        | Command::RollbackCohort
        | Command::Exclude { .. }
        | Command::List { list: ListKind::Deny, .. }
        | Command::Unlist { list: ListKind::Allow, .. } => true,
        _ => false,
    }
}

/// Whether running candidate responses are aborted too.
fn cuts(command: &Command, split: &Split) -> bool {
    let state: &WorkloadState = split.state();
    let ends_it = matches!(command, Command::Rollback | Command::Kill);
    ends_it && split.spec().on_rollback == OnRollback::Cut && state.candidate.is_some()
}
