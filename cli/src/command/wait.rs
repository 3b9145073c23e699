//! `stagegate rollout wait`: for pipelines that stop until the gates have a verdict.

use super::workload::workload_path;
use crate::client::{AdminClient, Failure, typed};
use crate::duration::Duration;
use crate::output::{self, Format};
use clap::Args;
use serde_json::json;
use stagegate_api::{RolloutDetail, Verdict};
use std::process::ExitCode;
use std::time::Instant;

/// Time between two looks.
const LOOK: std::time::Duration = std::time::Duration::from_secs(1);

/// Options of `rollout wait`.
#[derive(Args, Debug)]
pub(crate) struct WaitArgs {
    /// The workload.
    workload: String,
    /// The longest time to wait, like 2h.
    #[arg(long, value_name = "TIME", default_value = "24h")]
    timeout: Duration,
}

/// What a look at the rollout says.
#[derive(Debug, PartialEq, Eq)]
enum Seen {
    /// The gates permit a promotion; the analysis that says so.
    Pass(String),
    /// It is over as it should be.
    Completed,
    /// It was taken out; why.
    Ended(String),
    /// Not yet; what it waits for.
    NotYet(String),
}

fn seen(rollout: &RolloutDetail) -> Seen {
    let it = &rollout.summary;
    if !it.active {
        let words =
            format!("rollout {} is {}: {}", it.id, it.phase.replace('_', " "), it.since.reason);
        return if it.phase == "completed" { Seen::Completed } else { Seen::Ended(words) };
    }
    match &rollout.analysis {
        Some(analysis) if analysis.verdict == Verdict::Pass => Seen::Pass(analysis.id.clone()),
        Some(analysis) => Seen::NotYet(analysis.blocks.join("; ")),
        None => Seen::NotYet("nothing has been measured in this step yet".to_owned()),
    }
}

pub(crate) fn run(
    client: &AdminClient,
    args: &WaitArgs,
    format: Format,
) -> Result<ExitCode, Failure> {
    let path = workload_path(&args.workload, "/rollouts/current");
    let begun = Instant::now();
    let mut waits_for = String::new();
    loop {
        let rollout: RolloutDetail = typed(&client.get(&path)?)?;
        let (step, steps) = (rollout.summary.step, rollout.summary.steps);
        match seen(&rollout) {
            Seen::Pass(analysis) => {
                let told = json!({ "result": "pass", "step": step, "analysis": analysis });
                output::show(format, &told, || {
                    format!("pass at step {step} of {steps}, by analysis {analysis}\n")
                });
                return Ok(ExitCode::SUCCESS);
            }
            Seen::Completed => {
                let told = json!({ "result": "completed", "step": step });
                output::show(format, &told, || "the rollout is complete\n".to_owned());
                return Ok(ExitCode::SUCCESS);
            }
            Seen::Ended(why) => return Err(Failure::Local(why)),
            Seen::NotYet(now) => {
                if now != waits_for {
                    output::note(&format!("step {step} of {steps} waits for: {now}"));
                    waits_for = now;
                }
            }
        }
        if begun.elapsed() >= args.timeout.0 {
            return Err(Failure::Local(format!(
                "no pass within the time: it waits for {waits_for}"
            )));
        }
        std::thread::sleep(LOOK.min(args.timeout.0.saturating_sub(begun.elapsed())));
    }
}

#[cfg(test)]
mod tests {
    use super::{Seen, seen};
    use serde_json::{Value, json};

    fn of(phase: &str, verdict: Option<&str>) -> Seen {
        let mark = json!({ "by": "ann", "reason": "p99", "at_ms": 0 });
        let analysis: Option<Value> = verdict.map(|verdict| {
            json!({ "id": "a~1", "rollout": "agent~v2~1", "step": 1, "at_ms": 0, "verdict": verdict,
                "observed_ms": 0, "needed_ms": 0, "requests": 0, "needed_requests": 9, "gates": [],
                "blocks": ["9 requests"], "outage": false,
                "split": { "candidate": 0, "all": 0, "ln_evidence": 0.0 } })
        });
        let detail = json!({ "epoch": 1, "workload": "agent", "id": "agent~v2~1", "from": "v1", "to": "v2",
            "policy": "default", "phase": phase, "active": matches!(phase, "progressing" | "watching"),
            "step": 1, "steps": 2, "since": mark, "started": mark, "weight": "1%", "step_since_ms": 0,
            "plan": [], "waived": [], "history": [], "analysis": analysis });
        seen(&serde_json::from_value(detail).expect("a rollout"))
    }

    #[test]
    fn a_pipeline_goes_on_with_a_pass_and_stops_with_a_rollback() {
        assert_eq!(of("progressing", Some("pass")), Seen::Pass("a~1".into()));
        assert_eq!(of("progressing", Some("inconclusive")), Seen::NotYet("9 requests".into()));
        assert!(matches!(of("progressing", None), Seen::NotYet(_)));
        assert_eq!(of("completed", None), Seen::Completed);
        let Seen::Ended(why) = of("rolled_back", None) else { panic!("it ended") };
        assert!(why.contains("rolled back: p99"), "{why}");
    }
}
