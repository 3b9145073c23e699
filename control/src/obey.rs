//! What an analysis does by itself: a rollback, a completion, a record that the verdict changed.

use super::perform::{Decided, InForce};
use super::{Inner, Live, View, now_ms};
use crate::ports::Event;
use serde_json::json;
use stagegate_rollout::{
    Action, Analysis, Effect, Entry, Input, Split, Stepped, WorkloadName, step,
};
use stagegate_store::NewAudit;
use std::sync::Arc;
use std::time::Instant;

impl Inner {
    /// Does what follows from `analysis`; usually nothing. `counted` is when the counts it rests on
    /// began to arrive. Hands back a rollback that is in force but could not be recorded.
    pub(super) async fn obey(
        &self,
        workload: &WorkloadName,
        analysis: &Analysis,
        counted: Option<Instant>,
    ) -> Option<Decided> {
        // Asked twice, first without the turn: nearly always nothing follows.
        follows(&self.view(), workload, analysis)?;
        let (is_rollback, in_force, unrecorded) = {
            let _turn = self.turn.lock().await;
            let view = self.view();
            let (place, live, stepped, said) = follows(&view, workload, analysis)?;
            let is_rollback = said.action == Action::Rollback;
            let entry = entry(workload, &said, analysis, counted);
            let quiet = said.action == Action::Analysis;
            let decided = self.decide(&view, (place, live), stepped, entry, Some(analysis), quiet);
            if is_rollback {
                let (in_force, error) = self.perform_anyway(&view, decided.clone()).await;
                let unrecorded = error.map(|error| {
                    tracing::error!(
                        workload = workload.as_str(),
                        %error,
                        "rolled back, but not recorded: a crash would open the candidate again; trying on"
                    );
                    decided.clone()
                });
                (is_rollback, in_force, unrecorded)
            } else {
                // What was not recorded did not happen: the next look comes to the same conclusion.
                let in_force = self.perform(&view, decided.clone(), None).await.ok()?;
                (is_rollback, in_force, None)
            }
        };
        if is_rollback {
            self.measure_rollback(workload, analysis, &in_force, counted).await;
        }
        unrecorded
    }

    /// Waits for the workers and tells the figures.
    async fn measure_rollback(
        &self,
        workload: &WorkloadName,
        analysis: &Analysis,
        in_force: &InForce,
        counted: Option<Instant>,
    ) {
        let epoch = self.view().epoch;
        let settled = self.plane.settled(epoch, workload.clone(), super::PATIENCE).await;
        let last = settled.last_candidate_request;
        self.observer.on(&Event::RolledBack {
            workload: workload.clone(),
            action: Action::Rollback,
            axis: analysis.trigger.as_ref().map(stagegate_rollout::Trigger::axis),
            last_candidate_request: last
                .map_or_else(Default::default, |at| at.saturating_duration_since(in_force.at)),
            delay: counted.map(|counted| in_force.at.saturating_duration_since(counted)),
        });
    }

    /// Records a rollback that is in force already, with whatever state the workload has by now;
    /// says whether it worked.
    pub(super) async fn record_late(&self, decided: &Decided) -> bool {
        let _turn = self.turn.lock().await;
        let view = self.view();
        let name = decided.after.split.spec().name.clone();
        let Some((place, live)) = view.find(name.as_str()) else { return true };
        let epoch = view.epoch + 1;
        let split = Split::new(Arc::clone(live.split.spec()), Arc::clone(live.split.state()));
        let after = Live { split: Arc::new(split), epoch };
        let late = Decided { place, after, epoch, ..decided.clone() };
        self.perform(&view, late, None).await.is_ok()
    }
}

/// What the state machine makes of `analysis` now; `None` when nothing.
fn follows<'a>(
    view: &'a View,
    workload: &WorkloadName,
    analysis: &Analysis,
) -> Option<(usize, &'a Live, Stepped, Entry)> {
    let (place, live) = view.find(workload.as_str())?;
    let (spec, state) = (live.split.spec(), live.split.state());
    // An analysis is never refused.
    let stepped = step(spec, state, Input::Analysis(analysis), now_ms()).ok()?;
    let said = stepped.effects.iter().find_map(|effect| match effect {
        Effect::Record(entry) => Some(entry.clone()),
        _ => None,
    })?;
    Some((place, live, stepped, said))
}

fn entry(
    workload: &WorkloadName,
    said: &Entry,
    analysis: &Analysis,
    counted: Option<Instant>,
) -> NewAudit {
    let mut details = json!({ "verdict": analysis.verdict });
    if let Some(trigger) = &analysis.trigger {
        details["trigger"] = json!(trigger);
        details["axis"] = json!(trigger.axis());
        details["decided_ms"] = json!(counted.map(|at| at.elapsed().as_millis() as u64));
    }
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
