//! Pre-flight checks of a rollout. Facts are collected here; the state machine judges them.

use super::eval_report::judged;
use super::{Inner, StoreAccessError, View};
use crate::ports::{Health, Probed};
use stagegate_readiness::Checklist;
use stagegate_rollout::{
    Gate, GateId, Limit, Measure, Policy, Preflight, Readiness, ReleaseName, Weight, WorkloadName,
};
use std::time::Instant;

/// The findings before a start, and the whole checklist.
#[derive(Debug)]
pub(super) struct Before {
    pub(super) preflight: Preflight,
    pub(super) checklist: Option<Checklist>,
}

impl Inner {
    /// Probes candidate and rollback target, and asks when the kill switch was last exercised.
    /// Takes as long as the probes may; the caller must not hold the turn.
    pub(super) async fn preflight(
        &self,
        view: &View,
        workload: &str,
        to: &ReleaseName,
        policy: &Policy,
    ) -> Result<Option<Before>, StoreAccessError> {
        // An unknown workload is said under the turn, with everything else that is checked there.
        let Some((place, live)) = view.find(workload) else { return Ok(None) };
        let (name, stable) = (live.split.spec().name.clone(), live.split.state().stable.clone());
        let (candidate, target, checked) = tokio::join!(
            self.readiness(name.clone(), to),
            self.readiness(name.clone(), &stable),
            self.checklist_before(view, live, to, policy)
        );
        let (checklist, open) = checked?.unzip();
        let to = to.clone();
        let (drilled, offline) = self
            .with_store(move |store| {
                let drilled = store.last_passed_drill(&name)?.map(|drill| drill.at_ms);
                let newest = store.eval_reports(&name, &to, 1)?;
                let registered = store.releases(name.as_str())?;
                let registered = registered.iter().find(|it| it.release == to.as_str());
                Ok((drilled, judged(newest.first(), registered, &name, &to, &stable)))
            })
            .await?;
        let settings = view.config.workloads.get(place);
        let mut unmeasurable = settings.map_or_else(Vec::new, |it| unmeasurable(it, policy));
        if let Some(why) = self.steering.costs.hopeless(workload, Instant::now()) {
            unpriced(policy, &why, &mut unmeasurable);
        }
        let preflight = Preflight {
            candidate,
            target,
            drilled_ms: drilled,
            unmeasurable,
            offline,
            has_scorers: settings.is_some_and(|it| !it.eval.scorers.is_empty()),
            checklist: open,
        };
        Ok(Some(Before { preflight, checklist }))
    }

    async fn readiness(&self, workload: WorkloadName, release: &ReleaseName) -> Readiness {
        let status = self.plane.status();
        let checked =
            status.releases.iter().find(|it| it.workload == workload && it.release == *release);
        let sick = checked.into_iter().flat_map(|it| &it.endpoints);
        let sick = sick.filter(|it| it.health == Health::Unhealthy);
        let mut wrong: Vec<String> =
            sick.map(|it| format!("{} fails its health checks", it.address)).collect();
        let probed = self.plane.probe(workload, release.clone()).await;
        if probed.is_empty() {
            wrong.push(format!("release {release} has no endpoint"));
        }
        for Probed { address, answered } in probed {
            if let Err(why) = answered {
                wrong.push(format!("{address} does not answer a probe ({why})"));
            }
        }
        if wrong.is_empty() {
            Readiness::Ready
        } else {
            Readiness::NotReady(format!("{release}: {}", wrong.join(", ")))
        }
    }
}

/// Gates of `policy` that the workload cannot measure, with the reason. A start waives them.
#[must_use]
pub fn unmeasurable(
    workload: &stagegate_config::Workload,
    policy: &Policy,
) -> Vec<(GateId, String)> {
    let no_budget = workload.cost.daily_budget_nanos.is_none();
    let eval = &workload.eval;
    let judged = eval.scorers.iter().any(|scorer| scorer.gate);
    let unsampled = |gate: &Gate| {
        let compared = matches!(gate.limit, Limit::Margin(_) | Limit::Ratio(_));
        eval.candidate == Weight::ZERO || (compared && eval.stable == Weight::ZERO)
    };
    let why = |gate: &Gate| match gate.measure {
        Measure::Accuracy if eval.scorers.is_empty() => Some("no scorer is configured"),
        Measure::Accuracy if !judged => Some("no scorer has `gate: true`"),
        Measure::Accuracy if unsampled(gate) => Some("`sampling` scores nothing of an arm"),
        // Labels are given to sampled answers.
        Measure::LabelledAccuracy if unsampled(gate) => Some("no labelled scores come in"),
        Measure::Brier | Measure::CalibrationError if !judged => Some("no scorer has `gate: true`"),
        Measure::Brier | Measure::CalibrationError if unsampled(gate) => {
            Some("`sampling` scores nothing of an arm")
        }
        Measure::DailyProjection if no_budget => Some("no `cost.daily_budget` is set"),
        // Against its own past, spend needs no budget.
        Measure::BurnRate { .. } if no_budget && matches!(gate.limit, Limit::Max(_)) => {
            Some("no `cost.daily_budget` is set")
        }
        _ => None,
    };
    let gates = policy.gates.iter();
    gates.filter_map(|gate| Some((gate.id(), why(gate)?.to_owned()))).collect()
}

/// Adds the gates on costs, of which none is known.
pub(super) fn unpriced(policy: &Policy, why: &str, unmeasurable: &mut Vec<(GateId, String)>) {
    let needs_costs = |gate: &&Gate| {
        matches!(
            gate.measure,
            Measure::UsdPerRequest
                | Measure::DailyProjection
                | Measure::BurnRate { .. }
                | Measure::Spend { .. }
        )
    };
    for gate in policy.gates.iter().filter(needs_costs) {
        if unmeasurable.iter().all(|(id, _)| *id != gate.id()) {
            unmeasurable.push((gate.id(), why.to_owned()));
        }
    }
}
