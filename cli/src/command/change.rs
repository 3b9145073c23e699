//! Changes of one workload: the weight, the way back, the kill switch. And the reload.

use super::preview;
use super::send::{ConditionArgs, Order};
use crate::client::{AdminClient, Conditions, Failure, config_problem, typed};
use crate::output::{self, Format, one_line};
use clap::Args;
use serde_json::json;
use stagegate_api::{ConfigEdit, ConfigProblem, Reason, Reload, ReloadPlan, Reloaded, SetWeight};
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
    /// Set it although a rollout is under way, whose policy sets the weight, or although a
    /// gate rolled the candidate back.
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
    /// The reason; it is recorded.
    #[arg(long)]
    reason: Option<String>,
    /// Take over a stable release although a gate rolled it back.
    #[arg(long = "override", requires = "reason")]
    overriding: bool,
    /// Show what a reload of the file as it is now would change and for whom, and change nothing.
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
        let answer = client.get("/v1/reload")?;
        let plan: ReloadPlan = typed(&answer)?;
        output::show(format, &answer, || plan_text(&plan));
        return Ok(ExitCode::SUCCESS);
    }
    let body = Reload { reason: args.reason.clone(), overriding: args.overriding };
    let answer = client.send(&Method::POST, "/v1/reload", &json!(body), Conditions::default())?;
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
    remarks(&mut text, &reloaded.needs_restart, &reloaded.warnings);
    text
}

fn remarks(text: &mut String, needs_restart: &[String], warnings: &[ConfigProblem]) {
    for setting in needs_restart {
        let _ = writeln!(text, "  ! needs a restart: {}", one_line(setting));
    }
    for warning in warnings {
        let _ = writeln!(text, "  ! {}", config_problem(warning));
    }
}

fn plan_text(plan: &ReloadPlan) -> String {
    let ReloadPlan { edits, changes, moves, needs_restart, warnings } = plan;
    let mut text = "dry run: nothing was changed\n".to_owned();
    if edits.is_empty() {
        text.push_str("the file says what is already in force\n");
    } else {
        text.push_str("keys with another value\n");
    }
    for ConfigEdit { key, from, to } in edits {
        let value = |it: &Option<String>| it.as_deref().map_or("not set".to_owned(), one_line);
        let _ = writeln!(text, "  {}: {} -> {}", one_line(key), value(from), value(to));
    }
    for (title, lines) in [("a reload would change", changes), ("it would move", moves)] {
        if !lines.is_empty() {
            let _ = writeln!(text, "{title}");
        }
        for line in lines {
            let _ = writeln!(text, "  {}", one_line(line));
        }
    }
    if !edits.is_empty() && moves.is_empty() {
        text.push_str("nobody changes sides\n");
    }
    remarks(&mut text, needs_restart, warnings);
    text
}

#[cfg(test)]
mod tests {
    use super::{ReloadArgs, VerbArgs, WeightArgs, plan_text, reload, verb, weight};
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
    fn a_reload_is_shown_before_it_is_made() {
        let plan = json!({
            "edits": [
                { "key": "workloads.agent.sticky", "from": "user", "to": "tenant" },
                { "key": "workers", "to": "2" },
            ],
            "changes": [], "moves": ["workload agent: about 1.8% of tenants: v1 -> v2"],
            "needs_restart": ["workers changed: restart to apply it"], "warnings": [],
        });
        let told = plan_text(&serde_json::from_value(plan).expect("the API's own shape"));
        assert_eq!(
            told,
            "dry run: nothing was changed\n\
             keys with another value\n  \
             workloads.agent.sticky: user -> tenant\n  \
             workers: not set -> 2\n\
             it would move\n  \
             workload agent: about 1.8% of tenants: v1 -> v2\n  \
             ! needs a restart: workers changed: restart to apply it\n"
        );
        let (client, asked) = canned::answer(
            "200 OK",
            &json!({
                "edits": [], "changes": [], "moves": [], "needs_restart": [], "warnings": [],
            })
            .to_string(),
        );
        reload(
            &client,
            &ReloadArgs { reason: None, overriding: false, dry_run: true },
            Format::Table,
        )
        .expect("described");
        let asked = asked.join().expect("one request");
        assert!(asked.starts_with("GET /v1/reload HTTP/1.1\r\n"), "{asked}");
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
