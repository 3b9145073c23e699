//! `/w/{workload}/runbook`: the tasks after a release has all traffic. `…/rollback`: the page that takes it back.

use super::{after_full, tabs, time};
use crate::ask::{path, with_query};
use crate::context::Dashboard;
use crate::form::Form;
use crate::frame::{self, secret};
use crate::refusal::Refusal;
use crate::secret::random;
use crate::visitor::Visitor;
use axum::extract::{Path, RawQuery, State};
use axum::response::Response;
use maud::{Markup, html};
use stagegate_api::{
    Role, RollbackRunbook, RunbookDetail, RunbookNote, RunbookTask, RunbookTaskKind,
    RunbookTaskState,
};

/// What a person does about a task: the verb, its button, and what is asked for.
const ACTS: [(&str, &str, &str); 3] = [
    ("done", "Done", "The result"),
    ("assign", "Assign", "The new owner"),
    ("comment", "Comment", "The remark"),
];

pub(crate) async fn page(
    State(dashboard): State<Dashboard>,
    Path(name): Path<String>,
    visitor: Visitor,
) -> Result<Response, Refusal> {
    let shown = after_full(&dashboard, &visitor, (&name, "runbook"), tasks).await?;
    let body = html! {
        h1 { "Runbook of " a href=(path(&["w", &name])) { (name) } }
        (tabs(&name, "runbook"))
        (shown)
        p { a href=(path(&["w", &name, "runbook", "rollback"])) { "How to roll back, command by command" } }
    };
    Ok(frame::page(&visitor, "/", "Runbook", &body))
}

fn tasks(runbook: &RunbookDetail, visitor: &Visitor) -> Markup {
    let key = random().unwrap_or_default();
    let may_change = visitor.role_for(&runbook.workload) != Role::Viewer;
    html! {
        (sentence(runbook))
        p.dim.asof {
            strong { (runbook.release) } " has had all traffic since " (time(runbook.began_ms)) ", rollout "
            a href=(path(&["w", &runbook.workload, "report", &runbook.rollout])) { (runbook.rollout) }
        }
        div.scroll tabindex="0" { table {
            caption { "Tasks, in the order in which they are due" }
            thead { tr {
                th.n scope="col" { "Hour" } th scope="col" { "Task" } th scope="col" { "State" }
                th scope="col" { "What is to be done, and what was found" } th scope="col" { "Owner" }
            } }
            tbody { @for task in &runbook.tasks {
                tr id=(task.id) {
                    td.n { (task.hour) }
                    th.nowrap scope="row" { (task.id) }
                    td class=(tone(task.state)) { strong { (task.state) } br; span.dim { "due " (time(task.due_ms)) } }
                    td.text {
                        (task.title) br; span.dim { (kind(task.kind)) ": " code { (task.hint) } }
                        @if let Some(done) = &task.done { (note("Result", done)) }
                        @for comment in &task.comments { (note("Remark", comment)) }
                        @if may_change && runbook.active { (acts(visitor, runbook, task, &key)) }
                    }
                    td { (task.owner) }
                }
            } }
        } }
        p.dim { "Calendar of the tasks of people: " code { (path(&["v1", "workloads", &runbook.workload, "runbook.ics"])) } }
    }
}

fn sentence(runbook: &RunbookDetail) -> Markup {
    let count =
        |state: RunbookTaskState| runbook.tasks.iter().filter(|it| it.state == state).count();
    let [overdue, failed, due, done] = [
        RunbookTaskState::Overdue,
        RunbookTaskState::Failed,
        RunbookTaskState::Due,
        RunbookTaskState::Done,
    ]
    .map(count);
    let (tone, verb) = match (runbook.active, failed, overdue, due) {
        (false, ..) => ("", "Over: the release was taken out"),
        (_, 1.., _, _) => ("bad", "Look: a task found something"),
        (_, _, 1.., _) => ("warn", "Overdue"),
        (_, _, _, 1..) => ("warn", "Due now"),
        _ => ("good", "Nothing is due"),
    };
    html! {
        p class={ "sentence " (tone) } role="status" {
            strong { (verb) ". " }
            (done) " of " (runbook.tasks.len()) " tasks done, " (failed) " found something, " (overdue) " overdue, " (due) " due."
        }
    }
}

const fn tone(state: RunbookTaskState) -> &'static str {
    match state {
        RunbookTaskState::Done => "good",
        RunbookTaskState::Failed => "bad",
        RunbookTaskState::Due | RunbookTaskState::Overdue => "warn",
        RunbookTaskState::Scheduled => "dim",
    }
}

const fn kind(kind: RunbookTaskKind) -> &'static str {
    match kind {
        RunbookTaskKind::Automatic => "Stagegate does it",
        RunbookTaskKind::Assisted => "Stagegate has the figures, a person judges",
        RunbookTaskKind::Manual => "A person does it",
    }
}

fn note(title: &str, note: &RunbookNote) -> Markup {
    html! { br; (title) ": " (note.text) " " span.dim { "(" (note.by) ", " (time(note.at_ms)) ")" } }
}

fn acts(visitor: &Visitor, runbook: &RunbookDetail, task: &RunbookTask, key: &str) -> Markup {
    html! {
        @for (act, button, what) in ACTS {
            @if act != "done" || task.state != RunbookTaskState::Done {
                @let id = format!("{}-{act}", task.id);
                details { summary.link { (button) }
                    form.row method="post" action=(path(&["w", &runbook.workload, "tasks", &task.id])) {
                        (secret(visitor))
                        input type="hidden" name="key" value={ (key) "-" (id) };
                        input type="hidden" name="act" value=(act);
                        label for=(id) { (what) }
                        input id=(id) name="text" required maxlength="500" autocomplete="off";
                        button type="submit" { (button) ": " (task.id) }
                    }
                }
            }
        }
    }
}

/// The rollback runbook, as it is signed.
pub(crate) async fn rollback(
    State(dashboard): State<Dashboard>,
    Path(name): Path<String>,
    RawQuery(query): RawQuery,
    visitor: Visitor,
) -> Result<Response, Refusal> {
    let form = Form::read(query.unwrap_or_default().as_bytes());
    let at = path(&["v1", "workloads", &name, "rollback-runbook"]);
    let at = with_query(&at, &[("release", form.get("release"))]);
    let page: RollbackRunbook = dashboard.api.get(&visitor, &at).await?;
    let body = html! {
        h1 { "Roll back " a href=(path(&["w", &name])) { (name) } }
        (tabs(&name, "runbook"))
        p.dim { "The text that check C15 asks a person to sign. SHA-256 " code { (page.sha256) } }
        pre tabindex="0" { (page.text) }
    };
    Ok(frame::page(&visitor, "/", "Roll back", &body))
}
