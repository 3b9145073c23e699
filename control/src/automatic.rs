//! Changes that an analysis causes without a person: a rollback, a completion, a record of a
//! changed verdict.

use super::apply::{Decided, Source};
use super::emergency::{Emergency, said, verdict_details};
use super::take_away::{Taken, Wish};
use super::{ExecuteError, Inner, Live, PATIENCE, Precondition, StoreAccessError, View, now_ms};
use crate::ports::Event;
use stagegate_rollout::{Action, Analysis, Entry, Input, Stepped, WorkloadName, step};
use stagegate_store::NewAudit;
use std::sync::Arc;
use std::time::Instant;

impl Inner {
    /// The action that follows from `analysis`; usually none. In memory alone.
    pub(super) fn asks_for(&self, workload: &WorkloadName, analysis: &Analysis) -> Option<Action> {
        follows(&self.view(), workload, analysis).map(|(_, _, _, said)| said.action)
    }

    /// Rolls back because of `analysis`, whether the store answers or not. `counted` is when the
    /// counts it rests on began to arrive. Where another replica was faster, it is decided anew for as
    /// long as this one has the `right`.
    pub(super) async fn roll_back(
        self: Arc<Self>,
        workload: WorkloadName,
        analysis: Arc<Analysis>,
        counted: Option<Instant>,
        right: Option<u64>,
    ) {
        let decided_ms = counted.map(|at| at.elapsed().as_millis() as u64);
        let emergency = Emergency::of_verdict(workload.as_str(), &analysis, decided_ms, now_ms());
        let wish = Wish { emergency, precondition: Precondition::None, key: None, right };
        let mut races = 0;
        let taken = loop {
            match self.take_away(wish.clone()).await {
                Err(ExecuteError::Store(error)) if self.goes_again(&error, &mut races) => {}
                taken => break taken,
            }
        };
        match taken {
            Ok(Taken::InForce(_, in_force)) => {
                self.measure_rollback(&workload, &analysis, in_force.at, counted).await;
            }
            // Somebody was faster.
            Ok(Taken::Before(_)) | Err(ExecuteError::NotNow(_)) => {}
            Err(ExecuteError::Store(error @ StoreAccessError::NotSteering)) => {
                tracing::warn!(workload = workload.as_str(), %error, "a gate does not roll back");
            }
            Err(error) => {
                tracing::error!(workload = workload.as_str(), %error, "a gate cannot roll back");
            }
        }
    }

    /// Records what follows from `analysis` beside a rollback. What was not recorded did not happen:
    /// a later look comes to the same conclusion.
    pub(super) async fn apply_analysis(
        self: Arc<Self>,
        workload: WorkloadName,
        analysis: Arc<Analysis>,
        counted: Option<Instant>,
        right: Option<u64>,
    ) {
        let name = workload.to_string();
        let done = self.in_order(Some(&name), move |inner, order| async move {
            let _order = order;
            let view = Arc::clone(&inner.desk().recorded);
            let Some((place, live, stepped, said)) = follows(&view, &workload, &analysis) else {
                return Ok(());
            };
            if said.action == Action::Rollback {
                return Ok(());
            }
            let source =
                (Source::Evidence, said.action, entry(&workload, &said, &analysis, counted));
            let decided = inner.decide(&view, (place, live), stepped, source, Some(&analysis));
            let decided = Decided { right, ..decided };
            inner.apply(&decided, None, None).await.map(|_| ())
        });
        let done: Result<(), StoreAccessError> = done.await;
        if let Err(error) = done {
            tracing::warn!(workload = name, %error, "cannot record a verdict; will try again");
        }
    }

    /// Waits for the workers and tells the figures.
    async fn measure_rollback(
        &self,
        workload: &WorkloadName,
        analysis: &Analysis,
        at: Instant,
        counted: Option<Instant>,
    ) {
        let settled = self.plane.settled(workload.clone(), PATIENCE).await;
        self.observer.on(&Event::RolledBack {
            workload: workload.clone(),
            action: Action::Rollback,
            axis: analysis.trigger.as_ref().map(stagegate_rollout::Trigger::axis),
            last_candidate_request: settled.last_after(at),
            delay: counted.map(|counted| at.saturating_duration_since(counted)),
        });
    }
}

/// Applies `analysis` to the state machine; `None` if nothing follows from it.
fn follows<'a>(
    view: &'a View,
    workload: &WorkloadName,
    analysis: &Analysis,
) -> Option<(usize, &'a Live, Stepped, Entry)> {
    let (place, live) = view.find(workload.as_str())?;
    let (spec, state) = (live.split.spec(), live.split.state());
    // An analysis is never refused.
    let stepped = step(spec, state, Input::Analysis(analysis), now_ms()).ok()?;
    let said = said(&stepped)?;
    Some((place, live, stepped, said))
}

fn entry(
    workload: &WorkloadName,
    said: &Entry,
    analysis: &Analysis,
    counted: Option<Instant>,
) -> NewAudit {
    let decided_ms = counted.map(|at| at.elapsed().as_millis() as u64);
    let details = verdict_details(analysis, decided_ms);
    NewAudit {
        at_ms: now_ms(),
        actor: said.by.clone(),
        workload: Some(workload.to_string()),
        action: said.action.label().to_owned(),
        reason: said.reason.clone(),
        summary: said.summary.clone(),
        details,
    }
}
