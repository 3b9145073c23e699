//! `stagegate audit`: the record of every change, and whether it is whole.

use super::workload::OnlyWorkload;
use crate::client::{AdminClient, Failure, segment, typed};
use crate::examples::examples;
use crate::output::table::{clip, wrapped};
use crate::output::{self, Format, grouped, moment, one_line};
use clap::{Args, Subcommand};
use stagegate_api::{Audit, AuditCheck};
use std::fmt::Write;
use std::process::ExitCode;

/// The commands below `audit`.
#[derive(Subcommand, Debug)]
pub(crate) enum AuditCommand {
    /// List the newest records.
    #[command(after_help = examples!("audit ls", "audit ls support-agent -n 50"))]
    Ls(ListArgs),
    /// Check that no record was changed, removed or inserted.
    #[command(after_help = examples!("audit verify"))]
    Verify,
}

/// Options of `audit ls`.
#[derive(Args, Debug)]
pub(crate) struct ListArgs {
    #[command(flatten)]
    workload: OnlyWorkload,
    /// Only changes by this actor.
    #[arg(long)]
    actor: Option<String>,
    /// Only records before this number.
    #[arg(long, value_name = "SEQ")]
    before: Option<u64>,
    /// At most this many.
    #[arg(short = 'n', long, default_value_t = 20)]
    limit: u32,
}

pub(crate) fn run(
    client: &AdminClient,
    command: &AuditCommand,
    format: Format,
) -> Result<ExitCode, Failure> {
    match command {
        AuditCommand::Ls(args) => list(client, args, format),
        AuditCommand::Verify => verify(client, format),
    }
}

fn list(client: &AdminClient, args: &ListArgs, format: Format) -> Result<ExitCode, Failure> {
    let mut path = format!("/v1/audit?limit={}", args.limit);
    let before = args.before.map(|seq| seq.to_string());
    let workload = args.workload.name().map(str::to_owned);
    for (name, value) in [("workload", &workload), ("actor", &args.actor), ("before", &before)] {
        if let Some(value) = value {
            let _ = write!(path, "&{name}={}", segment(value));
        }
    }
    let answer = client.get(&path)?;
    let audit: Audit = typed(&answer)?;
    output::show(format, &answer, || table(&audit));
    Ok(ExitCode::SUCCESS)
}

/// Two lines a record: who and when, then what and why.
pub(super) fn table(audit: &Audit) -> String {
    let mut text = String::new();
    for entry in &audit.entries {
        let what = if entry.summary.is_empty() { &entry.action } else { &entry.summary };
        let of = entry.workload.as_ref().map_or(String::new(), |it| format!("{}: ", one_line(it)));
        let why = match entry.reason.as_str() {
            "" => String::new(),
            reason => format!(" ({})", clip(reason)),
        };
        let _ = writeln!(
            text,
            "{:>5}  {}  by {}",
            entry.seq,
            moment(entry.at_ms),
            one_line(&entry.actor)
        );
        text.push_str(&wrapped(&format!("{of}{}{why}", clip(what)), 7));
    }
    if text.is_empty() {
        text.push_str("no records\n");
    }
    if let Some(before) = audit.next_before {
        let _ = writeln!(text, "older: --before {before}");
    }
    text
}

fn verify(client: &AdminClient, format: Format) -> Result<ExitCode, Failure> {
    let answer = client.get("/v1/audit/verify")?;
    let check: AuditCheck = typed(&answer)?;
    output::show(format, &answer, || {
        if check.intact {
            let head = check.head.as_deref().unwrap_or("none yet");
            format!("audit is whole: {} records, newest hash {head}\n", grouped(check.entries))
        } else {
            format!(
                "AUDIT IS BROKEN at record {}: {}\n{} records before it are whole\n",
                check.broken_at.map_or_else(|| "?".to_owned(), |seq| seq.to_string()),
                check.problem.as_deref().unwrap_or("it does not verify"),
                grouped(check.entries)
            )
        }
    });
    Ok(if check.intact { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}
