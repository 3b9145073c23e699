//! The time that a policy's steps take for a workload, what they can find, and what they cost.

use super::test::Kind;
use crate::policy::{ErrorClass, Gate, GateId, Measure, Policy, Step, Then};
use crate::{Axis, Weight};
use serde::{Deserialize, Serialize};
use stagegate_sequential::{Alpha, plan as statistics};
use std::collections::BTreeMap;

/// The known or assumed rates of a workload as it runs now. Shares are from 0 to 1.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Rates {
    /// Requests a second, both arms.
    pub rps: f64,
    /// Share of permanent failures.
    pub permanent: f64,
    /// Share of transient failures.
    pub transient: f64,
    /// Share of external failures.
    pub external: f64,
    /// Share of 4xx answers.
    pub rejected: f64,
    /// Share of requests whose client leaves before any byte of the response.
    pub client_gone: f64,
    /// Share of scored responses that fail.
    pub wrong: f64,
    /// Share of the candidate's responses that are scored.
    pub scored_candidate: f64,
    /// Share of stable's responses that are scored.
    pub scored_stable: f64,
    /// Dollars of a request.
    pub usd_per_request: f64,
    /// How many values of a gate carry as much as one independent value (the design effect), where the
    /// workload's conversations have shown it; 1 for all others.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub effects: BTreeMap<GateId, f64>,
}

impl Default for Rates {
    fn default() -> Self {
        Self {
            rps: 1.0,
            permanent: 0.005,
            transient: 0.005,
            external: 0.005,
            rejected: 0.01,
            client_gone: 0.01,
            wrong: 0.05,
            scored_candidate: 0.05,
            scored_stable: 0.02,
            usd_per_request: 0.0,
            effects: BTreeMap::new(),
        }
    }
}

/// The ability of a gate in a step.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct PlannedGate {
    /// The gate.
    pub gate: GateId,
    /// The number of values of the candidate the first look of a promotion needs.
    pub needed: u64,
    /// The time that it takes to count them, in milliseconds; none if never.
    pub takes_ms: Option<u64>,
    /// The chance that the first look passes a candidate that is as good as stable; none for
    /// conditions that are no test of shares.
    pub passes: Option<f64>,
    /// A regression, as a share of bad values, of twice the margin or limit.
    pub regression: Option<f64>,
    /// The number of values of the candidate it takes to find it, in half of the cases.
    pub found_after: Option<u64>,
    /// The time that takes, in milliseconds, without the trigger's own `for`.
    pub found_in_ms: Option<u64>,
    /// Values that carry as much as one independent value; none where nothing was measured.
    #[serde(default)]
    pub effect: Option<f64>,
}

/// One step as it will probably go.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct PlannedStep {
    /// The candidate's share.
    pub weight: Weight,
    /// The shortest time to a promotion (at the last step: to completion), in milliseconds; none
    /// if something it needs never comes.
    pub takes_ms: Option<u64>,
    /// The thing that takes that long, in words.
    pub because: String,
    /// Requests the candidate serves in that time.
    pub requests: u64,
    /// Dollars the candidate costs in that time.
    pub usd: f64,
    /// The gates.
    pub gates: Vec<PlannedGate>,
}

/// Plans every step of `policy` for a workload with these rates. Gates that are `waived` at a start,
/// because nothing would ever be measured for them, are left out.
#[must_use]
pub fn plan(policy: &Policy, rates: &Rates, waived: &[GateId]) -> Vec<PlannedStep> {
    let steps = policy.steps.iter().enumerate();
    steps.map(|(place, step)| plan_step(policy, rates, waived, place, step)).collect()
}

fn plan_step(
    policy: &Policy,
    rates: &Rates,
    waived: &[GateId],
    place: usize,
    step: &Step,
) -> PlannedStep {
    let in_force = policy.gates.iter().enumerate().filter(|(_, gate)| !waived.contains(&gate.id()));
    let gates: Vec<PlannedGate> =
        in_force.map(|(gate, _)| plan_gate(policy, rates, place, gate)).collect();
    // A gate that only alerts does not keep anybody waiting for its values.
    let alerts =
        |id: &GateId| policy.gates.iter().any(|gate| gate.id() == *id && gate.then == Then::Alert);
    let weight = policy.weight_at(place);
    let count = |units| statistics::time_for(units, rates.rps, weight.ratio(), 1.0);
    let mut slowest = (Some(step.hold_ms.max(step.watch_ms)), "time to observe".to_owned());
    let requests_ms = if step.requests == 0 { Some(0) } else { count(step.requests).map(millis) };
    let mut consider = |takes_ms: Option<u64>, why: String| {
        let longer = match (takes_ms, slowest.0) {
            (_, None) => false,
            (None, Some(_)) => true,
            (Some(it), Some(longest)) => it > longest,
        };
        if longer {
            slowest = (takes_ms, why);
        }
    };
    consider(requests_ms, format!("{} requests", step.requests));
    for planned in gates.iter().filter(|it| step.watch_ms == 0 && !alerts(&it.gate)) {
        consider(planned.takes_ms, format!("{} values for {}", planned.needed, planned.gate));
    }
    let (takes_ms, because) = slowest;
    let per_ms = rates.rps * weight.ratio() / 1000.0;
    let requests = takes_ms.map_or(0, |ms| (ms as f64 * per_ms) as u64);
    PlannedStep {
        weight,
        takes_ms,
        because,
        requests,
        usd: requests as f64 * rates.usd_per_request,
        gates,
    }
}

fn plan_gate(policy: &Policy, rates: &Rates, place: usize, gate_place: usize) -> PlannedGate {
    let gate = &policy.gates[gate_place];
    let weight = policy.steps[place].weight.ratio();
    let is_scored = gate.axis == Axis::Eval;
    let (of_candidate, of_stable) =
        if is_scored { (rates.scored_candidate, rates.scored_stable) } else { (1.0, 1.0) };
    let needed = super::frame::needed(policy, gate, place);
    let time = |units| statistics::time_for(units, rates.rps, weight, of_candidate).map(millis);
    let mut planned = PlannedGate {
        gate: gate.id(),
        needed,
        takes_ms: if gate.measure.is_of_the_workload() { Some(0) } else { time(needed) },
        passes: None,
        regression: None,
        found_after: None,
        found_in_ms: None,
        effect: rates.effects.get(&gate.id()).map(|effect| effect.max(1.0)),
    };
    let effect = planned.effect.unwrap_or(1.0);
    let Some(bad) = bad_share(gate, rates) else { return planned };
    let promote = Alpha::try_from(0.9 * policy.promote_alpha.get()).unwrap_or(Alpha::PROMOTION);
    let of_step = policy.alpha_of(gate_place) / policy.steps.len().max(1) as f64;
    let roll_back = Alpha::try_from(of_step).unwrap_or(Alpha::ROLLBACK);
    let counted = weight * of_candidate / (weight * of_candidate + (1.0 - weight) * of_stable);
    let units = needed as f64 / effect;
    let (passes, regression, found) = match Kind::of(gate) {
        Kind::Share(limit) => {
            let worse = (2.0 * limit).min(0.99);
            let independent = (units as u64).max(1);
            let passes = statistics::chance_against_limit(bad, independent, limit, promote);
            let found = statistics::until_found_against_limit(limit, worse, roll_back, 0.5);
            (passes.ok(), worse, found)
        }
        Kind::Coin(margin) => {
            let worse = (bad + 2.0 * margin).min(0.99);
            let stable_units = (units * (1.0 - counted) / counted).max(1.0);
            let arms = ((bad, units), (bad, stable_units));
            let passes = statistics::chance_against_stable(arms.0, arms.1, margin, promote);
            let found = if counted < 1.0 {
                statistics::until_found_against_stable(worse, bad, counted, roll_back, 0.5)
            } else {
                let limit = (bad + margin).min(0.98);
                statistics::until_found_against_limit(limit, worse, roll_back, 0.5)
            };
            (passes.ok(), worse, found)
        }
        Kind::Mean | Kind::Quantile(_) | Kind::Plain | Kind::OfWorkload | Kind::External => {
            return planned;
        }
    };
    planned.passes = passes;
    planned.regression = Some(regression);
    let values = |units: u64| (units as f64 * effect) as u64;
    planned.found_after = found.ok().flatten().map(values);
    planned.found_in_ms = planned.found_after.and_then(time);
    planned
}

/// The present share of bad values; for quantiles, half of what may be.
fn bad_share(gate: &Gate, rates: &Rates) -> Option<f64> {
    match &gate.measure {
        Measure::Accuracy | Measure::LabelledAccuracy => Some(rates.wrong),
        Measure::ErrorRate { class } => Some(match class {
            ErrorClass::Permanent => rates.permanent,
            ErrorClass::Transient => rates.transient,
            ErrorClass::External => rates.external,
            ErrorClass::Rejected => rates.rejected,
            ErrorClass::ClientGone => rates.client_gone,
        }),
        Measure::Latency { quantile, .. } => Some(quantile.tail() / 2.0),
        _ => None,
    }
}

fn millis(time: std::time::Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}
