//! `stagegate eval gate --attach`: the comparison goes to the release that it is of.

use super::send::{ConditionArgs, below};
use super::workload::workload_path;
use crate::client::{AdminClient, Failure, segment};
use clap::{ArgGroup, Args};
use serde_json::{Value, json};
use stagegate_api::{
    AttachEvalReport, EvalCalibration, EvalCase, EvalComparison, EvalReportDetail, EvalRun,
};
use stagegate_eval::gate::{Became, Report};
use std::fmt::Write;
use ureq::http::Method;

/// Cases that are listed of each kind; the counts are of all.
const LISTED: usize = 1000;
/// Characters of a text that are sent.
const LONGEST: usize = 300;

/// The destination of a comparison.
#[derive(Args, Debug, Default)]
#[command(group = ArgGroup::new("of_workload").args(["workload", "named"]))]
pub(crate) struct AttachArgs {
    /// Attach the comparison to a release, whatever it says; `rollout start` asks for it.
    #[arg(long, requires = "of_workload", requires = "release")]
    pub(crate) attach: bool,
    /// The workload whose release it is.
    #[arg(value_name = "WORKLOAD", requires = "attach")]
    workload: Option<String>,
    /// The same as WORKLOAD.
    #[arg(short = 'w', long = "workload", value_name = "WORKLOAD", requires = "attach")]
    #[arg(conflicts_with = "workload")]
    named: Option<String>,
    /// The release that the candidate's run is of.
    #[arg(long, requires = "attach")]
    release: Option<String>,
    /// The reason, or a description; it is recorded.
    #[arg(long, requires = "attach")]
    reason: Option<String>,
    #[command(flatten)]
    conditions: ConditionArgs,
}

/// Attaches the comparison; gives it as the server keeps it.
pub(crate) fn attach(
    client: &AdminClient,
    args: &AttachArgs,
    report: &Report,
) -> Result<Value, Failure> {
    let workload = args.workload.as_deref().or(args.named.as_deref());
    let release = args.release.as_deref();
    let path = format!("/releases/{}/eval-report", segment(release.unwrap_or_default()));
    let path = workload_path(workload.unwrap_or_default(), &path);
    let body = AttachEvalReport { comparison: comparison(report), reason: args.reason.clone() };
    if args.conditions.dry_run {
        // Asks whether both are there.
        let workload = workload.unwrap_or_default();
        let release = below(&["releases", release.unwrap_or_default()]);
        client.get(&workload_path(workload, &release))?;
        return Ok(json!({ "dry_run": true, "path": path, "comparison": body.comparison }));
    }
    client.send(&Method::PUT, &path, &body, args.conditions.conditions())
}

fn comparison(report: &Report) -> EvalComparison {
    let (before, after) = report.passing();
    let run = |name: &str, release: &Option<String>, passed: usize| EvalRun {
        run: one_line(name),
        release: release.clone(),
        passed: passed as u64,
    };
    let fallen = report.that(Became::Fell).map(|case| EvalCase {
        id: one_line(&case.id),
        why: one_line(case.why.as_deref().unwrap_or_default()),
    });
    let not_compared = report
        .incomparable
        .iter()
        .map(|case| EvalCase { id: one_line(&case.id), why: one_line(&case.why) });
    EvalComparison {
        baseline: run(&report.baseline, &report.baseline_release, before),
        candidate: run(&report.candidate, &report.candidate_release, after),
        cases: report.cases.len() as u64,
        fell: report.that(Became::Fell).count() as u64,
        gained: report.that(Became::Gained).count() as u64,
        incomparable: report.incomparable.len() as u64,
        fallen: fallen.take(LISTED).collect(),
        not_compared: not_compared.take(LISTED).collect(),
        dataset_version: report.dataset_version,
        content_hash: report.content_hash.clone(),
        calibration: calibration(report),
    }
}

/// The calibration of the candidate's run; none where it states no confidence.
fn calibration(report: &Report) -> Option<EvalCalibration> {
    let table = &report.calibration;
    let (error, brier) = (table.calibration_error()?, table.brier()?);
    Some(EvalCalibration { error, brier, pairs: table.count() })
}

/// A text as the API takes it.
fn one_line(text: &str) -> String {
    let visible = |c: char| if c.is_control() { ' ' } else { c };
    text.chars().take(LONGEST).map(visible).collect()
}

/// A kept comparison, as a block of a release's text.
pub(crate) fn shown(detail: &EvalReportDetail, moment: &str) -> String {
    let EvalComparison { baseline, candidate, cases, fell, incomparable, .. } = &detail.comparison;
    let of = |run: &EvalRun| {
        let release = run.release.as_ref().map(|it| format!(" ({it})")).unwrap_or_default();
        format!("{}{release}", run.run)
    };
    let mut text = format!(
        "{}: {} of {cases} passed in {}, {} in {}; attached {moment} by {}\n",
        detail.verdict,
        baseline.passed,
        of(baseline),
        candidate.passed,
        of(candidate),
        detail.by
    );
    let version = detail.comparison.dataset_version;
    let version = version.map(|it| format!("version {it}, ")).unwrap_or_default();
    // Writing to a text cannot fail.
    let _ = writeln!(text, "  set          {version}{}", detail.comparison.content_hash);
    if let Some(calibration) = &detail.comparison.calibration {
        let EvalCalibration { error, brier, pairs } = calibration;
        let _ = writeln!(
            text,
            "  calibration  error {:.1}%, Brier score {brier:.3}, {pairs} cases with a confidence",
            error * 100.0
        );
    }
    let lists = [
        ("fell", &detail.comparison.fallen, *fell),
        ("not compared", &detail.comparison.not_compared, *incomparable),
    ];
    for (word, cases, all) in lists {
        for case in cases.iter().take(20) {
            let why = if case.why.is_empty() { String::new() } else { format!(": {}", case.why) };
            let _ = writeln!(text, "  {word:<13}{}{why}", case.id);
        }
        if all > 20 {
            let _ = writeln!(text, "  {word:<13}and {} more", all - 20);
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::{AttachArgs, attach};
    use crate::canned;
    use serde_json::{Value, json};
    use stagegate_eval::gate::{Run, compare};

    #[test]
    fn the_comparison_is_sent_with_its_counts_and_its_cases() {
        let run = |name: &str, lines: &[Value]| {
            let text: Vec<String> = lines.iter().map(ToString::to_string).collect();
            Run::read(name, &text.join("\n")).expect("a run")
        };
        let base = [
            json!({ "id": "a", "pass": true, "release": "v1", "dataset_version": 3 }),
            json!({ "id": "b", "pass": false, "release": "v1" }),
        ];
        let candidate = [
            json!({ "id": "a", "pass": false, "reason": "two\nlines", "release": "v2" }),
            json!({ "id": "b", "pass": true, "release": "v2" }),
        ];
        let report = compare(&run("base", &base), &run("cand", &candidate));
        let (client, asked) = canned::answer("200 OK", "{}");
        let args = AttachArgs {
            attach: true,
            workload: Some("agent".into()),
            release: Some("v2".into()),
            ..AttachArgs::default()
        };
        attach(&client, &args, &report).expect("sent");
        let asked = asked.join().expect("one request");
        let (head, body) = asked.split_once("\r\n\r\n").expect("a body");
        assert!(head.starts_with("PUT /v1/workloads/agent/releases/v2/eval-report "), "{head}");
        let body: Value = serde_json::from_str(body).expect("JSON");
        let comparison = &body["comparison"];
        assert_eq!((&comparison["fell"], &comparison["gained"]), (&json!(1), &json!(1)));
        assert_eq!(comparison["fallen"], json!([{ "id": "a", "why": "two lines" }]));
        assert_eq!(comparison["baseline"], json!({ "run": "base", "release": "v1", "passed": 1 }));
        assert_eq!(comparison["dataset_version"], 3);
    }
}
