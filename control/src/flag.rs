//! Changes of flags at run time.
//!
//! As every change: decided by the pure core, recorded with actor, reason and epoch, and only then in
//! force. The answer comes when every worker, and the server of flags, follow.

use super::{
    Answer, Control, ExecuteError, FlagState, IdempotencyKey, Inner, PATIENCE, Precondition, View,
    now_ms,
};
use crate::desk::{Desk, Ticket};
use crate::ports::{FlagServer, FleetOutcome};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use stagegate_flags::{Flag, FlagChange, FlagRefusal, FlagSet, Override, Which, moves};
use stagegate_store::{Attachment, NewAudit, NewChange, NewFlag, Recorded};
use std::sync::Arc;
use std::time::Instant;

/// Keys that a refusal names.
const NAMED: usize = 20;

/// Says whether a tenant is excluded: of a workload, or of any if none is named.
pub type Exclusions = Box<dyn Fn(Option<&str>, &str) -> bool + Send + Sync>;

/// A change of a flag and everything that came with it.
#[derive(Clone, Debug)]
pub struct FlagOrder {
    /// The actor.
    pub actor: String,
    /// The flag.
    pub key: String,
    /// The change.
    pub change: FlagChange,
    /// The reason; may be empty.
    pub reason: String,
    /// The caller's precondition.
    pub precondition: Precondition,
    /// The caller's key, to ask again without doing it again.
    pub idempotency: Option<IdempotencyKey<FlagChanged>>,
    /// Say what would change and change nothing.
    pub dry_run: bool,
}

/// The result of a change of a flag.
#[derive(Clone, Debug)]
pub struct FlagChanged {
    /// The flag.
    pub key: String,
    /// The command's word.
    pub action: &'static str,
    /// False when the flag already was as asked, or nothing was to be done.
    pub changed: bool,
    /// The change, as text.
    pub summary: String,
    /// Epoch of the plan in force afterwards.
    pub epoch: u64,
    /// Epoch of the flag's last change.
    pub flag_epoch: u64,
    /// Number of the audit entry.
    pub audit_seq: u64,
    /// The actor.
    pub actor: String,
    /// The reason that was recorded; empty if none was given.
    pub reason: String,
    /// True if the change is in the store. If false, it is in force and has no audit entry yet; it is
    /// recorded as soon as the store answers.
    pub recorded: bool,
    /// The time until everybody followed; none if nothing changed.
    pub timing: Option<FlagTiming>,
    /// What became of it on each replica of the fleet; present in a fleet if it takes a variant away.
    pub fleet: Option<FleetOutcome>,
    /// What was different about the flag before.
    pub before: Override,
    /// What is different about it now, or would be.
    pub after: Override,
    /// Who gets, or would get, another variant, one line each.
    pub moves: Vec<String>,
    /// True if nothing was done because the caller only asked.
    pub dry_run: bool,
}

/// The time until a change of a flag held everywhere.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct FlagTiming {
    /// Milliseconds from the commit in the store until every worker and the server of flags followed.
    pub acknowledged_ms: f64,
    /// Workers that follow.
    pub acknowledged_workers: u32,
    /// Workers there are.
    pub workers: u32,
    /// True if everybody follows.
    pub settled: bool,
}

impl Control {
    /// From now on flags are in force through `flags`; those that were changed at run time are put in
    /// force at once. Only the first one counts.
    pub fn serve_flags(&self, flags: Arc<dyn FlagServer>) {
        let desk = self.inner.desk();
        let _ = self.inner.flags.set(flags);
        self.inner.put_flags(&desk);
    }

    /// Says whether a tenant is in an exclusion group and not opted in: of a workload, or of any if none
    /// is named. It does not keep the driver alive.
    #[must_use]
    pub fn exclusions(&self) -> Exclusions {
        let inner = Arc::downgrade(&self.inner);
        Box::new(move |workload, tenant| {
            inner.upgrade().is_some_and(|inner| inner.view().excludes(workload, tenant))
        })
    }

    /// Flags in force; none without the section in the configuration.
    #[must_use]
    pub fn flags(&self) -> Option<&Arc<dyn FlagServer>> {
        self.inner.flags.get()
    }

    /// Changes a flag: records it, puts it in force, and waits until everybody follows.
    ///
    /// # Errors
    /// An [`ExecuteError`]; nothing changed then.
    pub async fn change_flag(&self, order: FlagOrder) -> Result<Answer<FlagChanged>, ExecuteError> {
        let inner = Arc::clone(&self.inner);
        // A task of its own: a caller that hangs up must not leave the change half done.
        tokio::spawn(async move { inner.change_flag(order).await })
            .await
            .map_err(|error| ExecuteError::Lost(error.to_string()))?
    }
}

/// The outcome of a turn.
pub(super) enum Turned {
    InForce(Box<FlagChanged>, Instant),
    Before(String),
}

impl Inner {
    /// Puts the recorded changes of flags in force.
    pub(super) fn put_flags(&self, desk: &Desk) {
        if let Some(flags) = self.flags.get() {
            flags.put(desk.decided().overlay());
        }
    }

    async fn change_flag(
        self: &Arc<Self>,
        order: FlagOrder,
    ) -> Result<Answer<FlagChanged>, ExecuteError> {
        if order.dry_run {
            let view = self.desk().decided();
            return Ok(Answer::New(self.decided_flag(&view, &order)?.0));
        }
        let mut races = 0;
        let turned = loop {
            match self.attempt_flag(&order).await {
                Err(ExecuteError::Store(error)) if self.goes_again(&error, &mut races) => {}
                turned => break turned,
            }
        };
        let refusal = match turned {
            Ok(Turned::InForce(changed, committed)) => {
                return Ok(Answer::New(self.follow(&order, *changed, committed).await));
            }
            Ok(Turned::Before(kept)) => return Ok(Answer::Kept(kept)),
            Err(refusal) => refusal,
        };
        match self.answer_before(order.idempotency.as_ref(), &order.actor, refusal).await {
            Ok(kept) => Ok(Answer::Kept(kept)),
            Err(error) => {
                if let ExecuteError::Flag(refusal) = &error {
                    let summary = format!("refused: {refusal}");
                    self.audit_refused(entry(&order, summary, details(&order, None))).await;
                }
                Err(error)
            }
        }
    }

    async fn attempt_flag(self: &Arc<Self>, order: &FlagOrder) -> Result<Turned, ExecuteError> {
        if order.change.takes_away() {
            return self.take_flag_away(order).await;
        }
        let wanted = order.clone();
        let work = move |inner: Arc<Self>, turn| async move {
            let _turn = turn;
            inner.put_flag_in_force(&wanted, None).await
        };
        self.in_order(None, work).await
    }

    /// What the order does to the flag as it is.
    pub(super) fn decided_flag(
        &self,
        view: &View,
        order: &FlagOrder,
    ) -> Result<(FlagChanged, Arc<dyn FlagServer>), ExecuteError> {
        let flags = self.flags.get().ok_or_else(|| {
            ExecuteError::NotNow(
                "no flags are served: write `flags:` into the configuration and restart".to_owned(),
            )
        })?;
        let epoch = view.epoch_of_flag(&order.key);
        if !order.precondition.holds(epoch) {
            return Err(ExecuteError::StaleFlag { epoch });
        }
        let set = flags.set();
        let before = view.flags.get(&order.key).map(|it| it.given.clone()).unwrap_or_default();
        let (after, said) = decide(&set, order, &before)?;
        let mut overlay = (*view.overlay()).clone();
        overlay.insert(order.key.clone(), after.clone());
        let next = set.with_overlay(Arc::new(overlay));
        let pair = (&before, &after);
        let moves = moves((&set, &next), &order.key, pair, now_ms() / 1000);
        let changed = !said.is_empty();
        let answer = FlagChanged {
            key: order.key.clone(),
            action: order.change.label(),
            changed: changed && !order.dry_run,
            summary: if changed { said } else { "already so".to_owned() },
            epoch: view.epoch,
            flag_epoch: epoch,
            audit_seq: 0,
            actor: order.actor.clone(),
            reason: order.reason.clone(),
            recorded: true,
            timing: None,
            fleet: None,
            before,
            after,
            moves,
            dry_run: order.dry_run,
        };
        Ok((answer, Arc::clone(flags)))
    }

    /// Checks, records and puts in force; the caller has the right to write. `of` is the ticket of an
    /// emergency, which may be in force already.
    pub(super) async fn put_flag_in_force(
        &self,
        order: &FlagOrder,
        of: Option<&Ticket>,
    ) -> Result<Turned, ExecuteError> {
        self.ledger()?;
        let view = Arc::clone(&self.desk().recorded);
        let (mut changed, _) = self.decided_flag(&view, order)?;
        let is_new = changed.changed;
        if is_new {
            changed.epoch = view.epoch + 1;
            changed.flag_epoch = changed.epoch;
        }
        let summary = format!("flag {}: {}", order.key, changed.summary);
        let summary = if is_new { summary } else { String::new() };
        let after = &changed.after;
        let state = (!after.is_empty()).then(|| json!(after).to_string());
        let stored = NewFlag { key: order.key.clone(), state };
        let change = NewChange {
            entry: entry(order, summary, details(order, Some(&changed))),
            states: Vec::new(),
            makes_a_plan: is_new,
            answer: order.idempotency.as_ref().map(|key| key.keeping(&order.actor, &changed)),
            attachments: is_new.then_some(Attachment::Flag(stored)).into_iter().collect(),
        };
        match (self.append(view.epoch, change).await?, &order.idempotency) {
            (Recorded::Now(entry), _) => changed.audit_seq = entry.seq,
            (Recorded::Before(kept), Some(key)) => return Ok(Turned::Before(key.recognise(kept)?)),
            (Recorded::Before(_), None) => return Err(ExecuteError::KeyReused),
        }
        let committed = Instant::now();
        self.publish_flag(&changed, of);
        Ok(Turned::InForce(Box::new(changed), committed))
    }

    /// Puts in force what the store has taken.
    fn publish_flag(&self, changed: &FlagChanged, of: Option<&Ticket>) {
        let state = FlagState { given: changed.after.clone(), epoch: changed.flag_epoch };
        let state = changed.changed.then_some(state);
        if self.put_recorded_flag(&changed.key, state, changed.epoch, of) || !changed.changed {
            return;
        }
        let FlagChanged { key, action, summary, epoch, actor, reason, .. } = changed;
        tracing::info!(flag = key, action, summary, epoch, actor, reason, "a flag changed");
    }

    /// Waits until everybody follows, and completes the answer.
    async fn follow(
        &self,
        order: &FlagOrder,
        mut changed: FlagChanged,
        committed: Instant,
    ) -> FlagChanged {
        let workload = self.view().live.first().map(|live| live.split.spec().name.clone());
        let (Some(flags), Some(workload), true) = (self.flags.get(), workload, changed.changed)
        else {
            return changed;
        };
        let (settled, served) =
            tokio::join!(self.plane.settled(workload, PATIENCE), flags.settled(PATIENCE));
        changed.timing = Some(FlagTiming {
            acknowledged_ms: committed.elapsed().as_secs_f64() * 1e3,
            acknowledged_workers: settled.acknowledged_workers,
            workers: settled.workers,
            settled: settled.all_followed() && served,
        });
        if order.change.takes_away() {
            // A fence closes candidates. It switches no flag off.
            changed.fleet = self.fleet_outcome(changed.audit_seq, true, false).await;
        }
        if let Some(key) = order.idempotency.as_ref().filter(|_| changed.recorded) {
            let text = (key.write)(&changed).to_string();
            self.complete_answer(key.stored_as(&order.actor), text).await;
        }
        changed
    }
}

fn decide(
    set: &FlagSet,
    order: &FlagOrder,
    before: &Override,
) -> Result<(Override, String), FlagRefusal> {
    if let Some(flag) = set.get(&order.key) {
        return order.change.apply(flag, before);
    }
    // What is left of a flag that no file has any more can still be removed.
    let removes = match &order.change {
        FlagChange::Remove { which, .. } => *which == Which::Everything,
        FlagChange::Put(given) => given.is_empty(),
        _ => false,
    };
    if removes && !before.is_empty() {
        return Ok((Override::default(), "as the files say: none has it".to_owned()));
    }
    let mut known: Vec<&str> = set.flags().map(Flag::key).take(NAMED + 1).collect();
    if known.len() > NAMED {
        known[NAMED] = "…";
    }
    Err(FlagRefusal::UnknownFlag { key: order.key.clone(), known: known.join(", ") })
}

fn entry(order: &FlagOrder, summary: String, details: Value) -> NewAudit {
    NewAudit {
        at_ms: now_ms(),
        actor: order.actor.clone(),
        workload: None,
        action: order.change.label().to_owned(),
        reason: order.reason.clone(),
        summary,
        details,
    }
}

fn details(order: &FlagOrder, changed: Option<&FlagChanged>) -> Value {
    match changed {
        None => json!({ "flag": order.key }),
        Some(changed) => json!({
            "flag": order.key, "before": changed.before, "after": changed.after,
        }),
    }
}
