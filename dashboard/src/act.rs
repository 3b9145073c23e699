//! Changes that a page asks for: a form becomes a request to the API, and its answer a page.

use crate::ask::{Change, path};
use crate::context::Dashboard;
use crate::door::Own;
use crate::frame;
use crate::refusal::Refusal;
use crate::verbs::change;
use axum::extract::{Path, State};
use axum::response::{IntoResponse, Redirect, Response};
use http::{Method, StatusCode};
use maud::{Markup, html};
use serde_json::json;
use stagegate_api::words::millis;
use stagegate_api::{
    Changed, FlagChanged, FleetOutcome, ReplicaStanding, ReviewTaken, RollbackTiming, ScoresTaken,
};

/// Does what a form of a workload's page asks for.
pub(crate) async fn act(
    State(dashboard): State<Dashboard>,
    Path((workload, verb)): Path<(String, String)>,
    Own { visitor, form }: Own,
) -> Response {
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
    Own { visitor, form }: Own,
) -> Response {
    let mut body = json!({ "action": verb, "reason": form.text("reason") });
    for field in ["tenant", "share", "variant", "user"] {
        if let Some(value) = form.get(field) {
            body[field] = json!(value);
        }
    }
    if let Some((kind, id)) = form.get("which").and_then(|it| it.split_once(' ')) {
        body[if kind == "rule" { "remove" } else { kind }] = json!(id);
    }
    if let Some(text) = form.get("overriding") {
        match serde_json::from_str::<serde_json::Value>(text) {
            Ok(overriding) => body["overriding"] = overriding,
            Err(error) => {
                let why = format!("the changes are no JSON: {error}");
                return frame::plain_refusal(StatusCode::BAD_REQUEST, &why);
            }
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
        @if let Some(fleet) = &changed.fleet { (fleet_text(fleet)) }
        ul { @for line in &changed.moves { li { (line) } } }
        p.dim { "Audit record " (changed.audit_seq) ", by " (changed.actor) ": " (changed.reason) }
        p { a.button href="/flags" { "Back to the flags" } }
    }
}

fn done(workload: &str, changed: &Changed) -> Markup {
    html! {
        h1 { "Done: " (changed.summary) }
        @if !changed.changed { p { "It was so already, and nothing changed." } }
        @if let Some(timing) = &changed.rollback { (timing_text(timing)) }
        @if let Some(fleet) = &changed.fleet { (fleet_text(fleet)) }
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

/// What became of it on each replica.
fn fleet_text(fleet: &FleetOutcome) -> Markup {
    html! {
        p {
            strong { (fleet.acked) " of " (fleet.replicas.len()) " replicas acknowledged" }
            @if fleet.fenced > 0 { ", " (fleet.fenced) " fenced" }
            @if fleet.unknown > 0 { ", " (fleet.unknown) " unknown" }
            "."
        }
        ul { @for it in fleet.replicas.iter().filter(|it| it.standing != ReplicaStanding::Acked) {
            li {
                (it.replica) ": "
                @if it.standing == ReplicaStanding::Fenced { "silent, so it sends everybody to stable by itself" }
                @else { "unknown" }
            }
        } }
        @if !fleet.complete {
            p.alarm role="alert" {
                "Not complete: a replica that is not acknowledged or fenced may still send requests as before. "
                a href="/fleet" { "Look at the fleet" }
            }
        }
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

pub(crate) fn refused(refusal: &Refusal, back: &str, to: &str) -> Markup {
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

/// A person's verdict on a sample.
pub(crate) async fn review(
    State(dashboard): State<Dashboard>,
    Path(id): Path<String>,
    Own { visitor, form }: Own,
) -> Response {
    let mut body = json!({ "verdict": form.text("verdict") });
    if let Some(note) = form.get("note") {
        body["note"] = json!(note);
    }
    let asked = Change { body, ..Change::plain(Method::POST, path(&["v1", "reviews", &id])) };
    match dashboard.api.change::<ReviewTaken>(&visitor, asked).await {
        Ok(_) => Redirect::to(&path(&["samples", &id])).into_response(),
        Err(refusal) => refusal.into_response(),
    }
}

/// A person's score for a sample, under a name of their own.
pub(crate) async fn score(
    State(dashboard): State<Dashboard>,
    Path(id): Path<String>,
    Own { visitor, form }: Own,
) -> Response {
    let mut score = json!({ "id": id, "name": form.text("name") });
    match form.text("pass") {
        "pass" => score["pass"] = json!(true),
        "fail" => score["pass"] = json!(false),
        _ => {}
    }
    if let Some(value) = form.get("value") {
        match value.parse::<f64>() {
            Ok(value) => score["value"] = json!(value),
            Err(_) => {
                let why = format!("`{value}` is not a number from 0 to 1");
                return frame::plain_refusal(StatusCode::BAD_REQUEST, &why);
            }
        }
    }
    if let Some(explanation) = form.get("explanation") {
        score["explanation"] = json!(explanation);
    }
    let path_of = path(&["samples", &id]);
    let asked = Change {
        body: json!({ "scores": [score] }),
        ..Change::plain(Method::POST, "/v1/scores".to_owned())
    };
    match dashboard.api.change::<ScoresTaken>(&visitor, asked).await {
        Ok(taken) => {
            let result = taken.results.first().map_or("unknown", |it| it.result.as_str());
            let words = match result {
                "counted" => "It counts.",
                "kept" => "It is kept.",
                "repeated" => "This name has judged the sample before. The first verdict stands.",
                _ => "There is no such sample any more.",
            };
            let body = html! {
                h1 { "Score: " (result) }
                p { (words) }
                p { a.button href=(path_of) { "Back to the sample" } }
            };
            frame::page(&visitor, "/samples", "Score", &body)
        }
        Err(refusal) => {
            let body = refused(&refusal, &path_of, "the sample");
            frame::page_with(refusal.status, &visitor, "/samples", "Refused", &body)
        }
    }
}
