//! The stages of both arms by the agents' traces.

use super::none;
use maud::{Markup, html};
use stagegate_api::words::{grouped, millis, percent};
use stagegate_api::{ArmStatus, RequestStage, StageStatus, WorkloadStatus};

/// The stages of a workload; nothing where no arm has any.
pub(super) fn of_workload(status: &WorkloadStatus) -> Markup {
    let arms = std::iter::once(("stable", &status.stable))
        .chain(status.candidate.as_ref().map(|arm| ("candidate", arm)));
    let arms: Vec<(&str, &ArmStatus)> = arms.filter(|(_, it)| it.stages.is_some()).collect();
    if arms.is_empty() {
        return html! {};
    }
    html! {
        h2 { "Stages" }
        div.scroll tabindex="0" {
            table {
                caption {
                    "By the agents' traces, since the start of the process"
                    @for (arm, it) in &arms {
                        @if let Some(stages) = it.stages.as_ref().filter(|it| !it.exact) {
                            "; " (arm) ": a sample, " (grouped(stages.traced)) " of " (grouped(stages.requests)) " requests"
                        }
                    }
                }
                thead { tr {
                    th scope="col" { "Stage" } th scope="col" { "Arm" } th.n scope="col" { "Calls" }
                    th.n scope="col" { "Errors" } th.n scope="col" { "p50" } th.n scope="col" { "p95" }
                    th.n scope="col" { "p99" } th.n scope="col" { "Cost" }
                } }
                tbody { @for (name, arm, it) in rows(&arms) {
                    tr {
                        th scope="row" { (name) }
                        td class=(arm) { (arm) }
                        td.n { (grouped(it.calls)) }
                        td.n { (percent(it.errors as f64 / it.calls.max(1) as f64)) }
                        @for time in [it.p50_ms, it.p95_ms, it.p99_ms] {
                            td.n { (time.map_or_else(none, millis)) }
                        }
                        td.n {
                            (format!("${:.4}", it.cost_usd))
                            @if it.unpriced_calls > 0 { ", " (grouped(it.unpriced_calls)) " calls unpriced" }
                        }
                    }
                } }
            }
        }
    }
}

/// Every stage of every arm: the arms of a stage beneath each other.
fn rows<'a>(arms: &[(&'a str, &'a ArmStatus)]) -> Vec<(&'a str, &'a str, &'a StageStatus)> {
    let of = |(arm, it): &(&'a str, &'a ArmStatus)| {
        let (arm, stages) = (*arm, it.stages.as_ref());
        stages.into_iter().flat_map(|it| &it.stages).map(move |it| (it.stage.as_str(), arm, it))
    };
    let mut rows: Vec<_> = arms.iter().flat_map(of).collect();
    // Stable sorting keeps stable's row above the candidate's.
    rows.sort_by_key(|(name, _, _)| *name);
    rows
}

/// The stages of one request.
pub(super) fn of_request(stages: &[RequestStage]) -> Markup {
    if stages.is_empty() {
        return html! {};
    }
    html! {
        h2 { "Its stages" }
        div.scroll tabindex="0" {
            table {
                thead { tr {
                    th scope="col" { "Stage" } th scope="col" { "Source" } th.n scope="col" { "Took" }
                    th.n scope="col" { "Calls" } th.n scope="col" { "Errors" } th.n scope="col" { "Tokens" }
                } }
                tbody { @for it in stages {
                    tr {
                        th scope="row" { (it.stage) }
                        td { (it.source.replace('_', " ")) }
                        td.n { (millis(it.duration_ms)) }
                        td.n { (it.calls) }
                        td.n { (it.errors) }
                        td.n { (it.input_tokens) " in, " (it.output_tokens) " out" }
                    }
                } }
            }
        }
    }
}
