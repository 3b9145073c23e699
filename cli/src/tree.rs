//! The tree of commands and the options that all of them share.

use crate::command::{
    analysis, audit, change, cohort, dataset, drill, eval, explain, file, lists, notify, outlook,
    reference, release, report, review, rollout, samples, shadow, status, token,
};
use crate::output::Format;
use crate::process::{AgentArgs, DemoArgs, ServeArgs};
use clap::{Args, Parser, Subcommand};

/// Progressive delivery for AI agents: split live traffic between two versions of an agent
/// backend, watch both, and take the new one back in one step.
#[derive(Parser, Debug)]
#[command(name = "stagegate", version, propagate_version = true, arg_required_else_help = true)]
#[command(after_help = "Exit codes: 0 done, 1 refused or failed check, 2 wrong usage, \
                        3 admin API unreachable.")]
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
}

#[derive(Subcommand, Debug)]
pub(crate) enum Command {
    /// Run the proxy and its admin API.
    Serve(ServeArgs),
    /// Show the whole thing on this machine: two demo agents, clients, a split at 10%.
    Demo(DemoArgs),
    /// Run one demo agent: an OpenAI-compatible backend for trying things out.
    DemoAgent(AgentArgs),

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

#[cfg(test)]
mod tests {
    use super::Cli;
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
}
