//! Commands on configuration files: write one, check one, describe them all. No server needed.

use super::client::Failure;
use super::output::{self, Format};
use clap::Args;
use serde_json::json;
use stagegate_api::ConfigProblem;
use stagegate_config::Config;
use std::fs::OpenOptions;
use std::io::{ErrorKind, Write};
use std::path::PathBuf;
use std::process::ExitCode;

/// Options of `init`.
#[derive(Args, Debug)]
pub(super) struct InitArgs {
    /// The file to write; an existing one is never touched.
    #[arg(default_value = "stagegate.yaml")]
    file: PathBuf,
    /// Where the version that serves now listens.
    #[arg(long, value_name = "URL", default_value = "http://127.0.0.1:9001")]
    stable: String,
    /// Where the new version listens.
    #[arg(long, value_name = "URL", default_value = "http://127.0.0.1:9002")]
    candidate: String,
}

/// Options of `check`.
#[derive(Args, Debug)]
pub(super) struct CheckArgs {
    /// The configuration file.
    #[arg(default_value = "stagegate.yaml")]
    file: PathBuf,
}

pub(super) fn init(args: &InitArgs) -> Result<ExitCode, Failure> {
    let text = stagegate_config::template(&args.stable, &args.candidate);
    let file = args.file.display();
    // A URL that the configuration does not take is found now, not at the first start.
    let base = args.file.parent().unwrap_or(&args.file);
    let variables = |name: &str| std::env::var(name).ok();
    if let Err(problems) = Config::parse(&text, &file.to_string(), base, &variables) {
        return Err(Failure::Usage(format!("--stable or --candidate cannot be used:\n{problems}")));
    }
    let opened = OpenOptions::new().write(true).create_new(true).open(&args.file);
    match opened.and_then(|mut opened| opened.write_all(text.as_bytes())) {
        Ok(()) => {}
        Err(error) if error.kind() == ErrorKind::AlreadyExists => {
            return Err(Failure::Local(format!(
                "{file} exists and was left as it is; name another file: `stagegate init FILE`"
            )));
        }
        Err(error) => return Err(Failure::Local(format!("cannot write {file}: {error}"))),
    }
    output::answer(&format!(
        "wrote {file}\nnext: stagegate check {file}\n      stagegate serve -c {file}"
    ));
    Ok(ExitCode::SUCCESS)
}

pub(super) fn check(args: &CheckArgs, format: Format) -> Result<ExitCode, Failure> {
    let (problems, warnings, workloads) = match Config::load(&args.file) {
        Ok(loaded) => (Vec::new(), loaded.warnings, loaded.config.workloads.len()),
        Err(problems) => (problems.0, Vec::new(), 0),
    };
    let ok = problems.is_empty();
    if format == Format::Json {
        let answer = json!({ "ok": ok, "problems": problems, "warnings": warnings });
        output::answer(&output::json(&answer));
    } else {
        problems.iter().for_each(|problem| output::note(&problem.to_string()));
        warnings.iter().for_each(|warning| output::note(&format!("warning: {warning}")));
        let file = args.file.display();
        if ok {
            output::answer(&format!("{file} is good: {}", counted(workloads, "workload")));
        } else {
            output::note(&format!("{file}: {}", counted(problems.len(), "problem")));
        }
    }
    Ok(if ok { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

pub(super) fn schema() -> Result<ExitCode, Failure> {
    output::answer(&output::json(&stagegate_config::schema()));
    Ok(ExitCode::SUCCESS)
}

fn counted(count: usize, noun: &str) -> String {
    let plural = if count == 1 { "" } else { "s" };
    format!("{count} {noun}{plural}")
}

/// A configuration problem as the API reports it, on one line.
pub(super) fn config_problem(problem: &ConfigProblem) -> String {
    let place = match (problem.line, problem.column) {
        (0, _) => problem.file.clone(),
        (line, 0) => format!("{}:{line}", problem.file),
        (line, column) => format!("{}:{line}:{column}", problem.file),
    };
    let key = if problem.key.is_empty() { String::new() } else { format!(" {}:", problem.key) };
    let hint = if problem.hint.is_empty() { String::new() } else { format!("; {}", problem.hint) };
    format!("{place}:{key} {}{hint}", problem.message)
}

#[cfg(test)]
mod tests {
    use super::{InitArgs, config_problem, init};
    use stagegate_api::ConfigProblem;

    fn args(file: std::path::PathBuf) -> InitArgs {
        let (stable, candidate) = ("http://127.0.0.1:9001", "http://127.0.0.1:9002");
        InitArgs { file, stable: stable.to_owned(), candidate: candidate.to_owned() }
    }

    #[test]
    fn init_writes_a_file_that_loads_and_never_overwrites_one() {
        let dir = tempfile::tempdir().expect("a directory");
        let file = dir.path().join("stagegate.yaml");
        init(&args(file.clone())).expect("written");
        let loaded = stagegate_config::Config::load(&file).expect("loads");
        assert_eq!(loaded.config.workloads.len(), 1);

        std::fs::write(&file, "mine").expect("written");
        let refused = init(&args(file.clone())).expect_err("exists");
        assert!(refused.to_string().contains("exists"), "{refused}");
        assert_eq!(std::fs::read_to_string(&file).expect("there"), "mine");
    }

    #[test]
    fn init_refuses_a_url_the_configuration_would_refuse() {
        let dir = tempfile::tempdir().expect("a directory");
        let file = dir.path().join("stagegate.yaml");
        let mut wrong = args(file.clone());
        wrong.candidate = "ftp://somewhere".to_owned();
        assert!(init(&wrong).is_err());
        assert!(!file.exists());
    }

    #[test]
    fn a_problem_reads_like_a_compilers() {
        let problem = ConfigProblem {
            file: "a.yaml".into(),
            line: 12,
            column: 7,
            key: "workloads.x.weight".into(),
            message: "`110%` is no share".into(),
            hint: "write `10%`".into(),
        };
        assert_eq!(
            config_problem(&problem),
            "a.yaml:12:7: workloads.x.weight: `110%` is no share; write `10%`"
        );
    }
}
