//! Tests of valid policies, and of the problems of invalid ones.

use stagegate_rollout::{
    Amount, Axis, ErrorClass, Gate, Limit, Measure, Policy, Quantile, Then, Timing, Weight,
};

/// The problems of the built-in policy after a change.
fn problems(change: impl FnOnce(&mut Policy)) -> Vec<String> {
    let mut policy = Policy::builtin();
    change(&mut policy);
    match policy.check() {
        Ok(policy) => panic!("accepted: {policy:?}"),
        Err(errors) => errors.iter().map(ToString::to_string).collect(),
    }
}

fn gate_problem(gate: Gate) -> String {
    problems(|policy| policy.gates.push(gate)).remove(0)
}

const P99: Measure = Measure::Latency { of: Timing::Total, quantile: Quantile::P99 };

#[test]
fn the_built_in_policy_makes_sense_and_survives_its_stored_form() {
    let policy = Policy::builtin().check().expect("makes sense");
    let shares: Vec<String> = policy.steps.iter().map(|step| step.weight.to_string()).collect();
    assert_eq!(shares, ["1%", "10%", "50%", "100%"]);
    for axis in Axis::OWN {
        let rolls_back = |gate: &&Gate| gate.axis == axis && gate.then == Then::Rollback;
        assert!(policy.gates.iter().any(|gate| rolls_back(&gate)), "{axis} rolls back");
    }
    let stored = serde_json::to_string(&policy).expect("serialises");
    assert_eq!(serde_json::from_str::<Policy>(&stored).expect("reads back"), policy);
}

#[test]
fn gates_have_readable_ids() {
    let ids: Vec<String> =
        Policy::builtin().gates.iter().map(|gate| gate.id().to_string()).collect();
    assert_eq!(
        ids,
        [
            "eval/accuracy/against-stable",
            "eval/labelled-accuracy/min",
            "latency/p99/max",
            "latency/p99-over-p50/against-baseline",
            "cost/usd-per-request/against-stable",
            "cost/daily-projection/max",
            "cost/burn-rate-1h/against-baseline",
            "error/permanent/against-stable",
            "error/transient/max",
            "error/external/max",
            "error/external/against-stable",
            "error/client_gone/against-stable",
            "error/rejected/against-stable",
        ]
    );
    let stage = Measure::Latency { of: Timing::Stage("retrieve".into()), quantile: Quantile::P95 };
    let gate = Gate::new(stage, Limit::Max(Amount::whole(400_000)));
    assert_eq!(gate.id().as_str(), "latency/p95-stage-retrieve/max");
}

#[test]
fn steps_that_lead_nowhere_are_named() {
    let steps = |change: fn(&mut Policy)| problems(change).join("\n");
    assert!(steps(|p| p.steps.clear()).starts_with("steps: there is none"));
    let said = steps(|p| p.steps[1].weight = Weight::percent(1));
    assert_eq!(said, "steps[1].weight: 1% is not above 1%: every step opens further");
    let said = steps(|p| p.steps[0].weight = Weight::ZERO);
    assert_eq!(said, "steps[0].weight: 0% is not above 0%: every step opens further");
    let said = steps(|p| p.steps.truncate(2));
    assert!(said.contains("steps[1].weight: the last step is 10%, not 100%"), "{said}");
    assert!(said.contains("steps[1].watch: is missing"), "{said}");
    assert!(said.contains("steps[1].hold: the last step is never promoted"), "{said}");
    let said = steps(|p| p.steps[0].watch_ms = 1);
    assert_eq!(said, "steps[0].watch: only the last step watches: write `hold` instead");
    let said = steps(|p| p.steps[2].hold_ms = 0);
    assert!(said.starts_with("steps[2].hold: is missing, and `requests` too"), "{said}");
    let said = steps(|p| p.steps[3].violated_for_ms = 0);
    assert_eq!(said, "steps[3].violated_for: 0s is not above 0 and at most 24h");
}

#[test]
fn a_policy_without_a_way_back_is_none() {
    let said = problems(|p| p.gates.iter_mut().for_each(|gate| gate.then = Then::Alert));
    assert_eq!(
        said,
        ["gates: none rolls back: a rollout needs at least one gate with `then: rollback`"]
    );
    let said = problems(|p| drop(p.steps.drain(..3)));
    assert!(said[0].starts_with("gates[0].margin: at 100% from the start"), "{said:?}");
    assert!(problems(|p| p.rollback_alpha = Amount::ZERO)[0].starts_with("rollback_alpha: 0 is"));
    assert!(problems(|p| p.promote_alpha = Amount::ONE)[0].starts_with("promote_alpha: 1 is"));
    assert!(problems(|p| p.no_data_alert_ms = 0)[0].starts_with("on_no_data.alert_after: 0s"));
}

#[test]
fn combinations_without_a_meaning_are_refused_by_name() {
    let one = Amount::ONE;
    let half = Amount::thousandths(500);
    let errors = Measure::ErrorRate { class: ErrorClass::Permanent };
    for (measure, limit, says) in [
        (Measure::Accuracy, Limit::Max(half), "gates[13].max: `accuracy` does not take"),
        (Measure::Accuracy, Limit::Ratio(one), "gates[13].ratio: `accuracy` does not take"),
        (P99, Limit::Min(one), "gates[13].min: `p99` does not take"),
        (P99, Limit::Margin(half), "gates[13].margin: `p99` does not take"),
        (P99, Limit::Baseline(one), "gates[13].ratio: `p99` does not take"),
        (Measure::UsdPerRequest, Limit::Margin(half), "gates[13].margin: `usd-per-request` does"),
        (errors.clone(), Limit::Min(half), "gates[13].min: `permanent` does not take"),
        (errors.clone(), Limit::Ratio(one), "gates[13].ratio: `permanent` does not take"),
        (errors.clone(), Limit::Max(one), "gates[13].max: 1 is not a share above 0% and below"),
        (errors, Limit::Max(Amount::ZERO), "gates[13].max: 0 is not a share"),
        (Measure::Accuracy, Limit::Min(one), "gates[13].min: 1 is not a share"),
        (Measure::TokensPerRequest, Limit::Ratio(one), "gates[13].ratio: 1 is not a ratio above 1"),
        (Measure::TokensPerRequest, Limit::Max(Amount::ZERO), "gates[13].max: 0 would never hold"),
    ] {
        let said = gate_problem(Gate::new(measure, limit));
        assert!(said.starts_with(says), "{said}");
    }
}

#[test]
fn other_contradictions_of_a_gate_are_named_too() {
    let p95 = Measure::Latency { of: Timing::Total, quantile: Quantile::P95 };
    let plain = || Gate::new(p95.clone(), Limit::Max(Amount::whole(1000)));
    let said = gate_problem(Gate { axis: Axis::Cost, ..plain() });
    assert_eq!(said, "gates[13].axis: `p95` is measured on axis `latency`, not `cost`");
    let said = gate_problem(Gate { scored: 10, ..plain() });
    assert!(said.starts_with("gates[13].scored: only gates of axis `eval`"), "{said}");
    let said = gate_problem(plain().lasting(0));
    assert!(said.starts_with("gates[13].for: 0s is not"), "{said}");
    let spend = Measure::Spend { window_ms: 3_600_000 };
    let said = gate_problem(Gate::new(spend, Limit::Max(Amount::ONE)));
    assert!(said.starts_with("gates[13].then: `spend-1h` is of the whole workload"), "{said}");
    let spend = Measure::Spend { window_ms: 1000 };
    let said = gate_problem(Gate::new(spend, Limit::Max(Amount::ONE)).alerting());
    assert!(said.starts_with("gates[13].measure: window 1s is not from 1m to 24h"), "{said}");
    let stage = Measure::TailRatio { of: Timing::Stage("".into()) };
    let said = gate_problem(Gate::new(stage, Limit::Max(Amount::whole(2))));
    assert!(said.starts_with("gates[13].stage: is empty"), "{said}");
    let said = gate_problem(Gate::new(P99, Limit::Max(Amount::ONE)));
    assert!(said.contains("another gate is `latency/p99/max` already"), "{said}");
}

#[test]
fn every_axis_has_the_same_share_of_the_false_alarms() {
    let policy = Policy::builtin();
    let mut by_axis = [0.0; 4];
    for (place, gate) in policy.gates.iter().enumerate() {
        if gate.then == Then::Rollback {
            by_axis[gate.axis.index()] += policy.alpha_of(place);
        }
    }
    for share in by_axis {
        assert!((share - 0.0025).abs() < 1e-12, "{by_axis:?}");
    }
}
