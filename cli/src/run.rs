//! From a parsed command line to an exit code.

use crate::client::{AdminClient, Failure};
use crate::command::{
    analysis, audit, change, cohort, dataset, drill, eval, explain, file, health, lists, notify,
    outlook, reference, release, report, review, rollout, samples, shadow, status, token,
};
use crate::local::Local;
use crate::output::{self, Format};
use crate::tree::{Cli, Command, GlobalArgs};
use clap::CommandFactory;
use std::process::ExitCode;

/// Runs the command.
#[must_use]
pub fn run(cli: Cli, local: &dyn Local) -> ExitCode {
    let Cli { global, command } = cli;
    match command {
        Command::Serve(args) => local.serve(&args),
        Command::Demo(args) => local.demo(&args),
        Command::DemoAgent(args) => local.demo_agent(&args),
        other => match one_shot(&global, other, local) {
            Ok(code) => code,
            Err(failure) => {
                tell(&failure, global.output);
                failure.exit_code()
            }
        },
    }
}

/// Writes why a command was not done: to standard error, and for programs as JSON too.
fn tell(failure: &Failure, format: Format) {
    output::note(&format!("error: {failure}"));
    if let (Format::Json, Some(problem)) = (format, failure.problem()) {
        output::answer(&output::json(problem));
    }
}

fn one_shot(global: &GlobalArgs, command: Command, local: &dyn Local) -> Result<ExitCode, Failure> {
    let format = global.output;
    let client = || AdminClient::new(&global.admin, global.token.as_deref());
    match command {
        // These run until they are asked to end.
        Command::Serve(_) | Command::Demo(_) | Command::DemoAgent(_) => Ok(ExitCode::SUCCESS),
        Command::Init(args) => file::init(local, &args),
        Command::Check(args) => file::check(local, &args, format),
        Command::Schema => file::schema(local),
        Command::Completions(args) => reference::completions(Cli::command(), &args),
        Command::Reference(args) => reference::print(Cli::command(), local, &args),
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
        Command::Eval(command) => eval::run(client, local, &command, format),
        Command::Notify(command) => notify::run(&client()?, &command, format),
        Command::Reload => change::reload(&client()?, format),
        Command::Token(command) => token::run(local, &command, format),
    }
}
