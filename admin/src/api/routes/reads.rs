//! Routes that read the state in force.

use crate::api::App;
use crate::api::error::{ApiError, Kind};
use crate::api::etag::etag;
use crate::api::extract::{Body, Segments};
use crate::api::heavy::heavy;
use crate::{describe, explain as explaining};
use axum::Json;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use http::header;
use stagegate_api::{Cohorts, ExplainRequest, Explanation, Status, WorkloadDetail, Workloads};
use stagegate_control::{Live, View};

/// The state that a person on call needs first.
#[utoipa::path(get, path = "/v1/status", tag = "read",
    responses((status = 200, description = "The state of this Stagegate.", body = Status)))]
pub(super) async fn status(State(app): State<App>) -> Json<Status> {
    Json(crate::api::status::status(&app))
}

/// All workloads.
#[utoipa::path(get, path = "/v1/workloads", tag = "read",
    responses((status = 200, description = "In the order of the configuration.", body = Workloads)))]
pub(super) async fn workloads(State(app): State<App>) -> Json<Workloads> {
    let view = app.control.view();
    let workloads = view.live.iter().map(describe::workload).collect();
    Json(Workloads { epoch: view.epoch, workloads })
}

/// One workload.
#[utoipa::path(get, path = "/v1/workloads/{workload}", tag = "read",
    params(("workload" = String, Path, description = "Name of the workload")),
    responses((status = 200, description = "The workload.", body = WorkloadDetail,
        headers(("etag" = String, description = "The workload's epoch, for If-Match")))))]
pub(super) async fn workload(
    State(app): State<App>,
    Segments(name): Segments<String>,
) -> Result<Response, ApiError> {
    let view = app.control.view();
    let live = find(&view, &name)?;
    Ok(tagged(live, describe::workload(live)))
}

/// A workload's cohorts.
#[utoipa::path(get, path = "/v1/workloads/{workload}/cohorts", tag = "read",
    params(("workload" = String, Path, description = "Name of the workload")),
    responses((status = 200, description = "In the order they open.", body = Cohorts,
        headers(("etag" = String, description = "The workload's epoch, for If-Match")))))]
pub(super) async fn cohorts(
    State(app): State<App>,
    Segments(name): Segments<String>,
) -> Result<Response, ApiError> {
    let view = app.control.view();
    let live = find(&view, &name)?;
    Ok(tagged(live, describe::cohorts(live)))
}

/// The destination of a request, and the reason.
///
/// A dry run of the current plan: nothing is sent, recorded or changed.
#[utoipa::path(post, path = "/v1/explain", tag = "read", request_body = ExplainRequest,
    responses((status = 200, description = "The decision.", body = Explanation)))]
pub(super) async fn explain(
    State(app): State<App>,
    Body(request): Body<ExplainRequest>,
) -> Result<Json<Explanation>, ApiError> {
    heavy(move || explained(&app, &request)).await?.map(Json)
}

fn explained(app: &App, request: &ExplainRequest) -> Result<Explanation, ApiError> {
    let view = app.control.view();
    let live = find(&view, &request.workload)?;
    let workload = view.config.workload(&request.workload);
    let set = app.control.flags().map(|flags| flags.set());
    let tenant = request.tenant.as_deref();
    let excluded = tenant.is_some_and(|tenant| view.excludes(Some(&request.workload), tenant));
    let bound = match (&set, workload) {
        (Some(set), Some(workload)) => describe::bound(set, request, excluded, &workload.settings),
        _ => explaining::Bound::default(),
    };
    let mut explained = explaining::dry_run(&live.split, view.epoch, request, bound);
    let release = explained.release.as_deref().unwrap_or_default();
    explained.request = explaining::request_of(workload, release);
    if let (Some(set), Some(workload)) = (&set, workload) {
        let wanted = &workload.settings.forward_flags;
        let wants = |key: &str| wanted.wants(key);
        let request_of = workload.releases.get(release).and_then(|it| it.artifact.request.as_ref());
        let pins = request_of.map(|it| it.changes().flags.as_slice()).unwrap_or_default();
        explained.flags = describe::flags_sent(set, request, &explained, excluded, wants, pins);
    }
    Ok(explained)
}

pub(super) fn find<'a>(view: &'a View, name: &str) -> Result<&'a Live, ApiError> {
    view.find(name).map(|(_, live)| live).ok_or_else(|| {
        let known = view.known();
        let detail = format!("there is no workload `{name}`; there are: {known}");
        ApiError::new(Kind::NotFound, detail)
    })
}

pub(super) fn tagged<T: serde::Serialize>(live: &Live, body: T) -> Response {
    ([(header::ETAG, etag(live.epoch))], Json(body)).into_response()
}
