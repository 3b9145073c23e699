//! More keys on stable while it is not known whether stable fails too.

use super::order::Done;
use super::{Mark, Notice, NoticeKind, Phase};
use crate::{Action, Analysis, Gate, Severity, Span, WorkloadState};

/// The time for which the larger holdback stays at least, in milliseconds: conversations begin slowly.
const LEAST_MS: u64 = 600_000;

/// Makes the holdback larger while a violation at the last step is in doubt, and smaller again afterwards. A weight
/// that somebody set by hand stays.
pub(super) fn act(state: &mut WorkloadState, analysis: &Analysis, now_ms: u64) -> Option<Done> {
    let WorkloadState { rollout, weight, .. } = state;
    let rollout = rollout.as_deref_mut().filter(|it| it.phase == Phase::Watching)?;
    let usual = rollout.policy.weight_at(rollout.step);
    let wide = rollout.policy.weight_in_doubt()?;
    let since = rollout.status.in_doubt_ms;
    let (next, kind, title, reason) = match (&analysis.in_doubt, since) {
        (Some(gate), None) if *weight == usual => {
            let title = format!(
                "gate {gate} is violated at {usual}, and it is not known whether stable fails too: \
                 {} of the keys go to {} until it is",
                rollout.policy.holdback_in_doubt, rollout.from
            );
            (wide, NoticeKind::GateAlert, title, "to compare with stable at the same time")
        }
        (None, Some(since)) if *weight == wide && now_ms.saturating_sub(since) >= LEAST_MS => {
            let title = format!("the holdback is {} again", rollout.policy.holdback);
            (usual, NoticeKind::Recovered, title, "no gate is in doubt")
        }
        // Somebody set another weight in between.
        (None, Some(_)) if *weight != wide => {
            rollout.status.in_doubt_ms = None;
            return None;
        }
        _ => return None,
    };
    let mark = Mark::itself(reason.to_owned(), now_ms);
    let mut done = Done::of(Action::Analysis, &mark, analysis);
    let mut notice = Notice::of(rollout, kind, "holdback", &mark, title.clone());
    notice.severity = Severity::Warning;
    let is_in_doubt = |it: &&Gate| analysis.in_doubt.as_ref() == Some(&it.id());
    if let Some(gate) = rollout.policy.gates.iter().find(is_in_doubt) {
        notice.axis = Some(gate.axis);
        notice.owner.clone_from(&gate.owner);
    }
    notice.gate.clone_from(&analysis.in_doubt);
    notice.analysis = Some(analysis.id.clone());
    if let Some(since) = since {
        notice.facts.push(("lasted".to_owned(), Span(now_ms.saturating_sub(since)).to_string()));
    }
    rollout.status.in_doubt_ms = since.is_none().then_some(now_ms);
    done.entry.summary = format!("weight {} -> {next}: {title}", *weight);
    done.notices.push(notice);
    *weight = next;
    Some(done)
}
