//! `/w/{workload}/queue`: requests that came while the workload was killed, and a button that takes one out.

use super::{tabs, time};
use crate::act::refused;
use crate::ask::{Change, path, with_query};
use crate::context::Dashboard;
use crate::door::Own;
use crate::form::Form;
use crate::frame::{self, secret};
use crate::refusal::Refusal;
use crate::visitor::Visitor;
use axum::extract::{Path, RawQuery, State};
use axum::response::{IntoResponse, Redirect, Response};
use http::Method;
use maud::{Markup, html};
use serde_json::json;
use stagegate_api::{QueueDetail, QueueDropped, QueueState, Role};

pub(crate) async fn page(
    State(dashboard): State<Dashboard>,
    Path(name): Path<String>,
    RawQuery(query): RawQuery,
    visitor: Visitor,
) -> Result<Response, Refusal> {
    let form = Form::read(query.unwrap_or_default().as_bytes());
    let at = path(&["v1", "workloads", &name, "queue"]);
    let asked = with_query(&at, &[("after", form.get("after")), ("limit", Some("100"))]);
    let queue: QueueDetail = dashboard.api.get(&visitor, &asked).await?;
    let further = queue.next_after.map(|after| {
        let after = after.to_string();
        with_query(&path(&["w", &name, "queue"]), &[("after", Some(&after))])
    });
    let body = html! {
        h1 { "Queue of " a href=(path(&["w", &name])) { (name) } }
        (tabs(&name, "queue"))
        (summary(&queue))
        @if !queue.entries.is_empty() { (table(&visitor, &queue)) }
        @if let Some(further) = further { p { a.button href=(further) { "Later requests" } } }
    };
    Ok(frame::page(&visitor, "/", "Queue", &body))
}

fn summary(queue: &QueueDetail) -> Markup {
    let it = &queue.figures;
    html! {
        @if !queue.enabled {
            p { "The kill switch of this workload stores no requests: " code { "kill_switch.fallback.queue" } " does." }
        }
        p {
            strong { (it.waiting) " wait" }
            @if let Some(oldest) = it.oldest_ms { ", the oldest since " (time(oldest)) }
            ". " (it.bytes) " bytes on disk."
        }
        p.dim {
            "Since the start of the process: " (it.taken) " stored, " (it.answered) " answered, " (it.refused)
            " not stored, " (it.unknown) " unknown, " (it.dropped) " dropped, " (it.expired) " expired."
        }
    }
}

fn table(visitor: &Visitor, queue: &QueueDetail) -> Markup {
    let acts = visitor.role_for(&queue.workload) != Role::Viewer;
    html! {
        div.scroll tabindex="0" { table {
            caption { "In the order in which they came" }
            thead { tr {
                th scope="col" { "Request" } th scope="col" { "State" } th scope="col" { "Came" }
                th scope="col" { "Answer" } th scope="col" { "Id" }
            } }
            tbody { @for it in &queue.entries {
                tr {
                    th.text scope="row" { (it.line) }
                    td { (it.state) @if it.tries > 1 { ", " (it.tries) " tries" } }
                    td.nowrap { (time(it.created_ms)) }
                    td { @if let Some(status) = it.status { (status) } @else { "–" } }
                    td {
                        code { (it.id) }
                        @if acts && it.state == QueueState::Waiting { (drop_form(visitor, &queue.workload, &it.id)) }
                    }
                }
            } }
        } }
    }
}

fn drop_form(visitor: &Visitor, workload: &str, id: &str) -> Markup {
    html! {
        details { summary.link { "Drop" }
            form.row method="post" action=(path(&["w", workload, "queue", id])) {
                (secret(visitor))
                label for={ "reason-" (id) } { "Reason" }
                input id={ "reason-" (id) } name="reason" maxlength="500" required autocomplete="off";
                button type="submit" { "Never send it" }
            }
        }
    }
}

/// Takes a request out.
pub(crate) async fn drop_one(
    State(dashboard): State<Dashboard>,
    Path((workload, id)): Path<(String, String)>,
    Own { visitor, form }: Own,
) -> Response {
    let back = path(&["w", &workload, "queue"]);
    let change = Change {
        body: json!({ "reason": form.text("reason") }),
        ..Change::plain(Method::DELETE, path(&["v1", "workloads", &workload, "queue", &id]))
    };
    match dashboard.api.change::<QueueDropped>(&visitor, change).await {
        Ok(_) => Redirect::to(&back).into_response(),
        Err(refusal) => {
            let body = refused(&refusal, &back, "the queue");
            frame::page_with(refusal.status, &visitor, "/", "Refused", &body)
        }
    }
}
