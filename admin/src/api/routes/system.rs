//! Probes, metrics, who-am-I and reload.

use crate::api::App;
use crate::api::error::{ApiError, Kind};
use crate::api::extract::Body;
use crate::api::status::not_ready_because;
use crate::auth::Caller;
use crate::describe;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use axum::{Extension, Json};
use http::{StatusCode, header};
use stagegate_api::{Identity, OptionalReason, ReloadPlan, Reloaded};

/// Whether the process runs at all.
#[utoipa::path(get, path = "/livez", tag = "system",
    responses((status = 200, description = "It runs.", body = String, content_type = "text/plain")))]
pub(super) async fn livez() -> &'static str {
    "ok\n"
}

/// Whether traffic should be sent here.
///
/// Ready means: a plan is published, no shutdown has begun, a worker thread is alive, and every
/// workload has a stable endpoint that is healthy or not checked yet.
#[utoipa::path(get, path = "/readyz", tag = "system",
    responses((status = 200, description = "It is ready.", body = String, content_type = "text/plain")))]
pub(super) async fn readyz(State(app): State<App>) -> Result<&'static str, ApiError> {
    let reasons = not_ready_because(&app.control.view(), &app.control.plane().status());
    if reasons.is_empty() {
        return Ok("ok\n");
    }
    Err(ApiError::new(Kind::NotReady, reasons.join("; ")))
}

/// Metrics in the Prometheus text format.
#[utoipa::path(get, path = "/metrics", tag = "system",
    responses((status = 200, description = "Everything that is counted.", body = String,
        content_type = "text/plain; version=0.0.4")))]
pub(super) async fn metrics(State(app): State<App>) -> Response {
    let content_type = [(header::CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8")];
    // Some figures are with those who wait for disks.
    match tokio::task::spawn_blocking(move || app.metrics.render()).await {
        Ok(text) => (content_type, text).into_response(),
        Err(_) => StatusCode::INTERNAL_SERVER_ERROR.into_response(),
    }
}

/// Who the token belongs to.
#[utoipa::path(get, path = "/v1/whoami", tag = "system",
    responses((status = 200, description = "The caller.", body = Identity)))]
pub(super) async fn whoami(Extension(caller): Extension<Caller>) -> Json<Identity> {
    Json(Identity { actor: caller.actor, role: describe::role(caller.role) })
}

/// Reads the configuration file again.
///
/// It is taken over whole or not at all; asking twice does no harm.
#[utoipa::path(post, path = "/v1/reload", tag = "system", request_body = Option<OptionalReason>,
    responses((status = 200, description = "The file is in force.", body = Reloaded)))]
pub(super) async fn reload(
    State(app): State<App>,
    Extension(caller): Extension<Caller>,
    Body(_): Body<OptionalReason>,
) -> Result<Json<Reloaded>, ApiError> {
    Ok(Json(describe::reloaded(app.control.reload(&caller.actor).await?)))
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
