//! `stagegate handoff`: the pack with which a release goes to the people on call.

use super::report::{Written, deliver};
use super::send::ConditionArgs;
use super::workload::workload_path;
use crate::client::{AdminClient, Failure, typed};
use crate::examples::examples;
use crate::output::table::wrapped;
use crate::output::{self, Format, moment, one_line};
use clap::{Args, Subcommand};
use serde_json::json;
use stagegate_api::{ActOnHandoff, HandoffDetail, HandoffDone, HandoffPartName, HandoffState};
use std::fmt::Write as _;
use std::path::PathBuf;
use std::process::ExitCode;
use ureq::http::Method;

/// The commands below `handoff`.
#[derive(Subcommand, Debug)]
pub(crate) enum HandoffCommand {
    /// Show the parts of the pack and what is missing, or write the pack.
    #[command(after_help = examples!("handoff show support-agent", "handoff show support-agent --format html --out handoff.html"))]
    Show(ShowArgs),
    /// Say what a part is: owners, issues, thresholds, retrospective.
    #[command(after_help = examples!("handoff tell support-agent owners --text 'ann, bea'", "handoff tell support-agent issues --text 'slow refunds; bea; 2026-12-20'"))]
    Tell(TellArgs),
    /// Complete it; refused while a part is missing.
    #[command(after_help = examples!("handoff complete support-agent"))]
    Complete(CompleteArgs),
}

/// Options of `handoff show`.
#[derive(Args, Debug)]
pub(crate) struct ShowArgs {
    /// The workload.
    workload: String,
    /// Write the whole pack, with the rollback runbook and the deploy report.
    #[arg(long, value_enum)]
    format: Option<Written>,
    /// Write it into this file.
    #[arg(long, value_name = "FILE", requires = "format")]
    out: Option<PathBuf>,
    /// End with exit code 1 while a part is missing.
    #[arg(long)]
    check: bool,
}

/// Options of `handoff tell`.
#[derive(Args, Debug)]
pub(crate) struct TellArgs {
    /// The workload.
    workload: String,
    /// The part: owners, issues, thresholds or retrospective.
    part: String,
    /// What it is; it is recorded.
    #[arg(long)]
    text: String,
    #[command(flatten)]
    conditions: ConditionArgs,
}

/// Options of `handoff complete`.
#[derive(Args, Debug)]
pub(crate) struct CompleteArgs {
    /// The workload.
    workload: String,
    #[command(flatten)]
    conditions: ConditionArgs,
}

pub(crate) fn run(
    client: &AdminClient,
    command: &HandoffCommand,
    format: Format,
) -> Result<ExitCode, Failure> {
    match command {
        HandoffCommand::Show(args) => show(client, args, format),
        HandoffCommand::Tell(args) => {
            let known = HandoffPartName::from_word(&args.part);
            let part = known.ok_or_else(|| {
                let all: Vec<&str> = HandoffPartName::ALL.iter().map(|it| it.as_str()).collect();
                let (given, all) = (&args.part, all.join(", "));
                Failure::Usage(format!("there is no part `{given}`; there are: {all}"))
            })?;
            let body = ActOnHandoff::Tell { part, text: args.text.clone() };
            act(client, (&args.workload, &args.conditions), &body, format)
        }
        HandoffCommand::Complete(args) => {
            let to = (args.workload.as_str(), &args.conditions);
            act(client, to, &ActOnHandoff::Complete {}, format)
        }
    }
}

fn show(client: &AdminClient, args: &ShowArgs, format: Format) -> Result<ExitCode, Failure> {
    let path = workload_path(&args.workload, "/handoff");
    let answer = client.get(&path)?;
    let pack: HandoffDetail = typed(&answer)?;
    let written = match args.format {
        None => None,
        Some(Written::Json) => Some(output::json(&answer)),
        Some(Written::Md) => Some(client.text(&format!("{path}?format=md"))?),
        Some(Written::Html) => Some(client.text(&format!("{path}?format=html"))?),
    };
    match written {
        None => output::show(format, &answer, || text(&pack)),
        Some(text) => deliver(&text, args.out.as_deref())?,
    }
    let lacks = pack.parts.iter().any(|it| !it.is_there);
    Ok(if args.check && lacks { ExitCode::FAILURE } else { ExitCode::SUCCESS })
}

fn text(pack: &HandoffDetail) -> String {
    let there = pack.parts.iter().filter(|it| it.is_there).count();
    let mut text = format!(
        "{}: hand-off of {}, rollout {}: {there} of {} parts are there\n",
        pack.workload,
        pack.release,
        pack.rollout,
        pack.parts.len()
    );
    if let (Some(by), Some(at_ms)) = (&pack.completed_by, pack.completed_at_ms) {
        let _ = writeln!(text, "complete: by {} at {}", one_line(by), moment(at_ms));
    } else if pack.state == HandoffState::Over {
        text.push_str("! it was taken out: there is nothing to hand over any more\n");
    }
    for part in &pack.parts {
        let mark = if part.is_there { "  " } else { "! " };
        let _ = writeln!(text, "{mark}{:<14}{}", part.id, part.title);
        for line in &part.seen {
            text.push_str(&wrapped(&one_line(line), 16));
        }
        if !part.remedy.is_empty() {
            text.push_str(&wrapped(&one_line(&format!("-> {}", part.remedy)), 16));
        }
    }
    text
}

fn act(
    client: &AdminClient,
    (workload, conditions): (&str, &ConditionArgs),
    body: &ActOnHandoff,
    format: Format,
) -> Result<ExitCode, Failure> {
    let path = workload_path(workload, "/handoff");
    if conditions.dry_run {
        let pack: HandoffDetail = typed(&client.get(&path)?)?;
        let lacks: Vec<&str> =
            pack.parts.iter().filter(|it| !it.is_there).map(|it| it.id.as_str()).collect();
        let told = json!({
            "dry_run": true, "missing": lacks,
            "request": { "method": "POST", "path": path, "body": body },
        });
        let refused = *body == ActOnHandoff::Complete {} && !lacks.is_empty();
        output::show(format, &told, || match refused {
            true => {
                format!("refused: missing are {}, dry run: nothing was sent\n", lacks.join(", "))
            }
            false => "dry run: nothing was sent\n".to_owned(),
        });
        return Ok(if refused { ExitCode::FAILURE } else { ExitCode::SUCCESS });
    }
    let answer = client.send(&Method::POST, &path, body, conditions.conditions())?;
    let done: HandoffDone = typed(&answer)?;
    output::show(format, &answer, || {
        let what = match (&done.part, &done.text) {
            (Some(part), Some(text)) => format!("{part}: {}", one_line(text)),
            _ => "the hand-off is complete".to_owned(),
        };
        format!(
            "{}: {what}\naudit record {}, by {}\n",
            done.workload,
            done.audit_seq,
            one_line(&done.by)
        )
    });
    Ok(ExitCode::SUCCESS)
}
