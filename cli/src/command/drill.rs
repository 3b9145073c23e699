//! `stagegate drill`: try the kill switch before it is needed.

use super::send::{ConditionArgs, Order};
use super::workload::workload_path;
use crate::client::{AdminClient, Failure, typed};
use crate::output::table::wrapped;
use crate::output::{self, Format, millis};
use clap::Args;
use stagegate_api::{DrillReport, ExerciseKind, ExerciseReport, HoldExercise, OptionalReason};
use std::fmt::Write;
use std::process::ExitCode;
use ureq::http::Method;

/// Options of `drill`.
#[derive(Args, Debug)]
pub(crate) struct DrillArgs {
    /// The workload.
    workload: String,
    /// The reason; it is recorded.
    #[arg(long)]
    reason: Option<String>,
    /// Exercise an incident on a sandbox copy: a violation, the rollback, the alert.
    #[arg(long, group = "exercise")]
    incident: bool,
    /// Acknowledge the incident that waits for it.
    #[arg(long, group = "exercise")]
    acknowledge: bool,
    /// Probe the release to go back to at the workload's rate.
    #[arg(long, group = "exercise")]
    capacity: bool,
    #[command(flatten)]
    conditions: ConditionArgs,
}

impl DrillArgs {
    /// The exercise that is meant, if it is not the kill switch.
    const fn exercise(&self) -> Option<ExerciseKind> {
        match (self.incident, self.acknowledge, self.capacity) {
            (true, ..) => Some(ExerciseKind::Incident),
            (_, true, _) => Some(ExerciseKind::Acknowledge),
            (.., true) => Some(ExerciseKind::Capacity),
            _ => None,
        }
    }
}

pub(crate) fn run(
    client: &AdminClient,
    args: &DrillArgs,
    format: Format,
) -> Result<ExitCode, Failure> {
    if let Some(kind) = args.exercise() {
        return exercise(client, args, kind, format);
    }
    let body = OptionalReason { reason: args.reason.clone() };
    if args.conditions.dry_run {
        let (workload, path, conditions) =
            (args.workload.as_str(), "/drill".to_owned(), &args.conditions);
        return Order { workload, method: Method::POST, path, body, conditions }.try_dry(
            client,
            format,
            |now, seen| {
                if now.killed.is_some() {
                    seen.refused("the kill switch is on");
                }
                seen.moves("kill switch", "off", "on, and off again in less than a second");
                seen.who(format!(
                    "requests of that moment go to the fallback: {}",
                    now.kill_fallback
                ));
                Ok(())
            },
        );
    }
    let path = workload_path(&args.workload, "/drill");
    let answer = client.send(&Method::POST, &path, &body, args.conditions.conditions())?;
    let report: DrillReport = typed(&answer)?;
    output::show(format, &answer, || text(&report));
    Ok(if report.passed { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// Holds an exercise that moves no traffic.
fn exercise(
    client: &AdminClient,
    args: &DrillArgs,
    exercise: ExerciseKind,
    format: Format,
) -> Result<ExitCode, Failure> {
    let body = HoldExercise { exercise, reason: args.reason.clone() };
    if args.conditions.dry_run {
        let (workload, path, conditions) =
            (args.workload.as_str(), "/exercises".to_owned(), &args.conditions);
        return Order { workload, method: Method::POST, path, body, conditions }.try_dry(
            client,
            format,
            |_, seen| {
                seen.who(match exercise {
                    ExerciseKind::Capacity => "the release to go back to gets health requests for 3 s",
                    _ => "nobody moves: the incident is on a sandbox copy; the channels get a message",
                });
                Ok(())
            },
        );
    }
    let path = workload_path(&args.workload, "/exercises");
    let answer = client.send(&Method::POST, &path, &body, args.conditions.conditions())?;
    let report: ExerciseReport = typed(&answer)?;
    output::show(format, &answer, || exercise_text(&report));
    Ok(if report.passed || report.waiting { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn exercise_text(report: &ExerciseReport) -> String {
    let how = match (report.passed, report.waiting) {
        (true, _) => "passed",
        (_, true) => "waits for the acknowledgement of a person",
        _ => "FAILED",
    };
    let mut text = format!("{}: {how}\n", report.workload);
    for step in &report.steps {
        let mark = if step.passed { " " } else { "!" };
        let took = millis(step.took_ms as f64);
        text.push_str(&wrapped(&format!("{mark} {} ({took}): {}", step.step, step.seen), 2));
    }
    if report.waiting {
        let _ = writeln!(text, "acknowledge: stagegate drill {} --acknowledge", report.workload);
    }
    let _ = writeln!(text, "audit record {}, by {}", report.audit_seq, report.actor);
    text
}

fn text(report: &DrillReport) -> String {
    let how = if report.passed { "passed" } else { "FAILED" };
    let held = millis(report.held_ms);
    let mut text = format!("{}: drill {how}, the switch was on for {held}\n", report.workload);
    for check in &report.checks {
        let mark = if check.passed { " " } else { "!" };
        let _ = writeln!(text, "  {mark} {}: {}", check.check, check.seen);
    }
    let _ = writeln!(text, "audit record {}, by {}", report.audit_seq, report.actor);
    text
}

#[cfg(test)]
mod tests {
    use super::text;
    use serde_json::json;
    use stagegate_api::DrillReport;

    #[test]
    fn a_failed_check_stands_out() {
        let report: DrillReport = serde_json::from_value(json!({
            "workload": "agent", "passed": false, "at_ms": 0, "held_ms": 301.2, "epoch": 9,
            "audit_seq": 12, "actor": "deployer", "reason": "",
            "timing": { "last_candidate_request_ms": 0.0, "acknowledged_ms": 1.0,
                        "acknowledged_workers": 1, "workers": 2, "settled": false },
            "checks": [{ "check": "every worker follows", "passed": false, "seen": "1 of 2" }],
        }))
        .expect("the API's own shape");
        let text = text(&report);
        assert!(text.starts_with("agent: drill FAILED"), "{text}");
        assert!(text.contains("\n  ! every worker follows: 1 of 2\n"), "{text}");
    }
}
