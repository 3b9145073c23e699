//! Hand-offs, from and to the wire.

use stagegate_api::{
    HandoffAct, HandoffDetail, HandoffDone, HandoffPart, HandoffPartName, HandoffState,
};
use stagegate_control as control;
use stagegate_readiness::{HandoffEvent, PartLine};

/// The hand-off of a workload.
#[must_use]
pub fn handoff(of: control::Handoff) -> HandoffDetail {
    let (by, at_ms) = of.completed.unzip();
    HandoffDetail {
        state: match (by.is_some(), of.active) {
            (true, _) => HandoffState::Complete,
            (false, true) => HandoffState::Open,
            (false, false) => HandoffState::Over,
        },
        workload: of.workload,
        rollout: of.rollout,
        release: of.release,
        ticket: of.ticket,
        completed_by: by,
        completed_at_ms: at_ms,
        parts: of.parts.into_iter().map(part).collect(),
        rollback_runbook: of.rollback,
    }
}

fn part(line: PartLine) -> HandoffPart {
    let (by, at_ms) = line.by.unzip();
    HandoffPart {
        id: line.part.id().to_owned(),
        title: line.part.title().to_owned(),
        is_there: line.is_there,
        is_told: line.part.is_told(),
        seen: line.seen,
        remedy: line.remedy,
        by,
        at_ms,
    }
}

/// What was done about a hand-off.
#[must_use]
pub fn handoff_made(of: &control::HandoffMade) -> HandoffDone {
    let (act, part, text) = match &of.note.event {
        HandoffEvent::Told { part, text } => {
            (HandoffAct::Tell, HandoffPartName::from_word(part), Some(text.clone()))
        }
        HandoffEvent::Completed => (HandoffAct::Complete, None, None),
    };
    HandoffDone {
        workload: of.workload.clone(),
        rollout: of.rollout.clone(),
        act,
        part,
        text,
        by: of.note.by.clone(),
        audit_seq: of.audit_seq,
    }
}
