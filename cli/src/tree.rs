//! The tree of commands and the options that all of them share.

use crate::command::{
    analysis, audit, change, cohort, dataset, drill, eval, explain, file, lists, notify, outlook,
    reference, release, report, review, rollout, samples, shadow, status, token, undo,
};
use crate::examples::examples;
use crate::output::Format;
use crate::output::colour::When;
use crate::process::{AgentArgs, DemoArgs, ServeArgs};
use clap::{Args, ColorChoice, CommandFactory, FromArgMatches, Parser, Subcommand};
use std::ffi::OsString;

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
    /// Where the admin API listens.
    #[arg(long, global = true, env = "STAGEGATE_ADMIN", value_name = "URL")]
    #[arg(default_value = "http://127.0.0.1:9900", help_heading = "Global options")]
    pub(crate) admin: String,
    /// Bearer token for the admin API.
    #[arg(long, global = true, env = "STAGEGATE_TOKEN", hide_env_values = true)]
    #[arg(value_name = "TOKEN", help_heading = "Global options")]
    pub(crate) token: Option<String>,
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
    #[command(after_help = examples!("demo", "demo --for 30s"))]
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
    #[command(after_help = examples!("undo", "undo support-agent --dry-run", "undo support-agent --yes --reason 'typed the wrong weight'"))]
    Undo(undo::UndoArgs),
    /// Turn a workload's kill switch on: requests go to its fallback.
    #[command(after_help = examples!("kill support-agent --reason 'both releases leak data'"))]
    Kill(change::VerbArgs),
    /// Turn a workload's kill switch off.
    #[command(after_help = examples!("revive support-agent --reason 'fixed and checked'"))]
    Revive(change::VerbArgs),
    /// Test a workload's kill switch: on for a moment, checked, off again.
    #[command(after_help = examples!("drill support-agent --reason 'monthly drill'"))]
    Drill(drill::DrillArgs),
    /// Move a workload to another release, step by step, by its gates.
    #[command(subcommand)]
    Rollout(rollout::RolloutCommand),
    /// Show the analyses of a rollout's gates.
    #[command(subcommand)]
    Analysis(analysis::AnalysisCommand),
    /// Write a report of a rollout: after an hour, a day, three days.
    #[command(after_help = examples!("report support-agent --until 24h", "report --rollout support-agent~v43~2 --format html --out day-1.html"))]
    Report(report::ReportArgs),
    /// Forecast a rollout's steps: time, detectable regression, cost.
    #[command(after_help = examples!("plan support-agent", "plan support-agent --rps 40 --usd-per-request 0.004"))]
    Plan(outlook::PlanArgs),
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

    /// Make the server reload its configuration.
    #[command(after_help = examples!("reload"))]
    Reload(change::ReloadArgs),
    /// Create tokens for the admin API and for testers.
    #[command(subcommand)]
    Token(token::TokenCommand),
}

/// Commands by task, in the order in which they are needed; each is in one group.
const GROUPS: [(&str, &[&str]); 7] = [
    ("See what is happening", &["status", "health", "explain", "decisions", "audit", "report"]),
    ("Move traffic, and take it back", &["weight", "rollback", "undo", "kill", "revive", "drill"]),
    ("Roll a release out by its gates", &["release", "plan", "rollout", "analysis", "gate"]),
    ("Decide who takes part", &["cohort", "exclude", "allow", "deny"]),
    ("Judge answers", &["samples", "scores", "review", "eval", "dataset", "shadow"]),
    ("Run and configure", &["serve", "init", "check", "schema", "reload", "token", "notify"]),
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
mod tests {
    use super::{GROUPS, command, parse};
    use crate::line::check_line;

    #[test]
    fn the_commands_are_consistent() {
        command().debug_assert();
    }

    #[test]
    fn wrong_usage_is_found_before_anything_is_sent() {
        for line in [
            "stagegate weight agent 110% --reason x",
            "stagegate rollback agent",
            "stagegate explain",
            "stagegate explain id-1 -w agent",
            "stagegate explain --tenant acme",
            "stagegate status agent -w agent",
            "stagegate report",
            "stagegate kill agent",
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
            assert!(parse(line.split(' ')).is_err(), "{line}");
        }
    }

    #[test]
    fn every_command_is_in_one_group_of_the_help() {
        let root = command();
        let mut grouped: Vec<&str> = GROUPS.iter().flat_map(|(_, names)| *names).copied().collect();
        grouped.retain(|name| *name != "help");
        let mut known: Vec<&str> = root
            .get_subcommands()
            .filter(|it| !it.is_hide_set())
            .map(clap::Command::get_name)
            .collect();
        known.sort_unstable();
        grouped.sort_unstable();
        assert_eq!(grouped, known);
        let help = command().render_help().to_string();
        assert!(help.contains("Move traffic, and take it back:\n  weight       Set"), "{help}");
        assert!(help.lines().all(|line| line.chars().count() <= 100), "{help}");
    }

    #[test]
    fn every_command_has_an_example_that_parses() {
        let mut seen = 0;
        let mut open = vec![(String::from("stagegate"), command())];
        while let Some((path, it)) = open.pop() {
            let children: Vec<_> = it.get_subcommands().cloned().collect();
            if !children.is_empty() {
                open.extend(
                    children.into_iter().map(|it| (format!("{path} {}", it.get_name()), it)),
                );
                continue;
            }
            let after = it.get_after_help().map(ToString::to_string).unwrap_or_default();
            let examples: Vec<&str> = after
                .lines()
                .map(str::trim)
                .filter(|line| line.starts_with("stagegate "))
                .collect();
            assert!(!examples.is_empty(), "`{path}` has no example: add `examples!(…)` to it");
            for example in examples {
                assert!(example.starts_with(&path), "`{example}` is an example of `{path}`");
                let line = example.split(" > ").next().expect("a command");
                check_line(line).unwrap_or_else(|error| panic!("{error}"));
                seen += 1;
            }
        }
        assert!(seen > 67, "{seen} examples");
    }

    #[test]
    fn a_workload_is_named_in_one_form_everywhere_and_w_still_works() {
        for line in [
            "status agent",
            "audit ls agent",
            "decisions ls agent",
            "explain agent --tenant acme",
            "samples ls agent",
            "dataset export agent",
            "review ls agent",
            "review next agent",
            "eval results agent",
            "report agent",
            "token force agent --secret 0123456789abcdef",
            "eval gate agent --baseline a --candidate b --attach --release v2",
        ] {
            check_line(&format!("stagegate {line}")).unwrap_or_else(|error| panic!("{error}"));
            let old = line.replacen(" agent", " -w agent", 1);
            check_line(&format!("stagegate {old}")).unwrap_or_else(|error| panic!("{error}"));
        }
    }

    #[test]
    fn the_commands_that_undo_names_parse() {
        for line in [
            "weight agent 1% --override",
            "rollback agent",
            "revive agent",
            "kill agent",
            "cohort rollback agent",
            "cohort enable agent pilots",
            "exclude rm agent vip acme",
            "exclude add agent vip acme",
            "deny rm agent user ann",
            "allow add agent user ann",
            "rollout abort agent",
            "rollout resume agent",
            "rollout pause agent",
            "rollout start agent --to v2 --policy default",
            "release rm agent v9",
        ] {
            let line = format!("stagegate {line} --reason undo --if-match 7 --dry-run");
            check_line(&line).unwrap_or_else(|error| panic!("{error}"));
        }
    }
}
