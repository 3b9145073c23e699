//! The pages, one file for each.

pub(crate) mod audit;
pub(crate) mod charts;
mod controls;
pub(crate) mod flags;
pub(crate) mod fleet;
pub(crate) mod handoff;
pub(crate) mod history;
pub(crate) mod overview;
pub(crate) mod queue;
pub(crate) mod readiness;
pub(crate) mod releases;
pub(crate) mod report;
pub(crate) mod request;
pub(crate) mod runbook;
pub(crate) mod samples;
pub(crate) mod settings;
mod short;
mod stages;
pub(crate) mod taking_part;
mod tiles;
pub(crate) mod workload;

use crate::ask::{SOON, path, with_query};
use crate::context::Dashboard;
use crate::refusal::Refusal;
use crate::visitor::Visitor;
use http::StatusCode;
use maud::{Markup, html};
use serde::de::DeserializeOwned;
use stagegate_api::WorkloadDetail;
use stagegate_timing::moment;

/// The pages of a workload; `here` is the one that is shown.
fn tabs(name: &str, here: &str) -> Markup {
    let pages = [
        ("", "Now"),
        ("charts", "Charts"),
        ("history", "Rollouts"),
        ("readiness", "Readiness"),
        ("runbook", "Runbook"),
        ("handoff", "Hand-off"),
        ("queue", "Queue"),
        ("releases", "Releases"),
        ("taking-part", "Who takes part"),
    ];
    let address = |page: &str| match page {
        "" => path(&["w", name]),
        page => path(&["w", name, page]),
    };
    html! {
        nav.tabs aria-label="This workload" {
            @for (page, title) in pages {
                a href=(address(page)) aria-current=[(page == here).then_some("page")] { (title) }
            }
            a href=(with_query("/samples", &[("workload", Some(name))])) { "Samples" }
        }
    }
}

/// A part of a workload that begins when a rollout reaches 100%, as `shown` shows it; before, the reason
/// why there is none.
async fn after_full<T: DeserializeOwned>(
    dashboard: &Dashboard,
    visitor: &Visitor,
    (name, part): (&str, &str),
    shown: impl FnOnce(&T, &Visitor) -> Markup,
) -> Result<Markup, Refusal> {
    // Whoever asks for a workload that does not exist is told that.
    let workload = path(&["v1", "workloads", name]);
    let _: WorkloadDetail = dashboard.api.look(visitor, &workload, SOON).await?;
    let found: Result<T, Refusal> =
        dashboard.api.get(visitor, &path(&["v1", "workloads", name, part])).await;
    match found {
        Ok(found) => Ok(shown(&found, visitor)),
        Err(refusal) if refusal.status == StatusCode::NOT_FOUND => {
            Ok(html! { p { (refusal.problem.detail) "." } })
        }
        Err(refusal) => Err(refusal),
    }
}

/// What stands in the place of a figure that is not known.
fn none() -> String {
    "–".to_owned()
}

/// A moment for people, and the same for programs.
fn time(at_ms: u64) -> Markup {
    html! { time datetime=(stagegate_timing::rfc3339(at_ms)) { (moment(at_ms)) } }
}

/// A text in which commands and keys stand between backticks: each becomes code. One backtick without another is
/// a backtick.
fn coded(text: &str) -> Markup {
    let parts: Vec<&str> = text.split('`').collect();
    let is_whole = parts.len() % 2 == 1;
    html! {
        @if is_whole {
            @for (place, part) in parts.iter().enumerate() {
                @if place % 2 == 1 { code { (part) } } @else { (part) }
            }
        } @else { (text) }
    }
}

/// The start of every page's live part: its figures are of `now_ms`.
fn as_of(now_ms: u64) -> Markup {
    html! { p.dim.asof { "As of " (time(now_ms)) } }
}

#[cfg(test)]
mod tests {
    use super::coded;

    #[test]
    fn what_stands_between_backticks_is_code() {
        let shown = coded("run `stagegate drill <x>`, then `check`").into_string();
        assert_eq!(shown, "run <code>stagegate drill &lt;x&gt;</code>, then <code>check</code>");
        assert_eq!(coded("it`s").into_string(), "it`s");
        assert_eq!(coded("plain").into_string(), "plain");
    }
}
