//! A release against itself: two arms, one release. Nothing can be better or worse, so whatever the gates
//! find is a fault of the measuring. Such a rollout is never promoted; it ends by itself with a report.

use super::order::{Done, Order};
use super::transitions::may_start;
use super::{
    Former, Mark, Notice, NoticeKind, Phase, Rollout, RolloutId, RolloutRefusal, Status, Turn,
};
use crate::analysis::{Figure, Seconds};
use crate::{
    Action, Analysis, GateState, Policy, Readiness, Refusal, Severity, Step, Weight, WorkloadSpec,
    WorkloadState,
};

/// Both arms are the same release, so nobody is at risk, and equal arms say most.
const WEIGHT: Weight = Weight::percent(50);
/// The time of a policy that has none, in milliseconds.
const HOLD_MS: u64 = 30 * 60_000;
/// The requests of a policy that has none.
const REQUESTS: u64 = 1000;

/// The policy with the one step that is gone through: the first, with half of the traffic.
fn policy_of(policy: &Policy) -> Policy {
    let mut policy = policy.clone();
    if let Some(first) = policy.steps.first().cloned() {
        let only = policy.steps.len() == 1;
        let hold_ms = if first.hold_ms > 0 { first.hold_ms } else { HOLD_MS };
        let requests = if first.requests > 0 { first.requests } else { REQUESTS };
        let step = Step { weight: WEIGHT, hold_ms, requests, watch_ms: 0, ..first };
        if only {
            policy.steps.insert(0, step);
        } else {
            policy.steps[0] = step;
        }
    }
    policy
}

pub(super) fn start(
    spec: &WorkloadSpec,
    state: &mut WorkloadState,
    order: &Order<'_>,
    policy: &Policy,
    mark: &Mark,
) -> Result<Done, Refusal> {
    may_start(state)?;
    let policy = policy.clone().check().map_err(|errors| {
        let errors: Vec<String> = errors.iter().map(ToString::to_string).collect();
        RolloutRefusal::Policy(errors.join("; "))
    })?;
    let preflight = order.grounds.preflight.ok_or(RolloutRefusal::NoPreflight)?;
    let mut missing = Vec::new();
    if let Readiness::NotReady(why) = &preflight.target {
        missing.push(format!("the release is not ready: {why}"));
    }
    let has_traffic = state.weight > Weight::ZERO || !state.cohorts.is_empty();
    if let Some(candidate) = state.candidate.as_ref().filter(|_| state.is_open() && has_traffic) {
        missing.push(format!(
            "{candidate} has traffic now and would lose it in the middle of its conversations; take {candidate} out first"
        ));
    }
    if !missing.is_empty() && !order.grounds.overriding {
        return Err(RolloutRefusal::NotReady(missing).into());
    }
    let former = Former { candidate: state.candidate.take(), closed: state.closed.take() };
    let release = state.stable.clone();
    state.candidate = Some(release.clone());
    state.cohorts.clear();
    state.generation += 1;
    state.salt = state.salt_for(spec);
    state.weight = WEIGHT;
    let mut rollout = Rollout {
        id: RolloutId::new(&spec.name, &release, state.generation),
        from: release.clone(),
        to: release.clone(),
        policy: policy_of(&policy),
        step: 0,
        step_since_ms: mark.at_ms,
        phase: Phase::Progressing,
        since: mark.clone(),
        started: mark.clone(),
        waived: preflight.unmeasurable.iter().map(|(gate, _)| gate.clone()).collect(),
        status: Status::default(),
        history: Vec::new(),
        against_itself: Some(former),
        ticket: order.grounds.ticket.map(str::to_owned),
    };
    let transition = rollout.enter(Phase::Progressing, Turn::Started, WEIGHT, mark);
    transition.against.clone_from(&missing);
    let summary = format!("rollout {} started: {release} against itself at {WEIGHT}", rollout.id);
    let mut done = Done::new(order, summary.clone());
    done.notices.push(Notice::of(&rollout, NoticeKind::Started, "rollout", mark, summary));
    done.entry.against = missing;
    state.rollout = Some(Box::new(rollout));
    Ok(done)
}

/// The end, if the analysis is the last one: the step has its minimum, or something was found.
pub(super) fn act(state: &mut WorkloadState, analysis: &Analysis, now_ms: u64) -> Option<Done> {
    let complete = analysis.observed_ms >= analysis.needed_ms
        && analysis.requests >= analysis.needed_requests
        && !analysis.outage;
    if analysis.trigger.is_none() && !complete {
        return None;
    }
    let (honest, said) = report(analysis);
    let mark = Mark::itself(said, now_ms);
    let mut done = Done::of(Action::Complete, &mark, analysis);
    finish(state, &mut done, (Phase::Completed, Turn::Completed), &mark);
    let rollout = state.rollout.as_deref_mut()?;
    if let Some(transition) = rollout.history.last_mut() {
        transition.analysis = Some(analysis.id.clone());
    }
    if let Some(notice) = done.notices.first_mut() {
        notice.severity = if honest { Severity::Info } else { Severity::Warning };
        notice.analysis = Some(analysis.id.clone());
    }
    Some(done)
}

/// Ends it: everything goes to the one release, and the candidate of before is back without traffic.
pub(super) fn finish(
    state: &mut WorkloadState,
    done: &mut Done,
    (phase, turn): (Phase, Turn),
    mark: &Mark,
) {
    let Some(rollout) = state.rollout.as_deref_mut() else { return };
    rollout.enter(phase, turn, Weight::ZERO, mark);
    rollout.status = Status::default();
    let former = rollout.against_itself.clone().unwrap_or_default();
    let why = if mark.reason.is_empty() { "no reason given" } else { &mark.reason };
    let summary = format!("rollout {} of {} against itself ended", rollout.id, rollout.to);
    let kind = if phase == Phase::Completed { NoticeKind::Completed } else { NoticeKind::Aborted };
    let title = format!("{summary}: {why}");
    done.notices.push(Notice::of(rollout, kind, "rollout", mark, title));
    done.entry.summary = summary;
    state.candidate = former.candidate;
    state.closed = former.closed;
    state.weight = Weight::ZERO;
    state.cohorts.clear();
    state.generation += 1;
}

/// What an analysis of equal arms says of the measuring, in words, and whether all is well.
fn report(analysis: &Analysis) -> (bool, String) {
    let mut faults = Vec::new();
    if let Some(trigger) = &analysis.trigger {
        faults.push(trigger.to_string());
    }
    for it in &analysis.measurements {
        let violated = matches!(it.state, GateState::Violated { .. });
        let told = analysis.trigger.as_ref().and_then(crate::Trigger::gate) == Some(&it.gate);
        if violated && !told {
            faults.push(format!("gate {} is violated", it.gate));
        }
    }
    let split = &analysis.split;
    let share = split.candidate as f64 / split.all.max(1) as f64 * 100.0;
    // The same threshold by which comparisons become invalid.
    if split.ln_evidence >= 1000.0_f64.ln() {
        faults.push(format!("{share:.1}% of {} keys went to the candidate arm", split.all));
    }
    let unjudged: Vec<&str> = analysis
        .measurements
        .iter()
        .filter(|it| it.candidate.is_none() && it.blocks.is_some())
        .map(|it| it.gate.as_str())
        .collect();
    let over = format!(
        "A/A over {}: {} requests of the candidate arm, {} of {} keys ({}%)",
        Seconds(analysis.observed_ms),
        analysis.requests,
        split.candidate,
        split.all,
        Figure(share)
    );
    let mut said = if faults.is_empty() {
        format!("{over}; no gate tells the release from itself")
    } else {
        format!("{over}; the measuring is not honest: {}", faults.join("; "))
    };
    if !unjudged.is_empty() {
        said.push_str(&format!("; without data: {}", unjudged.join(", ")));
    }
    (faults.is_empty(), said)
}
