//! `/w/{workload}/releases`: the releases of a workload and what they are made of.

use super::time;
use crate::ask::{Refusal, path};
use crate::context::Dashboard;
use crate::frame;
use crate::visitor::Visitor;
use axum::extract::{Path, State};
use axum::response::Response;
use maud::{Markup, html};
use stagegate_api::{ReleaseDetail, Releases};

pub(crate) async fn page(
    State(dashboard): State<Dashboard>,
    Path(name): Path<String>,
    visitor: Visitor,
) -> Result<Response, Refusal> {
    let at = path(&["v1", "workloads", &name, "releases"]);
    let all: Releases = dashboard.api.get(&visitor, &at).await?;
    let body = html! {
        h1 { "Releases of " a href=(path(&["w", &name])) { (name) } }
        @for line in &all.running { p { (line) } }
        @for release in &all.releases { (one(release)) }
    };
    Ok(frame::page(&visitor, "/", "Releases", &body))
}

fn one(release: &ReleaseDetail) -> Markup {
    let made_of = &release.artifact;
    let parts = [
        ("Model", &made_of.model),
        ("Prompt", &made_of.prompt),
        ("Tools", &made_of.tools),
        ("Git tag", &made_of.git_tag),
        ("Digest", &made_of.digest),
        ("Changes of requests", &made_of.request),
        ("Notes", &made_of.notes),
    ];
    html! {
        h2 {
            (release.name)
            @if let Some(role) = release.role { " " span class=(role.as_str()) { (role) } }
        }
        table.facts { tbody {
            @for (name, value) in parts {
                @if let Some(value) = value { tr { th scope="row" { (name) } td { (value) } } }
            }
            tr { th scope="row" { "Endpoints" } td { (release.endpoints.join(", ")) } }
            tr { th scope="row" { "Fingerprint" } td { code { (release.fingerprint) } } }
            tr { th scope="row" { "Registered" } td {
                (time(release.registered_at_ms))
                @if !release.registered_by.is_empty() { " by " (release.registered_by) }
            } }
            @if let Some(used) = release.used_at_ms {
                tr { th scope="row" { "First used" } td { (time(used)) } }
            }
        } }
    }
}
