//! The steps, and who may promote.

use crate::Facts;
use crate::proof::{Proof, percent};
use stagegate_rollout::{Axis, Span, Then};

/// Fewer steps are no gradual rollout.
const FEWEST: usize = 3;
/// A gate that is violated for longer before it acts is no quick rollback, in milliseconds.
const SLOWEST_MS: u64 = 15 * 60_000;

/// E21: several steps, the first one small.
pub(super) fn steps(facts: &Facts) -> Proof {
    let (steps, name) = (&facts.policy.steps, &facts.policy.name);
    let text: Vec<String> = steps.iter().map(|it| it.weight.to_string()).collect();
    let remedy = format!("write `policies.{name}.steps` like 1%, 10%, 50%, 100%");
    if steps.len() < FEWEST {
        return Proof::fails(
            format!("policy {name} has {} steps, and at least {FEWEST} are needed", steps.len()),
            remedy,
        );
    }
    let first = steps.first().map_or(1.0, |it| it.weight.ratio());
    let most = facts.settings.first_step;
    if first > most {
        return Proof::fails(
            format!("the first step is {}, above {}", percent(first), percent(most)),
            remedy,
        );
    }
    Proof::holds(text.join(", "))
}

/// E22: criteria of each step, all of which can be measured.
pub(super) fn criteria(facts: &Facts) -> Proof {
    let name = &facts.policy.name;
    for (place, step) in facts.policy.steps.iter().enumerate() {
        let last = place + 1 == facts.policy.steps.len();
        let (weight, key) = (step.weight, format!("policies.{name}.steps[{place}]"));
        if last && step.watch_ms == 0 {
            return Proof::fails(
                format!("the last step ({weight}) is not watched"),
                format!("set `{key}.watch: 72h`"),
            );
        }
        // A long step sees enough requests by its length.
        if !last && (step.hold_ms == 0 || (step.requests == 0 && step.hold_ms < 86_400_000)) {
            return Proof::fails(
                format!("step {} ({weight}) asks for too little before a promotion", place + 1),
                format!("set `{key}.hold` and `{key}.requests`"),
            );
        }
    }
    if let Some((gate, why)) = facts.unmeasurable.first() {
        return Proof::fails(
            format!(
                "{} gates cannot be measured, the first is {gate}: {why}",
                facts.unmeasurable.len()
            ),
            format!(
                "give the workload what it measures, or take the gate out of `policies.{name}.gates`"
            ),
        );
    }
    let last = facts.policy.steps.last().map_or(0, |it| it.watch_ms);
    Proof::holds(format!(
        "{} gates, each step has a shortest time, watched for {}",
        facts.policy.gates.len(),
        Span(last)
    ))
}

/// E23: gates that roll back, soon enough.
pub(super) fn automatic(facts: &Facts) -> Proof {
    let name = &facts.policy.name;
    for axis in [Axis::Eval, Axis::Latency, Axis::Error] {
        let soon = |gate: &&stagegate_rollout::Gate| {
            let worst = (0..facts.policy.steps.len())
                .map(|step| facts.policy.violated_for_ms(gate, step))
                .max()
                .unwrap_or(0);
            worst <= SLOWEST_MS
        };
        let gates =
            || facts.policy.gates.iter().filter(|it| it.axis == axis && it.then == Then::Rollback);
        if gates().next().is_none() {
            return Proof::fails(
                format!("no gate on {} rolls back", axis.label()),
                format!("add one to `policies.{name}.gates` without `then: alert`"),
            );
        }
        if !gates().any(|gate| soon(&gate)) {
            return Proof::fails(
                format!(
                    "every gate on {} must be violated for over {} before it rolls back",
                    axis.label(),
                    Span(SLOWEST_MS)
                ),
                format!("set `for: 5m` at a gate on {} of `policies.{name}.gates`", axis.label()),
            );
        }
    }
    let all = facts.policy.gates.iter().filter(|it| it.then == Then::Rollback).count();
    Proof::holds(format!("{all} gates roll back without a person"))
}

/// E24: exclusion groups are declared.
pub(super) fn exclusions(facts: &Facts) -> Proof {
    if facts.exclusions {
        return Proof::holds("exclusion groups are declared");
    }
    Proof::fails(
        "no exclusion group is declared",
        format!(
            "set `workloads.{}.exclusions`, with empty lists if nobody is to be kept out",
            facts.workload
        ),
    )
}

/// E25: whoever promotes has a name.
pub(super) fn promoters(facts: &Facts) -> Proof {
    match facts.promoters.as_slice() {
        [] => Proof::fails(
            "everybody on this machine can promote without a name",
            "`stagegate token new --name NAME --role operator`, then add it to `admin.tokens`",
        ),
        names => Proof::holds(format!("only {} can promote", names.join(", "))),
    }
}
