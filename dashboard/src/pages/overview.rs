//! `/`: every workload in a row, problems first.

use super::{as_of, none};
use crate::ask::{SOON, path};
use crate::context::Dashboard;
use crate::frame;
use crate::refusal::Refusal;
use crate::sentence::{Sentence, sentence};
use crate::visitor::Visitor;
use axum::extract::State;
use axum::response::Response;
use maud::{Markup, html};
use stagegate_api::words::{counted, grouped, millis, percent, span};
use stagegate_api::{ArmStatus, Status, WorkloadStatus};

pub(crate) async fn page(
    State(dashboard): State<Dashboard>,
    visitor: Visitor,
) -> Result<Response, Refusal> {
    let status: Status = dashboard.api.look(&visitor, "/v1/status", SOON).await?;
    let body = html! {
        h1 { "Overview" }
        div #live data-live { (live(&status)) }
    };
    Ok(frame::page(&visitor, "/", "Overview", &body))
}

fn live(status: &Status) -> Markup {
    let mut rows: Vec<(Sentence, &WorkloadStatus)> =
        status.workloads.iter().map(|it| (sentence(it, None), it)).collect();
    rows.sort_by_key(|(said, _)| said.tone);
    html! {
        (as_of(status.now_ms))
        (remarks(status))
        div.scroll tabindex="0" {
            table {
                caption { (counted(rows.len() as u64, "workload")) ", problems first" }
                thead { tr {
                    th scope="col" { "Workload" }
                    th scope="col" { "What is the matter" }
                    th scope="col" { "Releases" }
                    th.n scope="col" { "Weight" }
                    th.n scope="col" { "Requests" }
                    th.n scope="col" { "Errors" }
                    th.n scope="col" { "p99" }
                } }
                tbody {
                    @for (said, workload) in &rows { (row(said, workload)) }
                }
            }
        }
        @if !status.dormant.is_empty() {
            p.dim { "Remembered, but no longer in the file: " (status.dormant.join(", ")) }
        }
        (process(status))
    }
}

/// What concerns the process and not one workload.
pub(super) fn remarks(status: &Status) -> Markup {
    let reload = &status.reload;
    html! {
        @if status.safe_start {
            p.alarm role="alert" { "Safe start: everything goes to stable, and changes are refused." }
        }
        @if status.draining { p.alarm role="alert" { "This process shuts down." } }
        @for why in &status.not_ready_because { p.alarm role="alert" { "Not ready: " (why) } }
        @if !reload.ok {
            p.alarm role="alert" {
                "The last reload, by " (reload.by) ", was refused. The configuration before it is in force."
            }
            ul { @for it in &reload.problems {
                li { (it.file) ":" (it.line) ": " code { (it.key) } ": " (it.message) }
            } }
        }
        @if !status.store.healthy {
            p.alarm role="alert" {
                "The store: " (status.store.last_error.as_deref().unwrap_or("the last commit failed"))
            }
        }
        @for warning in &status.warnings { p.alarm { (warning) } }
    }
}

fn row(said: &Sentence, workload: &WorkloadStatus) -> Markup {
    let candidate = workload.candidate.as_ref();
    html! {
        tr {
            th scope="row" { a href=(path(&["w", &workload.name])) { (workload.name) } }
            td.text { span class={ "verb " (said.tone.class()) } { (said.verb) } " " (said.text) }
            td.nowrap {
                (workload.stable.release)
                @if let Some(arm) = candidate { " → " (arm.release) }
            }
            td.n { (workload.weight) (served(workload)) }
            td.n { (both(workload, |it| grouped(it.requests))) }
            td.n { (both(workload, |it| it.error_ratio.map_or_else(none, percent))) }
            td.n { (both(workload, |it| it.p99_ms.map_or_else(none, millis))) }
        }
    }
}

/// The share that the candidate serves, where it is not the weight that was asked for.
pub(super) fn served(workload: &WorkloadStatus) -> Markup {
    let differs = |it: &f64| (it - workload.weight_ratio).abs() > 0.01;
    let served = workload.served_ratio.filter(differs);
    html! { @if let Some(served) = served { br; span.dim { "serves " (percent(served)) } } }
}

/// A figure of both arms over the shortest window, candidate below stable.
fn both(workload: &WorkloadStatus, figure: fn(&stagegate_api::Window) -> String) -> Markup {
    let of = |arm: &ArmStatus| arm.windows.first().map_or_else(none, figure);
    html! {
        (of(&workload.stable))
        @if let Some(arm) = &workload.candidate { br; span.candidate { (of(arm)) } }
    }
}

fn process(status: &Status) -> Markup {
    let connections: u64 = status.workers.iter().map(|it| it.connections).sum();
    let in_flight: u64 = status.workers.iter().map(|it| it.in_flight).sum();
    html! {
        p.dim {
            "Stagegate " (status.version) ", up " (span(status.now_ms.saturating_sub(status.started_at_ms)))
            ", epoch " (status.epoch) ", " (counted(status.workers.len() as u64, "worker")) ", "
            (counted(connections, "connection")) ", " (grouped(in_flight)) " requests under way."
            " Figures are of the last minute; the candidate's stand below stable's."
        }
    }
}
