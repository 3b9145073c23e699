//! Probes, metrics, who-am-I and reload.

use crate::api::App;
use crate::api::error::{ApiError, Kind};
use crate::api::extract::{Body, Segments, optional_reason, required_reason};
use crate::api::heavy::look;
use crate::api::status::{not_ready_because, one_not_ready_because};
use crate::auth::Caller;
use crate::describe;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use axum::{Extension, Json};
use http::header;
use stagegate_api::{Identity, Reload, ReloadPlan, Reloaded};
use stagegate_control::ReloadOrder;

/// Liveness probe: the process runs.
#[utoipa::path(get, path = "/livez", tag = "system",
    responses((status = 200, description = "It runs.", body = String, content_type = "text/plain")))]
pub(super) async fn livez() -> &'static str {
    "ok\n"
}

/// Readiness probe: the process can take traffic.
///
/// Ready means: a plan is published, no shutdown has begun, a worker thread is alive, and every
/// workload has a stable endpoint that is healthy or not checked yet; with `admin.ready: any` one
/// such workload is enough. `/readyz/NAME` answers for one workload.
#[utoipa::path(get, path = "/readyz", tag = "system",
    responses((status = 200, description = "It is ready.", body = String, content_type = "text/plain")))]
pub(super) async fn readyz(State(app): State<App>) -> Result<&'static str, ApiError> {
    let mut reasons = not_ready_because(&app.control.view(), &app.control.plane().status());
    reasons.extend(app.stalled());
    if reasons.is_empty() {
        return Ok("ok\n");
    }
    Err(ApiError::new(Kind::NotReady, reasons.join("; ")))
}

/// Whether traffic of one workload should be sent here. A probe like `/readyz`: the document names it
/// there.
pub(super) async fn readyz_of(
    State(app): State<App>,
    Segments(name): Segments<String>,
) -> Result<&'static str, ApiError> {
    let view = app.control.view();
    // The names of workloads are not for everyone who can reach the port.
    let Some((_, live)) = view.find(&name) else {
        return Err(ApiError::new(Kind::NotFound, "there is no such workload"));
    };
    let mut reasons = one_not_ready_because(live, &app.control.plane().status());
    reasons.extend(app.stalled());
    if reasons.is_empty() {
        return Ok("ok\n");
    }
    Err(ApiError::new(Kind::NotReady, reasons.join("; ")))
}

/// Metrics in the Prometheus text format.
#[utoipa::path(get, path = "/metrics", tag = "system",
    responses((status = 200, description = "All metrics.", body = String,
        content_type = "text/plain; version=0.0.4")))]
pub(super) async fn metrics(State(app): State<App>) -> Response {
    let content_type = [(header::CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8")];
    // Some figures are with those who wait for disks.
    match look(move || app.metrics.render()).await {
        Ok(text) => (content_type, text).into_response(),
        Err(error) => error.into_response(),
    }
}

/// The owner and role of the token.
#[utoipa::path(get, path = "/v1/whoami", tag = "system",
    responses((status = 200, description = "The caller.", body = Identity)))]
pub(super) async fn whoami(Extension(caller): Extension<Caller>) -> Json<Identity> {
    let workloads = describe::roles(&caller.workloads);
    Json(Identity { actor: caller.actor, role: describe::role(caller.role), workloads })
}

/// Reads the configuration file again.
///
/// It is taken over whole or not at all; asking twice does no harm. A file that makes a release
/// stable that was rolled back is refused unless `override` is set.
#[utoipa::path(post, path = "/v1/reload", tag = "system", request_body = Option<Reload>,
    responses((status = 200, description = "The file is in force.", body = Reloaded)))]
pub(super) async fn reload(
    State(app): State<App>,
    Extension(caller): Extension<Caller>,
    Body(body): Body<Reload>,
) -> Result<Json<Reloaded>, ApiError> {
    let overriding = body.overriding;
    let reason = match body.reason.as_deref() {
        given if !overriding => optional_reason(given)?,
        given => required_reason(given.unwrap_or_default())?,
    };
    let order = ReloadOrder { actor: caller.actor, reason, overriding };
    Ok(Json(describe::reloaded(app.control.reload_as(order).await?)))
}

/// What a reload would do now.
///
/// The file is read and checked, and compared with the configuration in force. Nothing is changed,
/// and endpoints are not probed.
#[utoipa::path(get, path = "/v1/reload", tag = "system",
    responses((status = 200, description = "The effect of a reload.", body = ReloadPlan)))]
pub(super) async fn reload_plan(State(app): State<App>) -> Result<Json<ReloadPlan>, ApiError> {
    Ok(Json(describe::reload_plan(app.control.plan_reload().await?)))
}
