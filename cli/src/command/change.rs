//! Changes of one workload: the weight, the way back, the kill switch. And the reload.

use super::preview;
use super::send::{ConditionArgs, Order};
use crate::client::{AdminClient, Conditions, Failure, config_problem, typed};
use crate::output::{self, Format, moment, one_line};
use clap::Args;
use serde_json::json;
use stagegate_api::{Reason, Reloaded, SetWeight, Status};
use stagegate_rollout::Weight;
use std::fmt::Write;
use std::process::ExitCode;
use ureq::http::Method;

/// Options of `weight`.
#[derive(Args, Debug)]
pub(crate) struct WeightArgs {
    /// The workload.
    workload: String,
    /// The candidate's new share of targeting keys: 0% to 100% in steps of 0.001%.
    weight: Weight,
    /// The reason; it is recorded.
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
    /// The reason; it is recorded.
    #[arg(long, required_unless_present = "dry_run")]
    reason: Option<String>,
    #[command(flatten)]
    conditions: ConditionArgs,
}

/// Options of `reload`.
#[derive(Args, Debug)]
pub(crate) struct ReloadArgs {
    /// Show what the server last read, and send nothing.
    #[arg(long)]
    dry_run: bool,
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
    let (workload, path) = (args.workload.as_str(), "/weight".to_owned());
    Order { workload, method: Method::PUT, path, body, conditions: &args.conditions }.run(
        client,
        format,
        |now, seen| {
            preview::weight(now, args.weight, args.overriding, seen);
            Ok(())
        },
    )
}

pub(crate) fn verb(
    client: &AdminClient,
    verb: &str,
    args: &VerbArgs,
    format: Format,
) -> Result<ExitCode, Failure> {
    let body = Reason { reason: args.reason.clone().unwrap_or_default() };
    let (workload, path) = (args.workload.as_str(), format!("/{verb}"));
    Order { workload, method: Method::POST, path, body, conditions: &args.conditions }.run(
        client,
        format,
        |now, seen| {
            match verb {
                "kill" => preview::switch(now, true, seen),
                "revive" => preview::switch(now, false, seen),
                _ => preview::rollback(now, seen),
            }
            Ok(())
        },
    )
}

pub(crate) fn reload(
    client: &AdminClient,
    args: &ReloadArgs,
    format: Format,
) -> Result<ExitCode, Failure> {
    if args.dry_run {
        let raw = client.get("/v1/status")?;
        let Status { reload, .. } = typed(&raw)?;
        let answer = json!({ "dry_run": true, "reload": raw["reload"] });
        output::show(format, &answer, || {
            format!(
                "dry run: nothing was sent; the server would read its configuration file again\n\
                 it last took it over at {}; `stagegate check FILE` on its machine finds mistakes\n",
                moment(reload.last_success_at_ms)
            )
        });
        return Ok(ExitCode::SUCCESS);
    }
    let answer = client.send(&Method::POST, "/v1/reload", &json!({}), Conditions::default())?;
    let reloaded: Reloaded = typed(&answer)?;
    output::show(format, &answer, || reloaded_text(&reloaded));
    Ok(ExitCode::SUCCESS)
}

fn reloaded_text(reloaded: &Reloaded) -> String {
    let mut text = format!("configuration taken over, epoch {}\n", reloaded.epoch);
    if reloaded.changes.is_empty() {
        text.push_str("  nothing changed\n");
    }
    for change in &reloaded.changes {
        let _ = writeln!(text, "  {}", one_line(change));
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
    use super::{VerbArgs, WeightArgs, verb, weight};
    use crate::canned;
    use crate::client::Failure;
    use crate::command::send::ConditionArgs;
    use crate::output::Format;
    use serde_json::json;

    fn changed() -> serde_json::Value {
        json!({
            "command": "set_weight", "changed": true, "summary": "weight 1% -> 10%", "epoch": 5,
            "audit_seq": 9, "actor": "deployer", "reason": "first look",
            "workload": canned::workload("10%"),
        })
    }

    #[test]
    fn a_change_carries_token_reason_and_conditions() {
        let (client, asked) = canned::answer("200 OK", &changed().to_string());
        let args = WeightArgs {
            workload: "a/b".into(),
            weight: "10%".parse().expect("a share"),
            reason: Some("first look".into()),
            overriding: false,
            conditions: ConditionArgs {
                if_match: Some(4),
                idempotency_key: Some("k1".into()),
                dry_run: false,
            },
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
            reason: Some("slower".into()),
            conditions: ConditionArgs { if_match: Some(4), ..ConditionArgs::default() },
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
            reason: Some("slower".into()),
            conditions: ConditionArgs::default(),
        };
        let failure = verb(&client, "kill", &args, Format::Table).expect_err("not ours");
        asked.join().expect("one request");
        assert!(matches!(failure, Failure::Odd { .. }), "{failure}");
    }

    #[test]
    fn a_dry_run_reads_and_changes_nothing() {
        let (client, asked) = canned::answer("200 OK", &canned::workload("10%").to_string());
        let args = WeightArgs {
            workload: "agent".into(),
            weight: "50%".parse().expect("a share"),
            reason: None,
            overriding: false,
            conditions: ConditionArgs { dry_run: true, ..ConditionArgs::default() },
        };
        weight(&client, &args, Format::Table).expect("described");
        let asked = asked.join().expect("one request");
        assert!(asked.starts_with("GET /v1/workloads/agent HTTP/1.1\r\n"), "{asked}");
    }
}
