//! `stagegate drill`: try the kill switch before it is needed.

use super::send::{ConditionArgs, Order};
use super::workload::workload_path;
use crate::client::{AdminClient, Failure, typed};
use crate::output::{self, Format, millis};
use clap::Args;
use stagegate_api::{DrillReport, OptionalReason};
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
    #[command(flatten)]
    conditions: ConditionArgs,
}

pub(crate) fn run(
    client: &AdminClient,
    args: &DrillArgs,
    format: Format,
) -> Result<ExitCode, Failure> {
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
