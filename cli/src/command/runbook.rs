//! `stagegate runbook`: the page for a rollback, and the tasks after a release has all traffic.

use super::send::ConditionArgs;
use super::workload::{Workload, workload_path};
use crate::client::{AdminClient, Failure, segment, typed};
use crate::examples::examples;
use crate::output::table::{Table, wrapped};
use crate::output::{self, Format, moment, one_line};
use clap::{Args, Subcommand};
use serde_json::json;
use stagegate_api::{
    ActOnTask, RollbackRunbook, RunbookDetail, RunbookTaskState, TaskAct, TaskDone,
};
use std::fmt::Write;
use std::process::ExitCode;
use ureq::http::Method;

/// The commands below `runbook`.
#[derive(Subcommand, Debug)]
pub(crate) enum RunbookCommand {
    /// Show the tasks after a release got all traffic.
    #[command(after_help = examples!("runbook show support-agent"))]
    Show(ShowArgs),
    /// File that a task was done, with its result.
    #[command(after_help = examples!("runbook done support-agent answers-1h --text '98 of 100 are right'"))]
    Done(ActArgs),
    /// Give a task to somebody.
    #[command(after_help = examples!("runbook assign support-agent tenants-4h --text bea"))]
    Assign(ActArgs),
    /// Add a remark to a task.
    #[command(after_help = examples!("runbook comment support-agent tenants-4h --text 'acme asked for it'"))]
    Comment(ActArgs),
    /// Print the page for a rollback, with the exact commands of this deployment.
    #[command(after_help = examples!("runbook rollback support-agent > rollback.md", "runbook rollback support-agent --release v43"))]
    Rollback(RollbackArgs),
}

/// Options of `runbook show`.
#[derive(Args, Debug)]
pub(crate) struct ShowArgs {
    #[command(flatten)]
    workload: Workload,
}

/// Options of `runbook done`, `assign` and `comment`.
#[derive(Args, Debug)]
pub(crate) struct ActArgs {
    /// The workload.
    workload: String,
    /// The task's id, like `answers-1h`.
    task: String,
    /// The result, the new owner, or the remark; it is recorded.
    #[arg(long)]
    text: String,
    #[command(flatten)]
    conditions: ConditionArgs,
}

/// Options of `runbook rollback`.
#[derive(Args, Debug)]
pub(crate) struct RollbackArgs {
    #[command(flatten)]
    workload: Workload,
    /// The release; the one that is rolled out, or the candidate, if left out.
    #[arg(long)]
    release: Option<String>,
}

pub(crate) fn run(
    client: &AdminClient,
    command: &RunbookCommand,
    format: Format,
) -> Result<ExitCode, Failure> {
    match command {
        RunbookCommand::Show(args) => show(client, args, format),
        RunbookCommand::Done(args) => act(client, args, TaskAct::Done, format),
        RunbookCommand::Assign(args) => act(client, args, TaskAct::Assign, format),
        RunbookCommand::Comment(args) => act(client, args, TaskAct::Comment, format),
        RunbookCommand::Rollback(args) => rollback(client, args, format),
    }
}

fn show(client: &AdminClient, args: &ShowArgs, format: Format) -> Result<ExitCode, Failure> {
    let answer = client.get(&workload_path(args.workload.name(), "/runbook"))?;
    let runbook: RunbookDetail = typed(&answer)?;
    output::show(format, &answer, || text(&runbook));
    Ok(ExitCode::SUCCESS)
}

fn text(runbook: &RunbookDetail) -> String {
    let mut text = format!(
        "{}: {} has all traffic since {}, rollout {}\n",
        runbook.workload,
        runbook.release,
        moment(runbook.began_ms),
        runbook.rollout
    );
    if !runbook.active {
        text.push_str("! it was taken out, or the runbook is off: nothing is due any more\n");
    }
    let mut table = Table::new(["task", "state", "owner", "due", "result"]).whole([0, 1]);
    for task in &runbook.tasks {
        let result = task.done.as_ref().map(|it| format!("{} ({})", it.text, it.by));
        table.row(vec![
            task.id.clone(),
            task.state.to_string(),
            task.owner.clone(),
            moment(task.due_ms),
            result.unwrap_or_else(|| task.title.clone()),
        ]);
    }
    text.push_str(&table.to_string());
    let open = [RunbookTaskState::Due, RunbookTaskState::Overdue, RunbookTaskState::Failed];
    for task in runbook.tasks.iter().filter(|it| open.contains(&it.state)) {
        let line = format!("{} ({}): `{}`", task.id, task.state, task.hint);
        text.push_str(&wrapped(&one_line(&line), 2));
        for comment in &task.comments {
            let line = format!("{}, {}: {}", moment(comment.at_ms), comment.by, comment.text);
            text.push_str(&wrapped(&one_line(&line), 4));
        }
    }
    text
}

fn act(
    client: &AdminClient,
    args: &ActArgs,
    act: TaskAct,
    format: Format,
) -> Result<ExitCode, Failure> {
    let body = ActOnTask { act, text: args.text.clone() };
    let path = workload_path(&args.workload, &format!("/runbook/{}", segment(&args.task)));
    if args.conditions.dry_run {
        let answer = client.get(&workload_path(&args.workload, "/runbook"))?;
        let runbook: RunbookDetail = typed(&answer)?;
        let Some(task) = runbook.tasks.iter().find(|it| it.id == args.task) else {
            return Err(Failure::Usage(format!("there is no task `{}`", args.task)));
        };
        let told = json!({
            "dry_run": true, "task": task,
            "request": { "method": "POST", "path": path, "body": body },
        });
        output::show(format, &told, || {
            format!("task {} is {}, dry run: nothing was sent\n", task.id, task.state)
        });
        return Ok(ExitCode::SUCCESS);
    }
    let answer = client.send(&Method::POST, &path, &body, args.conditions.conditions())?;
    let done: TaskDone = typed(&answer)?;
    output::show(format, &answer, || {
        let mut text = String::new();
        let _ = writeln!(
            text,
            "{}: task {}, {}: {}\naudit record {}, by {}",
            done.workload,
            done.task,
            done.act,
            one_line(&done.text),
            done.audit_seq,
            one_line(&done.by)
        );
        text
    });
    Ok(ExitCode::SUCCESS)
}

fn rollback(
    client: &AdminClient,
    args: &RollbackArgs,
    format: Format,
) -> Result<ExitCode, Failure> {
    let release = args.release.as_deref().map(|it| format!("?release={}", segment(it)));
    let path = format!("/rollback-runbook{}", release.unwrap_or_default());
    let answer = client.get(&workload_path(args.workload.name(), &path))?;
    let page: RollbackRunbook = typed(&answer)?;
    output::show(format, &answer, || page.text.clone());
    Ok(ExitCode::SUCCESS)
}
