//! Releases: which there are, how two differ, a new one, one less.

use super::changes::changed;
use super::eval_reports::kept;
use super::reads::{find, tagged};
use crate::api::App;
use crate::api::error::{ApiError, Kind};
use crate::api::extract::{Change, Params, Segments, optional_reason};
use crate::describe;
use axum::Json;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use serde::Deserialize;
use stagegate_api::{
    AddRelease, Changed, FieldProblem, NewArtifact, OptionalReason, ReleaseDetail, ReleaseDiff,
    Releases,
};
use stagegate_config::{Artifact, Release};
use stagegate_control::{Live, ReleaseChange, View};
use stagegate_rollout::ReleaseName;

/// The name that no release can be found under.
const DIFF: &str = "diff";

/// A workload's releases.
#[utoipa::path(get, path = "/v1/workloads/{workload}/releases", tag = "read",
    params(("workload" = String, Path, description = "Name of the workload")),
    responses((status = 200, description = "Every release ever registered.", body = Releases,
        headers(("etag" = String, description = "The workload's epoch, for If-Match")))))]
pub(super) async fn releases(
    State(app): State<App>,
    Segments(name): Segments<String>,
) -> Result<Response, ApiError> {
    let view = app.control.view();
    let live = find(&view, &name)?;
    let registered = app.control.read(move |store| Ok(store.releases(&name)?)).await?;
    let running = crate::api::status::running(&view, live, &app.control.plane().status());
    Ok(tagged(live, describe::releases(&view, live, registered, running)))
}

/// One release of a workload.
#[utoipa::path(get, path = "/v1/workloads/{workload}/releases/{release}", tag = "read",
    params(("workload" = String, Path, description = "Name of the workload"),
        ("release" = String, Path, description = "Name of the release")),
    responses((status = 200, description = "The release.", body = ReleaseDetail,
        headers(("etag" = String, description = "The workload's epoch, for If-Match")))))]
pub(super) async fn release(
    State(app): State<App>,
    Segments((workload, release)): Segments<(String, String)>,
) -> Result<Response, ApiError> {
    let view = app.control.view();
    let live = find(&view, &workload)?;
    let known = registered(&app, &view, live).await?;
    let mut detail = named(&known, &workload, &release)?.clone();
    if let Ok(release) = release.parse() {
        let name = live.split.spec().name.clone();
        detail.eval_report = kept(&app, name, release, 1).await?.pop().map(Box::new);
    }
    Ok(tagged(live, detail))
}

/// The two releases to compare.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Pair {
    from: String,
    to: String,
}

/// The differences between two releases.
#[utoipa::path(get, path = "/v1/workloads/{workload}/releases/diff", tag = "read",
    params(("workload" = String, Path, description = "Name of the workload"),
        ("from" = String, Query, description = "The first release"),
        ("to" = String, Query, description = "The second release")),
    responses((status = 200, description = "The differences.", body = ReleaseDiff)))]
pub(super) async fn diff(
    State(app): State<App>,
    Segments(workload): Segments<String>,
    Params(pair): Params<Pair>,
) -> Result<Response, ApiError> {
    let view = app.control.view();
    let live = find(&view, &workload)?;
    let known = registered(&app, &view, live).await?;
    let from = named(&known, &workload, &pair.from)?;
    let to = named(&known, &workload, &pair.to)?;
    Ok(Json(describe::diff(from, to)).into_response())
}

/// Registers a release while the program runs.
///
/// It is health-checked from then on, stays over restarts and reloads, and gets no traffic until a
/// rollout names it.
#[utoipa::path(post, path = "/v1/workloads/{workload}/releases", tag = "change",
    params(("workload" = String, Path, description = "Name of the workload")),
    request_body = AddRelease, responses((status = 200, description = "Done.", body = Changed)))]
pub(super) async fn add(
    State(app): State<App>,
    Segments(workload): Segments<String>,
    change: Change<AddRelease>,
) -> Result<Response, ApiError> {
    let AddRelease { name, endpoints, artifact, reason } = change.body.clone();
    let name: ReleaseName = name.parse().map_err(|error| ApiError::field("name", &error))?;
    if name.as_str() == DIFF {
        return Err(ApiError::field("name", &"`diff` is a path of this API: take another name"));
    }
    let reason = optional_reason(reason.as_deref())?;
    let release = Release::given(&endpoints, pins(artifact)).map_err(|wrong| {
        let field = |it: stagegate_config::InvalidRelease| FieldProblem {
            field: it.field,
            problem: format!("`{}` {}", it.value, it.problem),
        };
        ApiError::fields(wrong.into_iter().map(field).collect())
    })?;
    let add = ReleaseChange::Add { name, release: Box::new(release) };
    let order = change.release_order(workload, add, reason);
    changed(&app.control.change_release(order).await?)
}

/// Removes a release that was registered at run time and that no rollout ever used.
#[utoipa::path(delete, path = "/v1/workloads/{workload}/releases/{release}", tag = "change",
    params(("workload" = String, Path, description = "Name of the workload"),
        ("release" = String, Path, description = "Name of the release")),
    request_body = Option<OptionalReason>, responses((status = 200, description = "Done.", body = Changed)))]
pub(super) async fn remove(
    State(app): State<App>,
    Segments((workload, release)): Segments<(String, String)>,
    change: Change<OptionalReason>,
) -> Result<Response, ApiError> {
    let name = release.parse().map_err(|error| ApiError::field("release", &error))?;
    let reason = optional_reason(change.body.reason.as_deref())?;
    let order = change.release_order(workload, ReleaseChange::Remove { name }, reason);
    changed(&app.control.change_release(order).await?)
}

/// Every release of the workload that the registry knows.
async fn registered(app: &App, view: &View, live: &Live) -> Result<Vec<ReleaseDetail>, ApiError> {
    let name = live.split.spec().name.to_string();
    let known = app.control.read(move |store| Ok(store.releases(&name)?)).await?;
    Ok(known.into_iter().map(|it| describe::release(view, live, it)).collect())
}

fn named<'a>(
    known: &'a [ReleaseDetail],
    workload: &str,
    name: &str,
) -> Result<&'a ReleaseDetail, ApiError> {
    known.iter().find(|it| it.name == name).ok_or_else(|| {
        let names: Vec<&str> = known.iter().map(|it| it.name.as_str()).collect();
        let known = names.join(", ");
        let detail = format!("workload `{workload}` has no release `{name}`; it has: {known}");
        ApiError::new(Kind::NotFound, detail)
    })
}

fn pins(given: NewArtifact) -> Artifact {
    let NewArtifact { model, prompt, tools, git_tag, digest, notes } = given;
    Artifact { model, prompt, tools, git_tag, digest, request: None, notes }
}
