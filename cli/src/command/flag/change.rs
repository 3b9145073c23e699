//! Changes of a flag at run time.

use super::args::{
    ChangeArgs, Divided, OffArgs, OnArgs, PercentArgs, PutArgs, Removed, RmArgs, SetArgs,
    SubjectArgs, Who,
};
use crate::client::{AdminClient, Failure, segment, typed};
use crate::command::fleet::outcome_text;
use crate::command::send::{ConditionArgs, whole_fleet};
use crate::output::{self, Format, millis, one_line};
use stagegate_api::{ChangeFlag, FlagAction, FlagChanged, FlagKey, FlagRuleKind};
use std::fmt::Write;
use std::process::ExitCode;
use ureq::http::Method;

pub(super) fn off(
    client: &AdminClient,
    args: &OffArgs,
    format: Format,
) -> Result<ExitCode, Failure> {
    let (place, reason) = (args.place.clone(), args.reason.clone());
    let change = ChangeArgs { place, reason, conditions: args.conditions.clone() };
    let asked = ChangeFlag { variant: args.variant.clone(), ..asked(FlagAction::Off, &change) };
    send(client, &args.key, asked, &args.conditions, format)
}

pub(super) fn on(client: &AdminClient, args: &OnArgs, format: Format) -> Result<ExitCode, Failure> {
    let asked = asked(FlagAction::On, &args.change);
    send(client, &args.key, asked, &args.change.conditions, format)
}

pub(super) fn set(
    client: &AdminClient,
    args: &SetArgs,
    format: Format,
) -> Result<ExitCode, Failure> {
    let variant = Some(args.variant.clone());
    let asked = ChangeFlag { variant, ..asked(FlagAction::Set, &args.change) };
    send(client, &args.key, asked, &args.change.conditions, format)
}

pub(super) fn allow(
    client: &AdminClient,
    args: &SubjectArgs,
    format: Format,
) -> Result<ExitCode, Failure> {
    list(client, FlagAction::Allow, args, format)
}

pub(super) fn deny(
    client: &AdminClient,
    args: &SubjectArgs,
    format: Format,
) -> Result<ExitCode, Failure> {
    list(client, FlagAction::Deny, args, format)
}

fn list(
    client: &AdminClient,
    action: FlagAction,
    args: &SubjectArgs,
    format: Format,
) -> Result<ExitCode, Failure> {
    let id = Some(args.id.clone());
    let (tenant, user) = match args.kind {
        Who::Tenant => (id, None),
        Who::User => (None, id),
    };
    let variant = args.variant.clone();
    let asked = ChangeFlag { tenant, user, variant, ..asked(action, &args.change) };
    send(client, &args.key, asked, &args.change.conditions, format)
}

pub(super) fn percent(
    client: &AdminClient,
    args: &PercentArgs,
    format: Format,
) -> Result<ExitCode, Failure> {
    let by = args.by.map(|key| match key {
        Divided::TargetingKey => FlagKey::TargetingKey,
        Divided::User => FlagKey::User,
        Divided::Tenant => FlagKey::Tenant,
        Divided::Conversation => FlagKey::Conversation,
    });
    let (share, variant) = (Some(args.share.to_string()), args.variant.clone());
    let asked = ChangeFlag { share, by, variant, ..asked(FlagAction::Percent, &args.change) };
    send(client, &args.key, asked, &args.change.conditions, format)
}

pub(super) fn rm(client: &AdminClient, args: &RmArgs, format: Format) -> Result<ExitCode, Failure> {
    let mut asked = asked(FlagAction::Rm, &args.change);
    match args.rule {
        None => {}
        Some(Removed::Tenant) => asked.tenant.clone_from(&args.id),
        Some(Removed::User) => asked.user.clone_from(&args.id),
        Some(Removed::Set) => asked.remove = Some(FlagRuleKind::Set),
        Some(Removed::Percent) => asked.remove = Some(FlagRuleKind::Percent),
    }
    send(client, &args.key, asked, &args.change.conditions, format)
}

pub(super) fn put(
    client: &AdminClient,
    args: &PutArgs,
    format: Format,
) -> Result<ExitCode, Failure> {
    let overriding = serde_json::from_str(&args.overriding)
        .map_err(|error| Failure::Usage(format!("JSON `{}`: {error}", args.overriding)))?;
    let change = ChangeArgs { reason: args.reason.clone(), ..ChangeArgs::default() };
    let asked = ChangeFlag { overriding: Some(overriding), ..asked(FlagAction::Put, &change) };
    send(client, &args.key, asked, &args.conditions, format)
}

/// A request with what every change has.
fn asked(action: FlagAction, change: &ChangeArgs) -> ChangeFlag {
    ChangeFlag {
        action,
        tenant: None,
        user: None,
        share: None,
        by: None,
        variant: None,
        workload: change.place.workload.clone(),
        stage: change.place.stage.clone(),
        remove: None,
        overriding: None,
        reason: change.reason.clone().unwrap_or_default(),
        dry_run: false,
    }
}

fn send(
    client: &AdminClient,
    key: &str,
    asked: ChangeFlag,
    conditions: &ConditionArgs,
    format: Format,
) -> Result<ExitCode, Failure> {
    let asked = ChangeFlag { dry_run: conditions.dry_run, ..asked };
    let path = format!("/v1/flags/{}", segment(key));
    let answer = client.send(&Method::POST, &path, &asked, conditions.conditions())?;
    let changed: FlagChanged = typed(&answer)?;
    output::show(format, &answer, || changed_text(&changed));
    Ok(whole_fleet(changed.fleet.as_ref()))
}

fn changed_text(changed: &FlagChanged) -> String {
    let mut text = format!("{}: {}\n", one_line(&changed.flag), one_line(&changed.summary));
    if changed.dry_run {
        text.push_str("dry run: nothing was changed\n");
    } else {
        let (epoch, seq) = (changed.epoch, changed.audit_seq);
        let actor = one_line(&changed.actor);
        let _ = if changed.recorded {
            writeln!(text, "epoch {epoch}, audit record {seq}, by {actor}")
        } else {
            writeln!(
                text,
                "epoch {epoch}, by {actor}\n! not recorded yet: the state store does not answer; the \
                 change is in force, and it is recorded as soon as the store answers"
            )
        };
    }
    if let Some(timing) = &changed.timing {
        let followed = format!("{} of {} workers", timing.acknowledged_workers, timing.workers);
        let _ = if timing.settled {
            let within = millis(timing.acknowledged_ms);
            writeln!(text, "{followed} and the server of flags followed within {within}")
        } else {
            writeln!(
                text,
                "! only {followed} followed so far, or the server of flags did not: the change is \
                 in force, but a stuck thread may still use the former flags"
            )
        };
    }
    if let Some(fleet) = &changed.fleet {
        text.push_str(&outcome_text(fleet));
    }
    for line in &changed.moves {
        let _ = writeln!(text, "  {}", one_line(line));
    }
    if changed.moves.is_empty() && (changed.changed || changed.dry_run) {
        text.push_str("  nobody gets another variant\n");
    }
    text
}

#[cfg(test)]
mod tests {
    use super::changed_text;
    use crate::canned;
    use crate::command::flag::run;
    use crate::output::Format;
    use crate::tree::{Command, parse};
    use serde_json::{Value, json};
    use stagegate_api::FlagChanged;

    fn sent(line: &str) -> Value {
        let changed = json!({
            "flag": "new-prompt", "action": "flag_deny", "changed": true, "summary": "done",
            "epoch": 6, "flag_epoch": 6, "audit_seq": 10, "actor": "ann", "reason": "",
            "before": {"rules": []}, "after": {"rules": []}, "moves": [],
        });
        let (client, asked) = canned::answer("200 OK", &changed.to_string());
        let Command::Flag(command) = parse(line.split(' ')).expect("a command").command else {
            panic!("{line}");
        };
        run(|| Ok(client), &command, Format::Json).expect("done");
        let asked = asked.join().expect("one request");
        assert!(asked.starts_with("POST /v1/flags/new-prompt HTTP/1.1\r\n"), "{asked}");
        serde_json::from_str(asked.split("\r\n\r\n").nth(1).expect("a body")).expect("JSON")
    }

    #[test]
    fn a_change_without_a_record_says_so() {
        let changed: FlagChanged = serde_json::from_value(json!({
            "flag": "new-prompt", "action": "flag_off", "changed": true, "summary": "off",
            "epoch": 6, "flag_epoch": 7, "audit_seq": 0, "actor": "ann", "reason": "x",
            "recorded": false, "before": {"rules": []}, "after": {"rules": []}, "moves": [],
        }))
        .expect("its type");
        let text = changed_text(&changed);
        assert!(text.contains("! not recorded yet") && !text.contains("audit record"), "{text}");
    }

    #[test]
    fn commands_become_requests() {
        for (line, wanted) in [
            (
                "deny new-prompt tenant acme -w agent --stage plan",
                json!({"action": "deny", "tenant": "acme", "workload": "agent", "stage": "plan"}),
            ),
            (
                "percent new-prompt 10% --by user --dry-run",
                json!({"action": "percent", "share": "10%", "by": "user", "dry_run": true}),
            ),
            ("off new-prompt --reason x", json!({"action": "off", "reason": "x"})),
            ("rm new-prompt", json!({"action": "rm"})),
            ("rm new-prompt user ann", json!({"action": "rm", "user": "ann"})),
            ("rm new-prompt percent", json!({"action": "rm", "remove": "percent"})),
            (
                r#"put new-prompt {"rules":[]}"#,
                json!({"action": "put", "overriding": {"rules": []}}),
            ),
        ] {
            assert_eq!(sent(&format!("stagegate flag {line}")), wanted, "{line}");
        }
        assert!(parse("stagegate flag off new-prompt".split(' ')).is_err());
        assert!(parse("stagegate flag rm new-prompt tenant".split(' ')).is_err());
    }
}
