//! Changes of a rollout that commands and verdicts share.

use super::order::Done;
use super::{Mark, Notice, NoticeKind, Phase, Rollout, RolloutRefusal, Status, Turn};
use crate::{AnalysisId, Severity, Weight, WorkloadState};

/// The active rollout.
pub(super) fn active(state: &mut WorkloadState) -> Result<&mut Rollout, RolloutRefusal> {
    state.rollout.as_deref_mut().filter(|rollout| rollout.is_active()).ok_or(RolloutRefusal::None)
}

/// Refuses a start while a rollout is active or the workload is killed.
pub(super) fn may_start(state: &mut WorkloadState) -> Result<(), RolloutRefusal> {
    if let Ok(rollout) = active(state) {
        return Err(RolloutRefusal::Active { id: rollout.id.clone(), phase: rollout.phase });
    }
    if state.killed.is_some() { Err(RolloutRefusal::Killed) } else { Ok(()) }
}

/// Makes the candidate stable. Keeps the former stable release, so that a rollback can restore it.
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
    state.condemned.remove(&state.stable);
    state.candidate = None;
    state.weight = Weight::ZERO;
    state.cohorts.clear();
    // The candidate's pins are void: its release is stable now.
    state.generation += 1;
    done.entry.summary = summary;
    done.entry.analysis = analysis;
    done.entry.against = against;
    done.notices.push(notice);
    done
}

/// Ends the active rollout, if there is one. The caller has closed the candidate.
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
