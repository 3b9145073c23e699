//! `stagegate runbook`: what to do, line by line.

use super::workload::{Workload, workload_path};
use crate::client::{AdminClient, Failure, segment, typed};
use crate::examples::examples;
use crate::output::{self, Format};
use clap::{Args, Subcommand};
use stagegate_api::RollbackRunbook;
use std::process::ExitCode;

/// The commands below `runbook`.
#[derive(Subcommand, Debug)]
pub(crate) enum RunbookCommand {
    /// Print the page for a rollback, with the exact commands of this deployment.
    #[command(after_help = examples!("runbook rollback support-agent > rollback.md", "runbook rollback support-agent --release v43"))]
    Rollback(RollbackArgs),
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
    let RunbookCommand::Rollback(args) = command;
    let release = args.release.as_deref().map(|it| format!("?release={}", segment(it)));
    let path = format!("/rollback-runbook{}", release.unwrap_or_default());
    let answer = client.get(&workload_path(args.workload.name(), &path))?;
    let page: RollbackRunbook = typed(&answer)?;
    output::show(format, &answer, || page.text.clone());
    Ok(ExitCode::SUCCESS)
}
