//! From a parsed command line to an exit code.

use crate::client::Failure;
use crate::local::Local;
use crate::output::{self, Format, colour, screen};
use crate::tree::{Cli, Command};
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
        other => match other.run(&global, local) {
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
