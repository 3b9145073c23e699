//! Offline comparisons: attached to a release, and looked at again.

use super::reads::find;
use crate::api::App;
use crate::api::error::{ApiError, Kind};
use crate::api::extract::{Change, Segments, optional_reason};
use crate::api::reply::reply;
use crate::describe;
use axum::Json;
use axum::extract::State;
use axum::response::Response;
use stagegate_api::{AttachEvalReport, EvalCase, EvalComparison, EvalReportDetail, EvalReports};
use stagegate_rollout::{ReleaseName, WorkloadName};
use stagegate_store::StoredEvalReport;

/// Most comparisons of one answer.
const MOST: usize = 100;
/// Most cases that are listed.
const LISTED: usize = 1000;
/// Longest text of a case, in characters.
const LONGEST: usize = 500;

/// Attaches an offline comparison to a release: what `rollout start` asks for.
///
/// The verdict follows from the counts: `fell` with a fallen case, `incomparable` with one that
/// cannot be compared, else `held`. Earlier ones are kept; the newest one counts.
#[utoipa::path(put, path = "/v1/workloads/{workload}/releases/{release}/eval-report", tag = "change",
    params(("workload" = String, Path, description = "Name of the workload"),
        ("release" = String, Path, description = "Name of the release")),
    request_body = AttachEvalReport,
    responses((status = 200, description = "Attached.", body = EvalReportDetail)))]
pub(super) async fn attach(
    State(app): State<App>,
    Segments((workload, release)): Segments<(String, String)>,
    change: Change<AttachEvalReport>,
) -> Result<Response, ApiError> {
    let name: ReleaseName = release.parse().map_err(|error| ApiError::field("release", &error))?;
    let AttachEvalReport { comparison, reason } = change.body.clone();
    check(&comparison, &name)?;
    let reason = optional_reason(reason.as_deref())?;
    let comparison = describe::given_comparison(comparison);
    let order = change.eval_report(workload, name, comparison, reason);
    let answer = app.control.attach_eval_report(order).await?;
    reply(&answer, describe::eval_report, |detail| {
        let view = app.control.view();
        view.find(&detail.workload).map_or(view.epoch, |(_, live)| live.epoch)
    })
}

/// The offline comparisons of a release.
#[utoipa::path(get, path = "/v1/workloads/{workload}/releases/{release}/eval-report", tag = "read",
    params(("workload" = String, Path, description = "Name of the workload"),
        ("release" = String, Path, description = "Name of the release")),
    responses((status = 200, description = "Newest first; the newest one counts.", body = EvalReports)))]
pub(super) async fn list(
    State(app): State<App>,
    Segments((workload, release)): Segments<(String, String)>,
) -> Result<Json<EvalReports>, ApiError> {
    let name: ReleaseName = release.parse().map_err(|error| ApiError::field("release", &error))?;
    let view = app.control.view();
    let workload = find(&view, &workload)?.split.spec().name.clone();
    Ok(Json(EvalReports { reports: kept(&app, workload, name, MOST).await? }))
}

/// Comparisons of a release, newest first.
pub(super) async fn kept(
    app: &App,
    workload: WorkloadName,
    release: ReleaseName,
    most: usize,
) -> Result<Vec<EvalReportDetail>, ApiError> {
    let kept =
        app.control.read(move |store| Ok(store.eval_reports(&workload, &release, most)?)).await?;
    let read = |stored: &StoredEvalReport| {
        serde_json::from_str(&stored.report.body).map_err(|error| {
            let detail = format!("eval report {} is damaged: {error}", stored.number);
            ApiError::new(Kind::Unavailable, detail)
        })
    };
    kept.iter().map(read).collect()
}

/// Refuses counts that contradict each other, texts that are none, and another release's run.
fn check(comparison: &EvalComparison, release: &ReleaseName) -> Result<(), ApiError> {
    let EvalComparison { baseline, candidate, cases, fell, gained, incomparable, .. } = comparison;
    let wrong = |field: &str, problem: String| {
        Err(ApiError::field(&format!("comparison.{field}"), &problem))
    };
    if *cases == 0 && *incomparable == 0 {
        return wrong("cases", "is 0: a comparison has cases".to_owned());
    }
    let held = baseline.passed.checked_sub(*fell);
    if held.is_none() || held != candidate.passed.checked_sub(*gained) {
        let problem = format!(
            "{} passed before, {fell} of them fell and {gained} others were gained, which does not make {}",
            baseline.passed, candidate.passed
        );
        return wrong("candidate.passed", problem);
    }
    if held.unwrap_or(0).saturating_add(*fell).saturating_add(*gained) > *cases {
        return wrong("cases", format!("`{cases}` is fewer than held, fell and were gained"));
    }
    if let Some(other) = candidate.release.as_ref().filter(|it| *it != release.as_str()) {
        let problem =
            format!("the run is of `{other}`, not of `{release}`: attach it to its own release");
        return wrong("candidate.release", problem);
    }
    if let Some(found) = &comparison.calibration {
        for (field, figure) in [("error", found.error), ("brier", found.brier)] {
            if !(0.0..=1.0).contains(&figure) {
                return wrong(&format!("calibration.{field}"), "is not from 0 to 1".to_owned());
            }
        }
    }
    let hash = &comparison.content_hash;
    if hash.len() != 64 || !hash.bytes().all(|b| b.is_ascii_hexdigit()) {
        return wrong("content_hash", format!("`{hash}` is not a digest of 64 hex digits"));
    }
    let lists = [
        ("fallen", &comparison.fallen, fell),
        ("not_compared", &comparison.not_compared, incomparable),
    ];
    for (name, list, count) in lists {
        if list.len() as u64 != (*count).min(LISTED as u64) {
            let problem = format!(
                "lists {} of {count} cases: list all, or the first {LISTED} of more",
                list.len()
            );
            return wrong(name, problem);
        }
    }
    let runs = [baseline, candidate];
    let texts = runs.iter().flat_map(|run| [Some(&run.run), run.release.as_ref()]).flatten();
    let listed = comparison.fallen.iter().chain(&comparison.not_compared);
    let texts = texts.chain(listed.flat_map(|EvalCase { id, why }| [id, why]));
    // A terminal that shows them would obey an escape sequence.
    for text in texts {
        if text.chars().count() > LONGEST || text.chars().any(char::is_control) {
            let shown: String = text.chars().filter(|c| !c.is_control()).take(40).collect();
            let problem = format!("`{shown}…` is longer than {LONGEST} characters or not one line");
            return wrong("fallen", problem);
        }
    }
    Ok(())
}
