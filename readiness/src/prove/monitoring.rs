//! What is measured.

use crate::Facts;
use crate::proof::Proof;
use stagegate_rollout::{Axis, ErrorClass, Gate, Measure, Timing};
use stagegate_timing::moment;

/// A scorer that judged nothing for longer does not answer now.
const FRESH_MS: u64 = 60 * 60_000;

fn add_gate(facts: &Facts, example: &str) -> String {
    format!("add `{example}` to `policies.{}.gates`", facts.policy.name)
}

/// D16: scorers answer.
pub(super) fn scorers(facts: &Facts) -> Proof {
    if facts.scorers == 0 {
        return Proof::fails(
            "no scorer of the workload has `gate: true`",
            format!("add one to `workloads.{}.scorers`", facts.workload),
        );
    }
    if let Some(doubt) = &facts.doubt {
        return Proof::fails(
            format!("the scorers are not believed: {doubt}"),
            format!("`stagegate eval now {}` scores responses at once", facts.workload),
        );
    }
    let now = format!("send traffic, then `stagegate eval now {}`", facts.workload);
    match facts.scored_ms {
        None => Proof::fails("no response was scored since the process started", now),
        Some(at_ms) if facts.now_ms.saturating_sub(at_ms) > FRESH_MS => {
            Proof::fails(format!("the last response was scored {}", moment(at_ms)), now)
        }
        Some(at_ms) => {
            Proof::holds(format!("{} scorers, the last verdict {}", facts.scorers, moment(at_ms)))
        }
    }
}

/// D17: the whole request and its stages.
pub(super) fn latency(facts: &Facts) -> Proof {
    let gates: Vec<&Gate> =
        facts.policy.gates.iter().filter(|it| it.axis == Axis::Latency).collect();
    let of = |gate: &Gate| match &gate.measure {
        Measure::Latency { of, .. } | Measure::TailRatio { of } => Some(of.clone()),
        _ => None,
    };
    if !gates.iter().any(|gate| of(gate) == Some(Timing::Total)) {
        return Proof::fails(
            "no gate watches the time of the whole request",
            add_gate(facts, "{ axis: latency, measure: p99, max: 8s }"),
        );
    }
    let parts = gates.iter().filter(|gate| of(gate).is_some_and(|it| it != Timing::Total)).count();
    if parts == 0 {
        return Proof::fails(
            "no gate watches the time of a stage, the first byte or the gaps of a stream",
            add_gate(facts, "{ axis: latency, measure: p95, of: first_byte, max: 2s }"),
        );
    }
    Proof::holds(format!("{} gates, {parts} of them on parts of a request", gates.len()))
}

/// D18: spend by the day and by the hour.
pub(super) fn spend(facts: &Facts) -> Proof {
    let Some(budget) = facts.budget else {
        return Proof::fails(
            "the workload has no daily budget",
            format!("set `workloads.{}.cost.daily_budget`", facts.workload),
        );
    };
    let has =
        |wanted: fn(&Measure) -> bool| facts.policy.gates.iter().any(|it| wanted(&it.measure));
    if !has(|it| matches!(it, Measure::DailyProjection)) {
        return Proof::fails(
            "no gate watches the spend of a day",
            add_gate(facts, "{ axis: cost, measure: daily_projection, max: 120%, then: alert }"),
        );
    }
    let hourly = |it: &Measure| matches!(it, Measure::BurnRate { .. } | Measure::Spend { .. });
    if !has(hourly) {
        return Proof::fails(
            "no gate watches the spend of an hour",
            add_gate(
                facts,
                "{ axis: cost, measure: burn_rate_1h, against: baseline, ratio: 2, then: alert }",
            ),
        );
    }
    Proof::holds(format!("daily budget ${budget:.2}, gates by the day and by the hour"))
}

/// D19: three classes of failures.
pub(super) fn failures(facts: &Facts) -> Proof {
    let watches = |class: ErrorClass| {
        facts.policy.gates.iter().any(|it| it.measure == Measure::ErrorRate { class })
    };
    let classes = [ErrorClass::Transient, ErrorClass::Permanent, ErrorClass::External];
    let missing: Vec<&str> =
        classes.into_iter().filter(|class| !watches(*class)).map(ErrorClass::label).collect();
    match missing.first() {
        None => Proof::holds("a gate for each of transient, permanent and external failures"),
        Some(first) => Proof::fails(
            format!("no gate watches failures of: {}", missing.join(", ")),
            add_gate(facts, &format!("{{ axis: error, class: {first}, max: 2% }}")),
        ),
    }
}

/// D20: messages have a link.
pub(super) fn link(facts: &Facts) -> Proof {
    match &facts.link {
        None => Proof::fails(
            "messages cannot link to the dashboard: its address for people is not known",
            "set `admin.public_url: https://…`",
        ),
        Some(_) if facts.channels.is_empty() => {
            Proof::fails("no channel gets messages about this workload", "add one to `notify`")
        }
        Some(link) => Proof::holds(link.clone()),
    }
}
