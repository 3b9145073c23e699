//! From a parsed command line to an exit code.

use crate::client::{AdminClient, Failure};
use crate::command::{
    analysis, audit, change, cohort, dataset, drill, eval, explain, file, health, lists, notify,
    outlook, reference, release, report, review, rollout, samples, shadow, status, token, undo,
};
use crate::local::Local;
use crate::output::{self, Format, colour, screen};
use crate::tree::{self, Cli, Command, GlobalArgs};
use std::process::ExitCode;

/// Runs the command.
#[must_use]
pub fn run(cli: Cli, local: &dyn Local) -> ExitCode {
    let Cli { global, command } = cli;
    colour::decide(global.color, screen::can_redraw());
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
        Command::Completions(args) => reference::completions(tree::command(), &args),
        Command::Man(args) => reference::man(tree::command(), &args),
        Command::Reference(args) => reference::print(tree::command(), local, &args),
        Command::Status(args) => status::run(&client()?, &args, format),
        Command::Health => health::run(&client()?),
        Command::Weight(args) => change::weight(&client()?, &args, format),
        Command::Rollback(args) => change::verb(&client()?, "rollback", &args, format),
        Command::Kill(args) => change::verb(&client()?, "kill", &args, format),
        Command::Revive(args) => change::verb(&client()?, "revive", &args, format),
        Command::Undo(args) => match undo::run(&client()?, &args, format)? {
            Some(words) => take_back(global, &words, local),
            None => Ok(ExitCode::FAILURE),
        },
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
        Command::Reload(args) => change::reload(&client()?, &args, format),
        Command::Token(command) => token::run(local, &command, format),
    }
}

/// Runs the command that takes a change back, with the options of `undo`.
fn take_back(
    global: &GlobalArgs,
    words: &[String],
    local: &dyn Local,
) -> Result<ExitCode, Failure> {
    let cli = tree::parse(words)
        .map_err(|error| Failure::Local(format!("the command cannot be run: {error}")))?;
    one_shot(global, cli.command, local)
}

#[cfg(test)]
mod tests {
    use super::run;
    use crate::canned::{self, Offline};
    use crate::tree::parse;
    use std::process::ExitCode;

    /// The exit code of a line, as text: two of them cannot be compared.
    fn code(line: &str) -> String {
        match parse(line.split(' ')) {
            Ok(cli) => format!("{:?}", run(cli, &Offline)),
            Err(error) => format!("{:?}", ExitCode::from(error.exit_code() as u8)),
        }
    }

    fn exit(code: u8) -> String {
        format!("{:?}", ExitCode::from(code))
    }

    #[test]
    fn exit_codes_are_the_documented_ones() {
        let ask = |status: &str, body: &str, line: &str| {
            let (address, asked) = canned::serve(status, body);
            let code = code(&format!("stagegate --admin http://{address} {line}"));
            asked.join().expect("one request");
            code
        };
        let cohorts = r#"{ "epoch": 1, "cohorts": [] }"#;
        assert_eq!(ask("200 OK", cohorts, "cohort ls agent"), exit(0));
        let refused = r#"{ "title": "Not found", "status": 404, "detail": "no workload" }"#;
        assert_eq!(ask("404 Not Found", refused, "cohort ls agent"), exit(1));
        assert_eq!(ask("200 OK", "<html>", "cohort ls agent"), exit(1));
        for usage in ["stagegate weight", "stagegate nonsense", "stagegate --admin h:1 status"] {
            assert_eq!(code(usage), exit(2), "{usage}");
        }
        let nobody = canned::nobody();
        assert_eq!(code(&format!("stagegate --admin http://{nobody} status")), exit(3));
    }

    #[test]
    fn an_undo_names_the_command_and_a_dry_run_sends_nothing() {
        let audit = serde_json::json!({ "entries": [{
            "seq": 7, "at_ms": 0, "actor": "ann", "workload": "agent", "action": "set_weight",
            "reason": "", "summary": "weight 1% -> 10%", "epoch_before": 4, "epoch_after": 5,
            "details": {}, "prev_hash": "", "hash": "",
        }] });
        let workload = canned::workload("10%").to_string();
        let answers = [audit.to_string(), workload.clone(), workload];
        let (address, asked) = canned::serve_all("200 OK", &answers);
        let code = code(&format!("stagegate --admin http://{address} undo agent --dry-run"));
        let asked = asked.join().expect("three requests");
        assert_eq!(code, exit(0));
        let lines: Vec<&str> = asked.iter().filter_map(|it| it.lines().next()).collect();
        assert!(lines[0].starts_with("GET /v1/audit?"), "{lines:?}");
        assert!(lines.iter().all(|line| line.starts_with("GET ")), "{lines:?}");
    }
}
