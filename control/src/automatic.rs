//! What an analysis does by itself: a rollback, a completion, a record that the verdict changed.

use super::apply::{Applied, Decided, InForce, Source};
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
    /// began to arrive. Returns a rollback that is in force but could not be recorded.
    pub(super) async fn apply_analysis(
        &self,
        workload: &WorkloadName,
        analysis: &Analysis,
        counted: Option<Instant>,
    ) -> Option<Decided> {
        // Asked twice, first without the turn: nearly always nothing follows.
        follows(&self.view(), workload, analysis)?;
        let (in_force, unrecorded) = {
            let _turn = self.turn.lock().await;
            let view = self.view();
            let (place, live, stepped, said) = follows(&view, workload, analysis)?;
            let source = (Source::Evidence, said.action, entry(workload, &said, analysis, counted));
            let decided = self.decide(&view, (place, live), stepped, source, Some(analysis));
            if said.action != Action::Rollback {
                // What was not recorded did not happen: the next look comes to the same conclusion.
                let _: Applied = self.apply(&view, decided, None).await.ok()?;
                return None;
            }
            let (in_force, error) = self.apply_fail_safe(&view, &decided).await;
            if let Some(error) = &error {
                tracing::error!(
                    workload = workload.as_str(),
                    %error,
                    "the rollback is in force but not recorded: a crash would open the candidate again; trying on"
                );
            }
            (in_force, error.map(|_| decided))
        };
        self.measure_rollback(workload, analysis, &in_force, counted).await;
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
        let settled = self.plane.settled(workload.clone(), super::PATIENCE).await;
        self.observer.on(&Event::RolledBack {
            workload: workload.clone(),
            action: Action::Rollback,
            axis: analysis.trigger.as_ref().map(stagegate_rollout::Trigger::axis),
            last_candidate_request: settled.last_after(in_force.at),
            delay: counted.map(|counted| in_force.at.saturating_duration_since(counted)),
        });
    }

    /// Records a rollback that is in force already, with whatever state the workload has by now;
    /// says whether it worked.
    pub(super) async fn record_late(&self, decided: &Decided) -> bool {
        let _turn = self.turn.lock().await;
        let view = self.view();
        let Some((place, live)) = view.find(decided.name()) else { return true };
        let epoch = view.epoch + 1;
        let split = Split::new(Arc::clone(live.split.spec()), Arc::clone(live.split.state()));
        let after = Live { split: Arc::new(split), epoch };
        let late = Decided { place, after, ..decided.clone() };
        self.apply(&view, late, None).await.is_ok()
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
