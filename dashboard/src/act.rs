//! Changes that a page asks for: a form becomes a request to the API, and its answer a page.

use crate::ask::{Change, Refusal, path};
use crate::context::Dashboard;
use crate::door::foreign;
use crate::form::Form;
use crate::frame;
use crate::visitor::Visitor;
use axum::extract::{Path, State};
use axum::response::{IntoResponse, Redirect, Response};
use http::{Method, StatusCode};
use maud::{Markup, html};
use serde_json::{Value, json};
use stagegate_api::words::millis;
use stagegate_api::{Changed, FlagChanged, ReviewTaken, RollbackTiming, SessionDetail};

/// Does what a form of a workload's page asks for.
pub(crate) async fn act(
    State(dashboard): State<Dashboard>,
    Path((workload, verb)): Path<(String, String)>,
    visitor: Visitor,
    form: Form,
) -> Response {
    if let Some(refusal) = foreign(&visitor, &form) {
        return refusal;
    }
    let change = match change(&workload, &verb, &form) {
        Ok(change) => change,
        Err(why) => return frame::plain_refusal(StatusCode::BAD_REQUEST, &why),
    };
    match dashboard.api.change::<Changed>(&visitor, change).await {
        Ok(changed) => {
            let body = done(&workload, &changed);
            frame::page(&visitor, "/", "Done", &body)
        }
        Err(refusal) => {
            let body = refused(&refusal, &path(&["w", &workload]), &workload);
            frame::page_with(refusal.status, &visitor, "/", "Refused", &body)
        }
    }
}

/// Does what a form of the flags' page asks for.
pub(crate) async fn flag(
    State(dashboard): State<Dashboard>,
    Path((flag, verb)): Path<(String, String)>,
    visitor: Visitor,
    form: Form,
) -> Response {
    if let Some(refusal) = foreign(&visitor, &form) {
        return refusal;
    }
    let mut body = json!({ "action": verb, "reason": form.text("reason") });
    for field in ["tenant", "share"] {
        if let Some(value) = form.get(field) {
            body[field] = json!(value);
        }
    }
    let change = Change {
        method: Method::POST,
        path: path(&["v1", "flags", &flag]),
        body,
        key: form.get("key"),
        epoch: form.get("epoch"),
    };
    let changed = dashboard.api.change::<FlagChanged>(&visitor, change).await;
    let (status, title, body) = match &changed {
        Ok(changed) => (StatusCode::OK, "Done", flag_done(changed)),
        Err(refusal) => (refusal.status, "Refused", refused(refusal, "/flags", "the flags")),
    };
    frame::page_with(status, &visitor, "/flags", title, &body)
}

fn flag_done(changed: &FlagChanged) -> Markup {
    html! {
        h1 { "Done: " (changed.flag) ": " (changed.summary) }
        @if !changed.changed { p { "It was so already, and nothing changed." } }
        @if let Some(timing) = &changed.timing {
            p {
                strong {
                    (timing.acknowledged_workers) " of " (timing.workers) " workers follow after "
                    (millis(timing.acknowledged_ms)) "."
                }
            }
            @if !timing.settled { p.alarm role="alert" { "A worker did not answer in time." } }
        }
        ul { @for line in &changed.moves { li { (line) } } }
        p.dim { "Audit record " (changed.audit_seq) ", by " (changed.actor) ": " (changed.reason) }
        p { a.button href="/flags" { "Back to the flags" } }
    }
}

/// The API's request for a verb of a page.
fn change<'a>(workload: &str, verb: &str, form: &'a Form) -> Result<Change<'a>, String> {
    let of = |rest: &[&str]| path(&[&["v1", "workloads", workload], rest].concat());
    let reason = form.text("reason");
    let post = |rest: &[&str], body: Value| Change {
        method: Method::POST,
        path: of(rest),
        body,
        key: form.get("key"),
        epoch: form.get("epoch"),
    };
    let optional = || match form.get("reason") {
        Some(reason) => json!({ "reason": reason }),
        None => json!({}),
    };
    Ok(match verb {
        "rollback" => post(&["rollback"], json!({ "reason": reason })),
        "kill" if form.get("name") != Some(workload) => {
            return Err(format!("to kill `{workload}`, type its name into the form"));
        }
        "kill" => post(&["kill"], json!({ "reason": reason })),
        "revive" => post(&["revive"], json!({ "reason": reason })),
        "pause" => post(&["rollouts", "current", "pause"], optional()),
        "resume" => post(&["rollouts", "current", "resume"], optional()),
        "abort" => post(&["rollouts", "current", "abort"], json!({ "reason": reason })),
        "promote" => {
            let force = form.has("force");
            let mut body = optional();
            body["force"] = json!(force);
            // A forced promotion does not rest on an analysis.
            if let Some(expect) = form.get("expect").filter(|_| !force) {
                body["expect"] = json!(expect);
            }
            post(&["rollouts", "current", "promote"], body)
        }
        "start" => {
            let mut body = optional();
            body["to"] = json!(form.text("to"));
            body["override"] = json!(form.has("override"));
            post(&["rollouts"], body)
        }
        "weight" => Change {
            method: Method::PUT,
            body: json!({ "weight": form.text("weight"), "reason": reason, "override": form.has("override") }),
            ..post(&["weight"], Value::Null)
        },
        "open-cohort" => post(&["cohorts", form.text("cohort"), "enable"], optional()),
        "close-cohort" => post(&["cohorts", "rollback"], json!({ "reason": reason })),
        other => return Err(format!("there is no change `{other}`")),
    })
}

fn done(workload: &str, changed: &Changed) -> Markup {
    html! {
        h1 { "Done: " (changed.summary) }
        @if !changed.changed { p { "It was so already, and nothing changed." } }
        @if let Some(timing) = &changed.rollback { (timing_text(timing)) }
        @if !changed.recorded {
            p.alarm { "The store does not answer. The change is in force, and it is recorded as soon as the store answers." }
        }
        p.dim {
            "Epoch " (changed.epoch) ", audit record " (changed.audit_seq) ", by " (changed.actor)
            @if !changed.reason.is_empty() { ": " (changed.reason) }
        }
        p { a.button href=(path(&["w", workload])) { "Back to " (workload) } }
    }
}

fn timing_text(timing: &RollbackTiming) -> Markup {
    html! {
        p {
            strong { "All " (timing.acknowledged_workers) " of " (timing.workers) " workers follow after " (millis(timing.acknowledged_ms)) "." }
            " The last new request went to the candidate " (millis(timing.last_candidate_request_ms)) " after the commit."
        }
        @if !timing.settled {
            p.alarm role="alert" { "A worker did not answer in time: it may still send requests to the candidate." }
        }
    }
}

fn refused(refusal: &Refusal, back: &str, to: &str) -> Markup {
    let problem = &refusal.problem;
    html! {
        h1 { "Nothing was changed" }
        p.alarm role="alert" { (problem.detail) }
        @if let Some(current) = &problem.current {
            p {
                "Somebody changed the workload since this page was opened. It is now at epoch " (current.epoch)
                ", weight " (current.weight) "."
            }
        }
        @if let Some(analysis) = &problem.analysis {
            h2 { "The evidence now: " (analysis.verdict) }
            ul {
                @for gate in &analysis.gates { li { code { (gate.gate) } ": " (gate.words) } }
                @for block in &analysis.blocks { li { "It waits for: " (block) } }
            }
        }
        @if !problem.fields.is_empty() {
            ul { @for field in &problem.fields { li { (field.field) ": " (field.problem) } } }
        }
        p { a.button href=(back) { "Back to " (to) } }
    }
}

/// Ends somebody's session.
pub(crate) async fn end_session(
    State(dashboard): State<Dashboard>,
    Path(id): Path<String>,
    visitor: Visitor,
    form: Form,
) -> Response {
    if let Some(refusal) = foreign(&visitor, &form) {
        return refusal;
    }
    let asked = Change {
        method: Method::DELETE,
        path: path(&["v1", "sessions", &id]),
        body: json!({}),
        key: None,
        epoch: None,
    };
    match dashboard.api.change::<SessionDetail>(&visitor, asked).await {
        Ok(_) => Redirect::to("/settings").into_response(),
        Err(refusal) => refusal.into_response(),
    }
}

/// A person's verdict on a sample.
pub(crate) async fn review(
    State(dashboard): State<Dashboard>,
    Path(id): Path<String>,
    visitor: Visitor,
    form: Form,
) -> Response {
    if let Some(refusal) = foreign(&visitor, &form) {
        return refusal;
    }
    let mut body = json!({ "verdict": form.text("verdict") });
    if let Some(note) = form.get("note") {
        body["note"] = json!(note);
    }
    let asked = Change {
        method: Method::POST,
        path: path(&["v1", "reviews", &id]),
        body,
        key: None,
        epoch: None,
    };
    match dashboard.api.change::<ReviewTaken>(&visitor, asked).await {
        Ok(_) => Redirect::to(&path(&["samples", &id])).into_response(),
        Err(refusal) => refusal.into_response(),
    }
}

#[cfg(test)]
mod tests {
    use super::change;
    use crate::form::Form;
    use serde_json::json;

    #[test]
    fn a_promotion_carries_the_analysis_that_the_page_showed() {
        let form = Form::read(b"expect=agent~v43~2&epoch=7&key=k1");
        let it = change("agent", "promote", &form).expect("a change");
        assert_eq!(it.path, "/v1/workloads/agent/rollouts/current/promote");
        assert_eq!(it.body, json!({ "force": false, "expect": "agent~v43~2" }));
        assert_eq!((it.key, it.epoch), (Some("k1"), Some("7")));
        let form = Form::read(b"expect=agent~v43~2&force=on&reason=incident");
        let it = change("agent", "promote", &form).expect("a change");
        assert_eq!(it.body, json!({ "force": true, "reason": "incident" }));
    }

    #[test]
    fn a_kill_wants_the_name_of_the_workload() {
        assert!(change("agent", "kill", &Form::read(b"reason=x")).is_err());
        assert!(change("agent", "kill", &Form::read(b"reason=x&name=other")).is_err());
        assert!(change("agent", "kill", &Form::read(b"reason=x&name=agent")).is_ok());
        assert!(change("agent", "erase", &Form::default()).is_err());
    }
}
