//! Deploy reports.

use super::series;
use crate::api::App;
use crate::api::error::{ApiError, Kind};
use crate::api::extract::{Params, Segments};
use crate::api::heavy::heavy;
use crate::report::{self, Records, Span, Watched};
use axum::Json;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use http::{HeaderValue, header};
use serde::Deserialize;
use stagegate_api::{Artifact, DeployReport, TimePoint};
use stagegate_control::{Control, StoreAccessError, now_ms};
use stagegate_rollout::{Analysis, ReleaseName, Rollout, Tick, WorkloadName};
use stagegate_store::{FactKind, RecordedWindow, Store, StoreError};
use utoipa::IntoParams;

/// The Content-Security-Policy of a report page: its own style is allowed, nothing else.
const POLICY: HeaderValue = HeaderValue::from_static(
    "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'",
);

/// The span and format of a report.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct ReportQuery {
    /// The time from the start: `1h`, `24h`, `72h`, or any time in `m`, `h` or `d`; the whole
    /// rollout by default.
    #[param(pattern = "^0{0,9}[1-9][0-9]{0,8}[mhd]$")]
    until: Option<String>,
    /// `json` (the default), `md` or `html`.
    #[param(pattern = "^(json|md|html)$")]
    format: Option<String>,
}

/// A deploy report: what was done in a rollout, and what both arms did, with intervals.
///
/// Written from records: minutes of traffic (kept for 30 days), analyses, history.
#[utoipa::path(get, path = "/v1/rollouts/{rollout}/report", tag = "read",
    params(("rollout" = String, Path, description = "Id of the rollout, as `agent~v43~2`"), ReportQuery),
    responses((status = 200, description = "The report.", content(
        (DeployReport = "application/json"), (String = "text/markdown"), (String = "text/html")))))]
pub(super) async fn report(
    State(app): State<App>,
    Segments(id): Segments<String>,
    Params(query): Params<ReportQuery>,
) -> Result<Response, ApiError> {
    let format = query.format.as_deref().unwrap_or("json");
    if !["json", "md", "html"].contains(&format) {
        return Err(ApiError::field("format", &format!("`{format}` is none of json, md and html")));
    }
    let (written, points) = written(&app, &id, query.until.as_deref(), format == "html").await?;
    Ok(match format {
        "md" => markdown(&report::markdown(&written)),
        "html" => html(&report::html(&written, &points)),
        _ => Json(written).into_response(),
    })
}

/// The report of a rollout, and the points of its pictures if they are wanted.
pub(super) async fn written(
    app: &App,
    id: &str,
    until: Option<&str>,
    draws: bool,
) -> Result<(DeployReport, Vec<TimePoint>), ApiError> {
    let span = until.map(span).transpose()?;
    let missing = || {
        let detail = format!(
            "there is no rollout `{id}`: `stagegate rollout history WORKLOAD` lists their ids"
        );
        ApiError::new(Kind::NotFound, detail)
    };
    let workload: WorkloadName =
        id.split('~').next().and_then(|name| name.parse().ok()).ok_or_else(missing)?;
    let (control, wanted) = (app.control.clone(), id.to_owned());
    let work = move || -> Result<Option<(DeployReport, Vec<TimePoint>)>, ApiError> {
        let store = control.reader()?;
        let Some(kept) = kept(&store, &workload, &wanted).map_err(StoreAccessError::from)? else {
            return Ok(None);
        };
        let written = write(&control, &store, &workload, &kept, span)?;
        let points =
            if draws { over_time(&control, &store, &workload, &written)? } else { Vec::new() };
        Ok(Some((written, points)))
    };
    heavy(work).await??.ok_or_else(missing)
}

/// An answer in Markdown.
pub(super) fn markdown(text: &str) -> Response {
    plain("text/markdown; charset=utf-8", text)
}

/// An answer that is a page.
pub(super) fn html(text: &str) -> Response {
    plain("text/html; charset=utf-8", text)
}

fn plain(content_type: &'static str, text: &str) -> Response {
    let headers = [
        (header::CONTENT_TYPE, HeaderValue::from_static(content_type)),
        (header::CONTENT_SECURITY_POLICY, POLICY),
    ];
    (headers, report::harmless(text)).into_response()
}

fn span(text: &str) -> Result<Span, ApiError> {
    let wrong =
        || ApiError::field("until", &format!("`{text}` is not a time like `1h`, `24h` or `3d`"));
    let (number, unit) = text.split_at_checked(text.len().saturating_sub(1)).ok_or_else(wrong)?;
    let unit_ms = match unit {
        "m" => 60_000,
        "h" => 3_600_000,
        "d" => 86_400_000,
        _ => return Err(wrong()),
    };
    let digits = number.trim_start_matches('0');
    let is_number = (1..=9).contains(&digits.len()) && number.len() <= 18;
    if !is_number || !number.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(wrong());
    }
    let number: u64 = number.parse().map_err(|_| wrong())?;
    let ms = number.checked_mul(unit_ms).filter(|ms| *ms > 0).ok_or_else(wrong)?;
    Ok(Span { name: text.to_owned(), ms })
}

/// Most points of a picture.
const POINTS: u64 = 60;

/// The figures of the report's arms over its time.
fn over_time(
    control: &Control,
    store: &Store,
    workload: &WorkloadName,
    report: &DeployReport,
) -> Result<Vec<TimePoint>, ApiError> {
    let span = series::Span::cut(report.from_ms, report.until_ms, POINTS);
    let mut points = series::collect(control, store, workload, span)?;
    let ours = &report.rollout;
    points.retain(|it| it.stable == ours.from && it.candidate.as_ref() == Some(&ours.to));
    Ok(points)
}

/// The stored data of a rollout.
struct Kept {
    body: String,
    analyses: Vec<String>,
    offline: Vec<(u64, String)>,
    checklist: Option<String>,
    artifacts: Vec<(String, serde_json::Value)>,
}

/// Most analyses that are looked through for the last one of a span: one for each change of a gate.
const ANALYSES: usize = 2000;

fn kept(store: &Store, workload: &WorkloadName, id: &str) -> Result<Option<Kept>, StoreError> {
    let Some(record) = store.rollout(workload, id)? else { return Ok(None) };
    let analyses = store.analyses(workload, Some(id), None, ANALYSES)?;
    // The candidate stands between the workload and the generation.
    let candidate: Option<ReleaseName> = id.split('~').nth(1).and_then(|name| name.parse().ok());
    let offline = match candidate {
        Some(candidate) => store.eval_reports(workload, &candidate, 100)?,
        None => Vec::new(),
    };
    let checklist = store.facts(FactKind::ChecklistAtStart, workload, id, 1)?.pop();
    Ok(Some(Kept {
        checklist: checklist.map(|it| it.body),
        body: record.body,
        analyses: analyses.into_iter().map(|it| it.analysis.body).collect(),
        offline: offline.into_iter().map(|it| (it.report.at_ms, it.report.body)).collect(),
        artifacts: store
            .releases(workload.as_str())?
            .into_iter()
            .map(|it| (it.release, it.artifact))
            .collect(),
    }))
}

fn damaged(what: &str, error: &serde_json::Error) -> ApiError {
    ApiError::new(Kind::Unavailable, format!("{what} is damaged: {error}"))
}

/// Reads the minutes, also the one that has begun, and writes the report; blocks on the disk.
fn write(
    control: &Control,
    store: &Store,
    workload: &WorkloadName,
    kept: &Kept,
    span: Option<Span>,
) -> Result<DeployReport, ApiError> {
    let rollout: Rollout =
        serde_json::from_str(&kept.body).map_err(|error| damaged("the rollout", &error))?;
    let now_ms = now_ms();
    let (from, until, _) = report::bounds(&rollout, span.as_ref(), now_ms);
    let mut watched = Watched::default();
    let mut failed = None;
    let mut take = |window: RecordedWindow| {
        let ours = window.stable == rollout.from && window.candidate.as_ref() == Some(&rollout.to);
        match serde_json::from_str::<Tick>(&window.body) {
            Ok(tick) if ours => watched.add(&tick),
            Ok(_) => {}
            Err(error) => failed = Some(error),
        }
    };
    control
        .each_minute(store, workload, (from, until.saturating_add(1)), &mut take)
        .map_err(StoreAccessError::from)?;
    if let Some(error) = failed {
        return Err(damaged("a recorded minute", &error));
    }
    let analyses: Vec<Analysis> =
        kept.analyses.iter().filter_map(|body| serde_json::from_str(body).ok()).collect();
    let rested_on = rollout.history.last().and_then(|it| it.analysis.as_ref());
    let offline = kept.offline.iter().find(|(at_ms, _)| *at_ms <= rollout.started.at_ms);
    let made_of = |release: &ReleaseName| {
        let found = kept.artifacts.iter().find(|(name, _)| name == release.as_str());
        let artifact: Option<Artifact> =
            found.and_then(|(_, it)| serde_json::from_value(it.clone()).ok());
        artifact.unwrap_or_default()
    };
    Ok(report::report(Records {
        workload: workload.as_str(),
        rollout: &rollout,
        watched: &watched,
        last_analysis: analyses.iter().find(|it| it.at_ms <= until),
        decisive: analyses.iter().find(|it| Some(&it.id) == rested_on),
        checklist: kept.checklist.as_ref().and_then(|body| serde_json::from_str(body).ok()),
        offline: offline.and_then(|(_, body)| serde_json::from_str(body).ok()),
        candidate_made_of: made_of(&rollout.to),
        stable_made_of: made_of(&rollout.from),
        span,
        now_ms,
    }))
}
