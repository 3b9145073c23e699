//! `stagegate queue`: requests that came while a workload was killed.

use super::send::ConditionArgs;
use super::workload::{Workload, workload_path};
use crate::client::{AdminClient, Failure, segment, typed};
use crate::examples::examples;
use crate::output::table::Table;
use crate::output::{self, Format, grouped, moment, one_line};
use clap::{Args, Subcommand};
use serde_json::json;
use stagegate_api::{OptionalReason, QueueDetail, QueueDropped, QueueEntryDetail, QueueState};
use std::fmt::Write as _;
use std::process::ExitCode;
use ureq::http::Method;

/// The commands below `queue`.
#[derive(Subcommand, Debug)]
pub(crate) enum QueueCommand {
    /// List the requests of a workload's queue, oldest first.
    #[command(after_help = examples!("queue ls support-agent", "queue ls support-agent --after 500"))]
    Ls(LsArgs),
    /// Show one request, with what was asked while it waits.
    #[command(after_help = examples!("queue show support-agent 0f3c9a0d4be1c2a75d8e6f1b2a3c4d5e"))]
    Show(ShowArgs),
    /// Take a request out: it will never be sent, and its caller is told so.
    #[command(after_help = examples!("queue drop support-agent 0f3c9a0d4be1c2a75d8e6f1b2a3c4d5e --reason 'asked twice'"))]
    Drop(DropArgs),
}

/// Options of `queue ls`.
#[derive(Args, Debug)]
pub(crate) struct LsArgs {
    #[command(flatten)]
    workload: Workload,
    /// Only entries behind this place, as the last line of a page says.
    #[arg(long, value_name = "PLACE", default_value_t = 0)]
    after: u64,
    /// Most entries, 1 to 500.
    #[arg(short = 'n', long, default_value_t = 100, value_parser = clap::value_parser!(u64).range(1..=500))]
    limit: u64,
}

/// Options of `queue show`.
#[derive(Args, Debug)]
pub(crate) struct ShowArgs {
    /// The workload.
    workload: String,
    /// Id of the request.
    id: String,
}

/// Options of `queue drop`.
#[derive(Args, Debug)]
pub(crate) struct DropArgs {
    /// The workload.
    workload: String,
    /// Id of the request.
    id: String,
    /// The reason; it is recorded.
    #[arg(long)]
    reason: Option<String>,
    #[command(flatten)]
    conditions: ConditionArgs,
}

pub(crate) fn run(
    client: &AdminClient,
    command: &QueueCommand,
    format: Format,
) -> Result<ExitCode, Failure> {
    match command {
        QueueCommand::Ls(args) => list(client, args, format),
        QueueCommand::Show(args) => show(client, args, format),
        QueueCommand::Drop(args) => drop_one(client, args, format),
    }
}

fn list(client: &AdminClient, args: &LsArgs, format: Format) -> Result<ExitCode, Failure> {
    let path = format!("/queue?after={}&limit={}", args.after, args.limit);
    let answer = client.get(&workload_path(args.workload.name(), &path))?;
    let queue: QueueDetail = typed(&answer)?;
    output::show(format, &answer, || text(&queue));
    Ok(ExitCode::SUCCESS)
}

fn text(queue: &QueueDetail) -> String {
    let it = &queue.figures;
    let mut text = format!(
        "{}: {} wait, {} bytes on disk; since the start {} answered, {} refused, {} unknown, {} dropped, {} expired\n",
        queue.workload,
        grouped(it.waiting),
        grouped(it.bytes),
        grouped(it.answered),
        grouped(it.refused),
        grouped(it.unknown),
        grouped(it.dropped),
        grouped(it.expired)
    );
    if !queue.enabled {
        text.push_str("the kill switch of this workload stores no requests: `kill_switch.fallback.queue` does\n");
    }
    if queue.entries.is_empty() {
        return text;
    }
    let mut table = Table::new(["place", "id", "state", "request", "came", "status"]).whole([1, 2]);
    for entry in &queue.entries {
        table.row(vec![
            entry.seq.to_string(),
            entry.id.clone(),
            entry.state.to_string(),
            one_line(&entry.line),
            moment(entry.created_ms),
            entry.status.map_or_else(|| "-".to_owned(), |it| it.to_string()),
        ]);
    }
    text.push_str(&table.to_string());
    if let Some(after) = queue.next_after {
        let _ = writeln!(text, "there are more: --after {after}");
    }
    text
}

fn show(client: &AdminClient, args: &ShowArgs, format: Format) -> Result<ExitCode, Failure> {
    let answer = client.get(&entry_path(&args.workload, &args.id))?;
    let detail: QueueEntryDetail = typed(&answer)?;
    output::show(format, &answer, || {
        let entry = &detail.entry;
        let mut text = format!(
            "{} {}: {}, came {}, {} since {}, {} tries\n",
            detail.workload,
            entry.id,
            one_line(&entry.line),
            moment(entry.created_ms),
            entry.state,
            moment(entry.changed_ms),
            entry.tries
        );
        match &detail.request {
            Some(request) => {
                let _ = writeln!(text, "request {}\n", one_line(&request.request_id));
                for line in request.head.lines().chain([""]).chain(request.body.lines()) {
                    let _ = writeln!(text, "  {}", one_line(line));
                }
            }
            None if entry.state == QueueState::Waiting => {
                text.push_str("! the key of the configuration does not open it\n");
            }
            None => {}
        }
        text
    });
    Ok(ExitCode::SUCCESS)
}

fn drop_one(client: &AdminClient, args: &DropArgs, format: Format) -> Result<ExitCode, Failure> {
    let path = entry_path(&args.workload, &args.id);
    let body = OptionalReason { reason: args.reason.clone() };
    if args.conditions.dry_run {
        let detail: QueueEntryDetail = typed(&client.get(&path)?)?;
        let told = json!({
            "dry_run": true, "entry": detail.entry,
            "request": { "method": "DELETE", "path": path, "body": body },
        });
        output::show(format, &told, || {
            format!("{} is {}, dry run: nothing was sent\n", args.id, detail.entry.state)
        });
        return Ok(ExitCode::SUCCESS);
    }
    let answer = client.send(&Method::DELETE, &path, &body, args.conditions.conditions())?;
    let dropped: QueueDropped = typed(&answer)?;
    output::show(format, &answer, || {
        format!(
            "{}: {} ({}) will not be sent\naudit record {}, by {}\n",
            dropped.workload,
            dropped.id,
            one_line(&dropped.line),
            dropped.audit_seq,
            one_line(&dropped.by)
        )
    });
    Ok(ExitCode::SUCCESS)
}

fn entry_path(workload: &str, id: &str) -> String {
    workload_path(workload, &format!("/queue/{}", segment(id)))
}

#[cfg(test)]
mod tests {
    use super::text;
    use stagegate_api::{QueueDetail, QueueEntry, QueueFigures, QueueState};

    #[test]
    fn a_queue_says_what_waits_and_where_the_next_page_is() {
        let entry = QueueEntry {
            seq: 7,
            id: "0f".repeat(16),
            state: QueueState::Answered,
            line: "POST /v1/tasks\u{1b}[31m".into(),
            created_ms: 0,
            changed_ms: 0,
            expires_ms: 1,
            tries: 1,
            status: Some(200),
            bytes: 10,
        };
        let figures = QueueFigures { waiting: 1234, answered: 1, ..QueueFigures::default() };
        let mut queue = QueueDetail {
            workload: "agent".into(),
            enabled: true,
            figures,
            entries: vec![entry],
            next_after: Some(7),
        };
        let shown = text(&queue);
        assert!(shown.contains("1,234 wait") && shown.contains("--after 7"), "{shown}");
        assert!(shown.contains("answered") && !shown.contains('\u{1b}'), "{shown}");
        (queue.enabled, queue.entries) = (false, Vec::new());
        assert!(text(&queue).contains("kill_switch.fallback.queue"));
    }
}
