//! `/w/{workload}/handoff`: the pack with which a release goes to the people on call.

use super::{after_full, coded, tabs, time};
use crate::ask::path;
use crate::context::Dashboard;
use crate::frame::{self, secret};
use crate::refusal::Refusal;
use crate::secret::random;
use crate::visitor::Visitor;
use axum::extract::{Path, State};
use axum::response::Response;
use maud::{Markup, html};
use stagegate_api::{HandoffDetail, HandoffPart, HandoffState, Role};

pub(crate) async fn page(
    State(dashboard): State<Dashboard>,
    Path(name): Path<String>,
    visitor: Visitor,
) -> Result<Response, Refusal> {
    let shown = after_full(&dashboard, &visitor, (&name, "handoff"), shown).await?;
    let body = html! {
        h1 { "Hand-off of " a href=(path(&["w", &name])) { (name) } }
        (tabs(&name, "handoff"))
        (shown)
    };
    Ok(frame::page(&visitor, "/", "Hand-off", &body))
}

fn shown(pack: &HandoffDetail, visitor: &Visitor) -> Markup {
    let key = random().unwrap_or_default();
    let may_change =
        visitor.role_for(&pack.workload) != Role::Viewer && pack.state == HandoffState::Open;
    let lacks = pack.parts.iter().filter(|it| !it.is_there).count();
    html! {
        (sentence(pack, lacks))
        p.dim {
            "Release " strong { (pack.release) } ", rollout "
            a href=(path(&["w", &pack.workload, "report", &pack.rollout])) { (pack.rollout) }
            @if let Some(ticket) = &pack.ticket { ", ticket " (ticket) }
        }
        @if may_change && lacks == 0 {
            (form(visitor, pack, &key, "complete", &html! {
                input type="hidden" name="act" value="complete";
                button.good type="submit" { "Complete the hand-off" }
            }))
        }
        div.scroll tabindex="0" { table {
            caption { "Parts of the pack" }
            thead { tr { th scope="col" { "Part" } th scope="col" { "There" } th scope="col" { "What it says, or what is missing" } } }
            tbody { @for part in &pack.parts {
                tr id=(part.id) {
                    th.nowrap scope="row" { (part.id) }
                    td class=(if part.is_there { "good" } else { "bad" }) { strong { @if part.is_there { "yes" } @else { "no" } } }
                    td.text { (says(part)) @if may_change && part.is_told { (tell(visitor, pack, part, &key)) } }
                }
            } }
        } }
        h2 { "How to roll back" }
        pre tabindex="0" { (pack.rollback_runbook) }
        p.dim { "As one file, with the deploy report: " code { "stagegate handoff show " (pack.workload) " --format html --out handoff.html" } }
    }
}

fn sentence(pack: &HandoffDetail, lacks: usize) -> Markup {
    let (tone, verb) = match (&pack.state, lacks) {
        (HandoffState::Complete, _) => ("good", "Handed over"),
        (HandoffState::Over, _) => ("", "Over: the release was taken out"),
        (HandoffState::Open, 0) => ("good", "Every part is there"),
        (HandoffState::Open, _) => ("warn", "Not complete"),
    };
    html! {
        p class={ "sentence " (tone) } role="status" {
            strong { (verb) ". " }
            @if let (Some(by), Some(at_ms)) = (&pack.completed_by, pack.completed_at_ms) {
                "By " (by) ", " (time(at_ms)) "."
            } @else { (pack.parts.len() - lacks) " of " (pack.parts.len()) " parts are there." }
        }
    }
}

fn says(part: &HandoffPart) -> Markup {
    html! {
        span.dim { (part.title) }
        @for line in &part.seen { br; (line) }
        @if let (Some(by), Some(at_ms)) = (&part.by, part.at_ms) { br; span.dim { (by) ", " (time(at_ms)) } }
        @if !part.remedy.is_empty() { br; span.dim { "To bring it: " (coded(&part.remedy)) } }
    }
}

fn tell(visitor: &Visitor, pack: &HandoffDetail, part: &HandoffPart, key: &str) -> Markup {
    let id = format!("{}-text", part.id);
    html! {
        details { summary.link { "Say it" }
            (form(visitor, pack, key, &part.id, &html! {
                input type="hidden" name="act" value="tell";
                input type="hidden" name="part" value=(part.id);
                label for=(id) { (part.title) }
                input id=(id) name="text" required maxlength="500" autocomplete="off";
                button type="submit" { "Say " (part.id) }
            }))
        }
    }
}

fn form(visitor: &Visitor, pack: &HandoffDetail, key: &str, what: &str, fields: &Markup) -> Markup {
    html! {
        form.row method="post" action=(path(&["w", &pack.workload, "handoff"])) {
            (secret(visitor))
            input type="hidden" name="key" value={ (key) "-" (what) };
            (fields)
        }
    }
}
