//! The tree of commands, the options that all of them share, and what each command runs.

use crate::client::{AdminClient, Failure, Trust};
use crate::command::{
    analysis, audit, change, checklist, cohort, dataset, drill, eval, explain, file, flag, fleet,
    handoff, health, lists, notify, outlook, passport, price, queue, reference, release, report,
    review, rollout, runbook, samples, shadow, smoke, status, token, undo,
};
use crate::examples::examples;
use crate::local::Local;
use crate::output::Format;
use crate::output::colour::When;
use crate::process::{AgentArgs, DemoArgs, ServeArgs};
use crate::unshown::Unshown;
use clap::{Args, ColorChoice, CommandFactory, FromArgMatches, Parser, Subcommand};
use std::ffi::OsString;
use std::path::PathBuf;
use std::process::ExitCode;

/// Progressive delivery for AI agents: split live traffic between two versions of an agent
/// backend, watch both, and take the new one back in one step.
#[derive(Parser, Debug)]
#[command(name = "stagegate", version, propagate_version = true, arg_required_else_help = true)]
pub struct Cli {
    #[command(flatten)]
    pub(crate) global: GlobalArgs,
    #[command(subcommand)]
    pub(crate) command: Command,
}

/// Options of every command that talks to a running Stagegate.
#[derive(Args, Clone, Debug)]
pub(crate) struct GlobalArgs {
    /// Where the admin API is: an http:// or https:// URL, or `unix:` and the path of `admin.sock` in the
    /// server's data_dir. If left out: `stagegate-data/admin.sock` where somebody answers there, else
    /// http://127.0.0.1:9900.
    #[arg(long, global = true, env = "STAGEGATE_ADMIN", value_name = "URL")]
    #[arg(help_heading = "Global options")]
    pub(crate) admin: Option<String>,
    /// Bearer token for the admin API.
    #[arg(long, global = true, env = "STAGEGATE_TOKEN", hide_env_values = true)]
    #[arg(value_name = "TOKEN", help_heading = "Global options")]
    pub(crate) token: Option<Unshown>,
    /// Authorities that sign the certificate of an https:// API, in PEM form. By default the public
    /// ones.
    #[arg(long, global = true, env = "STAGEGATE_CA", value_name = "FILE")]
    #[arg(help_heading = "Global options")]
    pub(crate) ca: Option<PathBuf>,
    /// Certificate that is shown to an https:// API that asks for one, in PEM form.
    #[arg(long, global = true, env = "STAGEGATE_CLIENT_CERT", value_name = "FILE")]
    #[arg(help_heading = "Global options")]
    pub(crate) client_cert: Option<PathBuf>,
    /// Private key of `--client-cert`, in PEM form.
    #[arg(long, global = true, env = "STAGEGATE_CLIENT_KEY", value_name = "FILE")]
    #[arg(help_heading = "Global options")]
    pub(crate) client_key: Option<PathBuf>,
    /// A table for people, or the API's JSON for programs.
    #[arg(short, long, global = true, value_enum, default_value_t = Format::Table)]
    #[arg(value_name = "FORMAT", help_heading = "Global options")]
    pub(crate) output: Format,
    /// When to colour: `auto` follows the terminal, `NO_COLOR` and `CLICOLOR`.
    #[arg(long, global = true, value_enum, default_value_t = When::Auto)]
    #[arg(value_name = "WHEN", help_heading = "Global options")]
    pub(crate) color: When,
}

#[derive(Subcommand, Debug)]
pub(crate) enum Command {
    /// Run the proxy and its admin API.
    #[command(after_help = examples!("serve -c stagegate.yaml", "serve -c stagegate.yaml --take-over  # replace the running process"))]
    Serve(ServeArgs),
    /// Run a demo on this machine: two agents, clients, 10% on the candidate.
    #[command(after_help = examples!("demo", "demo --for 30s", "demo --bad-after 30s  # watch a bad candidate being rolled back"))]
    Demo(DemoArgs),
    /// Run one demo agent: an OpenAI-compatible backend to experiment with.
    #[command(after_help = examples!("demo-agent --listen 127.0.0.1:9001 --name v1"))]
    DemoAgent(AgentArgs),

    /// Write a commented configuration to begin with.
    #[command(after_help = examples!("init --stable http://127.0.0.1:9001 --candidate http://127.0.0.1:9002"))]
    Init(file::InitArgs),
    /// Check a configuration file and list every problem in it.
    #[command(after_help = examples!("check stagegate.yaml"))]
    Check(file::CheckArgs),
    /// Print the JSON Schema of the configuration, for editors.
    #[command(after_help = examples!("schema > stagegate.schema.json"))]
    Schema,
    /// Print the completion script of a shell.
    #[command(after_help = examples!("completions bash > ~/.local/share/bash-completion/completions/stagegate", "completions zsh > ~/.zfunc/_stagegate  # and in ~/.zshrc: fpath=(~/.zfunc $fpath); autoload -U compinit; compinit", "completions fish > ~/.config/fish/completions/stagegate.fish"))]
    Completions(reference::CompletionsArgs),
    /// Write the manual pages, one a command.
    #[command(after_help = examples!("man --out ~/.local/share/man/man1"))]
    Man(reference::ManArgs),
    /// Print a reference page as Markdown.
    #[command(hide = true)]
    #[command(after_help = examples!("reference cli"))]
    Reference(reference::ReferenceArgs),

    /// Show the arms of every workload side by side.
    #[command(after_help = examples!("status", "status support-agent --watch"))]
    Status(status::StatusArgs),
    /// Check whether the server is ready; for container health checks.
    #[command(after_help = examples!("health"))]
    Health,
    /// Set the candidate's share of targeting keys.
    #[command(after_help = examples!("weight support-agent 10% --reason 'first look'", "weight support-agent 50% --dry-run"))]
    Weight(change::WeightArgs),
    /// Take the candidate out at once: all traffic goes back to stable.
    #[command(after_help = examples!("rollback support-agent --reason 'wrong answers'"))]
    Rollback(change::VerbArgs),
    /// Take the last change back: show the command that does it, and ask.
    ///
    /// A promotion has no step back, because the evidence of the step before is gone. Its undo takes
    /// the candidate out; `stagegate weight W SHARE --override` only makes its share smaller.
    #[command(after_help = examples!("undo", "undo support-agent --dry-run", "undo support-agent --yes --reason 'typed the wrong weight'"))]
    Undo(undo::UndoArgs),
    /// Turn a workload's kill switch on: requests go to its fallback.
    #[command(after_help = examples!("kill support-agent --reason 'both releases leak data'"))]
    Kill(change::VerbArgs),
    /// Turn a workload's kill switch off.
    #[command(after_help = examples!("revive support-agent --reason 'fixed and checked'"))]
    Revive(change::VerbArgs),
    /// Test a workload's kill switch, an incident, or the capacity to go back.
    ///
    /// The kill switch is on for a moment, checked, and off again.
    #[command(after_help = examples!("drill support-agent --reason 'monthly drill'", "drill support-agent --incident", "drill support-agent --acknowledge"))]
    Drill(drill::DrillArgs),
    /// Move a workload to another release, step by step, by its gates.
    #[command(subcommand)]
    Rollout(rollout::RolloutCommand),
    /// Judge, sign, attach and waive the checks before a rollout.
    #[command(subcommand)]
    Checklist(checklist::ChecklistCommand),
    /// Show in one environment what a release earned in another.
    #[command(subcommand)]
    Passport(passport::PassportCommand),
    /// Make keys that sign passports. Asks no server.
    #[command(subcommand)]
    Key(passport::KeyCommand),
    /// Watch how a release answers copies of real requests, or a set of cases, as evidence.
    #[command(after_help = examples!("smoke support-agent --shadow 1h --out smoke.json", "smoke support-agent --against v43 --dataset set.jsonl --during 1h --out smoke.json"))]
    Smoke(Box<smoke::SmokeArgs>),
    /// Tasks after a release got all traffic, and the page for a rollback.
    #[command(subcommand)]
    Runbook(runbook::RunbookCommand),
    /// Hand a release over to the people on call: the pack, and what it lacks.
    #[command(subcommand)]
    Handoff(handoff::HandoffCommand),
    /// List requests that came while a workload was killed, or take one out.
    #[command(subcommand)]
    Queue(queue::QueueCommand),
    /// Show the analyses of a rollout's gates.
    #[command(subcommand)]
    Analysis(analysis::AnalysisCommand),
    /// Write a report of a rollout: after an hour, a day, three days.
    #[command(after_help = examples!("report support-agent --until 24h", "report --rollout support-agent~v43~2 --format html --out day-1.html"))]
    Report(report::ReportArgs),
    /// Forecast a rollout's steps: time, detectable regression, cost.
    #[command(after_help = examples!("plan support-agent", "plan support-agent --rps 40 --usd-per-request 0.004"))]
    Plan(outlook::PlanArgs),
    /// Explain line by line what a response costs. Asks no server.
    #[command(after_help = examples!("price answer.json --path /v1/messages", "price --model claude-sonnet-4-5 --input-tokens 1200 --output-tokens 300", "price stream.txt --prices prices.json"))]
    Price(Box<price::PriceArgs>),
    /// Replay recorded data with other gates.
    #[command(subcommand)]
    Gate(outlook::GateCommand),
    /// Move tenants to the candidate cohort by cohort.
    #[command(subcommand)]
    Cohort(cohort::CohortCommand),
    /// Keep tenants on stable until they are opted in.
    #[command(subcommand)]
    Exclude(lists::ExcludeCommand),
    /// Send tenants or users to the candidate always.
    #[command(subcommand)]
    Allow(lists::ListCommand),
    /// Keep tenants or users away from the candidate.
    #[command(subcommand)]
    Deny(lists::ListCommand),
    /// List, compare, add and remove releases.
    #[command(subcommand)]
    Release(release::ReleaseCommand),
    /// Change feature flags at run time, and check, list and try out their files.
    #[command(subcommand)]
    Flag(flag::FlagCommand),

    /// Explain where a request went, or where one would go.
    #[command(after_help = examples!("explain 0190a1b2-request-id", "explain support-agent --tenant acme --user ann"))]
    Explain(explain::ExplainArgs),
    /// List recorded routing decisions.
    #[command(subcommand)]
    Decisions(explain::DecisionsCommand),
    /// List and verify the audit log.
    #[command(subcommand)]
    Audit(audit::AuditCommand),

    /// List sampled answers and their scores.
    #[command(subcommand)]
    Samples(samples::SamplesCommand),
    /// Compare a shadow release's answers with those served.
    #[command(after_help = examples!("shadow support-agent --since 24h"))]
    Shadow(shadow::ShadowArgs),
    /// Record whether sampled answers were right.
    #[command(subcommand)]
    Scores(samples::ScoresCommand),
    /// Export sampled answers as test cases.
    #[command(subcommand)]
    Dataset(dataset::DatasetCommand),
    /// Review samples that wait for a person.
    #[command(subcommand)]
    Review(review::ReviewCommand),
    /// Show accuracy, compare offline runs, and try scorers.
    #[command(subcommand)]
    Eval(eval::EvalCommand),

    /// List and test the notification channels.
    #[command(subcommand)]
    Notify(notify::NotifyCommand),

    /// Show and examine the replicas of a fleet.
    #[command(subcommand)]
    Fleet(fleet::FleetCommand),

    /// Make the server reload its configuration.
    #[command(after_help = examples!("reload", "reload --dry-run"))]
    Reload(change::ReloadArgs),
    /// Create tokens for the admin API and for testers.
    #[command(subcommand)]
    Token(token::TokenCommand),
}

impl Command {
    /// Runs a command that ends by itself.
    pub(crate) fn run(self, global: &GlobalArgs, local: &dyn Local) -> Result<ExitCode, Failure> {
        let format = global.output;
        let client = || {
            let trust = Trust {
                ca: global.ca.clone(),
                cert: global.client_cert.clone(),
                key: global.client_key.clone(),
            };
            let token = global.token.as_ref().map(Unshown::expose);
            AdminClient::reaching(global.admin.as_deref(), token, &trust)
        };
        match self {
            // These run until they are asked to end.
            Self::Serve(_) | Self::Demo(_) | Self::DemoAgent(_) => Ok(ExitCode::SUCCESS),
            Self::Init(args) => file::init(local, &args),
            Self::Check(args) => file::check(local, &args, format),
            Self::Schema => file::schema(local),
            Self::Completions(args) => reference::completions(command(), &args),
            Self::Man(args) => reference::man(command(), &args),
            Self::Reference(args) => reference::print(command(), local, &args),
            Self::Status(args) => status::run(&client()?, &args, format),
            Self::Health => health::run(&client()?),
            Self::Weight(args) => change::weight(&client()?, &args, format),
            Self::Rollback(args) => change::verb(&client()?, "rollback", &args, format),
            Self::Kill(args) => change::verb(&client()?, "kill", &args, format),
            Self::Revive(args) => change::verb(&client()?, "revive", &args, format),
            Self::Undo(args) => match undo::run(&client()?, &args, format)? {
                Some(words) => take_back(global, &words, local),
                None => Ok(ExitCode::FAILURE),
            },
            Self::Drill(args) => drill::run(&client()?, &args, format),
            Self::Rollout(command) => rollout::run(&client()?, &command, format),
            Self::Checklist(command) => checklist::run(&client()?, &command, format),
            Self::Passport(command) => passport::run(client, &command, format),
            Self::Key(command) => passport::key(&command, format),
            Self::Smoke(args) => smoke::run(&client()?, &args, format),
            Self::Runbook(command) => runbook::run(&client()?, &command, format),
            Self::Handoff(command) => handoff::run(&client()?, &command, format),
            Self::Queue(command) => queue::run(&client()?, &command, format),
            Self::Analysis(command) => analysis::run(&client()?, &command, format),
            Self::Report(args) => report::run(&client()?, &args, format),
            Self::Plan(args) => outlook::plan(&client()?, &args, format),
            Self::Price(args) => price::run(&args, format),
            Self::Gate(command) => outlook::gate(&client()?, &command, format),
            Self::Cohort(command) => cohort::run(&client()?, &command, format),
            Self::Exclude(command) => lists::exclude(&client()?, &command, format),
            Self::Allow(command) => lists::list(&client()?, "allow", &command, format),
            Self::Deny(command) => lists::list(&client()?, "deny", &command, format),
            Self::Release(command) => release::run(&client()?, &command, format),
            Self::Flag(command) => flag::run(client, &command, format),
            Self::Explain(args) => explain::run(&client()?, &args, format),
            Self::Decisions(command) => explain::decisions(&client()?, &command, format),
            Self::Audit(command) => audit::run(&client()?, &command, format),
            Self::Samples(command) => samples::samples(&client()?, &command, format),
            Self::Shadow(args) => shadow::run(&client()?, &args, format),
            Self::Scores(command) => samples::scores(&client()?, &command, format),
            Self::Dataset(command) => dataset::run(&client()?, &command, format),
            Self::Review(command) => review::run(&client()?, &command, format),
            Self::Eval(command) => eval::run(client, local, &command, format),
            Self::Notify(command) => notify::run(&client()?, &command, format),
            Self::Fleet(command) => fleet::run(&client()?, &command, format),
            Self::Reload(args) => change::reload(&client()?, &args, format),
            Self::Token(command) => token::run(local, &command, format),
        }
    }
}

/// Runs the command that takes a change back, with the options of `undo`.
fn take_back(
    global: &GlobalArgs,
    words: &[String],
    local: &dyn Local,
) -> Result<ExitCode, Failure> {
    let cli = parse(words)
        .map_err(|error| Failure::Local(format!("the command cannot be run: {error}")))?;
    cli.command.run(global, local)
}

/// Commands by task, in the order in which they are needed; each is in one group.
const GROUPS: [(&str, &[&str]); 7] = [
    ("See what is happening", &["status", "health", "explain", "decisions", "audit", "report"]),
    (
        "Move traffic, and take it back",
        &["weight", "rollback", "undo", "kill", "revive", "queue", "drill"],
    ),
    (
        "Roll a release out by its gates",
        &[
            "release",
            "plan",
            "checklist",
            "passport",
            "smoke",
            "rollout",
            "analysis",
            "gate",
            "runbook",
            "handoff",
        ],
    ),
    ("Decide who takes part", &["cohort", "exclude", "allow", "deny", "flag"]),
    ("Judge answers", &["samples", "scores", "review", "eval", "dataset", "shadow", "price"]),
    (
        "Run and configure",
        &["serve", "init", "check", "schema", "reload", "token", "key", "notify", "fleet"],
    ),
    ("Try and learn", &["demo", "demo-agent", "completions", "man", "help"]),
];

/// The commands with their help: grouped at the top, examples at each.
pub(crate) fn command() -> clap::Command {
    let mut root = Cli::command();
    for list in ["allow", "deny"] {
        root = root.mut_subcommand(list, |group| {
            ["add", "rm", "ls"].into_iter().fold(group, |group, name| {
                let rest = if name == "ls" { "" } else { " tenant acme" };
                let example = format!("Examples:\n  stagegate {list} {name} support-agent{rest}");
                group.mut_subcommand(name, |command| command.after_help(example))
            })
        });
    }
    let groups = grouped(&root);
    root.help_template(format!(
        "{{about-with-newline}}\n{{usage-heading}} {{usage}}\n\n{groups}{{options}}\n\n\
         `stagegate COMMAND --help` explains a command and shows examples.\n\
         Exit codes: 0 done, 1 refused or failed check, 2 wrong usage, 3 admin API unreachable.\n"
    ))
}

/// The list of commands under the headings of their tasks.
fn grouped(root: &clap::Command) -> String {
    let about = |name: &str| match name {
        "help" => "Print the help of a command".to_owned(),
        name => root
            .find_subcommand(name)
            .and_then(clap::Command::get_about)
            .map(ToString::to_string)
            .unwrap_or_default(),
    };
    GROUPS.iter().fold(String::new(), |mut text, (heading, names)| {
        text.push_str(&format!("{heading}:\n"));
        for name in *names {
            text.push_str(&format!("  {name:<12} {}\n", about(name).trim_end_matches('.')));
        }
        text + "\n"
    })
}

/// The program's command line, parsed; help and errors end the process.
#[must_use]
pub fn from_environment() -> Cli {
    let words: Vec<OsString> = std::env::args_os().collect();
    // Help and errors of the parser follow the option too, before it is parsed.
    let after = words.iter().position(|word| word == "--color").map(|at| at + 1);
    let value = after.and_then(|at| words.get(at)?.to_str());
    let joined = words.iter().find_map(|word| word.to_str()?.strip_prefix("--color="));
    let color = match value.or(joined) {
        Some("always") => ColorChoice::Always,
        Some("never") => ColorChoice::Never,
        _ => ColorChoice::Auto,
    };
    parsed(command().color(color), words).unwrap_or_else(|error| error.exit())
}

/// Parses words that begin with the program's name.
pub(crate) fn parse<W: Into<OsString> + Clone>(
    words: impl IntoIterator<Item = W>,
) -> Result<Cli, clap::Error> {
    parsed(command(), words)
}

fn parsed<W: Into<OsString> + Clone>(
    command: clap::Command,
    words: impl IntoIterator<Item = W>,
) -> Result<Cli, clap::Error> {
    let mut command = command;
    let mut matches = command.try_get_matches_from_mut(words)?;
    Cli::from_arg_matches_mut(&mut matches).map_err(|error| error.format(&mut command))
}

#[cfg(test)]
mod tests;
