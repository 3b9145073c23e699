//! `/settings`: the last reload, the channels to people, and this process.

use super::{overview, time};
use crate::ask::path;
use crate::context::Dashboard;
use crate::frame::{self, secret};
use crate::refusal::Refusal;
use crate::visitor::Visitor;
use axum::extract::State;
use axum::response::Response;
use maud::{Markup, html};
use stagegate_api::{
    AuthMode, ChannelStatus, Channels, Role, SessionDetail, Sessions, SignedInBy, Status,
};

pub(crate) async fn page(
    State(dashboard): State<Dashboard>,
    visitor: Visitor,
) -> Result<Response, Refusal> {
    let status: Status = dashboard.api.get(&visitor, "/v1/status").await?;
    let channels: Option<Channels> = dashboard.api.get(&visitor, "/v1/notify").await.ok();
    let sessions: Option<Sessions> = dashboard.api.get(&visitor, "/v1/sessions").await.ok();
    let reload = &status.reload;
    let body = html! {
        h1 { "Settings" }
        (overview::remarks(&status))
        table.facts { tbody {
            tr { th scope="row" { "Version" } td { (status.version) } }
            tr { th scope="row" { "Started" } td { (time(status.started_at_ms)) } }
            tr { th scope="row" { "Configuration" } td {
                "read " (time(reload.last_success_at_ms)) " by " (reload.by)
                @if !reload.needs_restart.is_empty() { ", needs a restart: " (reload.needs_restart.join(", ")) }
            } }
            tr { th scope="row" { "Sign-in" } td {
                @match status.auth {
                    AuthMode::Tokens => "everybody says who they are",
                    AuthMode::OpenLoopback => "none: no token is configured, and everybody on this machine may change everything",
                }
            } }
            tr { th scope="row" { "Decision log" } td {
                @if !status.decision_log.enabled { "off" }
                @else if status.decision_log.healthy { "works" } @else { "cannot be written" }
                ", " (status.decision_log.dropped) " records dropped"
            } }
        } }
        @if visitor.role() != Role::Viewer {
            form.row method="post" action="/settings/reload" {
                (secret(&visitor))
                label for="reload-reason" { "Reason (may be left out)" }
                input #reload-reason name="reason" maxlength="500" autocomplete="off";
                button type="submit" { "Read the configuration again" }
            }
        }
        h2 { "Channels to people" }
        (channels_table(&visitor, &channels.map(|it| it.channels).unwrap_or_default()))
        (sessions_table(&visitor, &sessions.map(|it| it.sessions).unwrap_or_default()))
        p { a href="/docs" { "The admin API" } }
    };
    Ok(frame::page(&visitor, "/settings", "Settings", &body))
}

fn channels_table(visitor: &Visitor, channels: &[ChannelStatus]) -> Markup {
    if channels.is_empty() {
        return html! { p { "None is configured: nobody is told when a gate rolls back." } };
    }
    html! {
        div.scroll tabindex="0" {
            table {
                thead { tr {
                    th scope="col" { "Channel" } th scope="col" { "Type" } th scope="col" { "Owners" }
                    th.n scope="col" { "Waiting" } th scope="col" { "Last delivery" } th scope="col" { "Last failure" } td {}
                } }
                tbody { @for it in channels {
                    tr {
                        th scope="row" { (it.name) }
                        td { (it.kind) }
                        td { (it.owners.join(", ")) }
                        td.n { (it.pending) }
                        td { @if let Some(at) = it.last_success_at_ms { (time(at)) } @else { "never" } }
                        td {
                            @if let Some(at) = it.last_failure_at_ms { (time(at)) }
                            @if let Some(why) = &it.last_failure { ": " (why) }
                        }
                        td {
                            @if visitor.role() != Role::Viewer {
                                form method="post" action=(path(&["notify", &it.name, "test"])) {
                                    (secret(visitor))
                                    button type="submit" aria-label={ "Test " (it.name) } { "Test" }
                                }
                            }
                        }
                    }
                } }
            }
        }
    }
}

/// Who is signed in: everybody for an admin, else the visitor's own sessions.
fn sessions_table(visitor: &Visitor, sessions: &[SessionDetail]) -> Markup {
    html! {
        @if !sessions.is_empty() {
            h2 { "Sessions" }
            div.scroll tabindex="0" {
                table {
                    thead { tr {
                        th scope="col" { "Who" } th scope="col" { "Role" } th scope="col" { "By" }
                        th scope="col" { "Since" } th scope="col" { "Until" } td {}
                    } }
                    tbody { @for it in sessions {
                        tr {
                            th scope="row" { (it.actor) }
                            td {
                                (it.role)
                                @for (workload, role) in &it.workloads { ", " (role) " for " (workload) }
                            }
                            td { @match it.by { SignedInBy::Token => "token", SignedInBy::Oidc => "provider" } }
                            td { (time(it.since_ms)) }
                            td { (time(it.until_ms)) }
                            td {
                                form method="post" action=(path(&["sessions", &it.id, "end"])) {
                                    (secret(visitor))
                                    button type="submit" aria-label={ "End the session of " (it.actor) } { "End" }
                                }
                            }
                        }
                    } }
                }
            }
        }
    }
}
