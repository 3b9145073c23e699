//! The pages, one file for each.

pub(crate) mod audit;
pub(crate) mod charts;
mod controls;
pub(crate) mod flags;
pub(crate) mod fleet;
pub(crate) mod history;
pub(crate) mod overview;
pub(crate) mod releases;
pub(crate) mod request;
pub(crate) mod samples;
pub(crate) mod settings;
mod stages;
pub(crate) mod taking_part;
mod tiles;
pub(crate) mod workload;

use maud::{Markup, html};
use stagegate_timing::moment;

/// What stands in the place of a figure that is not known.
fn none() -> String {
    "–".to_owned()
}

/// A moment for people, and the same for programs.
fn time(at_ms: u64) -> Markup {
    html! { time datetime=(stagegate_timing::rfc3339(at_ms)) { (moment(at_ms)) } }
}

/// The start of every page's live part: its figures are of `now_ms`.
fn as_of(now_ms: u64) -> Markup {
    html! { p.dim.asof { "As of " (time(now_ms)) } }
}
