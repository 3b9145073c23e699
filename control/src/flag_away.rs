//! A flag that is switched off, for everybody or somebody: recorded first if the store answers at once,
//! and in force a moment later if it does not.

use super::desk::Ticket;
use super::flag::Turned;
use super::take_away::Of;
use super::unrecorded::{FlagEmergency, Unrecorded};
use super::{
    ExecuteError, FlagChanged, FlagOrder, FlagState, Inner, StoreAccessError, View, now_ms,
};
use crate::ports::Epoch;
use stagegate_flags::TakenAway;
use stagegate_store::Recorded;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Instant;

impl Inner {
    /// Takes a variant away within a moment.
    ///
    /// # Errors
    /// An [`ExecuteError`]; nothing changed then. A store that fails is none.
    pub(super) async fn take_flag_away(
        self: &Arc<Self>,
        order: &FlagOrder,
    ) -> Result<Turned, ExecuteError> {
        let of = Of { workload: None, takes_out: true, is_a_gate: false, right: None };
        let recorded = order.clone();
        let record = move |inner: Arc<Self>, ticket: Arc<Ticket>| async move {
            inner.put_flag_in_force(&recorded, Some(&ticket)).await
        };
        self.recorded_or_not(of, record, |ticket| self.put_flag_unrecorded(order, ticket)).await
    }

    /// Publishes without a record; `None` if the record has come in between.
    fn put_flag_unrecorded(
        &self,
        order: &FlagOrder,
        ticket: &Ticket,
    ) -> Result<Option<Turned>, ExecuteError> {
        let mut desk = self.desk();
        if ticket.recorded.load(Ordering::Acquire) {
            return Ok(None);
        }
        if self.handing_over.load(Ordering::Acquire) {
            return Err(StoreAccessError::HandingOver.into());
        }
        if let Some(key) = &order.idempotency
            && let Some(kept) = desk.keyed(&key.stored_as(&order.actor))
            && let Some(kept) = kept.answer().cloned()
        {
            return Ok(Some(Turned::Before(key.recognise(kept.into())?)));
        }
        let view = desk.decided();
        let (mut changed, _) = self.decided_flag(&view, order)?;
        changed.recorded = false;
        if changed.changed {
            changed.flag_epoch = view.newest() + 1;
        }
        let answer = order.idempotency.as_ref().map(|key| key.keeping(&order.actor, &changed));
        let emergency = FlagEmergency {
            id: ticket.id,
            flag: order.key.clone(),
            actor: order.actor.clone(),
            reason: order.reason.clone(),
            at_ms: now_ms(),
            action: changed.action.to_owned(),
            said: changed.summary.clone(),
            taken: TakenAway::between(&changed.before, &changed.after),
            answer: answer.map(Into::into),
        };
        desk.add(Unrecorded::Flag(emergency), changed.changed);
        if changed.changed {
            self.put_flags(&desk);
            self.put(&desk, None, None, true);
        }
        drop(desk);
        let FlagChanged { key, action, summary, actor, reason, .. } = &changed;
        tracing::error!(
            flag = key,
            action,
            summary,
            actor,
            reason,
            "the state store does not record it: the change of the flag is in force without a record"
        );
        Ok(Some(Turned::InForce(Box::new(changed), Instant::now())))
    }

    /// Records one change of a flag on top of whatever is recorded by now.
    pub(super) async fn record_flag_late(
        &self,
        emergency: &FlagEmergency,
    ) -> Result<(), StoreAccessError> {
        let ticket = Ticket::of(emergency.id);
        let view = Arc::clone(&self.desk().recorded);
        let before = view.flags.get(&emergency.flag).cloned().unwrap_or_default();
        let after = emergency.on_top_of(&before, view.epoch + 1);
        let mut change = emergency.change(&before.given, after.as_ref().map(|it| &it.given));
        if let Recorded::Before(_) = self.append(view.epoch, change.clone()).await? {
            // The key was used before. The change is in force all the same, so it is recorded.
            change.answer = None;
            self.append(view.epoch, change).await?;
        }
        let epoch = view.epoch + u64::from(after.is_some());
        self.put_recorded_flag(&emergency.flag, after, epoch, Some(&ticket));
        tracing::info!(flag = emergency.flag, epoch, "an unrecorded change is now recorded");
        Ok(())
    }

    /// Puts in force what the store has taken; nothing new without a state. Says whether it was in
    /// force before, without a record.
    pub(super) fn put_recorded_flag(
        &self,
        key: &str,
        state: Option<FlagState>,
        epoch: Epoch,
        of: Option<&Ticket>,
    ) -> bool {
        let mut desk = self.desk();
        let mut was_in_force = false;
        if let Some(ticket) = of {
            ticket.recorded.store(true, Ordering::Release);
            let waiting = desk.unrecorded.len();
            desk.unrecorded.retain(|it| it.id() != ticket.id);
            was_in_force = desk.unrecorded.len() < waiting;
        }
        let is_new = state.is_some();
        if let Some(state) = state {
            let mut flags = (*desk.recorded.flags).clone();
            flags.insert(key.to_owned(), state);
            let recorded = View::clone(&desk.recorded);
            desk.recorded = Arc::new(View { epoch, flags: Arc::new(flags), ..recorded });
        }
        if is_new || was_in_force {
            self.put_flags(&desk);
            self.put(&desk, None, None, is_new);
        }
        was_in_force
    }
}
