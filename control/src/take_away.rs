//! The way back: a change that takes traffic away is recorded first if the store answers at once,
//! and is in force a moment later if it does not.

use super::apply::{Applied, Decided, InForce, Source};
use super::desk::Ticket;
use super::draft::{draft, is_stale};
use super::emergency::{Emergency, What, said};
use super::unrecorded::Unrecorded;
use super::{
    Changed, ExecuteError, IdempotencyKey, Inner, Live, Precondition, StoreAccessError, View,
};
use stagegate_rollout::{Action, Stepped};
use stagegate_store::{NewIdempotency, StoredResponse};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

/// How long recording before the publication is tried.
const TRY: Duration = Duration::from_millis(300);
/// How long it is tried at most for a change that leaves the candidate in, while others are recorded
/// before it.
const QUEUE: Duration = Duration::from_secs(2);
/// How long an answer waits for the file of unrecorded changes.
const FILE_PATIENCE: Duration = Duration::from_millis(300);

/// An emergency and everything that came with it.
#[derive(Clone, Debug)]
pub(super) struct Wish {
    pub(super) emergency: Emergency,
    /// The caller's precondition.
    pub(super) precondition: Precondition,
    /// The caller's key.
    pub(super) key: Option<IdempotencyKey<Changed>>,
    /// The term in which a gate of a fleet asks for it.
    pub(super) right: Option<u64>,
}

/// What an emergency is about.
#[derive(Clone, Copy, Debug)]
pub(super) struct Of<'a> {
    /// The workload, if it is one.
    pub(super) workload: Option<&'a str>,
    /// It takes a release out: it waits for nobody.
    pub(super) takes_out: bool,
    /// A gate asked for it.
    pub(super) is_a_gate: bool,
    /// The term in which it does, in a fleet.
    pub(super) right: Option<u64>,
}

/// The outcome of an emergency.
#[derive(Debug)]
pub(super) enum Taken {
    /// It is in force.
    InForce(Box<Decided>, InForce),
    /// Its key has an answer, so nothing was done.
    Before(StoredResponse),
}

impl Inner {
    /// Carries out `wish` within a moment.
    ///
    /// # Errors
    /// An [`ExecuteError`]; nothing changed then. A store that fails is none: the way back is open
    /// whether the store works or not.
    pub(super) async fn take_away(self: &Arc<Self>, wish: Wish) -> Result<Taken, ExecuteError> {
        let of = Of {
            workload: Some(&wish.emergency.workload),
            takes_out: wish.emergency.action().takes_a_release_out(),
            is_a_gate: matches!(wish.emergency.what, What::Verdict { .. }),
            right: wish.right,
        };
        let recorded = wish.clone();
        let record = move |inner: Arc<Self>, ticket: Arc<Ticket>| async move {
            inner.record_wish(&recorded, &ticket).await
        };
        self.recorded_or_not(of, record, |ticket| self.put_unrecorded(&wish, ticket)).await
    }

    /// Tries for a moment to `record` a change, which publishes it too. If that takes longer, or the
    /// store fails, `publish` puts it in force without a record; it gives nothing if the record has
    /// come in between.
    ///
    /// # Errors
    /// Those of `record` and `publish`, but for those of the store.
    pub(super) async fn recorded_or_not<T, F>(
        self: &Arc<Self>,
        of: Of<'_>,
        record: impl FnOnce(Arc<Self>, Arc<Ticket>) -> F + Send + 'static,
        publish: impl FnOnce(&Ticket) -> Result<Option<T>, ExecuteError>,
    ) -> Result<T, ExecuteError>
    where
        T: Send + 'static,
        F: Future<Output = Result<T, ExecuteError>> + Send + 'static,
    {
        self.ledger()?;
        let deadline = tokio::time::Instant::now() + TRY;
        let ticket = Arc::new(self.desk().ticket());
        let mut recording = None;
        let (order, deadline) = self.turn_of(of, deadline).await;
        if let Some(order) = order {
            let (inner, ticket) = (Arc::clone(self), Arc::clone(&ticket));
            let mut task = tokio::spawn(async move {
                let _order = order;
                inner.record_unrecorded().await?;
                record(inner, ticket).await
            });
            match tokio::time::timeout_at(deadline, &mut task).await {
                Err(_) => recording = Some(task),
                Ok(Err(lost)) => return Err(ExecuteError::Lost(lost.to_string())),
                // Users are protected whether the store works or not. A person is told of a change
                // that somebody else made in between; nobody is there to hear a gate's refusal.
                Ok(Ok(Err(ExecuteError::Store(error))))
                    if error.is_broken()
                        || (of.is_a_gate && error.is_a_failure() && !self.lost_a_race(&error)) =>
                {
                    tracing::error!(%error, "a change that takes traffic away cannot be recorded");
                }
                Ok(Ok(done)) => return done,
            }
        }
        // Another replica decides now, by the same evidence.
        if of.is_a_gate && !self.still_has(of.right) {
            return Err(StoreAccessError::NotSteering.into());
        }
        let unrecorded = publish(&ticket);
        match (unrecorded, recording) {
            // The record came at the last moment.
            (Ok(None), Some(task)) => {
                task.await.map_err(|lost| ExecuteError::Lost(lost.to_string()))?
            }
            (Ok(None), None) => Err(ExecuteError::Lost("its record is unknown".to_owned())),
            (Ok(Some(taken)), _) => {
                let written = tokio::time::timeout(FILE_PATIENCE, self.save_unrecorded()).await;
                if !written.is_ok_and(|written| written) {
                    tracing::error!(
                        workload = of.workload,
                        "the change is in force only in memory: its file cannot be written"
                    );
                }
                self.keep_recording();
                Ok(taken)
            }
            (Err(error), _) => Err(error),
        }
    }

    /// The right to write, and until when the recorded way is tried. A store that works off a queue
    /// is no store that hangs: a change that leaves the candidate in waits for it a little longer.
    async fn turn_of(
        &self,
        of: Of<'_>,
        deadline: tokio::time::Instant,
    ) -> (Option<tokio::sync::OwnedMutexGuard<()>>, tokio::time::Instant) {
        let end = deadline + QUEUE;
        let mut until = deadline;
        loop {
            let before = self.recorded_changes.load(Ordering::Acquire);
            if let Ok(order) = self.right_to_write(of.workload, until).await {
                return (Some(order), until.max(tokio::time::Instant::now() + TRY / 3));
            }
            let moves = self.recorded_changes.load(Ordering::Acquire) != before;
            if of.takes_out || !moves || until >= end {
                return (None, until);
            }
            until += TRY;
        }
    }

    /// Records and publishes; the caller has the right to write.
    async fn record_wish(&self, wish: &Wish, ticket: &Ticket) -> Result<Taken, ExecuteError> {
        let view = Arc::clone(&self.desk().recorded);
        let found = find(&view, wish)?;
        let decided = self.decide_wish(&view, found, &wish.emergency)?;
        let decided = Decided { right: wish.right, ..decided };
        let answer = answer(wish, &decided, view.epoch, true);
        match self.apply(&decided, answer, Some(ticket)).await? {
            Applied::InForce(in_force) => Ok(Taken::InForce(Box::new(decided), in_force)),
            Applied::Before(kept) => Ok(Taken::Before(kept)),
        }
    }

    /// Publishes without a record; `None` if the record has come in between.
    fn put_unrecorded(&self, wish: &Wish, ticket: &Ticket) -> Result<Option<Taken>, ExecuteError> {
        let mut desk = self.desk();
        if ticket.recorded.load(Ordering::Acquire) {
            return Ok(None);
        }
        if self.handing_over.load(Ordering::Acquire) {
            return Err(StoreAccessError::HandingOver.into());
        }
        let key = wish.key.as_ref().map(|key| key.stored_as(&wish.emergency.actor));
        if let Some(kept) = key.and_then(|key| desk.keyed(&key)?.answer().cloned()) {
            return Ok(Some(Taken::Before(kept.into())));
        }
        let view = desk.decided();
        let found = find(&view, wish)?;
        let decided = self.decide_wish(&view, found, &wish.emergency)?;
        let answer = answer(wish, &decided, view.epoch, false).map(Into::into);
        let emergency = Emergency { id: ticket.id, answer, ..wish.emergency.clone() };
        desk.add(Unrecorded::Workload(emergency), decided.is_new);
        let cut = decided.cut.then(|| decided.after.split.spec().name.clone());
        self.put(&desk, None, cut, decided.is_new && decided.makes_a_plan);
        drop(desk);
        tracing::error!(
            workload = decided.name(),
            action = decided.action.label(),
            "the state store does not record it: the change is in force without a record"
        );
        if decided.is_new {
            decided.log(view.epoch);
            self.steering.wake();
        }
        let in_force = InForce { audit_seq: None, at: Instant::now() };
        Ok(Some(Taken::InForce(Box::new(decided), in_force)))
    }

    /// Applies the emergency to a view.
    fn decide_wish(
        &self,
        view: &View,
        (place, live): (usize, &Live),
        emergency: &Emergency,
    ) -> Result<Decided, ExecuteError> {
        let stepped = emergency.step(live.split.spec(), live.split.state())?;
        let is_a_gate = matches!(emergency.what, What::Verdict { .. });
        if is_a_gate && said(&stepped).is_none_or(|entry| entry.action != Action::Rollback) {
            return Err(ExecuteError::NotNow("the candidate is out already".to_owned()));
        }
        Ok(self.decide_emergency(view, (place, live), emergency, stepped))
    }

    pub(super) fn decide_emergency(
        &self,
        view: &View,
        found: (usize, &Live),
        emergency: &Emergency,
        stepped: Stepped,
    ) -> Decided {
        let source = match emergency.what {
            What::Command { .. } => Source::Command,
            What::Verdict { .. } => Source::Evidence,
        };
        let entry = emergency.entry(&stepped);
        let source = (source, emergency.action(), entry);
        self.decide(view, found, stepped, source, emergency.analysis())
    }
}

fn find<'a>(view: &'a View, wish: &Wish) -> Result<(usize, &'a Live), ExecuteError> {
    let (place, live) = view.locate(&wish.emergency.workload)?;
    is_stale(&wish.precondition, live)?;
    Ok((place, live))
}

fn answer(wish: &Wish, decided: &Decided, epoch: u64, recorded: bool) -> Option<NewIdempotency> {
    let key = wish.key.as_ref()?;
    let epoch = epoch + u64::from(recorded && decided.makes_a_plan);
    Some(key.keeping(&wish.emergency.actor, &draft(decided, epoch, recorded)))
}
