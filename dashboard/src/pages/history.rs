//! `/w/{workload}/history`: the rollouts of a workload, with their reports.

use super::time;
use crate::ask::path;
use crate::context::Dashboard;
use crate::frame;
use crate::refusal::Refusal;
use crate::visitor::Visitor;
use axum::extract::{Path, State};
use axum::response::Response;
use maud::{Markup, html};
use stagegate_api::{PastRollout, Rollouts};

pub(crate) async fn page(
    State(dashboard): State<Dashboard>,
    Path(name): Path<String>,
    visitor: Visitor,
) -> Result<Response, Refusal> {
    let at = path(&["v1", "workloads", &name, "rollouts"]);
    let all: Rollouts = dashboard.api.get(&visitor, &at).await?;
    let body = html! {
        h1 { "Rollouts of " a href=(path(&["w", &name])) { (name) } }
        @if all.rollouts.is_empty() { p { "There has been none." } }
        @for rollout in &all.rollouts { (one(&name, rollout)) }
    };
    Ok(frame::page(&visitor, "/", "Rollouts", &body))
}

fn one(name: &str, rollout: &PastRollout) -> Markup {
    let it = &rollout.summary;
    html! {
        h2 { (it.from) " → " (it.to) ": " (it.phase.replace('_', " ")) }
        p.dim {
            code { (it.id) } ", policy " (it.policy) ", from " (time(rollout.started_ms))
            @if let Some(ended) = rollout.ended_ms { " to " (time(ended)) }
            @if let Some(ticket) = &it.ticket { ", ticket " (ticket) }
            ", " a href=(path(&["w", name, "report", &it.id])) { "report of " (it.id) }
        }
        div.scroll tabindex="0" {
            table {
                thead { tr {
                    th scope="col" { "At" } th scope="col" { "Turn" } th.n scope="col" { "Step" }
                    th.n scope="col" { "Weight" } th scope="col" { "By" } th scope="col" { "Why" }
                } }
                tbody { @for turn in &rollout.history {
                    tr {
                        td.nowrap { (time(turn.mark.at_ms)) }
                        td { (turn.turn.replace('_', " ")) }
                        td.n { (turn.step) }
                        td.n { (turn.weight) }
                        td { (turn.mark.by) }
                        td {
                            (turn.mark.reason)
                            @for against in &turn.against { br; "against: " (against) }
                        }
                    }
                } }
            }
        }
    }
}
