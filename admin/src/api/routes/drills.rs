//! Trying the kill switch.

use super::changes::REPLAYED;
use crate::api::error::ApiError;
use crate::api::extract::{Change, Segments, optional_reason};
use crate::api::{App, etag};
use axum::Json;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use http::{HeaderValue, header};
use stagegate_api::{DrillReport, OptionalReason};

/// Throws the kill switch for a moment and checks that it works.
///
/// Traffic goes to stable meanwhile, whatever the workload's fallback is. The answer is 200 when the
/// drill was held, also when it found something wrong: look at `passed`.
#[utoipa::path(post, path = "/v1/workloads/{workload}/drill", tag = "change",
    params(("workload" = String, Path, description = "Name of the workload")),
    request_body = Option<OptionalReason>,
    responses((status = 200, description = "Held.", body = DrillReport)))]
pub(super) async fn drill(
    State(app): State<App>,
    Segments(workload): Segments<String>,
    change: Change<OptionalReason>,
) -> Result<Response, ApiError> {
    let reason = optional_reason(change.body.reason.as_deref())?;
    let (report, replayed) = app.control.drill(change.drill(workload, reason)).await?;
    let view = app.control.view();
    let epoch = view.find(&report.workload).map_or(report.epoch, |(_, live)| live.epoch);
    let mut response = ([(header::ETAG, etag(epoch))], Json(report)).into_response();
    if replayed {
        response.headers_mut().insert(REPLAYED, HeaderValue::from_static("true"));
    }
    Ok(response)
}
