//! `/w/{workload}`: the page on which on-call decides.

use super::controls::{Facts, controls};
use super::short::{self, short};
use super::{as_of, none, overview, stages, tabs, tiles, time};
use crate::ask::{LATER, SOON, path, with_query};
use crate::context::Dashboard;
use crate::frame;
use crate::refusal::Refusal;
use crate::secret::random;
use crate::sentence::sentence;
use crate::visitor::Visitor;
use axum::extract::{Path, State};
use axum::response::Response;
use http::StatusCode;
use maud::{Markup, html};
use stagegate_api::words::{counted, grouped, millis, percent, span};
use stagegate_api::{
    AnalysisDetail, ArmStatus, Audit, AuditRecord, Decision, Decisions, ReleaseDiff, Releases,
    Role, RolloutDetail, Status, Window, WorkloadDetail, WorkloadStatus,
};

/// All that the page shows.
struct Shown {
    status: Status,
    workload: WorkloadDetail,
    rollout: Option<RolloutDetail>,
    /// The analysis that ended it, if one did.
    decisive: Option<AnalysisDetail>,
    difference: Option<ReleaseDiff>,
    releases: Releases,
    actors: Vec<AuditRecord>,
    failures: Vec<Decision>,
}

impl Shown {
    async fn fetch(dashboard: &Dashboard, visitor: &Visitor, name: &str) -> Result<Self, Refusal> {
        let api = &dashboard.api;
        let at = |rest: &[&str]| path(&[&["v1", "workloads", name], rest].concat());
        let workload: WorkloadDetail = api.look(visitor, &at(&[]), SOON).await?;
        let rollout: Option<RolloutDetail> =
            match api.look(visitor, &at(&["rollouts", "current"]), SOON).await {
                Ok(rollout) => Some(rollout),
                // It has had none.
                Err(refusal) if refusal.status == StatusCode::NOT_FOUND => None,
                Err(refusal) => return Err(refusal),
            };
        let ended = rollout.as_ref().filter(|it| !it.summary.active);
        let decisive = match ended.and_then(|it| it.history.last()?.analysis.as_deref()) {
            Some(id) => api.look(visitor, &at(&["analyses", id]), LATER).await.ok(),
            None => None,
        };
        let difference = match &workload.candidate {
            Some(candidate) => {
                let query = [("from", Some(workload.stable.as_str())), ("to", Some(candidate))];
                let at = with_query(&at(&["releases", "diff"]), &query);
                api.look(visitor, &at, SOON).await.ok()
            }
            None => None,
        };
        let of = [("workload", Some(name)), ("limit", Some("5"))];
        let audit: Option<Audit> =
            api.look(visitor, &with_query("/v1/audit", &of), SOON).await.ok();
        // A replica that does not answer keeps no page waiting.
        let latest = [("workload", Some(name)), ("limit", Some("200")), ("here", Some("true"))];
        let decisions: Option<Decisions> =
            api.look(visitor, &with_query("/v1/decisions", &latest), LATER).await.ok();
        let failed = |it: &Decision| !matches!(&*it.outcome, "ok" | "client_gone");
        Ok(Self {
            status: api.look(visitor, "/v1/status", SOON).await?,
            releases: api.look(visitor, &at(&["releases"]), SOON).await?,
            actors: audit.map(|it| it.entries).unwrap_or_default(),
            failures: decisions.map_or_else(Vec::new, |it| {
                it.decisions.into_iter().filter(failed).take(5).collect()
            }),
            workload,
            rollout,
            decisive,
            difference,
        })
    }

    fn running(&self) -> Option<&RolloutDetail> {
        self.rollout.as_ref().filter(|it| it.summary.active)
    }

    /// The workload's part of the status.
    fn its_status(&self) -> Option<&WorkloadStatus> {
        self.status.workloads.iter().find(|it| it.name == self.workload.name)
    }
}

pub(crate) async fn page(
    State(dashboard): State<Dashboard>,
    Path(name): Path<String>,
    visitor: Visitor,
) -> Result<Response, Refusal> {
    let shown = Shown::fetch(&dashboard, &visitor, &name).await?;
    let key = random().unwrap_or_default();
    let facts = Facts {
        visitor: &visitor,
        workload: &shown.workload,
        rollout: shown.running(),
        releases: &shown.releases.releases,
        key: &key,
    };
    let body = html! {
        h1 { (name) }
        (tabs(&name, ""))
        div #sentence data-live { (first_line(&shown)) }
        (controls(&facts))
        div #live data-live { (live(&shown, visitor.role_for(&name))) }
    };
    Ok(frame::page(&visitor, "/", &name, &body))
}

fn first_line(shown: &Shown) -> Markup {
    let Some(status) = shown.its_status() else { return html! {} };
    let said = sentence(status, shown.running());
    html! {
        p class={ "sentence " (said.tone.class()) } role="status" {
            strong { (said.verb) ": " } (said.text)
        }
    }
}

fn live(shown: &Shown, role: Role) -> Markup {
    html! {
        (as_of(shown.status.now_ms))
        @if let Some(status) = shown.its_status() {
            (short(&short::Facts {
                status,
                rollout: shown.rollout.as_ref(),
                decisive: shown.decisive.as_ref(),
                newest: shown.actors.first(),
                role,
            }))
        }
        (overview::remarks(&shown.status))
        @if let Some(rollout) = shown.running() {
            (track(rollout))
            @if let Some(analysis) = &rollout.analysis {
                (tiles::tiles(analysis))
                (still_needed(analysis))
            } @else {
                p { "Nothing has been measured in this step yet." }
            }
        }
        @if let Some(status) = shown.its_status() { (arms(status)) (stages::of_workload(status)) }
        (difference(shown.difference.as_ref()))
        (failures(&shown.failures))
        (actors(&shown.actors))
    }
}

/// The steps, with the one that it is at.
fn track(rollout: &RolloutDetail) -> Markup {
    let at = rollout.summary.step as usize;
    html! {
        h2 {
            "Rollout " (rollout.summary.from) " → " (rollout.summary.to) ", step " (at) " of "
            (rollout.summary.steps)
        }
        ol.track {
            @for (number, step) in rollout.plan.iter().enumerate() {
                @let number = number + 1;
                li class=(if number < at { "past" } else if number == at { "now" } else { "later" })
                    aria-current=[(number == at).then_some("step")] {
                    strong { (step.weight) }
                    " " span.dim {
                        (span(step.hold_ms)) ", " (grouped(step.requests)) " requests"
                        @if step.scored > 0 { ", " (grouped(step.scored)) " scored" }
                    }
                }
            }
        }
        @if !rollout.waived.is_empty() {
            p.alarm { "Not measured, waived at the start: " (rollout.waived.join(", ")) }
        }
        @if let Some(unknown) = &rollout.unknown_cost {
            p.alarm { "A gate on costs waits: " (unknown) }
        }
    }
}

fn still_needed(analysis: &AnalysisDetail) -> Markup {
    html! {
        p {
            "Watched for " (span(analysis.observed_ms)) " of " (span(analysis.needed_ms)) ". "
            (counted(analysis.requests, "request")) " of the candidate"
            @if analysis.needed_requests > 0 { ", " (grouped(analysis.needed_requests)) " are needed" }
            "."
            @if analysis.outage { " An outage behind both releases affects both arms alike." }
        }
        @if let Some(judge) = &analysis.judge { p.alarm { "Scorers: " (judge.words) } }
        @if !analysis.blocks.is_empty() {
            h3 { "A promotion waits for" }
            ul { @for block in &analysis.blocks { li { (block) } } }
        }
        @if let Some(forecast) = &analysis.forecast {
            p {
                "Spend at this rate: " (format!("${:.2}", forecast.usd_per_day_now)) " a day now, "
                (format!("${:.2}", forecast.usd_per_day)) " at " (forecast.weight) "."
            }
        }
        p.dim { "Analysis " code { (analysis.id) } " of " (time(analysis.at_ms)) }
    }
}

/// Formats one cell of a window.
type Cell = fn(&Window) -> String;

fn arms(status: &WorkloadStatus) -> Markup {
    let rows: [(&str, Cell); 7] = [
        ("Requests", |it| grouped(it.requests)),
        ("Errors", |it| it.error_ratio.map_or_else(none, percent)),
        ("Client gone", |it| grouped(it.outcomes.client_gone)),
        ("p50", |it| it.p50_ms.map_or_else(none, millis)),
        ("p95", |it| it.p95_ms.map_or_else(none, millis)),
        ("p99", |it| it.p99_ms.map_or_else(none, millis)),
        ("First byte, p50", |it| it.first_byte_p50_ms.map_or_else(none, millis)),
    ];
    let arms: Vec<(&str, &ArmStatus)> = std::iter::once(("stable", &status.stable))
        .chain(status.candidate.as_ref().map(|arm| ("candidate", arm)))
        .collect();
    html! {
        h2 { "Traffic" }
        @for (arm, it) in &arms {
            @if !it.running.is_empty() { p class=(arm) { (it.running) } }
        }
        div.scroll tabindex="0" {
            table {
                caption { "Both arms over the last minutes" }
                thead {
                    tr {
                        td {}
                        @for (arm, it) in &arms {
                            th class=(arm) scope="colgroup" colspan=(it.windows.len().max(1)) {
                                (arm) " " (it.release)
                            }
                        }
                    }
                    tr {
                        td {}
                        @for (_, it) in &arms {
                            @for window in &it.windows {
                                th.n scope="col" { (span(u64::from(window.seconds) * 1000)) }
                            }
                            @if it.windows.is_empty() { th scope="col" { "no requests yet" } }
                        }
                    }
                }
                tbody {
                    @for (name, cell) in rows {
                        tr {
                            th scope="row" { (name) }
                            @for (_, it) in &arms {
                                @for window in &it.windows { td.n { (cell(window)) } }
                                @if it.windows.is_empty() { td {} }
                            }
                        }
                    }
                }
            }
        }
    }
}

fn difference(diff: Option<&ReleaseDiff>) -> Markup {
    let Some(diff) = diff else { return html! {} };
    html! {
        h2 { "What " (diff.to) " changes" }
        @if diff.differences.is_empty() {
            p { "Nothing that is known: the pins are the same." }
        } @else {
            div.scroll tabindex="0" {
                table {
                    thead { tr {
                        th scope="col" { "Part" } th scope="col" { (diff.from) } th scope="col" { (diff.to) }
                    } }
                    tbody { @for it in &diff.differences {
                        tr {
                            th scope="row" { (it.part.replace('_', " ")) }
                            td { (it.from.as_deref().unwrap_or("–")) }
                            td { (it.to.as_deref().unwrap_or("–")) }
                        }
                    } }
                }
            }
        }
    }
}

fn failures(failures: &[Decision]) -> Markup {
    html! {
        h2 { "Last failures" }
        @if failures.is_empty() { p { "None among the last 200 requests that are recorded." } }
        @else {
            div.scroll tabindex="0" {
                table {
                    thead { tr {
                        th scope="col" { "At" } th scope="col" { "Arm" } th scope="col" { "Outcome" }
                        th.n scope="col" { "Status" } th.n scope="col" { "Took" } th scope="col" { "Request" }
                    } }
                    tbody { @for it in failures {
                        tr {
                            td.nowrap { (time(it.at_ms)) }
                            td class=(it.arm.as_str()) { (it.arm) " " (it.release) }
                            td { (it.outcome) }
                            td.n { (it.status) }
                            td.n { (millis(it.duration_ms)) }
                            td.nowrap { a href=(with_query("/request", &[("id", Some(&it.request_id))])) { (it.request_id) } }
                        }
                    } }
                }
            }
        }
    }
}

fn actors(entries: &[AuditRecord]) -> Markup {
    html! {
        h2 { "Last changes" }
        @if entries.is_empty() { p { "None." } }
        @else {
            ul { @for it in entries {
                li {
                    (time(it.at_ms)) " " strong { (it.actor) } ": " (it.summary)
                    @if !it.reason.is_empty() { " (" (it.reason) ")" }
                }
            } }
        }
    }
}
