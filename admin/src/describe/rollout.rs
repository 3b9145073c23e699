//! Rollouts and analyses as they go over the wire.

use super::{axis, doubt_reason, gate_status, phase, transition_kind, verdict};
use stagegate_api::{
    AnalysisDetail, Estimated, GateBlame, GateReading, GateSlice, JudgeDoubt, MarkDetail,
    PastRollout, RolloutDetail, RolloutSummary, SpendForecast, SplitHealth, StepDetail,
    TransitionDetail, Unit,
};
use stagegate_control::Live;
use stagegate_rollout::{
    Analysis, Axis, Blame, Estimate, GateId, Mark, Measure, Measurement, Number, Policy, Rollout,
    SliceReading, Step, Transition, Weight,
};

/// A rollout in one line.
#[must_use]
pub fn summary(rollout: &Rollout) -> RolloutSummary {
    RolloutSummary {
        id: rollout.id.to_string(),
        from: rollout.from.to_string(),
        to: rollout.to.to_string(),
        policy: rollout.policy.name.to_string(),
        phase: phase(rollout.phase),
        active: rollout.is_active(),
        step: from_one(rollout.step),
        steps: rollout.policy.steps.len() as u32,
        aa: rollout.against_itself.is_some(),
        ticket: rollout.ticket.clone(),
        since: mark(&rollout.since),
        verdict: rollout.status.verdict.map(verdict),
    }
}

/// A rollout in full.
#[must_use]
pub fn detail(
    live: &Live,
    rollout: &Rollout,
    analysed: Option<&Analysis>,
    stale: &[stagegate_control::StaleCheck],
    unknown_cost: Option<String>,
) -> RolloutDetail {
    RolloutDetail {
        epoch: live.epoch,
        workload: live.split.spec().name.to_string(),
        summary: summary(rollout),
        weight: live.split.state().weight.to_string(),
        started: mark(&rollout.started),
        step_since_ms: rollout.step_since_ms,
        plan: plan(&rollout.policy),
        waived: rollout.waived.iter().map(ToString::to_string).collect(),
        stale_checks: stale.iter().map(super::stale_check).collect(),
        unknown_cost: unknown_cost.filter(|_| needs_costs(rollout)),
        not_by: rollout.not_by().map(str::to_owned),
        history: rollout.history.iter().map(transition).collect(),
        analysis: analysed.map(analysis),
    }
}

/// Returns whether a gate on costs is still to be measured.
fn needs_costs(rollout: &Rollout) -> bool {
    let of_cost = |gate: &&stagegate_rollout::Gate| gate.axis == Axis::Cost;
    let measured = |gate: &stagegate_rollout::Gate| !rollout.waived.contains(&gate.id());
    rollout.is_active() && rollout.policy.gates.iter().filter(of_cost).any(measured)
}

/// A rollout of the history.
#[must_use]
pub fn past(rollout: &Rollout) -> PastRollout {
    PastRollout {
        summary: summary(rollout),
        started_ms: rollout.started.at_ms,
        ended_ms: (!rollout.is_active()).then_some(rollout.since.at_ms),
        history: rollout.history.iter().map(transition).collect(),
    }
}

/// An analysis.
#[must_use]
pub fn analysis(analysis: &Analysis) -> AnalysisDetail {
    AnalysisDetail {
        id: analysis.id.to_string(),
        rollout: analysis.rollout.to_string(),
        step: from_one(analysis.step),
        at_ms: analysis.at_ms,
        verdict: verdict(analysis.verdict),
        observed_ms: analysis.observed_ms,
        needed_ms: analysis.needed_ms,
        requests: analysis.requests,
        needed_requests: analysis.needed_requests,
        gates: analysis.measurements.iter().map(gate).collect(),
        blocks: analysis.blocks.clone(),
        trigger: analysis.trigger.as_ref().map(ToString::to_string),
        outage: analysis.outage,
        judge: analysis.doubt.as_ref().map(|doubt| JudgeDoubt {
            reason: doubt_reason(doubt.kind),
            words: doubt.words.clone(),
        }),
        split: SplitHealth {
            candidate: analysis.split.candidate,
            all: analysis.split.all,
            ln_evidence: finite(analysis.split.ln_evidence).unwrap_or_default(),
        },
        forecast: analysis.forecast.map(|forecast| SpendForecast {
            weight: forecast.weight.to_string(),
            usd_per_day: forecast.usd_per_day,
            usd_per_day_now: forecast.usd_per_day_now,
        }),
        fleet: None,
    }
}

fn gate(measured: &Measurement) -> GateReading {
    GateReading {
        gate: measured.gate.to_string(),
        axis: axis(measured.axis),
        unit: unit(measured.axis, &measured.gate),
        state: gate_status(&measured.state),
        words: measured.state.to_string(),
        candidate: measured.candidate.map(estimated),
        stable: measured.stable.map(estimated),
        lately: measured.lately.and_then(finite),
        limit: measured.limit.and_then(finite),
        ln_evidence: measured.ln_evidence.and_then(finite),
        ln_needed: measured.ln_needed.and_then(finite),
        p_value: measured.p_value.and_then(finite),
        needed: measured.needed,
        effect: measured.effect.and_then(finite),
        slices: measured.slices.iter().map(slice).collect(),
        blame: measured.blame.iter().map(blame).collect(),
        note: measured.note.clone(),
        blocks: measured.blocks.clone(),
    }
}

fn slice(reading: &SliceReading) -> GateSlice {
    let ((candidate_units, candidate_failed), (stable_units, stable_failed)) =
        (reading.candidate, reading.stable);
    GateSlice {
        slice: reading.slice.clone(),
        candidate_units,
        candidate_failed,
        stable_units,
        stable_failed,
        ln_evidence: finite(reading.ln_evidence).unwrap_or_default(),
        alerts: reading.alerts,
    }
}

fn blame(blame: &Blame) -> GateBlame {
    let [share, low, high] =
        [blame.share, blame.low, blame.high].map(|it| finite(it).unwrap_or_default());
    GateBlame { what: blame.what.clone(), share, low, high }
}

fn estimated(estimate: Estimate) -> Estimated {
    Estimated {
        value: finite(estimate.value).unwrap_or_default(),
        low: estimate.low.and_then(finite),
        high: estimate.high.and_then(finite),
        count: estimate.count,
    }
}

/// JSON has no infinities.
fn finite(number: f64) -> Option<f64> {
    number.is_finite().then_some(number)
}

/// The unit of a gate's values, from its id: a stored analysis outlives its policy.
fn unit(axis: Axis, gate: &GateId) -> Unit {
    if axis == Axis::External {
        return Unit::Plain;
    }
    let measure = gate.as_str().split('/').nth(1).unwrap_or_default();
    let simple = Measure::SIMPLE.iter().find(|simple| simple.word.replace('_', "-") == measure);
    match (simple.map(|simple| simple.number), axis) {
        (Some(Number::Share), _) | (None, Axis::Error) => Unit::Share,
        (Some(Number::Usd), _) => Unit::Usd,
        (Some(Number::Tokens), _) => Unit::Tokens,
        (None, Axis::Latency) if !measure.starts_with("p99-over-p50") => Unit::Us,
        (None, Axis::Cost) if measure.starts_with("spend-") => Unit::Usd,
        (Some(Number::Times) | None, _) => Unit::Ratio,
    }
}

fn plan(policy: &Policy) -> Vec<StepDetail> {
    let steps = policy.steps.iter().enumerate();
    steps.map(|(place, it)| step(it, policy.weight_at(place))).collect()
}

fn step(step: &Step, weight: Weight) -> StepDetail {
    StepDetail {
        weight: weight.to_string(),
        hold_ms: step.hold_ms,
        requests: step.requests,
        scored: step.scored,
        watch_ms: step.watch_ms,
    }
}

/// One turn.
#[must_use]
pub fn transition(transition: &Transition) -> TransitionDetail {
    TransitionDetail {
        turn: transition_kind(transition.turn),
        step: from_one(transition.step),
        weight: transition.weight.to_string(),
        mark: mark(&transition.mark),
        analysis: transition.analysis.as_ref().map(ToString::to_string),
        against: transition.against.clone(),
    }
}

/// The actor, reason and time of an action.
#[must_use]
pub fn mark(mark: &Mark) -> MarkDetail {
    MarkDetail { by: mark.by.clone(), reason: mark.reason.clone(), at_ms: mark.at_ms }
}

/// People count steps from one.
const fn from_one(step: usize) -> u32 {
    step as u32 + 1
}

#[cfg(test)]
mod tests {
    use super::unit;
    use stagegate_api::Unit;
    use stagegate_rollout::{Axis, GateId};

    #[test]
    fn the_unit_of_a_gate_follows_from_its_id() {
        for (id, axis, wanted) in [
            ("eval/accuracy/against-stable", Axis::Eval, Unit::Share),
            ("error/permanent/max", Axis::Error, Unit::Share),
            ("latency/p99-first-byte/max", Axis::Latency, Unit::Us),
            ("latency/p99-over-p50/against-baseline", Axis::Latency, Unit::Ratio),
            ("cost/usd-per-request/max", Axis::Cost, Unit::Usd),
            ("cost/tokens-per-request/max", Axis::Cost, Unit::Tokens),
            ("cost/output-tokens-per-request/max", Axis::Cost, Unit::Tokens),
            ("cost/daily-projection/max", Axis::Cost, Unit::Ratio),
            ("cost/burn-rate-1h/max", Axis::Cost, Unit::Ratio),
            ("cost/spend-1h/max", Axis::Cost, Unit::Usd),
            ("external/accuracy/max", Axis::External, Unit::Plain),
        ] {
            let gate: GateId = serde_json::from_value(id.into()).unwrap();
            assert_eq!(unit(axis, &gate), wanted, "{id}");
        }
    }
}
