//! `/fleet`: the replicas, and what was looked at.

use super::{as_of, coded, none, time};
use crate::ask::SOON;
use crate::context::Dashboard;
use crate::frame;
use crate::refusal::Refusal;
use crate::visitor::Visitor;
use axum::extract::State;
use axum::response::Response;
use maud::{Markup, html};
use stagegate_api::words::{counted, millis};
use stagegate_api::{
    FleetExamination, FleetFinding, FleetStatus, ReplicaState, ReplicaStatus, Status,
};

pub(crate) async fn page(
    State(dashboard): State<Dashboard>,
    visitor: Visitor,
) -> Result<Response, Refusal> {
    let status: Status = dashboard.api.look(&visitor, "/v1/status", SOON).await?;
    let body = match status.fleet {
        None => html! {
            h1 { "Fleet" }
            p { "This process is on its own: its configuration has no " code { "fleet" } "." }
        },
        Some(_) => {
            let fleet: FleetStatus = dashboard.api.look(&visitor, "/v1/fleet", SOON).await?;
            let examined: Option<FleetExamination> =
                dashboard.api.look(&visitor, "/v1/fleet/doctor", SOON).await.ok();
            html! {
                h1 { "Fleet " (fleet.fleet) }
                div #live data-live { (live(status.now_ms, &fleet, examined.as_ref())) }
            }
        }
    };
    Ok(frame::page(&visitor, "/fleet", "Fleet", &body))
}

fn live(now_ms: u64, fleet: &FleetStatus, examined: Option<&FleetExamination>) -> Markup {
    html! {
        (as_of(now_ms))
        @for warning in &fleet.warnings { p.alarm { (warning) } }
        (replicas(fleet))
        @if let Some(examined) = examined {
            h2 { "What was looked at" }
            (findings(&examined.findings))
        }
    }
}

fn replicas(fleet: &FleetStatus) -> Markup {
    html! {
        div.scroll tabindex="0" {
            table {
                caption { (counted(fleet.replicas.len() as u64, "replica")) ", asked at " (fleet.replica) }
                thead { tr {
                    th scope="col" { "Replica" } th scope="col" { "State" } th scope="col" { "Version" }
                    th.n scope="col" { "Epoch" } th.n scope="col" { "Entry" } th.n scope="col" { "Fresh for" }
                    th scope="col" { "Configuration" } th scope="col" { "Its clock" }
                } }
                tbody { @for it in &fleet.replicas { (row(it)) } }
            }
        }
    }
}

fn row(it: &ReplicaStatus) -> Markup {
    let (class, word) = match it.state {
        ReplicaState::Fresh => ("good", "fresh"),
        ReplicaState::Stale => ("warn", "stale: keeps its plan"),
        ReplicaState::Fenced => ("bad", "fenced: everybody goes to stable"),
        ReplicaState::Silent => ("bad", "silent: it does not answer"),
    };
    html! {
        tr {
            th scope="row" { (it.name) }
            td { span class={ "verb " (class) } { (word) } }
            td { @if it.version.is_empty() { (none()) } @else { (it.version) } }
            td.n { (it.epoch) }
            td.n { (it.entry) }
            td.n { (it.fresh_for_ms.map_or_else(none, |left| millis(left as f64))) }
            td { code { (it.config.get(..8).unwrap_or_default()) } }
            td.nowrap { @if let Some(at) = it.at_ms { (time(at)) } @else { (none()) } }
        }
    }
}

fn findings(findings: &[FleetFinding]) -> Markup {
    html! {
        ul { @for it in findings {
            li {
                @if it.ok { span.good { "In order" } } @else { span.verb.bad { "Put right" } }
                " " strong { (it.what) } ": " (it.found)
                @if !it.remedy.is_empty() { br; span.dim { (coded(&it.remedy)) } }
            }
        } }
    }
}
