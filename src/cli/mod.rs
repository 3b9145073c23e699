//! The command line: one binary that serves, and that talks to a serving one.
//!
//! Commands translate and print, nothing else: words in, one call of the admin API, a table or the
//! API's own JSON out. What a command may do is decided by the server, never here.
//!
//! Exit codes: 0 done, 1 refused or failed, 2 wrong usage, 3 the admin API cannot be reached.

mod analysis;
mod attach;
mod audit;
#[cfg(test)]
pub(crate) mod canned;
mod change;
pub(crate) mod client;
mod cohort;
mod dataset;
mod drill;
mod eval;
mod eval_now;
mod evidence;
mod explain;
mod file;
mod health;
mod lists;
mod notify;
mod outlook;
pub(crate) mod output;
mod reference;
mod release;
mod replay;
mod report;
mod rerun;
mod results;
mod review;
mod rollout;
mod samples;
mod shadow;
mod status;
mod table;
mod token;

use crate::demo;
use clap::{Args, Parser, Subcommand};
use client::{AdminClient, Failure};
use output::Format;
use std::path::PathBuf;
use std::process::ExitCode;

/// Progressive delivery for AI agents: split live traffic between two versions of an agent
/// backend, watch both, and take the new one back in one step.
#[derive(Parser, Debug)]
#[command(name = "stagegate", version, propagate_version = true, arg_required_else_help = true)]
#[command(after_help = "Exit codes: 0 done, 1 refused or failed check, 2 wrong usage, \
                        3 admin API unreachable.")]
pub(crate) struct Cli {
    #[command(flatten)]
    global: GlobalArgs,
    #[command(subcommand)]
    command: Command,
}

/// Options of every command that talks to a running Stagegate.
#[derive(Args, Clone, Debug)]
pub(crate) struct GlobalArgs {
    /// Where the admin API listens.
    #[arg(long, global = true, env = "STAGEGATE_ADMIN", value_name = "URL")]
    #[arg(default_value = "http://127.0.0.1:9900", help_heading = "Global options")]
    admin: String,
    /// Bearer token for the admin API.
    #[arg(long, global = true, env = "STAGEGATE_TOKEN", hide_env_values = true)]
    #[arg(value_name = "TOKEN", help_heading = "Global options")]
    token: Option<String>,
    /// A table for people, or the API's JSON for programs.
    #[arg(short, long, global = true, value_enum, default_value_t = Format::Table)]
    #[arg(value_name = "FORMAT", help_heading = "Global options")]
    output: Format,
}

/// Options of `serve`.
#[derive(Args, Clone, Debug)]
pub(crate) struct ServeArgs {
    /// The configuration file.
    #[arg(short, long, default_value = "stagegate.yaml", env = "STAGEGATE_CONFIG")]
    #[arg(value_name = "FILE")]
    pub(crate) config: PathBuf,
    /// Send everything to stable and refuse changes, even if the stored state cannot be read.
    #[arg(long)]
    pub(crate) safe_start: bool,
    /// Take the place of the process that has the data directory: it gives its sockets and its
    /// clients' connections, finishes what runs and ends. Starts as usual where there is none.
    #[arg(long)]
    pub(crate) take_over: bool,
    /// What to log, as `info` or `stagegate=debug,warn`.
    #[arg(long, default_value = "info", env = "STAGEGATE_LOG", value_name = "FILTER")]
    pub(crate) log: String,
    /// How log lines look.
    #[arg(long, value_enum, default_value_t = LogFormat::Text, env = "STAGEGATE_LOG_FORMAT")]
    #[arg(value_name = "FORMAT")]
    pub(crate) log_format: LogFormat,
}

/// How log lines look.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum LogFormat {
    /// For people.
    Text,
    /// One JSON object a line.
    Json,
}

impl From<LogFormat> for stagegate_telemetry::LogFormat {
    fn from(format: LogFormat) -> Self {
        match format {
            LogFormat::Text => Self::Text,
            LogFormat::Json => Self::Json,
        }
    }
}

#[derive(Subcommand, Debug)]
enum Command {
    /// Run the proxy and its admin API.
    Serve(ServeArgs),
    /// Show the whole thing on this machine: two demo agents, clients, a split at 10%.
    Demo(demo::DemoArgs),
    /// Run one demo agent: an OpenAI-compatible backend for trying things out.
    DemoAgent(demo::AgentArgs),

    /// Write a commented configuration to begin with.
    Init(file::InitArgs),
    /// Check a configuration file and list everything that is wrong with it.
    Check(file::CheckArgs),
    /// Print the JSON Schema of the configuration, for editors.
    Schema,
    /// Print the completion script of a shell.
    Completions(reference::CompletionsArgs),
    /// Print a reference page as Markdown.
    #[command(hide = true)]
    Reference(reference::ReferenceArgs),

    /// Show the arms of every workload side by side.
    Status(status::StatusArgs),
    /// Ask whether this Stagegate is ready for traffic; for container health checks.
    Health,
    /// Set the candidate's share of targeting keys.
    Weight(change::WeightArgs),
    /// Take the candidate out at once: one step back to stable.
    Rollback(change::VerbArgs),
    /// Pull a workload's kill switch.
    Kill(change::VerbArgs),
    /// Release a workload's kill switch.
    Revive(change::VerbArgs),
    /// Try a workload's kill switch: on for a moment, checked, and off again.
    Drill(drill::DrillArgs),
    /// Move a workload to another release, gate by gate.
    #[command(subcommand)]
    Rollout(rollout::RolloutCommand),
    /// Look at what the gates said, and when.
    #[command(subcommand)]
    Analysis(analysis::AnalysisCommand),
    /// Write down what is known of a rollout: after an hour, a day, three days.
    Report(report::ReportArgs),
    /// Say how long each step of a rollout will take, what it can find and what it costs.
    Plan(outlook::PlanArgs),
    /// Try other gates on what was recorded.
    #[command(subcommand)]
    Gate(outlook::GateCommand),
    /// Roll tenants forward cohort by cohort.
    #[command(subcommand)]
    Cohort(cohort::CohortCommand),
    /// Keep tenants on stable until they are opted in.
    #[command(subcommand)]
    Exclude(lists::ExcludeCommand),
    /// Send tenants or users to the candidate.
    #[command(subcommand)]
    Allow(lists::ListCommand),
    /// Keep tenants or users away from the candidate, in an emergency.
    #[command(subcommand)]
    Deny(lists::ListCommand),
    /// Look at releases, add and remove them.
    #[command(subcommand)]
    Release(release::ReleaseCommand),

    /// Say why a request went where it went, or where one would go.
    Explain(explain::ExplainArgs),
    /// Look at recorded decisions.
    #[command(subcommand)]
    Decisions(explain::DecisionsCommand),
    /// Look at the record of changes.
    #[command(subcommand)]
    Audit(audit::AuditCommand),

    /// Look at sampled answers and what was said about them.
    #[command(subcommand)]
    Samples(samples::SamplesCommand),
    /// Show what is copied to a shadow release, and how its answers compare with those served.
    Shadow(shadow::ShadowArgs),
    /// Say whether sampled answers were right.
    #[command(subcommand)]
    Scores(samples::ScoresCommand),
    /// Make cases of sampled answers.
    #[command(subcommand)]
    Dataset(dataset::DatasetCommand),
    /// Look at samples that wait for a person, and say what is right.
    #[command(subcommand)]
    Review(review::ReviewCommand),
    /// Look at what samples add up to, compare offline runs, and try scorers out.
    #[command(subcommand)]
    Eval(eval::EvalCommand),

    /// Look at the channels through which people are told, and try them out.
    #[command(subcommand)]
    Notify(notify::NotifyCommand),

    /// Make the server read its configuration again.
    Reload,
    /// Make tokens for the admin API and for testers.
    #[command(subcommand)]
    Token(token::TokenCommand),
}

/// Runs the command. `serve` comes from the composition root, which alone knows all parts.
pub(crate) fn run(cli: Cli, serve: impl FnOnce(ServeArgs) -> ExitCode) -> ExitCode {
    let Cli { global, command } = cli;
    match command {
        Command::Serve(args) => serve(args),
        Command::Demo(args) => demo::run(&args),
        Command::DemoAgent(args) => demo::run_agent(&args),
        other => match run_client(&global, other) {
            Ok(code) => code,
            Err(failure) => {
                output::fail(&failure, global.output);
                failure.exit_code()
            }
        },
    }
}

fn run_client(global: &GlobalArgs, command: Command) -> Result<ExitCode, Failure> {
    let format = global.output;
    let client = || AdminClient::new(&global.admin, global.token.as_deref());
    match command {
        // Handled where it is known what serving means.
        Command::Serve(_) | Command::Demo(_) | Command::DemoAgent(_) => Ok(ExitCode::SUCCESS),
        Command::Init(args) => file::init(&args),
        Command::Check(args) => file::check(&args, format),
        Command::Schema => file::schema(),
        Command::Completions(args) => reference::completions(&args),
        Command::Reference(args) => reference::print(&args),
        Command::Status(args) => status::run(&client()?, &args, format),
        Command::Health => health::run(&client()?),
        Command::Weight(args) => change::weight(&client()?, &args, format),
        Command::Rollback(args) => change::verb(&client()?, "rollback", &args, format),
        Command::Kill(args) => change::verb(&client()?, "kill", &args, format),
        Command::Revive(args) => change::verb(&client()?, "revive", &args, format),
        Command::Drill(args) => drill::run(&client()?, &args, format),
        Command::Rollout(command) => rollout::run(&client()?, &command, format),
        Command::Analysis(command) => analysis::run(&client()?, &command, format),
        Command::Report(args) => report::run(&client()?, &args, format),
        Command::Plan(args) => outlook::plan(&client()?, &args, format),
        Command::Gate(command) => outlook::gate(&client()?, &command, format),
        Command::Cohort(command) => cohort::run(&client()?, &command, format),
        Command::Exclude(command) => lists::exclude(&client()?, &command, format),
        Command::Allow(command) => lists::list(&client()?, "allow", &command, format),
        Command::Deny(command) => lists::list(&client()?, "deny", &command, format),
        Command::Release(command) => release::run(&client()?, &command, format),
        Command::Explain(args) => explain::run(&client()?, &args, format),
        Command::Decisions(command) => explain::decisions(&client()?, &command, format),
        Command::Audit(command) => audit::run(&client()?, &command, format),
        Command::Samples(command) => samples::samples(&client()?, &command, format),
        Command::Shadow(args) => shadow::run(&client()?, &args, format),
        Command::Scores(command) => samples::scores(&client()?, &command, format),
        Command::Dataset(command) => dataset::run(&client()?, &command, format),
        Command::Review(command) => review::run(&client()?, &command, format),
        Command::Eval(command) => eval::run(client, &command, format),
        Command::Notify(command) => notify::run(&client()?, &command, format),
        Command::Reload => change::reload(&client()?, format),
        Command::Token(command) => token::run(&command, format),
    }
}

#[cfg(test)]
mod tests {
    use super::{Cli, canned};
    use clap::{CommandFactory, Parser};

    #[test]
    fn the_commands_are_consistent() {
        Cli::command().debug_assert();
    }

    #[test]
    fn wrong_usage_is_found_before_anything_is_sent() {
        for line in [
            "stagegate weight agent 110% --reason x",
            "stagegate rollback agent",
            "stagegate explain",
            "stagegate explain id-1 -w agent",
            "stagegate explain --tenant acme",
            "stagegate cohort enable agent",
            "stagegate allow add agent group acme",
            "stagegate token new --name x --role owner",
            "stagegate token force -w agent --arm both --for 1h",
            "stagegate status -o yaml",
            "stagegate rollout start agent",
            "stagegate rollout start agent --to v2 --override",
            "stagegate rollout promote agent --force",
            "stagegate rollout abort agent",
            "stagegate weight agent 10% --override",
            "stagegate eval gate --baseline base.jsonl",
            "stagegate eval try --file sample.json",
            "stagegate eval results",
            "stagegate review give req-1",
            "stagegate review give req-1 --pass --fail",
            "stagegate eval gate --baseline b --candidate c --attach -w agent",
            "stagegate eval gate --baseline b --candidate c --release v2",
        ] {
            assert!(Cli::try_parse_from(line.split(' ')).is_err(), "{line}");
        }
    }

    #[test]
    fn the_readmes_commands_parse() {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/README.md");
        let readme = std::fs::read_to_string(path).expect("README.md");
        let alone = readme.lines().filter(|line| line.starts_with("stagegate "));
        let inline = readme
            .split('`')
            .skip(1)
            .step_by(2)
            .filter(|code| code.starts_with("stagegate ") && !code.contains('\n'));
        let commands: Vec<&str> = alone.chain(inline).collect();
        assert!(commands.len() > 15, "{commands:?}");
        for command in commands {
            if let Err(error) = canned::parse_line(command) {
                panic!("{error}");
            }
        }
    }
}
