//! `stagegate checklist`: the checks before a rollout, and what people say about them.

mod fetch;
mod said;
mod text;

pub(crate) use said::{AttachArgs, SignArgs, WaiveArgs, WithdrawArgs};

pub(super) use fetch::fetch;

use super::workload::{Workload, workload_path};
use crate::client::{AdminClient, Failure, segment, typed};
use crate::examples::examples;
use crate::output::{self, Format};
use clap::{Args, Subcommand};
use stagegate_api::Statements;
use std::process::ExitCode;

/// The commands below `checklist`.
#[derive(Subcommand, Debug)]
pub(crate) enum ChecklistCommand {
    /// Judge every check of a release now.
    #[command(after_help = examples!("checklist show support-agent", "checklist show support-agent --release v43 --check  # exit code 1 while a check is open"))]
    Show(ShowArgs),
    /// Say yes to a check, by name.
    #[command(after_help = examples!("checklist sign support-agent F28 --reason 'no visible change'", "checklist sign support-agent F30 --date 2026-12-05"))]
    Sign(SignArgs),
    /// Hand over evidence for a check. Only the name and digest of a file are sent.
    #[command(after_help = examples!("checklist attach support-agent A3 --file red-team.pdf --link https://wiki/42", "checklist attach support-agent A2 --file coverage.json"))]
    Attach(AttachArgs),
    /// Accept that a check is open: by name, with a reason and an end.
    #[command(after_help = examples!("checklist waive support-agent C11 --reason 'drill tomorrow' --expires 2d"))]
    Waive(WaiveArgs),
    /// Take back what was said about a check.
    #[command(after_help = examples!("checklist withdraw support-agent C11 --reason 'the drill was held'"))]
    Withdraw(WithdrawArgs),
    /// List everything that was said about a release's checks.
    #[command(after_help = examples!("checklist history support-agent --release v43"))]
    History(HistoryArgs),
}

/// Options of `checklist show`.
#[derive(Args, Debug)]
pub(crate) struct ShowArgs {
    #[command(flatten)]
    workload: Workload,
    /// The release; the one that is rolled out, or the candidate, if left out.
    #[arg(long)]
    release: Option<String>,
    /// Judge the gates and steps of this policy.
    #[arg(long)]
    policy: Option<String>,
    /// End with exit code 1 while a check is open.
    #[arg(long)]
    check: bool,
}

/// Options of `checklist history`.
#[derive(Args, Debug)]
pub(crate) struct HistoryArgs {
    #[command(flatten)]
    workload: Workload,
    /// The release; the one that is rolled out, or the candidate, if left out.
    #[arg(long)]
    release: Option<String>,
}

pub(crate) fn run(
    client: &AdminClient,
    command: &ChecklistCommand,
    format: Format,
) -> Result<ExitCode, Failure> {
    match command {
        ChecklistCommand::Show(args) => show(client, args, format),
        ChecklistCommand::Sign(args) => said::sign(client, args, format),
        ChecklistCommand::Attach(args) => said::attach(client, args, format),
        ChecklistCommand::Waive(args) => said::waive(client, args, format),
        ChecklistCommand::Withdraw(args) => said::withdraw(client, args, format),
        ChecklistCommand::History(args) => history(client, args, format),
    }
}

fn show(client: &AdminClient, args: &ShowArgs, format: Format) -> Result<ExitCode, Failure> {
    let (release, policy) = (args.release.as_deref(), args.policy.as_deref());
    let (answer, list) = fetch(client, args.workload.name(), release, policy)?;
    output::show(format, &answer, || text::checklist(&list));
    Ok(if args.check && list.open > 0 { ExitCode::FAILURE } else { ExitCode::SUCCESS })
}

fn history(client: &AdminClient, args: &HistoryArgs, format: Format) -> Result<ExitCode, Failure> {
    let release = args.release.as_deref().map(|it| format!("?release={}", segment(it)));
    let path = format!("/checklist/history{}", release.unwrap_or_default());
    let answer = client.get(&workload_path(args.workload.name(), &path))?;
    let said: Statements = typed(&answer)?;
    output::show(format, &answer, || text::history(&said));
    Ok(ExitCode::SUCCESS)
}
