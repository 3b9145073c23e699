//! `/request`: why a request went where it went, and where one would go.

use super::{stages, time};
use crate::ask::path;
use crate::context::Dashboard;
use crate::form::Form;
use crate::frame;
use crate::refusal::Refusal;
use crate::visitor::Visitor;
use axum::extract::{RawQuery, State};
use axum::response::Response;
use maud::{Markup, html};
use serde_json::json;
use stagegate_api::words::millis;
use stagegate_api::{DecisionExplained, DecisionFlag, Explanation, Workloads};

/// The identities of a request that is tried out.
const IDENTITIES: [(&str, &str); 4] = [
    ("tenant", "Tenant"),
    ("user", "User"),
    ("conversation", "Conversation"),
    ("request_id", "Request id"),
];

pub(crate) async fn page(
    State(dashboard): State<Dashboard>,
    RawQuery(query): RawQuery,
    visitor: Visitor,
) -> Result<Response, Refusal> {
    let form = Form::read(query.unwrap_or_default().as_bytes());
    let found = match form.get("id") {
        Some(id) => {
            let at = path(&["v1", "decisions", id]);
            Some(dashboard.api.get::<DecisionExplained>(&visitor, &at).await)
        }
        None => None,
    };
    let tried = match form.get("workload") {
        Some(workload) => {
            let mut asked = json!({ "workload": workload });
            for (name, _) in IDENTITIES {
                if let Some(value) = form.get(name) {
                    asked[name] = json!(value);
                }
            }
            Some(dashboard.api.ask::<Explanation>(&visitor, "/v1/explain", &asked).await)
        }
        None => None,
    };
    let workloads: Workloads = dashboard.api.get(&visitor, "/v1/workloads").await?;
    let body = html! {
        h1 { "Why did a request go there?" }
        (look_up(&form))
        @match &found {
            Some(Ok(explained)) => (recorded(explained)),
            Some(Err(refusal)) => p.alarm role="alert" { (refusal.problem.detail) },
            None => {}
        }
        h2 { "Where would a request go?" }
        (try_out(&form, &workloads))
        @match &tried {
            Some(Ok(explanation)) => (explained(explanation)),
            Some(Err(refusal)) => p.alarm role="alert" { (refusal.problem.detail) },
            None => {}
        }
    };
    Ok(frame::page(&visitor, "/request", "Requests", &body))
}

fn look_up(form: &Form) -> Markup {
    html! {
        form.row method="get" action="/request" {
            label for="id" { "Request id" }
            input #id name="id" value=(form.text("id")) required;
            button type="submit" { "Look up" }
        }
        p.dim { "A response names its request in the header " code { "x-request-id" } "." }
    }
}

fn try_out(form: &Form, workloads: &Workloads) -> Markup {
    html! {
        form.row method="get" action="/request" {
            label for="workload" { "Workload" }
            select #workload name="workload" {
                @for it in &workloads.workloads {
                    option value=(it.name) selected[form.get("workload") == Some(&it.name)] { (it.name) }
                }
            }
            @for (name, title) in IDENTITIES {
                label for=(name) { (title) }
                input id=(name) name=(name) value=(form.text(name));
            }
            button type="submit" { "Try" }
        }
    }
}

fn recorded(explained: &DecisionExplained) -> Markup {
    let it = &explained.decision;
    let identities =
        [("Tenant", &it.tenant), ("User", &it.user), ("Conversation", &it.conversation)];
    html! {
        p.sentence { (explained.words) }
        table.facts { tbody {
            tr { th scope="row" { "Workload" } td { a href=(path(&["w", &it.workload])) { (it.workload) } } }
            tr { th scope="row" { "At" } td { (time(it.at_ms)) } }
            tr { th scope="row" { "Went to" } td { span class=(it.arm.as_str()) { (it.arm) } " " (it.release) } }
            tr { th scope="row" { "Rule" } td { (it.reason) @if !it.detail.is_empty() { " (" (it.detail) ")" } } }
            tr { th scope="row" { "Key" } td { (it.key) @if let Some(bucket) = it.bucket { ", bucket " (bucket) } } }
            tr { th scope="row" { "Weight, epoch" } td { (it.weight) ", " (it.epoch) } }
            @for (name, value) in identities {
                @if !value.is_empty() { tr { th scope="row" { (name) } td { (value) } } }
            }
            tr { th scope="row" { "Answer" } td { (it.status) ", " (it.outcome) ", " (millis(it.duration_ms)) ", first byte after " (millis(it.first_byte_ms)) } }
            @if it.retries > 0 { tr { th scope="row" { "Retries" } td { (it.retries) } } }
            @if let Some(usd) = it.cost_usd { tr { th scope="row" { "Cost" } td { (format!("${usd:.6}")) } } }
            @if let (Some(input), Some(output)) = (it.input_tokens, it.output_tokens) {
                tr { th scope="row" { "Tokens" } td { (input) " in, " (output) " out" } }
            }
            @if let Some(request) = &explained.request { tr { th scope="row" { "Changed by the release" } td { (request) } } }
        } }
        (flags(&it.flags))
        (stages::of_request(&explained.stages))
        p { a href=(path(&["samples", &it.request_id])) { "Its sample, if it was sampled" } }
    }
}

fn flags(flags: &[DecisionFlag]) -> Markup {
    html! {
        @if !flags.is_empty() {
            h2 { "Its flags" }
            ul { @for it in flags {
                li {
                    code { (it.flag) } ": "
                    @if it.variant.is_empty() { "the backend's own default" } @else { (it.variant) }
                    ", decided by " (it.decided_by.replace('_', " "))
                    @if it.remote { ", asked by the agent" }
                }
            } }
        }
    }
}

fn explained(it: &Explanation) -> Markup {
    html! {
        p.sentence { (it.words) }
        ol {
            @for rule in &it.rules {
                li class=[rule.decided.then_some("decided")] {
                    strong { (rule.rule) } @if rule.decided { " decided" } ": " (rule.why)
                }
            }
        }
        (flags(&it.flags))
        p.dim {
            "Key " (it.key_kind) " " code { (it.key) } ", bucket " (it.bucket) " of 100000, weight " (it.weight)
            ", epoch " (it.epoch)
        }
        @for caveat in &it.caveats { p.alarm { (caveat) } }
    }
}
