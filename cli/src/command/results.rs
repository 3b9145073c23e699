//! `stagegate eval results`: what the sampled answers add up to.

use super::workload::Workload;
use crate::client::{AdminClient, Failure, segment, typed};
use crate::output::table::Table;
use crate::output::{self, Format, grouped, moment, one_line, percent};
use clap::Args;
use stagegate_api::{ArmResults, Bounded, EvalResults, ResultCounts, SliceResults};
use std::fmt::Write;
use std::process::ExitCode;

/// Options of `eval results`.
#[derive(Args, Debug)]
pub(crate) struct ResultsArgs {
    #[command(flatten)]
    workload: Workload,
    /// Id of a rollout, or `none` for what came before the first. Default: the one in progress, or
    /// the last.
    #[arg(long, value_name = "ID")]
    rollout: Option<String>,
    /// Show the reliability tables too: how far the backend's own confidence can be believed.
    #[arg(long)]
    reliability: bool,
}

pub(crate) fn run(
    client: &AdminClient,
    args: &ResultsArgs,
    format: Format,
) -> Result<ExitCode, Failure> {
    let mut path = format!("/v1/workloads/{}/eval", segment(args.workload.name()));
    if let Some(rollout) = &args.rollout {
        let _ = write!(path, "?rollout={}", segment(rollout));
    }
    let answer = client.get(&path)?;
    let results: EvalResults = typed(&answer)?;
    output::show(format, &answer, || shown(&results, args.reliability));
    Ok(ExitCode::SUCCESS)
}

fn shown(results: &EvalResults, reliability: bool) -> String {
    let mut text = match &results.rollout {
        Some(rollout) => format!("since rollout {rollout} began\n\n"),
        None => "before any rollout\n\n".to_owned(),
    };
    text += &arms(&results.arms);
    if let Some(difference) = results.difference {
        let _ = writeln!(text, "\ncandidate minus stable: {}", points(difference));
    }
    text += &judges(&results.arms);
    let scorers = scorers(&results.arms);
    if !scorers.is_empty() {
        let _ = write!(text, "\n{scorers}");
    }
    for (kind, slices) in [("cohort", &results.cohorts), ("tenant", &results.tenants)] {
        if !slices.is_empty() {
            let _ = write!(text, "\n{}", sliced(kind, slices));
        }
    }
    if let Some(mix) = results.mix {
        let _ = write!(text, "\ntenant mix: {} apart", percent(mix.shift));
        if let Some(adjusted) = mix.adjusted_difference {
            let _ = write!(text, "; with stable's mix {:+.1}pp", adjusted * 100.0);
        }
        text.push('\n');
    }
    if reliability {
        for arm in &results.arms {
            let _ = write!(text, "\n{}", reliability_of(arm));
        }
    }
    text
}

/// `95.0% (93.1 to 96.4)`
fn ratio(ratio: Option<Bounded>) -> String {
    let Some(Bounded { estimate, lower, upper }) = ratio else { return String::new() };
    format!("{:.1}% ({:.1} to {:.1})", estimate * 100.0, lower * 100.0, upper * 100.0)
}

fn points(it: Bounded) -> String {
    let [estimate, lower, upper] = [it.estimate, it.lower, it.upper].map(|share| share * 100.0);
    format!("{estimate:+.1}pp ({lower:+.1} to {upper:+.1})")
}

fn counts(counts: &ResultCounts) -> [String; 4] {
    let ResultCounts { passed, failed, unscored, accuracy } = counts;
    [grouped(*passed), grouped(*failed), grouped(*unscored), ratio(*accuracy)]
}

fn arms(arms: &[ArmResults]) -> String {
    let head = ["arm", "release", "passed", "failed", "unscored", "accuracy"];
    let mut table = Table::new(head).right([2, 3, 4]);
    let mut more = Table::new(["arm", "labelled", "mean", "brier", "calibration"]);
    let mut times = Table::new(["arm", "since", "until"]);
    for arm in arms {
        let whose = [arm.arm.to_string(), arm.release.clone()];
        table.row(whose.into_iter().chain(counts(&arm.counts)).collect());
        let number = |value: Option<f64>| value.map(|it| format!("{it:.3}")).unwrap_or_default();
        more.row(vec![
            arm.arm.to_string(),
            ratio(arm.labelled.accuracy),
            number(arm.mean_value),
            number(arm.calibration.brier),
            number(arm.calibration.calibration_error),
        ]);
        times.row(vec![arm.arm.to_string(), moment(arm.since_ms), moment(arm.until_ms)]);
    }
    if arms.is_empty() {
        table.or("nothing was sampled")
    } else {
        format!("{table}\n{more}\n{times}")
    }
}

/// What labels say of the judge, and the accuracy that follows.
fn judges(arms: &[ArmResults]) -> String {
    let mut text = String::new();
    for arm in arms {
        let Some(judge) = &arm.judge else { continue };
        let _ = writeln!(
            text,
            "\n{}: by {} labels the judge passes {} of the right answers\nand fails {} of the wrong ones; \
             accuracy corrected for that: {}",
            arm.arm,
            grouped(judge.labelled_passed + judge.labelled_failed),
            ratio(Some(judge.sensitivity)),
            ratio(Some(judge.specificity)),
            ratio(Some(judge.corrected)),
        );
    }
    text
}

fn scorers(arms: &[ArmResults]) -> String {
    let mut table =
        Table::new(["scorer", "arm", "release", "passed", "failed", "unscored", "mean"])
            .right([3, 4, 5]);
    for arm in arms {
        for scorer in &arm.scorers {
            table.row(vec![
                scorer.name.clone(),
                arm.arm.to_string(),
                arm.release.clone(),
                grouped(scorer.passed),
                grouped(scorer.failed),
                grouped(scorer.unscored),
                scorer.mean_value.map(|it| format!("{it:.3}")).unwrap_or_default(),
            ]);
        }
    }
    if arms.iter().all(|arm| arm.scorers.is_empty()) { String::new() } else { table.to_string() }
}

fn sliced(kind: &str, slices: &[SliceResults]) -> String {
    let mut table =
        Table::new([kind, "arm", "release", "passed", "failed", "unscored", "accuracy"])
            .right([3, 4, 5]);
    let mut apart = String::new();
    for slice in slices {
        for arm in &slice.arms {
            let mut row = vec![slice.name.clone(), arm.arm.to_string(), arm.release.clone()];
            row.extend(counts(&arm.counts));
            table.row(row);
        }
        if let Some(difference) = slice.difference {
            let (name, points) = (one_line(&slice.name), points(difference));
            let _ = writeln!(apart, "{kind} {name}: candidate minus stable {points}");
        }
    }
    table.to_string() + &apart
}

fn reliability_of(arm: &ArmResults) -> String {
    let mut table = Table::new(["confidence", "samples", "mean", "accuracy"]).right([1]).indented();
    for bin in &arm.calibration.bins {
        table.row(vec![
            format!("{:.2} to {:.2}", bin.from, bin.to),
            grouped(bin.count),
            percent(bin.confidence),
            percent(bin.accuracy),
        ]);
    }
    let off = arm.calibration.calibration_error.map_or_else(|| "-".to_owned(), percent);
    let table = table.or("no answer came with a confidence");
    format!("{} {}: calibration error {off}\n{table}", arm.arm, arm.release)
}

#[cfg(test)]
mod tests {
    use super::{ResultsArgs, run, shown};
    use crate::canned;
    use crate::output::Format;
    use clap::Parser;
    use serde_json::json;
    use stagegate_api::EvalResults;

    #[derive(Parser)]
    struct Line {
        #[command(flatten)]
        args: ResultsArgs,
    }

    fn results() -> serde_json::Value {
        let ratio = json!({ "estimate": 0.9, "lower": 0.85, "upper": 0.93 });
        let arm = |arm: &str, release: &str| {
            json!({
                "arm": arm, "release": release, "since_ms": 0, "until_ms": 1000, "passed": 90,
                "failed": 10, "unscored": 2, "accuracy": ratio, "coverage": 0.98,
                "judge": { "labelled_passed": 90, "labelled_failed": 30, "sensitivity": ratio,
                           "specificity": ratio, "corrected": ratio },
                "mean_value": 0.91, "labelled": { "passed": 9, "failed": 1, "accuracy": ratio },
                "calibration": { "count": 100, "brier": 0.1, "calibration_error": 0.04, "bins": [
                    { "from": 0.8, "to": 0.8667, "count": 100, "accuracy": 0.9, "confidence": 0.86 } ] },
                "scorers": [{ "name": "json", "passed": 90, "failed": 10, "unscored": 2, "mean_value": 0.9 }],
            })
        };
        let slice_arm = json!({
            "arm": "candidate", "release": "v2", "passed": 1, "failed": 1, "unscored": 0,
            "accuracy": ratio, "labelled": { "passed": 0, "failed": 0, "accuracy": null },
        });
        json!({
            "workload": "agent", "rollout": "agent~v2~1",
            "arms": [arm("stable", "v1"), arm("candidate", "v2")],
            "difference": { "estimate": -0.02, "lower": -0.05, "upper": 0.01 },
            "cohorts": [],
            "tenants": [{ "name": "acme", "arms": [slice_arm], "difference": null }],
            "mix": { "shift": 0.25, "adjusted_difference": -0.01 },
        })
    }

    #[test]
    fn figures_come_with_their_bounds() {
        let results: EvalResults = serde_json::from_value(results()).expect("results");
        let text = shown(&results, true);
        for part in [
            "since rollout agent~v2~1 began",
            "90.0% (85.0 to 93.0)",
            "candidate minus stable: -2.0pp (-5.0 to +1.0)",
            "stable: by 120 labels the judge passes 90.0% (85.0 to 93.0) of the right answers",
            "accuracy corrected for that: 90.0% (85.0 to 93.0)",
            "acme",
            "tenant mix: 25.0% apart; with stable's mix -1.0pp",
            "stable v1: calibration error 4.0%",
            "0.80 to 0.87",
        ] {
            assert!(text.contains(part), "{part:?} is missing in\n{text}");
        }
    }

    #[test]
    fn the_rollout_that_was_asked_for_is_shown() {
        let (client, asked) = canned::answer("200 OK", &results().to_string());
        let line = ["results", "-w", "agent", "--rollout", "agent~v2~1"];
        let args = Line::try_parse_from(line).expect("right").args;
        run(&client, &args, Format::Json).expect("shown");
        let request = asked.join().expect("asked");
        assert!(
            request.starts_with("GET /v1/workloads/agent/eval?rollout=agent~v2~1 "),
            "{request}"
        );
    }
}
