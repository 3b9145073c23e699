//! `stagegate eval`: what was scored, offline runs and their gate, and one scorer by hand.

use super::attach::{AttachArgs, attach};
use super::coverage::{self, CoverageArgs};
use super::eval_now::{self, NowArgs};
use super::judge::judge;
use super::rerun::{self, RerunArgs};
use super::results::{self, ResultsArgs};
use crate::client::{AdminClient, Failure};
use crate::examples::examples;
use crate::local::Local;
use crate::output::{self, Format};
use clap::{Args, Subcommand};
use serde_json::json;
use stagegate_eval::gate::{Became, GateVerdict, Report, Run, compare};
use stagegate_eval::{Sample, Score};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

/// The commands below `eval`.
#[derive(Subcommand, Debug)]
pub(crate) enum EvalCommand {
    /// Show accuracy by arm, cohort and tenant, with its bounds.
    #[command(after_help = examples!("eval results support-agent", "eval results support-agent --rollout support-agent~v43~2 --reliability"))]
    Results(ResultsArgs),
    /// Compare two offline runs of one set, case by case: the gate before the canary.
    ///
    /// Exit codes: 0 no case fell, 1 a case fell, 2 the runs cannot be compared.
    #[command(after_help = examples!("eval gate --baseline v42.jsonl --candidate v43.jsonl --junit eval.xml", "eval gate support-agent --baseline v42.jsonl --candidate v43.jsonl --attach --release v43"))]
    Gate(GateArgs),
    /// Sample the next answers of each arm at once and wait for their scores.
    ///
    /// Exit codes: 0 not shown to be worse, 1 worse beyond the margin or not enough in time, 2 wrong
    /// usage, 3 admin API unreachable.
    #[command(after_help = examples!("eval now support-agent --count 50 --margin 2"))]
    Now(NowArgs),
    /// Send sampled requests, or the cases of a dataset, to one release, score the answers and write
    /// a run for `eval gate`. With `--dataset` and `--url` only the release must be up.
    ///
    /// Exit codes: 0 every case has a verdict, 1 some have none, 2 wrong usage.
    #[command(after_help = examples!("eval rerun support-agent --release v43 --dataset cases.jsonl --out v43.jsonl"))]
    Rerun(Box<RerunArgs>),
    /// Measure how much of production a frozen set looks like, and list what it lacks.
    #[command(after_help = examples!("eval coverage support-agent --dataset cases.jsonl --out coverage.json", "eval coverage support-agent --dataset cases.jsonl --since 7d --into review.jsonl"))]
    Coverage(Box<CoverageArgs>),
    /// Run one scorer on one sample.
    ///
    /// Exit codes: 0 passed, 1 failed or unscored, 2 wrong usage.
    #[command(after_help = examples!("eval try --scorer answers-in-json --file sample.json"))]
    Try(TryArgs),
}

/// Options of `eval gate`.
#[derive(Args, Debug)]
pub(crate) struct GateArgs {
    /// The baseline's run: JSON Lines, each with `id` and `pass` or `scores`.
    #[arg(long, value_name = "FILE")]
    baseline: PathBuf,
    /// The candidate's run of the same cases.
    #[arg(long, value_name = "FILE")]
    candidate: PathBuf,
    /// Write a JUnit XML report, for CI systems.
    #[arg(long, value_name = "FILE")]
    junit: Option<PathBuf>,
    /// Write a Markdown report, for pull requests.
    #[arg(long, value_name = "FILE")]
    markdown: Option<PathBuf>,
    #[command(flatten)]
    to: AttachArgs,
}

/// Options of `eval try`.
#[derive(Args, Debug)]
pub(crate) struct TryArgs {
    /// Name of the scorer.
    #[arg(long, value_name = "NAME")]
    scorer: String,
    /// The file with the scorer: a list of scorers, or `scorers:` at the top or of a workload.
    #[arg(short, long, default_value = "stagegate.yaml", env = "STAGEGATE_CONFIG")]
    #[arg(value_name = "FILE")]
    config: PathBuf,
    /// The sample, as the API and `samples` show it.
    #[arg(short, long, value_name = "FILE")]
    file: PathBuf,
}

pub(crate) fn run(
    client: impl Fn() -> Result<AdminClient, Failure>,
    local: &dyn Local,
    command: &EvalCommand,
    format: Format,
) -> Result<ExitCode, Failure> {
    match command {
        EvalCommand::Results(args) => results::run(&client()?, args, format),
        EvalCommand::Gate(args) => gate(client, args, format),
        EvalCommand::Now(args) => eval_now::run(&client()?, args, format),
        EvalCommand::Rerun(args) => rerun::run(client, local, args, format),
        EvalCommand::Coverage(args) => coverage::run(&client()?, args, format),
        EvalCommand::Try(args) => try_out(local, args, format),
    }
}

fn read(path: &Path) -> Result<String, Failure> {
    std::fs::read_to_string(path)
        .map_err(|error| Failure::Usage(format!("cannot read {}: {error}", path.display())))
}

fn write(path: Option<&PathBuf>, text: &str) -> Result<(), Failure> {
    let Some(path) = path else { return Ok(()) };
    std::fs::write(path, text)
        .map_err(|error| Failure::Usage(format!("cannot write {}: {error}", path.display())))
}

fn gate(
    client: impl Fn() -> Result<AdminClient, Failure>,
    args: &GateArgs,
    format: Format,
) -> Result<ExitCode, Failure> {
    let run = |path: &PathBuf| {
        Run::read(&path.display().to_string(), &read(path)?)
            .map_err(|error| Failure::Usage(error.to_string()))
    };
    let report = compare(&run(&args.baseline)?, &run(&args.candidate)?);
    write(args.junit.as_ref(), &report.junit())?;
    write(args.markdown.as_ref(), &report.markdown())?;
    let mut shown = json!(report);
    let mut text = table(&report);
    if args.to.attach {
        let attached = attach(&client()?, &args.to, &report)?;
        let of = |key: &str| attached[key].as_str().unwrap_or_default();
        text.push_str(&if attached["dry_run"] == true {
            "\ndry run: the comparison was not attached".to_owned()
        } else {
            let (release, workload) = (of("release"), of("workload"));
            format!("\nattached to release {release} of {workload}: {}", of("verdict"))
        });
        shown["attached"] = attached;
    }
    output::show(format, &shown, || text);
    Ok(ExitCode::from(match report.verdict {
        GateVerdict::Held => 0,
        GateVerdict::Fell => 1,
        GateVerdict::Incomparable => 2,
    }))
}

fn table(report: &Report) -> String {
    let (before, after) = report.passing();
    let all = report.cases.len();
    let mut text = String::new();
    for case in report.that(Became::Fell) {
        let why = case.why.as_deref().map(|why| format!(": {why}")).unwrap_or_default();
        text.push_str(&format!("fell            {}{why}\n", case.id));
    }
    for case in &report.incomparable {
        text.push_str(&format!("not comparable  {}: {}\n", case.id, case.why));
    }
    let verdict = match report.verdict {
        GateVerdict::Held => "held",
        GateVerdict::Fell => "fell",
        GateVerdict::Incomparable => "cannot be compared",
    };
    text.push_str(&format!("{verdict}: {before} of {all} passed before, {after} pass now"));
    text
}

fn try_out(local: &dyn Local, args: &TryArgs, format: Format) -> Result<ExitCode, Failure> {
    let usage = |text: String| Failure::Usage(text);
    let spec = local.scorer(&args.config, &args.scorer).map_err(usage)?;
    let sample: Sample = serde_json::from_str(&read(&args.file)?)
        .map_err(|error| usage(format!("{} is not a sample: {error}", args.file.display())))?;
    let scores = judge(&spec, &sample);
    let passed = !scores.is_empty() && scores.iter().all(|score| score.pass == Some(true));
    output::show(format, &json!(scores), || scores.iter().map(line).collect::<Vec<_>>().join("\n"));
    Ok(if passed { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn line(score: &Score) -> String {
    let value = score.value.map(|value| format!("  {value:.3}")).unwrap_or_default();
    let why = score.explanation.as_deref().map(|why| format!("  {why}")).unwrap_or_default();
    format!("{:<8}  {}{value}{why}", score.outcome(), score.name)
}

#[cfg(test)]
mod tests {
    use super::{AttachArgs, Failure, GateArgs, TryArgs, gate, try_out};
    use crate::canned::Offline;
    use crate::output::Format;
    use serde_json::json;
    use std::path::{Path, PathBuf};

    fn put(dir: &Path, name: &str, text: &str) -> PathBuf {
        let path = dir.join(name);
        std::fs::write(&path, text).expect("written");
        path
    }

    fn code(code: Result<std::process::ExitCode, Failure>) -> String {
        match code {
            Ok(code) => format!("{code:?}"),
            Err(failure) => format!("{:?} {failure}", failure.exit_code()),
        }
    }

    #[test]
    fn the_gate_speaks_in_exit_codes_and_reports() {
        let dir = tempfile::tempdir().expect("a directory");
        let base = put(
            dir.path(),
            "base",
            "{\"id\":\"a\",\"pass\":true}\n{\"id\":\"b\",\"pass\":false}\n",
        );
        let junit = dir.path().join("junit.xml");
        let run = |text: &str| {
            let candidate = put(dir.path(), "candidate", text);
            let (junit, markdown) = (Some(junit.clone()), Some(dir.path().join("report.md")));
            let to = AttachArgs::default();
            let args = GateArgs { baseline: base.clone(), candidate, junit, markdown, to };
            let nobody = || Err(Failure::Local("no server is asked".to_owned()));
            code(gate(nobody, &args, Format::Table))
        };
        let exit = |n: u8| format!("{:?}", std::process::ExitCode::from(n));
        assert_eq!(run("{\"id\":\"a\",\"pass\":true}\n{\"id\":\"b\",\"pass\":true}"), exit(0));
        assert_eq!(run("{\"id\":\"a\",\"pass\":false}\n{\"id\":\"b\",\"pass\":true}"), exit(1));
        let report = std::fs::read_to_string(&junit).expect("written");
        assert!(report.contains(r#"failures="1""#), "{report}");
        assert_eq!(run("{\"id\":\"a\",\"pass\":true}"), exit(2));
        let wrong = run("{\"id\":\"a\"}");
        assert!(wrong.starts_with(&exit(2)) && wrong.contains("candidate:1:"), "{wrong}");
    }

    #[test]
    fn a_scorer_is_found_in_a_configuration_and_tried() {
        let dir = tempfile::tempdir().expect("a directory");
        let sample = json!({
            "id": "r-1", "at_ms": 0, "workload": "agent", "release": "v1", "arm": "stable",
            "reason": "random", "input": "2+2?", "output": { "kind": "text", "value": "it is 4" },
        });
        let file = put(dir.path(), "sample.json", &sample.to_string());
        let config = put(
            dir.path(),
            "stagegate.yaml",
            "workloads:\n  agent:\n    scorers:\n      - {name: four, type: contains, value: '4'}\n\
             \x20     - {name: bad, type: contains, vlaue: x}\n",
        );
        let run = |scorer: &str| {
            let args =
                TryArgs { scorer: scorer.to_owned(), config: config.clone(), file: file.clone() };
            code(try_out(&Offline, &args, Format::Table))
        };
        assert_eq!(run("four"), format!("{:?}", std::process::ExitCode::SUCCESS));
        let bad = run("bad");
        assert!(
            bad.contains("stagegate.yaml:5:37: workloads.agent.scorers[1].vlaue: is not a key")
        );
        assert!(bad.contains("value: is missing") && bad.contains("mean `value`?"), "{bad}");
        assert!(run("else").contains("there is no scorer `else`"), "{}", run("else"));
    }
}
