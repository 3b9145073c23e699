//! `stagegate flag`: flags of files, flags of a running server, and changes of them.

mod args;
mod change;
mod diff;
mod local;
mod server;

use crate::client::{AdminClient, Failure};
use crate::examples::examples;
use crate::output::Format;
use args::{
    DiffArgs, ExportArgs, HistoryArgs, LintArgs, LsArgs, OffArgs, OnArgs, PercentArgs, PutArgs,
    RmArgs, SetArgs, ShowArgs, SubjectArgs, TestArgs,
};
use clap::Subcommand;
use std::process::ExitCode;

/// The commands below `flag`.
#[derive(Subcommand, Debug)]
pub(crate) enum FlagCommand {
    /// Check files of flags and list every problem in them.
    #[command(after_help = examples!("flag lint flags.json", "flag lint flags/*.json --strict"))]
    Lint(LintArgs),
    /// List flags: those in force, or those of files.
    #[command(after_help = examples!("flag ls", "flag ls --stale", "flag ls --file flags.json"))]
    Ls(LsArgs),
    /// Show a flag: variants, rule, metadata, what is different at run time.
    #[command(after_help = examples!("flag show new-prompt", "flag show new-prompt --file flags.json"))]
    Show(ShowArgs),
    /// Evaluate a flag, or all flags, for a context.
    #[command(after_help = examples!("flag test new-prompt --user ann --tenant acme", "flag test --file flags.json --set stage=retrieve --set version=1.4.0"))]
    Test(TestArgs),
    /// Switch a flag off for everybody, before any other rule.
    #[command(after_help = examples!("flag off new-prompt --reason 'wrong answers'", "flag off refunds -w support-agent --stage refund --reason incident"))]
    Off(OffArgs),
    /// End `flag off`, and enable a flag that its file disables.
    #[command(after_help = examples!("flag on new-prompt --reason fixed"))]
    On(OnArgs),
    /// Give everybody who is not excluded a variant.
    #[command(after_help = examples!("flag set new-prompt on", "flag set model large --stage plan"))]
    Set(SetArgs),
    /// Give one tenant or user the variant that means on.
    #[command(after_help = examples!("flag allow new-prompt user ann", "flag allow model tenant acme --variant large"))]
    Allow(SubjectArgs),
    /// Give one tenant or user the variant that means off.
    #[command(after_help = examples!("flag deny new-prompt tenant acme --reason 'escalation 118'", "flag deny refunds tenant acme -w support-agent --stage refund"))]
    Deny(SubjectArgs),
    /// Give a share of the users, tenants or conversations the variant that means on.
    #[command(after_help = examples!("flag percent new-prompt 10% --by user"))]
    Percent(PercentArgs),
    /// Remove what was changed at run time.
    #[command(after_help = examples!("flag rm new-prompt", "flag rm new-prompt tenant acme", "flag rm new-prompt percent"))]
    Rm(RmArgs),
    /// Replace all that is different at run time.
    #[command(after_help = examples!("flag put new-prompt '{\"rules\":[]}'"))]
    Put(PutArgs),
    /// Show who changed a flag at run time, when and why.
    #[command(after_help = examples!("flag history new-prompt"))]
    History(HistoryArgs),
    /// Show what is different at run time, as changes of the files.
    #[command(after_help = examples!("flag diff", "flag diff new-prompt"))]
    Diff(DiffArgs),
    /// Write the file that makes the changes of run time permanent.
    #[command(after_help = examples!("flag export --out flags.json", "flag export --file team-a.json"))]
    Export(ExportArgs),
}

/// Runs a command. `client` is asked for one only where a server is needed.
pub(crate) fn run(
    client: impl FnOnce() -> Result<AdminClient, Failure>,
    command: &FlagCommand,
    format: Format,
) -> Result<ExitCode, Failure> {
    match command {
        FlagCommand::Lint(args) => local::lint(args, format),
        FlagCommand::Ls(args) if !args.files.files.is_empty() => local::ls(&args.files, format),
        FlagCommand::Show(args) if !args.files.files.is_empty() => {
            local::show(&args.key, &args.files, format)
        }
        FlagCommand::Test(args) if !args.files.files.is_empty() => local::test(args, format),
        FlagCommand::Ls(args) if args.stale => server::stale(&client()?, args.unused.0, format),
        FlagCommand::Ls(_) => server::ls(&client()?, format),
        FlagCommand::Show(args) => server::show(&client()?, &args.key, format),
        FlagCommand::Test(args) => server::test(&client()?, args, format),
        FlagCommand::Off(args) => change::off(&client()?, args, format),
        FlagCommand::On(args) => change::on(&client()?, args, format),
        FlagCommand::Set(args) => change::set(&client()?, args, format),
        FlagCommand::Allow(args) => change::allow(&client()?, args, format),
        FlagCommand::Deny(args) => change::deny(&client()?, args, format),
        FlagCommand::Percent(args) => change::percent(&client()?, args, format),
        FlagCommand::Rm(args) => change::rm(&client()?, args, format),
        FlagCommand::Put(args) => change::put(&client()?, args, format),
        FlagCommand::History(args) => server::history(&client()?, args, format),
        FlagCommand::Diff(args) => server::diff(&client()?, args, format),
        FlagCommand::Export(args) => server::export(&client()?, args, format),
    }
}
