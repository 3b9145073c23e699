//! `/w/{workload}/report/{rollout}`: the deploy report as a page, with pictures. Printed, it is the report on
//! paper.

use super::charts::charts;
use super::time;
use crate::ask::{LATER, path, with_query};
use crate::context::Dashboard;
use crate::form::Form;
use crate::frame;
use crate::refusal::Refusal;
use crate::visitor::Visitor;
use axum::extract::{Path, RawQuery, State};
use axum::response::Response;
use maud::{Markup, html};
use stagegate_api::words::{figure, grouped, span};
use stagegate_api::{
    AxisReport, CountedArm, DeployReport, FigureOfArm, FigureReport, TimeSeries, TransitionKind,
};
use stagegate_pictures::{Event, Weighed, arms, bars, weight};

/// The spans that the page offers.
const SPANS: [(&str, &str); 4] =
    [("1h", "First hour"), ("24h", "First day"), ("72h", "Three days"), ("", "Whole rollout")];
/// Points of a picture.
const POINTS: &str = "60";

pub(crate) async fn page(
    State(dashboard): State<Dashboard>,
    Path((name, rollout)): Path<(String, String)>,
    RawQuery(query): RawQuery,
    visitor: Visitor,
) -> Result<Response, Refusal> {
    let form = Form::read(query.unwrap_or_default().as_bytes());
    let wanted = form.text("until");
    let at = path(&["v1", "rollouts", &rollout, "report"]);
    let asked = with_query(&at, &[("until", Some(wanted))]);
    let report: DeployReport = dashboard.api.look(&visitor, &asked, LATER).await?;
    let series = over_time(&dashboard, &visitor, &name, &report).await?;
    let here = path(&["w", &name, "report", &rollout]);
    let file = with_query(&at, &[("until", Some(wanted)), ("format", Some("html"))]);
    let title = format!("{} to {}", report.rollout.from, report.rollout.to);
    let body = html! {
        h1 { a href=(path(&["w", &name])) { (name) } ": " (title) }
        nav.tabs aria-label="Span" {
            @for (value, words) in SPANS {
                a href=(with_query(&here, &[("until", Some(value))]))
                    aria-current=[(value == wanted).then_some("page")] { (words) }
            }
        }
        (facts(&report))
        (lists(&report))
        h2 { "Over time" }
        @match &series {
            Some(series) => (pictures(series, &report)),
            None => p { "Nothing was recorded in this span." },
        }
        @for axis in &report.axes { (table(axis)) }
        (failures(&report))
        p.dim { "Intervals of an arm hold with 95%, differences with 99%. The gates decide, not these tables." }
        (history(&report))
        p.dim {
            "As one file: " code { "stagegate report --rollout " (report.rollout.id) " --format html" }
            ", or " code { (file) }
        }
    };
    Ok(frame::page(&visitor, "/", "Report", &body))
}

/// The figures of the report's span; none where it has no length.
async fn over_time(
    dashboard: &Dashboard,
    visitor: &Visitor,
    name: &str,
    report: &DeployReport,
) -> Result<Option<TimeSeries>, Refusal> {
    if report.until_ms <= report.from_ms {
        return Ok(None);
    }
    let (since, until) = (report.from_ms.to_string(), report.until_ms.to_string());
    let asked =
        [("since_ms", Some(&*since)), ("until_ms", Some(&*until)), ("points", Some(POINTS))];
    let at = with_query(&path(&["v1", "workloads", name, "series"]), &asked);
    let mut series: TimeSeries = dashboard.api.look(visitor, &at, LATER).await?;
    let ours = &report.rollout;
    series.points.retain(|it| it.stable == ours.from && it.candidate.as_ref() == Some(&ours.to));
    Ok(Some(series).filter(|it| !it.points.is_empty()))
}

fn pictures(series: &TimeSeries, report: &DeployReport) -> Markup {
    let events: Vec<Event> = report
        .history
        .iter()
        .map(|turn| Event {
            at_ms: turn.mark.at_ms,
            words: format!(
                "{} at {} by {}",
                turn.turn.replace('_', " "),
                turn.weight,
                turn.mark.by
            ),
            is_bad: matches!(turn.turn, TransitionKind::RolledBack | TransitionKind::Aborted),
        })
        .collect();
    let weights: Vec<Weighed> = series
        .points
        .iter()
        .map(|it| Weighed { at_ms: it.at_ms, ratio: it.weight_ratio, words: it.weight.clone() })
        .collect();
    html! {
        div.charts { (weight((series.since_ms, series.until_ms), &weights, &events)) }
        (charts(series, &events))
    }
}

fn facts(report: &DeployReport) -> Markup {
    let arm = |it: &CountedArm| {
        let (requests, scored) = (grouped(it.requests), grouped(it.scored));
        format!("{requests} requests, {scored} scored, ${:.2} known spend", it.usd)
    };
    let it = &report.rollout;
    html! {
        table.facts { tbody {
            tr { th scope="row" { "Rollout" } td { (it.id) ", policy " (it.policy) } }
            @if let Some(ticket) = &it.ticket { tr { th scope="row" { "Ticket" } td { (ticket) } } }
            tr { th scope="row" { "Started" } td { (time(report.started.at_ms)) " by " (report.started.by) } }
            tr { th scope="row" { "Reported" } td {
                (time(report.from_ms)) " to " (time(report.until_ms)) @if !report.complete { ", not over yet" }
            } }
            tr { th scope="row" { "State" } td {
                (it.phase.replace('_', " ")) " at step " (it.step) " of " (it.steps) ", since " (time(it.since.at_ms)) ", by " (it.since.by)
            } }
            tr { th scope="row" { "Traffic watched" } td { (span(report.counted.observed_ms)) } }
            tr { th scope="row" { "Candidate" } td { (arm(&report.counted.candidate)) } }
            tr { th scope="row" { "Stable" } td { (arm(&report.counted.stable)) } }
        } }
    }
}

/// The rollback, what was waived and what is not known.
fn lists(report: &DeployReport) -> Markup {
    html! {
        @if let Some(back) = &report.rollback {
            p.alarm role="status" {
                strong { "Taken out" } " after " (span(back.after_ms)) " by " (back.mark.by) ": " (back.mark.reason)
            }
            ul { @for line in &back.violated { li { (line) } } }
        }
        h2 { "Waived" }
        @if report.waived.is_empty() { p { "Nothing." } }
        ul { @for line in &report.waived { li { (line) } } }
        h2 { "What is not known" }
        @if report.not_known.is_empty() { p { "Nothing that was looked for is missing." } }
        ul { @for line in &report.not_known { li { (line) } } }
    }
}

fn table(axis: &AxisReport) -> Markup {
    html! {
        h2 { (axis.axis) ": " (axis.verdict.replace('_', " ")) }
        div.scroll tabindex="0" { table {
            caption { "Candidate and stable over the same time. In the picture stable is above." }
            thead { tr {
                th scope="col" { "Figure" } th scope="col" { "Candidate" } th scope="col" { "Stable" }
                th scope="col" { "Picture" } th scope="col" { "Verdict" }
            } }
            tbody { @for it in &axis.figures {
                tr {
                    th scope="row" { (it.figure) }
                    td { (shown(it, it.candidate.as_ref())) }
                    td { (shown(it, it.stable.as_ref())) }
                    td { (arms(it.candidate.as_ref(), it.stable.as_ref())) }
                    td { (it.verdict.replace('_', " ")) }
                }
            } }
        } }
    }
}

fn failures(report: &DeployReport) -> Markup {
    let most = report.failures.iter().map(|it| it.candidate.max(it.stable)).max().unwrap_or(1);
    html! {
        h2 { "Failures by class" }
        @if report.failures.is_empty() { p { "None was recorded." } } @else {
            div.scroll tabindex="0" { table {
                caption { "Outcome, status, name and fingerprint of the message. In the picture stable is above." }
                thead { tr {
                    th scope="col" { "Class" } th.n scope="col" { "Candidate" } th.n scope="col" { "Stable" }
                    th scope="col" { "Picture" }
                } }
                tbody { @for it in &report.failures {
                    tr {
                        th scope="row" { (it.class) }
                        td.n { (grouped(it.candidate)) }
                        td.n { (grouped(it.stable)) }
                        td { (bars(it.candidate, it.stable, most)) }
                    }
                } }
            } }
        }
    }
}

fn shown(of: &FigureReport, arm: Option<&FigureOfArm>) -> String {
    let Some(arm) = arm else { return "no data".to_owned() };
    let [value, low, high] = [arm.value, arm.low, arm.high].map(|it| figure(of.unit, it));
    format!("{value} ({low} to {high}), n {}", grouped(arm.count))
}

fn history(report: &DeployReport) -> Markup {
    html! {
        h2 { "What was done" }
        ul { @for turn in &report.history {
            li {
                (time(turn.mark.at_ms)) " " strong { (turn.turn.replace('_', " ")) } ", step " (turn.step) ", " (turn.weight)
                ", by " (turn.mark.by) @if !turn.mark.reason.is_empty() { ": " (turn.mark.reason) }
            }
        } }
    }
}
