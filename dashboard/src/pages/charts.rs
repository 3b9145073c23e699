//! `/w/{workload}/charts`: every figure of both arms over time.

use crate::ask::{LATER, path, with_query};
use crate::context::Dashboard;
use crate::form::Form;
use crate::frame;
use crate::refusal::Refusal;
use crate::visitor::Visitor;
use axum::extract::{Path, RawQuery, State};
use axum::response::Response;
use maud::{Markup, html};
use stagegate_api::{PastRollout, Rollouts, TimeSeries, TransitionKind};
use stagegate_pictures::{At, Chart, Event, draw};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// The spans that the page offers, in hours.
const SPANS: [(&str, u64); 4] = [("1h", 1), ("3h", 3), ("24h", 24), ("72h", 72)];

pub(crate) async fn page(
    State(dashboard): State<Dashboard>,
    Path(name): Path<String>,
    RawQuery(query): RawQuery,
    visitor: Visitor,
) -> Result<Response, Refusal> {
    let form = Form::read(query.unwrap_or_default().as_bytes());
    let wanted = form.get("span").unwrap_or("3h");
    let hours = SPANS.iter().find(|(it, _)| *it == wanted).map_or(3, |(_, hours)| *hours);
    let at = |rest: &str| path(&["v1", "workloads", &name, rest]);
    let since = SystemTime::now() - Duration::from_hours(hours);
    // Whole minutes, as they are recorded: all who look within one ask for the same.
    let since = since.duration_since(UNIX_EPOCH).unwrap_or_default().as_secs() / 60 * 60_000;
    let since = since.to_string();
    let asked = [("since_ms", Some(since.as_str())), ("points", Some("180"))];
    let series: TimeSeries =
        dashboard.api.look(&visitor, &with_query(&at("series"), &asked), LATER).await?;
    let rollouts: Rollouts = dashboard.api.look(&visitor, &at("rollouts"), LATER).await?;
    let events = events(&rollouts.rollouts, series.since_ms, series.until_ms);
    let body = html! {
        h1 { "Charts of " a href=(path(&["w", &name])) { (name) } }
        nav.tabs aria-label="Span" {
            @for (span, _) in SPANS {
                a href=(with_query(&path(&["w", &name, "charts"]), &[("span", Some(span))]))
                    aria-current=[(span == wanted).then_some("page")] { (span) }
            }
        }
        div #live data-live { (charts(&series, &events)) }
    };
    Ok(frame::page(&visitor, "/", "Charts", &body))
}

/// The steps and ends of rollouts within the span.
pub(super) fn events(rollouts: &[PastRollout], since_ms: u64, until_ms: u64) -> Vec<Event> {
    let turns = rollouts
        .iter()
        .flat_map(|rollout| rollout.history.iter().map(move |turn| (&rollout.summary, turn)));
    turns
        .filter(|(_, turn)| (since_ms..=until_ms).contains(&turn.mark.at_ms))
        .map(|(rollout, turn)| Event {
            at_ms: turn.mark.at_ms,
            words: format!(
                "{} {} at {} by {}",
                rollout.to,
                turn.turn.replace('_', " "),
                turn.weight,
                turn.mark.by
            ),
            is_bad: matches!(turn.turn, TransitionKind::RolledBack | TransitionKind::Aborted),
        })
        .collect()
}

pub(super) fn charts(series: &TimeSeries, events: &[Event]) -> Markup {
    // Stages differ between points: every name that a point has gets its chart.
    let mut names: Vec<&str> = Vec::new();
    for figure in series.points.iter().flat_map(|it| &it.figures) {
        if !names.contains(&figure.figure.as_str()) {
            names.push(&figure.figure);
        }
    }
    html! {
        @if series.points.is_empty() { p { "Nothing was recorded in this time. Minutes are recorded while there is traffic." } }
        @if !events.is_empty() {
            details { summary.link { "Events" } ul { @for it in events { li { (super::time(it.at_ms)) " " (it.words) } } } }
        }
        div.charts {
            @for name in names { (one(series, name, events)) }
        }
    }
}

fn one(series: &TimeSeries, name: &str, events: &[Event]) -> Markup {
    let of = |it: &stagegate_api::TimePoint| {
        let figure = it.figures.iter().find(|it| it.figure == name);
        At {
            at_ms: it.at_ms,
            candidate: figure.and_then(|it| it.candidate),
            stable: figure.and_then(|it| it.stable),
        }
    };
    let points: Vec<At> = series.points.iter().map(of).collect();
    let unit = series.points.iter().flat_map(|it| &it.figures).find(|it| it.figure == name);
    let Some(unit) = unit.map(|it| it.unit) else { return html! {} };
    draw(&Chart {
        name,
        unit,
        since_ms: series.since_ms,
        until_ms: series.until_ms,
        points: &points,
        events,
    })
}
