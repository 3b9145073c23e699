//! Changes whose answer is of its own kind: a drill, a reload, the test of a channel, the end of a session.

use crate::act::refused;
use crate::ask::{Change, path};
use crate::context::Dashboard;
use crate::door::Own;
use crate::form::Form;
use crate::frame;
use crate::refusal::Refusal;
use crate::visitor::Visitor;
use axum::extract::{Path, State};
use axum::response::{IntoResponse, Redirect, Response};
use http::{Method, StatusCode};
use maud::{Markup, html};
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use stagegate_api::words::millis;
use stagegate_api::{ChannelTested, DrillReport, Reloaded, SessionDetail};

/// Where a visitor goes on.
type Back<'a> = (&'a str, &'a str);

/// Carries a change out and shows its answer.
pub(crate) async fn carry_out<T: DeserializeOwned>(
    dashboard: &Dashboard,
    visitor: &Visitor,
    form: &Form,
    (to, body): (String, Value),
    (address, name): Back<'_>,
    shown: impl FnOnce(&T) -> Markup,
) -> Response {
    let change = Change { method: Method::POST, path: to, body, key: form.get("key"), epoch: None };
    let (status, title, main) = match dashboard.api.change::<T>(visitor, change).await {
        Ok(answer) => {
            let back = html! { p { a.button href=(address) { "Back to " (name) } } };
            (StatusCode::OK, "Done", html! { (shown(&answer)) (back) })
        }
        Err(refusal) => (refusal.status, "Refused", refused(&refusal, address, name)),
    };
    frame::page_with(status, visitor, address, title, &main)
}

/// Tests a workload's kill switch.
pub(crate) async fn drill(
    State(dashboard): State<Dashboard>,
    Path(workload): Path<String>,
    Own { visitor, form }: Own,
) -> Response {
    let at = path(&["v1", "workloads", &workload, "drill"]);
    let page = path(&["w", &workload]);
    let asked = (at, json!({ "reason": form.text("reason") }));
    let shown = |it: &DrillReport| {
        html! {
            h1 { "Drill of " (it.workload) ": " @if it.passed { "passed" } @else { "FAILED" } }
            p { "The switch was on for " (millis(it.held_ms)) ". Audit record " (it.audit_seq) "." }
            ul { @for check in &it.checks {
                li { span class=(if check.passed { "good" } else { "bad" }) { (check.check) } ": " (check.seen) }
            } }
        }
    };
    carry_out(&dashboard, &visitor, &form, asked, (&page, &workload), shown).await
}

/// Reads the configuration file again.
pub(crate) async fn reload(
    State(dashboard): State<Dashboard>,
    Own { visitor, form }: Own,
) -> Response {
    let body = match form.get("reason") {
        Some(reason) => json!({ "reason": reason }),
        None => json!({}),
    };
    let shown = |it: &Reloaded| {
        html! {
            h1 { "The configuration is in force" }
            @if it.changes.is_empty() { p { "It was so already, and nothing changed." } }
            ul { @for change in &it.changes { li { (change) } } }
            @for needs in &it.needs_restart { p.alarm { (needs) } }
            @for warning in &it.warnings { p.alarm { (warning.key) ": " (warning.message) } }
        }
    };
    let asked = ("/v1/reload".to_owned(), body);
    carry_out(&dashboard, &visitor, &form, asked, ("/settings", "the settings"), shown).await
}

/// Sends a test to a channel.
pub(crate) async fn test_channel(
    State(dashboard): State<Dashboard>,
    Path(channel): Path<String>,
    Own { visitor, form }: Own,
) -> Response {
    let shown = |it: &ChannelTested| {
        html! {
            h1 { "Channel " (it.channel) ": " @if it.delivered { "the message was taken" } @else { "NOT delivered" } }
            @if let Some(error) = &it.error { p.alarm { (error) } }
        }
    };
    let asked = (path(&["v1", "notify", &channel, "test"]), json!({}));
    carry_out(&dashboard, &visitor, &form, asked, ("/settings", "the settings"), shown).await
}

/// Ends somebody's session.
pub(crate) async fn end_session(
    State(dashboard): State<Dashboard>,
    Path(id): Path<String>,
    Own { visitor, .. }: Own,
) -> Response {
    let asked = Change::plain(Method::DELETE, path(&["v1", "sessions", &id]));
    let ended: Result<SessionDetail, Refusal> = dashboard.api.change(&visitor, asked).await;
    match ended {
        Ok(_) => Redirect::to("/settings").into_response(),
        Err(refusal) => refusal.into_response(),
    }
}
