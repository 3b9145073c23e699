//! The commands on a rollout.

use super::aa;
use super::order::{Done, Order};
use super::promote::promote;
use super::start::start;
use super::transitions::{active, end};
use super::{Mark, Notice, NoticeKind, Phase, Rollout, RolloutRefusal, Turn};
use crate::command::change;
use crate::condemned::said_against;
use crate::{Closed, Command, Refusal, ReleaseName, Severity, Weight, WorkloadSpec, WorkloadState};

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
