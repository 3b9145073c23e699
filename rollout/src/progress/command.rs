//! The commands on a rollout.

use super::aa;
use super::order::{Done, Order};
use super::transitions::{active, complete, end, may_start};
use super::{Mark, Notice, NoticeKind, Phase, Rollout, RolloutId, RolloutRefusal, Status, Turn};
use crate::command::change;
use crate::condemned::said_against;
use crate::{
    Amount, Analysis, AnalysisId, Closed, Command, Policy, Refusal, ReleaseName, Severity, Verdict,
    Weight, WorkloadSpec, WorkloadState,
};
use std::fmt::Write as _;

/// Evidence older than this does not permit a promotion: the measurement has stopped.
const OUTDATED_MS: u64 = 120_000;

/// Applies a command.
pub(super) fn carry_out(
    spec: &WorkloadSpec,
    state: &mut WorkloadState,
    order: &Order<'_>,
    now_ms: u64,
) -> Result<Done, Refusal> {
    let mark = &Mark { by: order.by.to_owned(), reason: order.reason.to_owned(), at_ms: now_ms };
    match order.command {
        Command::Start { to, policy } => start(spec, state, order, to, policy, mark),
        Command::StartAa { policy } => aa::start(spec, state, order, policy, mark),
        Command::Promote { expect, force } => promote(state, order, expect.as_ref(), *force, mark),
        Command::Pause => pause(state, order, mark),
        Command::Resume => resume(state, order, mark),
        Command::Abort => abort(spec, state, order, mark),
        Command::Rollback => roll_back(spec, state, order, mark),
        Command::Restore => restore(spec, state, order, mark),
        Command::SetWeight { weight } => set_weight(state, order, *weight, mark),
        plain => plain_change(spec, state, order, plain, mark),
    }
}

/// A command that concerns no rollout. One that gives traffic to a release that was rolled back
/// needs an override.
fn plain_change(
    spec: &WorkloadSpec,
    state: &mut WorkloadState,
    order: &Order<'_>,
    command: &Command,
    mark: &Mark,
) -> Result<Done, Refusal> {
    let before = state.clone();
    let summary = change::change(spec, state, command, order.by, order.reason, mark.at_ms)?;
    let candidate = match command {
        Command::EnableCohort { .. } => before.candidate.clone(),
        _ => None,
    };
    let declared = (state.stable != before.stable).then(|| state.stable.clone());
    let mut done = Done::new(order, summary);
    for release in candidate.into_iter().chain(declared) {
        let Some(by) = before.condemnation(&release) else { continue };
        insist(order, &release, &by)?;
        done.entry.against.push(format!("overridden: {}", said_against(&release, &by)));
        if state.stable == release {
            state.condemned.remove(&release);
        } else {
            state.let_in(release, by, mark);
        }
    }
    Ok(done)
}

/// Refuses traffic for a release that was rolled back, except to whoever insists.
fn insist(order: &Order<'_>, release: &ReleaseName, by: &Mark) -> Result<(), Refusal> {
    if order.grounds.overriding {
        return Ok(());
    }
    let Mark { by, reason, .. } = by.clone();
    Err(Refusal::Condemned { release: release.clone(), by, reason })
}

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

fn start(
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

/// Returns the reason why the evidence does not permit a promotion.
fn permitted(
    rollout: &Rollout,
    analysis: Option<&Analysis>,
    expect: Option<&AnalysisId>,
    now_ms: u64,
) -> Result<(), RolloutRefusal> {
    let analysis = analysis.ok_or(RolloutRefusal::NoAnalysis)?;
    if analysis.rollout != rollout.id || analysis.step != rollout.step {
        return Err(RolloutRefusal::OtherEvidence {
            analysis: analysis.id.clone(),
            id: rollout.id.clone(),
            step: rollout.step,
        });
    }
    if let Some(expected) = expect.filter(|expected| **expected != analysis.id) {
        return Err(RolloutRefusal::Changed {
            expected: expected.clone(),
            newest: analysis.id.clone(),
            verdict: analysis.verdict,
        });
    }
    let age_ms = now_ms.saturating_sub(analysis.at_ms);
    if age_ms > OUTDATED_MS {
        let age_s = age_ms / 1000;
        return Err(RolloutRefusal::Outdated { analysis: analysis.id.clone(), age_s });
    }
    if analysis.verdict != Verdict::Pass {
        return Err(RolloutRefusal::NotPassed {
            verdict: analysis.verdict,
            blocks: analysis.blocks.clone(),
        });
    }
    Ok(())
}

fn promote(
    state: &mut WorkloadState,
    order: &Order<'_>,
    expect: Option<&AnalysisId>,
    force: bool,
    mark: &Mark,
) -> Result<Done, Refusal> {
    let killed = state.killed.is_some();
    let rollout = active(state)?;
    if killed {
        return Err(RolloutRefusal::Killed.into());
    }
    if rollout.against_itself.is_some() {
        return Err(RolloutRefusal::AgainstItself(rollout.id.clone()).into());
    }
    if rollout.phase == Phase::Paused {
        return Err(RolloutRefusal::Paused(rollout.id.clone()).into());
    }
    if force && order.reason.trim().is_empty() {
        return Err(RolloutRefusal::NeedsReason("a force").into());
    }
    if let Some(by) = rollout.not_by().filter(|by| *by == mark.by) {
        let (id, by) = (rollout.id.clone(), by.to_owned());
        return Err(RolloutRefusal::SamePerson { id, by }.into());
    }
    if rollout.is_last_step() && !force {
        return Err(RolloutRefusal::Watching(rollout.id.clone()).into());
    }
    let analysis = order.grounds.analysis;
    let against = match permitted(rollout, analysis, expect, mark.at_ms) {
        Ok(()) => Vec::new(),
        // A caller who names the evidence wants that one, also with a force.
        Err(changed @ RolloutRefusal::Changed { .. }) => return Err(changed.into()),
        Err(obstacle) if force => vec![format!("forced: {obstacle}")],
        Err(obstacle) => return Err(obstacle.into()),
    };
    let seen = analysis.filter(|it| it.rollout == rollout.id && it.step == rollout.step);
    let seen = seen.map(|it| it.id.clone());
    if rollout.is_last_step() {
        return Ok(complete(state, Done::new(order, String::new()), mark, seen, against));
    }
    let before = state.weight;
    let Some(rollout) = state.rollout.as_deref_mut() else {
        return Err(RolloutRefusal::None.into());
    };
    rollout.step += 1;
    rollout.step_since_ms = mark.at_ms;
    rollout.status = Status::default();
    let weight = rollout.policy.weight_at(rollout.step);
    let phase = if rollout.is_last_step() { Phase::Watching } else { Phase::Progressing };
    let transition = rollout.enter(phase, Turn::Promoted, weight, mark);
    transition.analysis.clone_from(&seen);
    transition.against.clone_from(&against);
    let how = if against.is_empty() { "promoted" } else { "forced" };
    let summary = format!("rollout {} {how}: {before} -> {weight}", rollout.id);
    let mut done = Done::new(order, summary.clone());
    let mut notice = Notice::of(rollout, NoticeKind::Promoted, "rollout", mark, summary);
    if let Some(first) = against.first() {
        notice.severity = Severity::Warning;
        notice.facts.push(("against".to_owned(), first.clone()));
    }
    notice.analysis.clone_from(&seen);
    done.entry.analysis = seen;
    done.entry.against = against;
    done.notices.push(notice);
    state.weight = weight;
    Ok(done)
}

fn pause(state: &mut WorkloadState, order: &Order<'_>, mark: &Mark) -> Result<Done, Refusal> {
    let weight = state.weight;
    let rollout = active(state)?;
    if rollout.phase == Phase::Paused {
        return Ok(Done::new(order, String::new()));
    }
    rollout.enter(Phase::Paused, Turn::Paused, weight, mark);
    let summary = format!("rollout {} paused at {weight}; its triggers stay armed", rollout.id);
    let mut done = Done::new(order, summary.clone());
    done.notices.push(Notice::of(rollout, NoticeKind::Paused, "rollout", mark, summary));
    Ok(done)
}

fn resume(state: &mut WorkloadState, order: &Order<'_>, mark: &Mark) -> Result<Done, Refusal> {
    let weight = state.weight;
    let rollout = active(state)?;
    if rollout.phase != Phase::Paused {
        let (id, phase) = (rollout.id.clone(), rollout.phase);
        return Err(RolloutRefusal::NotPaused { id, phase }.into());
    }
    let phase = if rollout.is_last_step() { Phase::Watching } else { Phase::Progressing };
    rollout.enter(phase, Turn::Resumed, weight, mark);
    let summary = format!("rollout {} resumed: {phase} at {weight}", rollout.id);
    let mut done = Done::new(order, summary.clone());
    done.notices.push(Notice::of(rollout, NoticeKind::Resumed, "rollout", mark, summary));
    Ok(done)
}

fn abort(
    spec: &WorkloadSpec,
    state: &mut WorkloadState,
    order: &Order<'_>,
    mark: &Mark,
) -> Result<Done, Refusal> {
    let rollout = active(state)?;
    if rollout.against_itself.is_some() {
        let mut done = Done::new(order, String::new());
        aa::finish(state, &mut done, (Phase::Aborted, Turn::Aborted), mark);
        return Ok(done);
    }
    let summary = change::close(spec, state, mark)?;
    let mut done = Done::new(order, summary);
    end(state, &mut done, Phase::Aborted, Turn::Aborted, mark);
    Ok(done)
}

fn roll_back(
    spec: &WorkloadSpec,
    state: &mut WorkloadState,
    order: &Order<'_>,
    mark: &Mark,
) -> Result<Done, Refusal> {
    if active(state).is_ok_and(|rollout| rollout.against_itself.is_some()) {
        let mut done = Done::new(order, String::new());
        aa::finish(state, &mut done, (Phase::RolledBack, Turn::RolledBack), mark);
        return Ok(done);
    }
    let completed = state
        .rollout
        .as_ref()
        .is_some_and(|it| it.phase == Phase::Completed && it.against_itself.is_none());
    if completed && state.candidate.is_none() {
        return restore(spec, state, order, mark);
    }
    // A gate's rollback that is recorded late comes as a command.
    let summary = match order.by {
        Rollout::ITSELF => change::condemn(spec, state, mark)?,
        _ => change::close(spec, state, mark)?,
    };
    let mut done = Done::new(order, summary);
    end(state, &mut done, Phase::RolledBack, Turn::RolledBack, mark);
    Ok(done)
}

/// Puts the former stable release back. The release that was stable becomes a closed candidate:
/// visible, and not reachable until someone opens it.
fn restore(
    spec: &WorkloadSpec,
    state: &mut WorkloadState,
    order: &Order<'_>,
    mark: &Mark,
) -> Result<Done, Refusal> {
    if let Ok(rollout) = active(state) {
        let (id, phase) = (rollout.id.clone(), rollout.phase);
        return Err(RolloutRefusal::Active { id, phase }.into());
    }
    let previous = state.previous.clone().ok_or(RolloutRefusal::NoPrevious)?;
    if !spec.releases.contains(&previous) {
        return Err(RolloutRefusal::PreviousGone(previous).into());
    }
    state.previous = None;
    let former = std::mem::replace(&mut state.stable, previous);
    // It was stable: everybody was on it, whatever the weight of a candidate was.
    state.weight = Weight::ZERO;
    let weight_before = Weight::FULL;
    state.cohorts.clear();
    state.candidate = Some(former.clone());
    state.generation += 1;
    state.closed = Some(Closed {
        by: mark.by.clone(),
        reason: mark.reason.clone(),
        at_ms: mark.at_ms,
        weight_before,
        finishing: false,
    });
    let summary = format!("{former} rolled back: {} is stable again", state.stable);
    let mut done = Done::new(order, summary.clone());
    if let Some(rollout) = state.rollout.as_deref_mut().filter(|rollout| rollout.to == former) {
        rollout.enter(Phase::RolledBack, Turn::RolledBack, Weight::ZERO, mark);
        let mut notice = Notice::of(rollout, NoticeKind::RolledBack, "rollout", mark, summary);
        notice.severity = Severity::Critical;
        done.notices.push(notice);
    }
    Ok(done)
}

fn set_weight(
    state: &mut WorkloadState,
    order: &Order<'_>,
    weight: Weight,
    mark: &Mark,
) -> Result<Done, Refusal> {
    let before = state.weight;
    let mut against = Vec::new();
    if let Ok(rollout) = active(state) {
        if !order.grounds.overriding {
            return Err(RolloutRefusal::OwnsTheWeight {
                id: rollout.id.clone(),
                phase: rollout.phase,
                weight: before,
            }
            .into());
        }
        if weight != before {
            let phase = rollout.phase;
            let transition = rollout.enter(phase, Turn::Overridden, weight, mark);
            against.push(format!("overridden: {phase} at {before}, set by the policy"));
            transition.against.clone_from(&against);
        }
    }
    let candidate = state.candidate.clone().filter(|_| weight > Weight::ZERO);
    let condemned = candidate.and_then(|it| Some((state.condemnation(&it)?, it)));
    let summary = change::set_weight(state, weight)?;
    let mut done = Done::new(order, summary);
    if let Some((by, release)) = condemned {
        insist(order, &release, &by)?;
        against.push(format!("overridden: {}", said_against(&release, &by)));
        state.let_in(release, by, mark);
    }
    done.entry.against = against;
    Ok(done)
}
