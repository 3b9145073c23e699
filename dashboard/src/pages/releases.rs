//! `/w/{workload}/releases`: the releases of a workload and what they are made of.

use super::time;
use crate::ask::path;
use crate::context::Dashboard;
use crate::frame::{self, secret};
use crate::refusal::Refusal;
use crate::verbs::ARTIFACT;
use crate::visitor::Visitor;
use axum::extract::{Path, State};
use axum::response::Response;
use maud::{Markup, html};
use stagegate_api::{ReleaseDetail, Releases, Role};

pub(crate) async fn page(
    State(dashboard): State<Dashboard>,
    Path(name): Path<String>,
    visitor: Visitor,
) -> Result<Response, Refusal> {
    let at = path(&["v1", "workloads", &name, "releases"]);
    let all: Releases = dashboard.api.get(&visitor, &at).await?;
    let may_change = visitor.role_for(&name) != Role::Viewer;
    let body = html! {
        h1 { "Releases of " a href=(path(&["w", &name])) { (name) } }
        @for line in &all.running { p { (line) } }
        @for release in &all.releases { (one(release)) @if may_change { (remove(&visitor, &name, release)) } }
        @if may_change { (add(&visitor, &name)) }
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

/// Forgets a release that was registered at run time; the API refuses others.
fn remove(visitor: &Visitor, workload: &str, release: &ReleaseDetail) -> Markup {
    html! {
        @if release.role.is_none() && !release.registered_by.is_empty() {
            details { summary.link { "Remove" }
                form.row method="post" action=(path(&["w", workload, "act", "remove-release"])) {
                    (secret(visitor))
                    input type="hidden" name="release" value=(release.name);
                    button type="submit" { "Remove " (release.name) }
                }
            }
        }
    }
}

/// Registers a release at run time.
fn add(visitor: &Visitor, workload: &str) -> Markup {
    html! {
        h2 { "Add a release" }
        form.narrow method="post" action=(path(&["w", workload, "act", "add-release"])) {
            (secret(visitor))
            label for="release-name" { "Name" }
            input #release-name name="name" required autocomplete="off" maxlength="63";
            label for="release-endpoints" { "Endpoints, one a line" }
            textarea #release-endpoints name="endpoints" required rows="2" placeholder="http://10.0.2.1:9001" {}
            @for (part, title) in ARTIFACT {
                label for={ "release-" (part) } { (title) " (may be left out)" }
                input id={ "release-" (part) } name=(part) autocomplete="off";
            }
            label for="release-reason" { "Reason (may be left out)" }
            input #release-reason name="reason" maxlength="500" autocomplete="off";
            button type="submit" { "Add" }
        }
    }
}
