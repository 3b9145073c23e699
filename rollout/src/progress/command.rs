//! What a person may do to a rollout.

use super::step::{Done, Order};
use super::{Mark, Notice, NoticeKind, Phase, Rollout, RolloutId, RolloutRefusal, Status, Turn};
use crate::command;
use crate::{
    Analysis, AnalysisId, Closed, Command, Policy, Refusal, ReleaseName, Severity, Verdict, Weight,
    WorkloadSpec, WorkloadState,
};

/// Evidence older than this promotes nothing: whoever measured has stopped.
const OUTDATED_MS: u64 = 120_000;

pub(super) fn carry_out(
    spec: &WorkloadSpec,
    state: &mut WorkloadState,
    order: &Order<'_>,
    now_ms: u64,
) -> Result<Done, Refusal> {
    let mark = &Mark { by: order.by.to_owned(), reason: order.reason.to_owned(), at_ms: now_ms };
    match order.command {
        Command::Start { to, policy } => start(spec, state, order, to, policy, mark),
        Command::Promote { expect, force } => promote(state, order, expect.as_ref(), *force, mark),
        Command::Pause => pause(state, order, mark),
        Command::Resume => resume(state, order, mark),
        Command::Abort => abort(spec, state, order, mark),
        Command::Rollback => roll_back(spec, state, order, mark),
        Command::Restore => restore(spec, state, order, mark),
        Command::SetWeight { weight } => set_weight(state, order, *weight, mark),
        plain => {
            let summary = command::change(spec, state, plain, order.by, order.reason, now_ms)?;
            Ok(Done::new(order, summary))
        }
    }
}

/// The rollout under way.
fn active(state: &mut WorkloadState) -> Result<&mut Rollout, RolloutRefusal> {
    state.rollout.as_deref_mut().filter(|rollout| rollout.is_active()).ok_or(RolloutRefusal::None)
}

fn start(
    spec: &WorkloadSpec,
    state: &mut WorkloadState,
    order: &Order<'_>,
    to: &ReleaseName,
    policy: &Policy,
    mark: &Mark,
) -> Result<Done, Refusal> {
    if let Ok(rollout) = active(state) {
        let (id, phase) = (rollout.id.clone(), rollout.phase);
        return Err(RolloutRefusal::Active { id, phase }.into());
    }
    if state.killed.is_some() {
        return Err(RolloutRefusal::Killed.into());
    }
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
    let missing = preflight.missing(spec, state, &policy, mark.at_ms);
    if !missing.is_empty() && !order.grounds.overriding {
        return Err(RolloutRefusal::NotReady(missing).into());
    }
    let Some(first) = policy.steps.first() else {
        return Err(RolloutRefusal::Policy("steps: there is none".to_owned()).into());
    };
    let weight = first.weight;
    let phase = if policy.steps.len() == 1 { Phase::Watching } else { Phase::Progressing };
    state.candidate = Some(to.clone());
    state.closed = None;
    state.opening += 1;
    state.salt = state.salt_for(spec);
    state.weight = weight;
    let mut rollout = Rollout {
        id: RolloutId::new(&spec.name, to, state.opening),
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
    };
    let transition = rollout.enter(phase, Turn::Started, weight, mark);
    transition.against.clone_from(&missing);
    let summary = format!("rollout {} started: {} -> {to} at {weight}", rollout.id, state.stable);
    let mut done = Done::new(order, summary.clone());
    let mut notice = Notice::of(&rollout, NoticeKind::Started, "rollout", mark, summary);
    if !missing.is_empty() {
        notice.severity = Severity::Warning;
        notice.facts.push(("overridden".to_owned(), missing.join("; ")));
    }
    done.entry.against = missing;
    done.notices.push(notice);
    state.rollout = Some(Box::new(rollout));
    Ok(done)
}

/// Whether the evidence permits it, and what a force goes against otherwise.
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
    if rollout.phase == Phase::Paused {
        return Err(RolloutRefusal::Paused(rollout.id.clone()).into());
    }
    if force && order.reason.trim().is_empty() {
        return Err(RolloutRefusal::NeedsReason("a force").into());
    }
    if rollout.is_last_step() && !force {
        return Err(RolloutRefusal::Watching(rollout.id.clone()).into());
    }
    let analysis = order.grounds.analysis;
    let against = match permitted(rollout, analysis, expect, mark.at_ms) {
        Ok(()) => Vec::new(),
        // Who says which evidence they saw means it, force or not.
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
    let weight = rollout.current().map_or(Weight::FULL, |step| step.weight);
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

/// Makes the candidate stable. The former stable is kept: one rollback away.
pub(super) fn complete(
    state: &mut WorkloadState,
    mut done: Done,
    mark: &Mark,
    analysis: Option<AnalysisId>,
    against: Vec<String>,
) -> Done {
    let Some(rollout) = state.rollout.as_deref_mut() else { return done };
    let transition = rollout.enter(Phase::Completed, Turn::Completed, Weight::ZERO, mark);
    transition.analysis.clone_from(&analysis);
    transition.against.clone_from(&against);
    let summary = format!(
        "rollout {} completed: {} is stable now, {} is one rollback away",
        rollout.id, rollout.to, rollout.from
    );
    let mut notice = Notice::of(rollout, NoticeKind::Completed, "rollout", mark, summary.clone());
    notice.analysis.clone_from(&analysis);
    if let Some(first) = against.first() {
        notice.severity = Severity::Warning;
        notice.facts.push(("against".to_owned(), first.clone()));
    }
    state.previous = Some(std::mem::replace(&mut state.stable, rollout.to.clone()));
    state.candidate = None;
    state.weight = Weight::ZERO;
    state.cohorts.clear();
    // Pins to the candidate were to this release, which is stable's business from here on.
    state.opening += 1;
    done.entry.summary = summary;
    done.entry.analysis = analysis;
    done.entry.against = against;
    done.notices.push(notice);
    done
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
    active(state)?;
    let summary = command::close(spec, state, mark)?;
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
    let completed = state.rollout.as_ref().is_some_and(|it| it.phase == Phase::Completed);
    if completed && state.candidate.is_none() {
        return restore(spec, state, order, mark);
    }
    let summary = command::close(spec, state, mark)?;
    let mut done = Done::new(order, summary);
    end(state, &mut done, Phase::RolledBack, Turn::RolledBack, mark);
    Ok(done)
}

/// Marks the rollout under way, if there is one, as ended. The candidate is closed already.
pub(super) fn end(
    state: &mut WorkloadState,
    done: &mut Done,
    phase: Phase,
    turn: Turn,
    mark: &Mark,
) {
    let Ok(rollout) = active(state) else { return };
    rollout.enter(phase, turn, Weight::ZERO, mark);
    rollout.status = Status::default();
    let (kind, severity) = match turn {
        Turn::Aborted => (NoticeKind::Aborted, Severity::Warning),
        _ => (NoticeKind::RolledBack, Severity::Critical),
    };
    let ended = if turn == Turn::Aborted { "aborted" } else { "ended" };
    done.entry.summary = format!("rollout {} {ended}: {}", rollout.id, done.entry.summary);
    let why = if mark.reason.is_empty() { "no reason given" } else { &mark.reason };
    let title = format!("{}: {why}", done.entry.summary);
    let mut notice = Notice::of(rollout, kind, "rollout", mark, title);
    notice.severity = severity;
    done.notices.push(notice);
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
    let weight_before = std::mem::take(&mut state.weight);
    state.cohorts.clear();
    state.candidate = Some(former.clone());
    state.opening += 1;
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
    let summary = command::set_weight(state, weight)?;
    let mut done = Done::new(order, summary);
    done.entry.against = against;
    Ok(done)
}
