//! Figures over time, from recorded minutes.

use super::reads::find;
use crate::api::App;
use crate::api::error::{ApiError, Kind};
use crate::api::extract::{Params, Segments};
use crate::api::heavy::heavy;
use crate::report;
use axum::Json;
use axum::extract::State;
use serde::Deserialize;
use stagegate_api::{TimePoint, TimeSeries};
use stagegate_control::{Control, StoreAccessError, now_ms};
use stagegate_rollout::{ReleaseName, Tick, WorkloadName, figures};
use stagegate_store::{RecordedWindow, Store};
use utoipa::IntoParams;

/// The span that is shown if none is given.
const SPAN_MS: u64 = 3 * 3_600_000;
/// Longest span.
const LONGEST_MS: u64 = 31 * 86_400_000;
/// Shortest time of a point: what is recorded at once.
const SHORTEST_MS: u64 = 60_000;
/// Most points.
const MOST: u64 = 500;

/// The span, and how fine it is cut.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct SeriesQuery {
    /// The start, in Unix milliseconds; three hours before the end by default.
    since_ms: Option<u64>,
    /// The end, in Unix milliseconds; now by default.
    until_ms: Option<u64>,
    /// About so many points, 1 to 500.
    #[param(minimum = 1, maximum = 500, default = 120)]
    points: Option<u64>,
}

/// The figures of both arms over time.
///
/// Written from the recorded minutes, which are kept for 30 days by default. Each point adds minutes
/// of one pair of releases up, so its intervals are those of all its values.
#[utoipa::path(get, path = "/v1/workloads/{workload}/series", tag = "read",
    params(("workload" = String, Path, description = "Name of the workload"), SeriesQuery),
    responses((status = 200, description = "Oldest first.", body = TimeSeries)))]
pub(super) async fn series(
    State(app): State<App>,
    Segments(name): Segments<String>,
    Params(query): Params<SeriesQuery>,
) -> Result<Json<TimeSeries>, ApiError> {
    let view = app.control.view();
    let workload = find(&view, &name)?.split.spec().name.clone();
    let points = query.points.unwrap_or(120);
    if !(1..=MOST).contains(&points) {
        return Err(ApiError::field("points", &format!("it must be from 1 to {MOST}")));
    }
    for (field, time) in [("since_ms", query.since_ms), ("until_ms", query.until_ms)] {
        if time.is_some_and(|it| i64::try_from(it).is_err()) {
            return Err(ApiError::field(field, &format!("it must be at most {}", i64::MAX)));
        }
    }
    let until_ms = query.until_ms.unwrap_or_else(now_ms);
    let since_ms = query.since_ms.unwrap_or(until_ms.saturating_sub(SPAN_MS));
    if since_ms >= until_ms || until_ms - since_ms > LONGEST_MS {
        let days = LONGEST_MS / 86_400_000;
        let problem = format!("it must be before the end, and at most {days} days before it");
        return Err(ApiError::field("since_ms", &problem));
    }
    let span = Span::cut(since_ms, until_ms, points);
    let every_ms = span.every_ms;
    let control = app.control.clone();
    let read = move || {
        let store = control.reader()?;
        collect(&control, &store, &workload, span)
    };
    let points = heavy(read).await??;
    Ok(Json(TimeSeries { workload: name, since_ms, until_ms, every_ms, points }))
}

/// A span of time, cut into points.
#[derive(Clone, Copy)]
pub(super) struct Span {
    since_ms: u64,
    until_ms: u64,
    every_ms: u64,
}

impl Span {
    /// About so many points, each of whole minutes.
    pub(super) fn cut(since_ms: u64, until_ms: u64, points: u64) -> Self {
        let every_ms = (until_ms.saturating_sub(since_ms) / points.max(1)).max(SHORTEST_MS);
        Self { since_ms, until_ms, every_ms }
    }
}

/// Minutes that are added up so far.
struct Sum {
    /// The number of the point within the span.
    number: u64,
    stable: ReleaseName,
    candidate: Option<ReleaseName>,
    tick: Tick,
}

impl Sum {
    fn takes(&self, number: u64, window: &RecordedWindow) -> bool {
        self.number == number && self.stable == window.stable && self.candidate == window.candidate
    }

    fn point(self) -> TimePoint {
        let Self { stable, candidate, tick, .. } = self;
        let figures = figures(&tick.candidate, &tick.stable);
        let nanos = tick.candidate.spent_nanos.iter().chain(&tick.stable.spent_nanos);
        TimePoint {
            at_ms: tick.at_ms,
            stable: stable.to_string(),
            candidate: candidate.map(|it| it.to_string()),
            weight: tick.weight.to_string(),
            weight_ratio: tick.weight.ratio(),
            stable_requests: tick.stable.requests(),
            candidate_requests: tick.candidate.requests(),
            usd: nanos.map(|it| *it as f64 / 1e9).sum(),
            figures: figures.iter().map(report::figure).collect(),
        }
    }
}

/// Reads the minutes, also the one that has begun, and adds them up; blocks on the disk.
pub(super) fn collect(
    control: &Control,
    store: &Store,
    workload: &WorkloadName,
    span: Span,
) -> Result<Vec<TimePoint>, ApiError> {
    let mut points = Vec::new();
    let mut sum: Option<Sum> = None;
    let mut damaged = None;
    let mut take = |window: RecordedWindow| {
        let tick: Tick = match serde_json::from_str(&window.body) {
            Ok(tick) => tick,
            Err(error) => {
                damaged = Some(error);
                return;
            }
        };
        let number = window.at_ms.saturating_sub(span.since_ms) / span.every_ms;
        match sum.as_mut().filter(|sum| sum.takes(number, &window)) {
            Some(sum) => {
                sum.tick.at_ms = tick.at_ms;
                sum.tick.weight = tick.weight;
                sum.tick.stable.merge(&tick.stable);
                sum.tick.candidate.merge(&tick.candidate);
            }
            None => {
                let RecordedWindow { stable, candidate, .. } = window;
                points.extend(sum.replace(Sum { number, stable, candidate, tick }).map(Sum::point));
            }
        }
    };
    let span_ms = (span.since_ms, span.until_ms.saturating_add(1));
    let read = control.each_minute(store, workload, span_ms, &mut take);
    read.map_err(StoreAccessError::from)?;
    if let Some(error) = damaged {
        let detail = format!("a recorded minute is damaged: {error}");
        return Err(ApiError::new(Kind::Unavailable, detail));
    }
    points.extend(sum.map(Sum::point));
    Ok(points)
}
