//! The time that a policy's steps take for a workload, what they can find, and what they cost.

mod chance;
mod rates;

use super::test::Kind;
use crate::Weight;
use crate::policy::{GateId, Policy, Step, Then};
use chance::{chance_of_look, counted_share, likely_by, passed_by, schedules};
pub use rates::Rates;
use serde::{Deserialize, Serialize};
use stagegate_sequential::{Alpha, plan as statistics};

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
    /// The chance that a candidate as good as stable passes in the shortest time, all gates together; none
    /// at the last step, and where something never comes.
    #[serde(default)]
    pub passes: Option<f64>,
    /// The time in which nine of ten candidates as good as stable pass, in milliseconds; none if that is
    /// not within a year.
    #[serde(default)]
    pub likely_ms: Option<u64>,
    /// Requests the candidate serves in the shortest time.
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
    let looks =
        if step.watch_ms == 0 { schedules(policy, rates, waived, place) } else { Vec::new() };
    let waits = takes_ms.filter(|_| step.watch_ms == 0);
    let per_ms = rates.rps * weight.ratio() / 1000.0;
    let requests = takes_ms.map_or(0, |ms| (ms as f64 * per_ms) as u64);
    PlannedStep {
        weight,
        takes_ms,
        because,
        passes: waits.map(|ms| passed_by(&looks, ms)),
        likely_ms: waits.and_then(|ms| likely_by(&looks, ms)),
        requests,
        usd: requests as f64 * rates.usd_per_request,
        gates,
    }
}

/// The chance that a candidate as good as stable has passed the step at `place` after `ms`, all gates
/// that roll back together. Costs and compared quantiles count as passed with their first look.
#[must_use]
pub fn chance_to_pass(policy: &Policy, rates: &Rates, place: usize, ms: u64) -> f64 {
    let step = policy.steps.get(place);
    let requests = step.map_or(0, |step| step.requests);
    let weight = policy.weight_at(place).ratio();
    let enough = statistics::time_for(requests, rates.rps, weight, 1.0).map(millis);
    let least = enough.map(|it| it.max(step.map_or(0, |step| step.hold_ms)));
    if requests > 0 && least.is_none_or(|least| ms < least) {
        return 0.0;
    }
    passed_by(&schedules(policy, rates, &[], place), ms)
}

fn plan_gate(policy: &Policy, rates: &Rates, place: usize, gate_place: usize) -> PlannedGate {
    let gate = &policy.gates[gate_place];
    let weight = policy.steps[place].weight.ratio();
    let (of_candidate, _) = rates.counted(gate);
    let needed = super::frame::needed(policy, gate, place);
    let time = |units| statistics::time_for(units, rates.rps, weight, of_candidate).map(millis);
    let promote = Alpha::try_from(0.9 * policy.promote_alpha.get()).unwrap_or(Alpha::PROMOTION);
    let mut planned = PlannedGate {
        gate: gate.id(),
        needed,
        takes_ms: if gate.measure.is_of_the_workload() { Some(0) } else { time(needed) },
        passes: chance_of_look(gate, rates, needed, weight, promote),
        regression: None,
        found_after: None,
        found_in_ms: None,
        effect: rates.effect(gate),
    };
    let Some(bad) = rates.bad_share(gate) else { return planned };
    let of_step = policy.alpha_of(gate_place) / policy.steps.len().max(1) as f64;
    let roll_back = Alpha::try_from(of_step).unwrap_or(Alpha::ROLLBACK);
    let (regression, found) = match Kind::of(gate) {
        Kind::Share(limit) => {
            let worse = (2.0 * limit).min(0.99);
            (worse, statistics::until_found_against_limit(limit, worse, roll_back, 0.5))
        }
        Kind::Coin(margin) => {
            let worse = (bad + 2.0 * margin).min(0.99);
            let counted = counted_share(gate, rates, weight);
            let found = if counted < 1.0 {
                statistics::until_found_against_stable(worse, bad, counted, roll_back, 0.5)
            } else {
                let limit = (bad + margin).min(0.98);
                statistics::until_found_against_limit(limit, worse, roll_back, 0.5)
            };
            (worse, found)
        }
        Kind::Mean | Kind::Quantile(_) | Kind::Plain | Kind::OfWorkload | Kind::External => {
            return planned;
        }
    };
    planned.regression = Some(regression);
    let effect = planned.effect.unwrap_or(1.0);
    let values = |units: u64| (units as f64 * effect) as u64;
    planned.found_after = found.ok().flatten().map(values);
    planned.found_in_ms = planned.found_after.and_then(time);
    planned
}

fn millis(time: std::time::Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}
