//! Runbooks, from and to the wire.

use stagegate_api::{
    RunbookDetail, RunbookNote, RunbookTask, RunbookTaskKind, RunbookTaskState, TaskAct, TaskDone,
};
use stagegate_control as control;
use stagegate_readiness::{TaskEvent, TaskKind, TaskLine, TaskNote, TaskState};

/// The runbook of a workload.
#[must_use]
pub fn runbook(of: &control::Runbook) -> RunbookDetail {
    RunbookDetail {
        workload: of.workload.clone(),
        rollout: of.rollout.clone(),
        release: of.release.clone(),
        began_ms: of.began_ms,
        active: of.active,
        tasks: of.tasks.iter().map(|line| task(&of.workload, line)).collect(),
    }
}

fn task(workload: &str, line: &TaskLine) -> RunbookTask {
    RunbookTask {
        id: line.task.id.to_owned(),
        hour: line.task.hour,
        kind: match line.task.kind() {
            TaskKind::Automatic => RunbookTaskKind::Automatic,
            TaskKind::Assisted => RunbookTaskKind::Assisted,
            TaskKind::Manual => RunbookTaskKind::Manual,
        },
        title: line.task.title.to_owned(),
        hint: line.task.command.replace("WORKLOAD", workload),
        owner: line.owner.clone(),
        due_ms: line.due_ms,
        state: match line.state {
            TaskState::Scheduled => RunbookTaskState::Scheduled,
            TaskState::Due => RunbookTaskState::Due,
            TaskState::Overdue => RunbookTaskState::Overdue,
            TaskState::Failed => RunbookTaskState::Failed,
            TaskState::Done => RunbookTaskState::Done,
        },
        done: line.result.as_ref().map(noted),
        comments: line.comments.iter().map(noted).collect(),
    }
}

fn noted(note: &TaskNote) -> RunbookNote {
    RunbookNote { text: said(&note.event).1, by: note.by.clone(), at_ms: note.at_ms }
}

fn said(event: &TaskEvent) -> (TaskAct, String) {
    match event {
        TaskEvent::Filed { result, .. } | TaskEvent::Done { result } => {
            (TaskAct::Done, result.clone())
        }
        TaskEvent::Assigned { owner } => (TaskAct::Assign, owner.clone()),
        TaskEvent::Comment { text } => (TaskAct::Comment, text.clone()),
        TaskEvent::Overdue => (TaskAct::Comment, "overdue".to_owned()),
    }
}

/// What was done about a task.
#[must_use]
pub fn task_made(of: &control::TaskMade) -> TaskDone {
    let (act, text) = said(&of.note.event);
    TaskDone {
        workload: of.workload.clone(),
        rollout: of.rollout.clone(),
        task: of.note.task.clone(),
        act,
        text,
        by: of.note.by.clone(),
        audit_seq: of.audit_seq,
    }
}

/// Converts a submitted act.
#[must_use]
pub fn given_act(act: TaskAct, text: String) -> TaskEvent {
    match act {
        TaskAct::Done => TaskEvent::Done { result: text },
        TaskAct::Assign => TaskEvent::Assigned { owner: text },
        TaskAct::Comment => TaskEvent::Comment { text },
    }
}
