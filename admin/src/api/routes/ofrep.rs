//! OFREP, the OpenFeature Remote Evaluation Protocol, for callers with a token. The listener of the
//! flags has the same, and an event stream.

use super::flags::no_flags;
use crate::api::App;
use crate::api::error::{ApiError, AsItIs};
use crate::api::heavy::heavy;
use crate::sources::FlagEvaluations;
use axum::body::{Body, Bytes};
use axum::extract::{Path, Request, State};
use axum::response::Response;
use http::request::Parts;
use serde_json::Value;
use stagegate_api::Problem;
use std::sync::Arc;
use tokio::runtime::Handle;
use utoipa::ToSchema;

/// A request for an evaluation.
#[derive(ToSchema)]
#[expect(dead_code, reason = "describes what the server of flags reads")]
pub(super) struct OfrepRequest {
    /// `targetingKey`, and what the rules ask for.
    #[schema(value_type = Option<Object>, nullable = false, required = false)]
    context: Option<Value>,
}

/// A failed evaluation.
#[derive(ToSchema)]
#[expect(dead_code, reason = "describes what the server of flags writes")]
pub(super) struct OfrepFailure {
    /// The flag, where one was asked for.
    key: Option<String>,
    /// `PARSE_ERROR`, `INVALID_CONTEXT`, `FLAG_NOT_FOUND` or `GENERAL`.
    #[serde(rename = "errorCode")]
    error_code: String,
    /// For people.
    #[serde(rename = "errorDetails")]
    error_details: Option<String>,
}

/// Evaluates one flag over OFREP 0.3.
///
/// An answer without `value` means that the caller uses its own default. Failures have the form of
/// OFREP: `errorCode` and `errorDetails`.
#[utoipa::path(post, path = "/ofrep/v1/evaluate/flags/{key}", tag = "read",
    params(("key" = String, Path, description = "Key of the flag, percent-encoded")),
    request_body = OfrepRequest,
    responses((status = 200, description = "`key`, `value`, `variant`, `reason`, `metadata`.", body = Value),
        (status = 400, description = "The context cannot be read, or the rule failed.", body = OfrepFailure),
        (status = 404, description = "There is no such flag; or no flags are served, as a problem.",
            content((OfrepFailure = "application/json"), (Problem = "application/problem+json")))))]
pub(super) async fn ofrep_flag(
    State(app): State<App>,
    Path(key): Path<String>,
    parts: Parts,
    body: Bytes,
) -> Result<Response, ApiError> {
    let flags = served(&app)?;
    let request = Request::from_parts(parts, Body::from(body));
    apart(async move { flags.one(key, request).await }).await
}

/// Evaluates all flags over OFREP 0.3.
///
/// The `ETag` covers the definitions, the context and the result; 304 if `If-None-Match` names it.
#[utoipa::path(post, path = "/ofrep/v1/evaluate/flags", tag = "read",
    request_body = OfrepRequest,
    responses((status = 200, description = "`flags`, each as for one flag, and `metadata`.", body = Value),
        (status = 304, description = "As the answer with the given tag."),
        (status = 400, description = "The context cannot be read.", body = OfrepFailure),
        (status = 404, description = "No flags are served.", body = Problem,
            content_type = "application/problem+json")))]
pub(super) async fn ofrep_flags(
    State(app): State<App>,
    parts: Parts,
    body: Bytes,
) -> Result<Response, ApiError> {
    let flags = served(&app)?;
    let request = Request::from_parts(parts, Body::from(body));
    apart(async move { flags.all(request).await }).await
}

fn served(app: &App) -> Result<Arc<dyn FlagEvaluations>, ApiError> {
    app.flags.clone().ok_or_else(no_flags)
}

/// The answer to a request that has come whole, made behind those who change something. OFREP has errors of its
/// own.
async fn apart(
    answer: impl Future<Output = Response> + Send + 'static,
) -> Result<Response, ApiError> {
    let runtime = Handle::current();
    let mut response = heavy(move || runtime.block_on(answer)).await?;
    response.extensions_mut().insert(AsItIs);
    Ok(response)
}
