//! Changes of one workload: the weight, the way back, the kill switch.

use crate::client::{AdminClient, Conditions, Failure, config_problem, segment, typed};
use crate::output::{self, Format, millis};
use clap::Args;
use serde_json::{Value, json};
use stagegate_api::{Changed, Reason, Reloaded, SetWeight};
use stagegate_rollout::Weight;
use std::fmt::Write;
use std::process::ExitCode;
use ureq::http::Method;

/// What makes a change safe to race and to repeat.
#[derive(Args, Debug, Default)]
pub(crate) struct ConditionArgs {
    /// Change only if the workload's last change was at this epoch.
    #[arg(long, value_name = "EPOCH")]
    if_match: Option<u64>,
    /// Repeating a command with the same key changes once.
    #[arg(long, value_name = "KEY")]
    idempotency_key: Option<String>,
}

impl ConditionArgs {
    pub(crate) fn conditions(&self) -> Conditions<'_> {
        Conditions { if_match: self.if_match, idempotency_key: self.idempotency_key.as_deref() }
    }
}

/// Options of `weight`.
#[derive(Args, Debug)]
pub(crate) struct WeightArgs {
    /// The workload.
    workload: String,
    /// The candidate's new share of targeting keys: 0% to 100% in steps of 0.001%.
    weight: Weight,
    /// Why; it is recorded.
    #[arg(long)]
    reason: Option<String>,
    /// Set it although a rollout is under way, whose policy sets the weight.
    #[arg(long = "override", requires = "reason")]
    overriding: bool,
    #[command(flatten)]
    conditions: ConditionArgs,
}

/// Options of `rollback`, `kill` and `revive`.
#[derive(Args, Debug)]
pub(crate) struct VerbArgs {
    /// The workload.
    workload: String,
    /// Why; it is recorded.
    #[arg(long)]
    reason: String,
    #[command(flatten)]
    conditions: ConditionArgs,
}

/// The path of something below a workload.
pub(crate) fn workload_path(workload: &str, rest: &str) -> String {
    format!("/v1/workloads/{}{rest}", segment(workload))
}

pub(crate) fn weight(
    client: &AdminClient,
    args: &WeightArgs,
    format: Format,
) -> Result<ExitCode, Failure> {
    let body = SetWeight {
        weight: args.weight.to_string(),
        reason: args.reason.clone().unwrap_or_default(),
        overriding: args.overriding,
    };
    let path = workload_path(&args.workload, "/weight");
    let answer = client.send(&Method::PUT, &path, &body, args.conditions.conditions())?;
    show_changed(format, &answer)
}

pub(crate) fn verb(
    client: &AdminClient,
    verb: &str,
    args: &VerbArgs,
    format: Format,
) -> Result<ExitCode, Failure> {
    let body = Reason { reason: args.reason.clone() };
    let path = workload_path(&args.workload, &format!("/{verb}"));
    let answer = client.send(&Method::POST, &path, &body, args.conditions.conditions())?;
    show_changed(format, &answer)
}

pub(crate) fn reload(client: &AdminClient, format: Format) -> Result<ExitCode, Failure> {
    let answer = client.send(&Method::POST, "/v1/reload", &json!({}), Conditions::default())?;
    let reloaded: Reloaded = typed(&answer)?;
    output::show(format, &answer, || reloaded_text(&reloaded));
    Ok(ExitCode::SUCCESS)
}

/// Prints what a change did.
pub(crate) fn show_changed(format: Format, answer: &Value) -> Result<ExitCode, Failure> {
    let changed: Changed = typed(answer)?;
    output::show(format, answer, || changed_text(&changed));
    Ok(ExitCode::SUCCESS)
}

fn changed_text(changed: &Changed) -> String {
    let workload = &changed.workload;
    let mut text = if changed.changed {
        format!("{}: {}\n", workload.name, changed.summary)
    } else {
        format!("{}: nothing to do, it already is so\n", workload.name)
    };
    let _ = writeln!(
        text,
        "epoch {}, audit record {}, by {}",
        changed.epoch, changed.audit_seq, changed.actor
    );
    if let Some(timing) = &changed.rollback {
        let followed = format!("{} of {} workers", timing.acknowledged_workers, timing.workers);
        let last = if timing.last_candidate_request_ms > 0.0 {
            let last = millis(timing.last_candidate_request_ms);
            format!("the last new candidate request left {last} after the commit")
        } else {
            "no new candidate request left after the commit".to_owned()
        };
        let _ = if timing.settled {
            writeln!(text, "{followed} followed within {}; {last}", millis(timing.acknowledged_ms))
        } else {
            writeln!(
                text,
                "! only {followed} followed so far: the change is in force, but a stuck worker may \
                 still send requests to the candidate"
            )
        };
    }
    text
}

fn reloaded_text(reloaded: &Reloaded) -> String {
    let mut text = format!("configuration taken over, epoch {}\n", reloaded.epoch);
    if reloaded.changes.is_empty() {
        text.push_str("  nothing changed\n");
    }
    for change in &reloaded.changes {
        let _ = writeln!(text, "  {change}");
    }
    for setting in &reloaded.needs_restart {
        let _ = writeln!(text, "  ! needs a restart: {setting}");
    }
    for warning in &reloaded.warnings {
        let _ = writeln!(text, "  ! {}", config_problem(warning));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::{ConditionArgs, VerbArgs, WeightArgs, changed_text, verb, weight};
    use crate::canned;
    use crate::client::Failure;
    use crate::output::Format;
    use serde_json::json;
    use stagegate_api::Changed;

    fn changed(rollback: serde_json::Value) -> serde_json::Value {
        let mut changed = json!({
            "command": "set_weight", "changed": true, "summary": "weight 1% -> 10%", "epoch": 5,
            "audit_seq": 9, "actor": "deployer", "reason": "first look",
            "workload": canned::workload("10%"),
        });
        if !rollback.is_null() {
            changed["rollback"] = rollback;
        }
        changed
    }

    #[test]
    fn a_change_carries_token_reason_and_conditions() {
        let (client, asked) = canned::answer("200 OK", &changed(json!(null)).to_string());
        let args = WeightArgs {
            workload: "a/b".into(),
            weight: "10%".parse().expect("a share"),
            reason: Some("first look".into()),
            overriding: false,
            conditions: ConditionArgs { if_match: Some(4), idempotency_key: Some("k1".into()) },
        };
        weight(&client, &args, Format::Json).expect("done");
        let asked = asked.join().expect("one request");
        assert!(asked.starts_with("PUT /v1/workloads/a%2Fb/weight HTTP/1.1\r\n"), "{asked}");
        for wanted in [
            "authorization: Bearer sgt_x",
            "if-match: \"4\"",
            "idempotency-key: k1",
            "content-type: application/json",
            r#""weight":"10%""#,
            r#""reason":"first look""#,
        ] {
            assert!(asked.contains(wanted), "{wanted} is missing in\n{asked}");
        }
    }

    #[test]
    fn a_refusal_says_what_is_and_what_to_try() {
        let problem = json!({
            "type": "/problems/stale", "title": "somebody else changed it", "status": 412,
            "detail": "the workload is at epoch 5, not 4", "instance": "/v1/workloads/agent/rollback",
            "epoch": 5, "current": canned::workload("25%"),
        });
        let (client, asked) = canned::answer("412 Precondition Failed", &problem.to_string());
        let args = VerbArgs {
            workload: "agent".into(),
            reason: "slower".into(),
            conditions: ConditionArgs { if_match: Some(4), idempotency_key: None },
        };
        let failure = verb(&client, "rollback", &args, Format::Table).expect_err("refused");
        asked.join().expect("one request");
        assert!(matches!(failure, Failure::Refused { .. }));
        let text = failure.to_string();
        for wanted in ["somebody else changed it (412)", "epoch 5", "weight 25%", "--if-match"] {
            assert!(text.contains(wanted), "{wanted} is missing in\n{text}");
        }
    }

    #[test]
    fn an_answer_of_something_else_is_told_apart() {
        let (client, asked) = canned::answer("200 OK", "<html>hello</html>");
        let args = VerbArgs {
            workload: "agent".into(),
            reason: "slower".into(),
            conditions: ConditionArgs::default(),
        };
        let failure = verb(&client, "kill", &args, Format::Table).expect_err("not ours");
        asked.join().expect("one request");
        assert!(matches!(failure, Failure::Odd { .. }), "{failure}");
    }

    #[test]
    fn a_rollback_tells_how_fast_it_was_and_warns_when_a_worker_hangs() {
        let timing = |settled: bool, workers: u32| {
            let answer = changed(json!({
                "last_candidate_request_ms": 0.41, "acknowledged_ms": 1.2,
                "acknowledged_workers": workers, "workers": 4, "settled": settled,
            }));
            changed_text(&serde_json::from_value::<Changed>(answer).expect("the API's own shape"))
        };
        let text = timing(true, 4);
        assert!(text.contains("4 of 4 workers followed within 1.2 ms"), "{text}");
        assert!(text.contains("0.41 ms after the commit"), "{text}");
        assert!(timing(false, 3).contains("! only 3 of 4 workers"));
    }
}
