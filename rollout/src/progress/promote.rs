//! A promotion, and the evidence that permits it.

use super::order::{Done, Order};
use super::transitions::{active, complete};
use super::{Mark, Notice, NoticeKind, Phase, Rollout, RolloutRefusal, Status, Turn};
use crate::{Analysis, AnalysisId, Refusal, Severity, Verdict, WorkloadState};

/// Evidence older than this does not permit a promotion: the measurement has stopped.
const OUTDATED_MS: u64 = 120_000;

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

pub(super) fn promote(
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
