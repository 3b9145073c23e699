//! `/samples`: sampled answers, and a person's verdict on one.

use super::time;
use crate::ask::{path, with_query};
use crate::context::Dashboard;
use crate::form::Form;
use crate::frame::{self, secret};
use crate::refusal::Refusal;
use crate::visitor::Visitor;
use axum::extract::{Path, RawQuery, State};
use axum::response::Response;
use maud::{Markup, html};
use serde_json::Value;
use stagegate_api::{Role, SampleDetail, SampleSummary, Samples};

/// Samples of a page.
const ROWS: &str = "50";
/// The filters that the page offers.
const FILTERS: [(&str, &str); 4] =
    [("workload", "Workload"), ("release", "Release"), ("tenant", "Tenant"), ("text", "Text")];

pub(crate) async fn list(
    State(dashboard): State<Dashboard>,
    RawQuery(query): RawQuery,
    visitor: Visitor,
) -> Result<Response, Refusal> {
    let form = Form::read(query.unwrap_or_default().as_bytes());
    let failed = form.has("failed").then_some("true");
    let mut wanted: Vec<(&str, Option<&str>)> =
        FILTERS.iter().map(|(name, _)| (*name, form.get(name))).collect();
    wanted.extend([("arm", form.get("arm")), ("failed", failed)]);
    let mut asked = wanted.clone();
    asked.extend([("cursor", form.get("cursor")), ("limit", Some(ROWS))]);
    let found: Samples = dashboard.api.get(&visitor, &with_query("/v1/samples", &asked)).await?;
    let next = found.next.map(|it| it.to_string());
    let further = next.as_deref().map(|cursor| {
        let mut link = wanted.clone();
        link.push(("cursor", Some(cursor)));
        with_query("/samples", &link)
    });
    let body = html! {
        h1 { "Samples" }
        (filters(&form))
        (table(&found.samples))
        @if let Some(further) = further { p { a.button href=(further) { "Older samples" } } }
    };
    Ok(frame::page(&visitor, "/samples", "Samples", &body))
}

fn filters(form: &Form) -> Markup {
    let arm = form.text("arm");
    html! {
        form.row method="get" action="/samples" {
            @for (name, title) in FILTERS {
                label for=(name) { (title) }
                input id=(name) name=(name) value=(form.text(name));
            }
            label for="arm" { "Arm" }
            select #arm name="arm" {
                @for (value, title) in [("", "both"), ("stable", "stable"), ("candidate", "candidate")] {
                    option value=(value) selected[value == arm] { (title) }
                }
            }
            label { input type="checkbox" name="failed" checked[form.has("failed")]; " Only failed ones" }
            button type="submit" { "Show" }
        }
    }
}

fn table(samples: &[SampleSummary]) -> Markup {
    if samples.is_empty() {
        return html! { p { "No sample is like this." } };
    }
    html! {
        div.scroll tabindex="0" {
            table data-rows {
                thead { tr {
                    th scope="col" { "Request" } th scope="col" { "At" } th scope="col" { "Workload" }
                    th scope="col" { "Arm" } th scope="col" { "Picked" } th scope="col" { "Verdict" }
                } }
                tbody { @for it in samples {
                    tr {
                        th.nowrap scope="row" { a href=(path(&["samples", &it.id])) { (it.id) } }
                        td.nowrap { (time(it.at_ms)) }
                        td { (it.workload) }
                        td class=(it.arm.as_str()) { (it.arm) " " (it.release) }
                        td { (it.reason) @if let Some(doubt) = it.doubt { ", " (doubt) } }
                        td { (verdict(it)) }
                    }
                } }
            }
        }
        p.dim { "Keys: j and k go down and up, Enter opens." }
    }
}

fn verdict(it: &SampleSummary) -> Markup {
    let said = |pass| if pass { "pass" } else { "fail" };
    html! {
        @match it.pass {
            Some(pass) => span class=(if pass { "good" } else { "bad" }) { (said(pass)) },
            None if it.open => "is scored",
            None => "not scored",
        }
        @if let Some(label) = it.label { ", label " (said(label)) }
    }
}

pub(crate) async fn one(
    State(dashboard): State<Dashboard>,
    Path(id): Path<String>,
    visitor: Visitor,
) -> Result<Response, Refusal> {
    let it: SampleDetail = dashboard.api.get(&visitor, &path(&["v1", "samples", &id])).await?;
    let summary = &it.summary;
    let body = html! {
        h1 { "Sample " code { (summary.id) } }
        p {
            (time(summary.at_ms)) ", " (summary.workload) ", "
            span class=(summary.arm.as_str()) { (summary.arm) } " " (summary.release) ", picked: " (summary.reason)
            @if let Some(tenant) = &summary.tenant { ", tenant " (tenant) }
        }
        p { a href=(with_query("/request", &[("id", Some(&summary.id))])) { "Why it went there" } }
        @if let Some(review) = &it.review {
            p.sentence { (review.by) " said " strong { (review.verdict) } @if let Some(note) = &review.note { ": " (note) } }
        } @else if visitor.role() != Role::Viewer { (review_form(&visitor, &summary.id)) }
        h2 { "Scores" }
        @if it.scores.is_empty() { p { "None yet." } }
        @for score in &it.scores {
            p {
                strong { (score.name) } ": "
                @match score.pass { Some(true) => "pass", Some(false) => "fail", None => "no verdict" }
                @if let Some(value) = score.value { ", " (format!("{value:.3}")) }
                @if let Some(text) = &score.explanation { ": " (text) }
            }
        }
        @if visitor.role() != Role::Viewer { (score_form(&visitor, &summary.id)) }
        h2 { "Asked" }
        (part(&it.sample, "input"))
        h2 { "Answered" }
        (part(&it.sample, "output"))
        details { summary { "All that is kept" } pre { (pretty(&it.sample)) } }
    };
    Ok(frame::page(&visitor, "/samples", "Sample", &body))
}

fn part(sample: &Value, name: &str) -> Markup {
    let value = sample.get(name).unwrap_or(&Value::Null);
    html! { pre dir="auto" { @match value { Value::String(text) => (text), other => (pretty(other)) } } }
}

fn pretty(value: &Value) -> String {
    serde_json::to_string_pretty(value).unwrap_or_default()
}

fn review_form(visitor: &Visitor, id: &str) -> Markup {
    html! {
        form.row method="post" action=(path(&["samples", id, "review"])) data-review {
            (secret(visitor))
            label for="note" { "Note" }
            input #note name="note" maxlength="2000";
            button.good type="submit" name="verdict" value="pass" { "Pass (p)" }
            button.bad type="submit" name="verdict" value="fail" { "Fail (f)" }
        }
    }
}

/// A score under another name than the review's: of an expert, of a second look.
fn score_form(visitor: &Visitor, id: &str) -> Markup {
    html! {
        details { summary.link { "Add a score" }
            form.row method="post" action=(path(&["samples", id, "score"])) {
                (secret(visitor))
                label for="score-name" { "Name" }
                input #score-name name="name" maxlength="128" required value="human";
                label for="score-pass" { "Verdict" }
                select #score-pass name="pass" {
                    option value="pass" { "pass" }
                    option value="fail" { "fail" }
                    option value="" { "cannot be judged" }
                }
                label for="score-value" { "Score, from 0 to 1" }
                input #score-value name="value" inputmode="decimal" pattern="0|1|0?[.][0-9]+|1[.]0+";
                label for="score-explanation" { "Why" }
                input #score-explanation name="explanation" maxlength="2000";
                button type="submit" { "Add the score" }
            }
        }
    }
}
