//! `/w/{workload}/readiness`: the checklist of a release, with what people can sign and waive.

use super::{coded, tabs, time};
use crate::ask::{path, with_query};
use crate::context::Dashboard;
use crate::form::Form;
use crate::frame::{self, secret};
use crate::refusal::Refusal;
use crate::secret::random;
use crate::visitor::Visitor;
use axum::extract::{Path, RawQuery, State};
use axum::response::Response;
use http::StatusCode;
use maud::{Markup, html};
use stagegate_api::{
    CheckCategory, CheckKind, CheckLine, CheckStanding, ChecklistDetail, ReadinessDemand, Releases,
    Role,
};

/// The parts of a deployment, in the order of the checks, with their titles.
const PARTS: [(CheckCategory, &str); 7] = [
    (CheckCategory::Evaluation, "Quality before any traffic"),
    (CheckCategory::Release, "The artifact, and the people who know of it"),
    (CheckCategory::Rollback, "The way back"),
    (CheckCategory::Monitoring, "What is measured"),
    (CheckCategory::Policy, "The steps, and who may promote"),
    (CheckCategory::Afterwards, "The time after the deployment"),
    (CheckCategory::Own, "Checks of your own"),
];

/// What the forms of the page need.
struct Forms<'a> {
    visitor: &'a Visitor,
    list: &'a ChecklistDetail,
    key: String,
}

pub(crate) async fn page(
    State(dashboard): State<Dashboard>,
    Path(name): Path<String>,
    RawQuery(query): RawQuery,
    visitor: Visitor,
) -> Result<Response, Refusal> {
    let form = Form::read(query.unwrap_or_default().as_bytes());
    let at = |rest: &str| path(&["v1", "workloads", &name, rest]);
    let asked = with_query(&at("checklist"), &[("release", form.get("release"))]);
    let releases: Releases = dashboard.api.get(&visitor, &at("releases")).await?;
    let list: Result<ChecklistDetail, Refusal> = dashboard.api.get(&visitor, &asked).await;
    let (chosen, shown) = match list {
        Ok(list) => {
            let key = random().unwrap_or_default();
            let shown = checklist(&Forms { visitor: &visitor, list: &list, key });
            (list.release, shown)
        }
        // Nothing is rolled out and nothing is the candidate: the visitor chooses a release.
        Err(refusal) if refusal.status == StatusCode::CONFLICT && form.get("release").is_none() => {
            (String::new(), html! { p { (refusal.problem.detail) } })
        }
        Err(refusal) => return Err(refusal),
    };
    let body = html! {
        h1 { "Readiness of " a href=(path(&["w", &name])) { (name) } }
        (tabs(&name, "readiness"))
        form.row method="get" action=(path(&["w", &name, "readiness"])) {
            label for="release" { "Release" }
            select #release name="release" {
                @for release in &releases.releases {
                    option value=(release.name) selected[release.name == chosen] { (release.name) }
                }
            }
            button type="submit" { "Show" }
        }
        (shown)
    };
    Ok(frame::page(&visitor, "/", "Readiness", &body))
}

fn checklist(forms: &Forms<'_>) -> Markup {
    let list = forms.list;
    let of = |part: CheckCategory| list.checks.iter().filter(move |it| it.category == part);
    html! {
        (sentence(list))
        p.dim.asof {
            "Judged " (time(list.at_ms)) " for release " strong { (list.release) } ", policy " (list.policy)
            ". Proved checks were found out at this moment."
        }
        @for (part, title) in PARTS {
            @if of(part).next().is_some() {
                h2 { (title) }
                div.scroll tabindex="0" { table {
                    caption { (title) }
                    thead { tr {
                        th scope="col" { "Check" } th scope="col" { "Result" } th scope="col" { "What is to hold" }
                        th scope="col" { "What was seen" } th scope="col" { "Owner" }
                    } }
                    tbody { @for check in of(part) { (line(forms, check)) } }
                } }
            }
        }
        @if !list.dropped.is_empty() {
            h2 { "Dropped by the policy" }
            ul { @for it in &list.dropped { li { (it.id) ": " (it.reason) } } }
        }
        p {
            a href=(with_query(&path(&["w", &list.workload, "runbook", "rollback"]), &[("release", Some(&list.release))])) {
                "The rollback runbook of this release"
            }
        }
    }
}

fn sentence(list: &ChecklistDetail) -> Markup {
    let (tone, verb) = match (list.open, list.waived) {
        (0, 0) => ("good", "Ready"),
        (0, _) => ("warn", "Ready, with waivers"),
        _ => ("bad", "Not ready"),
    };
    let then = match (&list.demand, list.open) {
        (_, 0) => "",
        (ReadinessDemand::Required, _) => " A start is refused.",
        (ReadinessDemand::Advisory, _) => " A start goes on, and its message says so.",
        _ => " The policy does not look at them.",
    };
    html! {
        p class={ "sentence " (tone) } role="status" {
            strong { (verb) ": " }
            (list.open) " of " (list.checks.len()) " checks open, " (list.waived) " waived." (then)
        }
    }
}

fn line(forms: &Forms<'_>, check: &CheckLine) -> Markup {
    let (tone, word) = match check.standing {
        CheckStanding::Yes => ("good", "yes"),
        CheckStanding::Waived => ("warn", "waived"),
        CheckStanding::Expired => ("bad", "expired"),
        CheckStanding::No => ("bad", "no"),
    };
    html! {
        tr id=(check.id) {
            th scope="row" { (check.id) }
            td class=(tone) { strong { (word) } }
            td.text { (check.question) }
            td.text {
                (coded(&check.seen))
                @if let Some(by) = &check.by {
                    br; span.dim {
                        (by)
                        @if let Some(at_ms) = check.at_ms { ", " (time(at_ms)) }
                        @if let Some(until_ms) = check.until_ms { ", until " (time(until_ms)) }
                        @if !check.reason.is_empty() { ": " (check.reason) }
                    }
                }
                @if !check.remedy.is_empty() { br; span.dim { "To meet it: " (coded(&check.remedy)) } }
                (acts(forms, check))
            }
            td { (check.owner) }
        }
    }
}

/// What a person may say about the check.
fn acts(forms: &Forms<'_>, check: &CheckLine) -> Markup {
    if forms.visitor.role_for(&forms.list.workload) == Role::Viewer {
        return html! {};
    }
    let signs = matches!(check.kind, CheckKind::Signed | CheckKind::ProvedAndSigned);
    // The other attachments are files, whose digest the command line computes.
    let takes_a_link =
        check.kind == CheckKind::Attached && !matches!(&*check.id, "A2" | "B8" | "B9");
    let open = matches!(check.standing, CheckStanding::No | CheckStanding::Expired);
    html! {
        @if signs && open { (form(forms, check, "sign", "Sign", &html! {
            @if check.id == "F30" {
                label for="F30-date" { "Day of the hand-over" }
                input #F30-date type="date" name="date" required;
            }
            (reason(check, "sign", false))
        })) }
        @if takes_a_link && open { (form(forms, check, "attach", "Attach a link", &html! {
            label for={ (check.id) "-link" } { "Link" }
            input id={ (check.id) "-link" } type="url" name="link" required maxlength="500";
            (reason(check, "attach", false))
        })) }
        @if open { (form(forms, check, "waive", "Waive", &html! {
            (reason(check, "waive", true))
            label for={ (check.id) "-days" } { "For days" }
            input id={ (check.id) "-days" } name="days" inputmode="numeric" pattern="[1-9][0-9]{0,2}" value="2" required;
        })) }
        @if check.by.is_some() { (form(forms, check, "withdraw", "Withdraw", &html! {
            (reason(check, "withdraw", true))
        })) }
    }
}

fn form(forms: &Forms<'_>, check: &CheckLine, kind: &str, title: &str, fields: &Markup) -> Markup {
    let Forms { visitor, list, key } = forms;
    html! {
        details { summary.link { (title) }
            form.row method="post" action=(path(&["w", &list.workload, "checks", &check.id])) {
                (secret(visitor))
                input type="hidden" name="key" value={ (key) "-" (check.id) "-" (kind) };
                input type="hidden" name="kind" value=(kind);
                input type="hidden" name="release" value=(list.release);
                (fields)
                button type="submit" { (title) " " (check.id) }
            }
        }
    }
}

fn reason(check: &CheckLine, kind: &str, required: bool) -> Markup {
    let id = format!("{}-{kind}-reason", check.id);
    html! {
        label for=(id) { "Reason" @if !required { " (may be left out)" } }
        input id=(id) name="reason" maxlength="500" required[required] autocomplete="off";
    }
}
