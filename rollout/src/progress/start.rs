//! The start of a rollout.

use super::order::{Done, Order};
use super::transitions::may_start;
use super::{Mark, Notice, NoticeKind, Phase, Rollout, RolloutId, RolloutRefusal, Status, Turn};
use crate::condemned::said_against;
use crate::{Amount, Policy, Refusal, ReleaseName, Severity, Weight, WorkloadSpec, WorkloadState};
use std::fmt::Write as _;

/// Returns true if a start on `to` goes on with the traffic that it has: the same keys stay.
fn goes_on(state: &WorkloadState, to: &ReleaseName) -> bool {
    let has_traffic = state.weight > Weight::ZERO || !state.cohorts.is_empty();
    state.is_open() && state.candidate.as_ref() == Some(to) && has_traffic
}

/// The people that a start at `weight` would take off the release that they are on, in words.
fn moved(state: &WorkloadState, to: &ReleaseName, weight: Weight) -> Option<String> {
    let candidate = state.candidate.as_ref().filter(|_| state.is_open())?;
    let has = state.weight;
    if candidate == to {
        return (weight < has).then(|| {
            format!(
                "{to} has {has} now and the first step gives it {weight}: part of its conversations would move to {} in the middle; begin with a step of {has}",
                state.stable
            )
        });
    }
    let cohorts = state.cohorts.len();
    let who = match (has > Weight::ZERO, cohorts) {
        (false, 0) => return None,
        (true, 0) => format!("{has} of the keys"),
        (true, _) => format!("{has} of the keys and {cohorts} cohorts"),
        (false, _) => format!("{cohorts} cohorts"),
    };
    Some(format!(
        "{who} are on {candidate} now and would move away from it in the middle of their conversations; take {candidate} out first"
    ))
}

pub(super) fn start(
    spec: &WorkloadSpec,
    state: &mut WorkloadState,
    order: &Order<'_>,
    to: &ReleaseName,
    policy: &Policy,
    mark: &Mark,
) -> Result<Done, Refusal> {
    may_start(state)?;
    if *to == state.stable {
        return Err(RolloutRefusal::IsStable(to.clone()).into());
    }
    if !spec.releases.contains(to) {
        let known: Vec<&str> = spec.releases.iter().map(ReleaseName::as_str).collect();
        let known = known.join(", ");
        return Err(RolloutRefusal::UnknownRelease { release: to.clone(), known }.into());
    }
    let policy = policy.clone().check().map_err(|errors| {
        let errors: Vec<String> = errors.iter().map(ToString::to_string).collect();
        RolloutRefusal::Policy(errors.join("; "))
    })?;
    let preflight = order.grounds.preflight.ok_or(RolloutRefusal::NoPreflight)?;
    if policy.steps.is_empty() {
        return Err(RolloutRefusal::Policy("steps: there is none".to_owned()).into());
    }
    let weight = policy.weight_at(0);
    let condemned = state.condemnation(to);
    let attempt = state.times_condemned(to) + 1;
    let policy = Policy { promote_alpha: left_of(policy.promote_alpha, attempt), ..policy };
    let mut missing: Vec<String> =
        condemned.iter().map(|by| said_against(to, by)).chain(moved(state, to, weight)).collect();
    missing.extend(preflight.missing(spec, state, &policy, mark.at_ms));
    if !missing.is_empty() && !order.grounds.overriding {
        return Err(RolloutRefusal::NotReady(missing).into());
    }
    let phase = if policy.steps.len() == 1 { Phase::Watching } else { Phase::Progressing };
    open_for(spec, state, to, weight);
    if let Some(by) = condemned {
        state.let_in(to.clone(), by, mark);
    }
    let mut rollout = Rollout {
        id: RolloutId::new(&spec.name, to, state.generation),
        from: state.stable.clone(),
        to: to.clone(),
        policy,
        step: 0,
        step_since_ms: mark.at_ms,
        phase,
        since: mark.clone(),
        started: mark.clone(),
        waived: preflight.unmeasurable.iter().map(|(gate, _)| gate.clone()).collect(),
        status: Status::default(),
        history: Vec::new(),
        against_itself: None,
        ticket: order.grounds.ticket.map(str::to_owned),
    };
    let transition = rollout.enter(phase, Turn::Started, weight, mark);
    transition.against.clone_from(&missing);
    let mut summary =
        format!("rollout {} started: {} -> {to} at {weight}", rollout.id, state.stable);
    if attempt > 1 {
        let alpha = rollout.policy.promote_alpha.get() * 100.0;
        let _ = write!(summary, " (attempt {attempt}: a gate passes by chance in {alpha:.2}%)");
    }
    let mut done = Done::new(order, summary.clone());
    let mut notice = Notice::of(&rollout, NoticeKind::Started, "rollout", mark, summary);
    if let Some(list) = &preflight.checklist {
        notice.facts.push(("checklist".to_owned(), list.summary.clone()));
    }
    if !missing.is_empty() {
        notice.severity = Severity::Warning;
        notice.facts.push(("overridden".to_owned(), missing.join("; ")));
    }
    done.entry.against = missing;
    done.notices.push(notice);
    state.rollout = Some(Box::new(rollout));
    Ok(done)
}

/// The chance to pass by mistake that is left for a release that gates rolled back before: each attempt
/// has half of the one before, so that all attempts together have at most twice the policy's.
fn left_of(alpha: Amount, attempt: u32) -> Amount {
    let part = 0.5_f64.powi(attempt.min(16) as i32 - 1);
    Amount::new(alpha.get() * part).unwrap_or(alpha)
}

/// Opens `to` as the candidate at `weight`. Whoever is on it already stays there.
fn open_for(spec: &WorkloadSpec, state: &mut WorkloadState, to: &ReleaseName, weight: Weight) {
    if !goes_on(state, to) {
        state.candidate = Some(to.clone());
        state.closed = None;
        state.generation += 1;
        state.salt = state.salt_for(spec);
    }
    state.weight = weight;
}
