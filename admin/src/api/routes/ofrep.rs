//! OFREP, the OpenFeature Remote Evaluation Protocol, for callers with a token. The listener of the
//! flags has the same, and an event stream.

use super::flags::no_flags;
use crate::api::App;
use crate::api::error::{ApiError, AsItIs};
use crate::sources::FlagEvaluations;
use axum::extract::{Path, Request, State};
use axum::response::Response;
use std::sync::Arc;

/// Evaluates one flag over OFREP 0.3.
///
/// An answer without `value` means that the caller uses its own default. Failures have the form of
/// OFREP: `errorCode` and `errorDetails`.
#[utoipa::path(post, path = "/ofrep/v1/evaluate/flags/{key}", tag = "read",
    params(("key" = String, Path, description = "Key of the flag, percent-encoded")),
    request_body(content = Value, description = "`{\"context\": {\"targetingKey\": …}}`"),
    responses((status = 200, description = "`key`, `value`, `variant`, `reason`, `metadata`.", body = Value)))]
pub(super) async fn ofrep_flag(
    State(app): State<App>,
    Path(key): Path<String>,
    request: Request,
) -> Result<Response, ApiError> {
    let flags = served(&app)?;
    Ok(as_it_is(flags.one(key, request).await))
}

/// Evaluates all flags over OFREP 0.3.
///
/// The `ETag` covers the definitions, the context and the result; 304 if `If-None-Match` names it.
#[utoipa::path(post, path = "/ofrep/v1/evaluate/flags", tag = "read",
    request_body(content = Value, description = "`{\"context\": {\"targetingKey\": …}}`"),
    responses((status = 200, description = "`flags`, each as for one flag, and `metadata`.", body = Value),
        (status = 304, description = "As the answer with the given tag.")))]
pub(super) async fn ofrep_flags(
    State(app): State<App>,
    request: Request,
) -> Result<Response, ApiError> {
    let flags = served(&app)?;
    Ok(as_it_is(flags.all(request).await))
}

fn served(app: &App) -> Result<Arc<dyn FlagEvaluations>, ApiError> {
    app.flags.clone().ok_or_else(no_flags)
}

/// OFREP has errors of its own.
fn as_it_is(mut response: Response) -> Response {
    response.extensions_mut().insert(AsItIs);
    response
}
