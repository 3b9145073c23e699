//! `/audit`: who changed what, with the state of the chain on top.

use super::time;
use crate::ask::with_query;
use crate::context::Dashboard;
use crate::form::Form;
use crate::frame;
use crate::refusal::Refusal;
use crate::visitor::Visitor;
use axum::extract::{RawQuery, State};
use axum::response::Response;
use maud::{Markup, html};
use stagegate_api::{Audit, AuditCheck, AuditRecord};

/// Records of a page.
const ROWS: &str = "50";

pub(crate) async fn page(
    State(dashboard): State<Dashboard>,
    RawQuery(query): RawQuery,
    visitor: Visitor,
) -> Result<Response, Refusal> {
    let form = Form::read(query.unwrap_or_default().as_bytes());
    let filter = [("workload", form.get("workload")), ("actor", form.get("actor"))];
    let asked = [filter[0], filter[1], ("before", form.get("before")), ("limit", Some(ROWS))];
    let audit: Audit = dashboard.api.get(&visitor, &with_query("/v1/audit", &asked)).await?;
    // The whole chain is read for this, so only when it is asked for.
    let checked = match form.has("verify") {
        true => Some(dashboard.api.get::<AuditCheck>(&visitor, "/v1/audit/verify").await?),
        false => None,
    };
    let before = audit.next_before.map(|it| it.to_string());
    let older = before
        .as_deref()
        .map(|before| with_query("/audit", &[filter[0], filter[1], ("before", Some(before))]));
    let body = html! {
        h1 { "Audit" }
        @match &checked {
            Some(check) => (chain(check)),
            None => p { a.button href="/audit?verify=1" { "Check the chain" } },
        }
        form.row method="get" action="/audit" {
            @for (name, title) in [("workload", "Workload"), ("actor", "Actor")] {
                label for=(name) { (title) }
                input id=(name) name=(name) value=(form.text(name));
            }
            button type="submit" { "Show" }
        }
        (table(&audit.entries))
        @if let Some(older) = older { p { a.button href=(older) { "Older records" } } }
    };
    Ok(frame::page(&visitor, "/audit", "Audit", &body))
}

fn chain(check: &AuditCheck) -> Markup {
    html! {
        @if check.intact {
            p.sentence.good { strong { "Intact: " } (check.entries) " records, each one hashes the one before." }
        } @else {
            p.sentence.bad role="alert" {
                strong { "Broken" }
                @if let Some(seq) = check.broken_at { " at record " (seq) }
                @if let Some(problem) = &check.problem { ": " (problem) }
            }
        }
    }
}

fn table(entries: &[AuditRecord]) -> Markup {
    html! {
        div.scroll tabindex="0" {
            table {
                thead { tr {
                    th.n scope="col" { "Record" } th scope="col" { "At" } th scope="col" { "Actor" }
                    th scope="col" { "Workload" } th scope="col" { "Change" } th scope="col" { "Reason" }
                } }
                tbody { @for it in entries {
                    tr {
                        th.n scope="row" { (it.seq) }
                        td.nowrap { (time(it.at_ms)) }
                        td { (it.actor) }
                        td { (it.workload.as_deref().unwrap_or("–")) }
                        td { (it.summary) }
                        td { (it.reason) }
                    }
                } }
            }
        }
    }
}
