//! The route of kill switch drills.

use crate::api::App;
use crate::api::error::ApiError;
use crate::api::extract::{Change, Segments, optional_reason};
use crate::api::reply::reply;
use crate::describe;
use axum::extract::State;
use axum::response::Response;
use stagegate_api::{DrillReport, OptionalReason};

/// Throws the kill switch for a moment and checks that it works.
///
/// Traffic goes to stable meanwhile, whatever the workload's fallback is. The answer is 200 when the
/// drill was held, also when it found something wrong: look at `passed`.
#[utoipa::path(post, path = "/v1/workloads/{workload}/drill", tag = "change",
    params(("workload" = String, Path, description = "Name of the workload")),
    request_body = Option<OptionalReason>,
    responses((status = 200, description = "The result of the drill.", body = DrillReport)))]
pub(super) async fn drill(
    State(app): State<App>,
    Segments(workload): Segments<String>,
    change: Change<OptionalReason>,
) -> Result<Response, ApiError> {
    let reason = optional_reason(change.body.reason.as_deref())?;
    let answer = app.control.drill(change.drill(workload, reason)).await?;
    reply(&answer, describe::drill, |report| {
        let view = app.control.view();
        view.find(&report.workload).map_or(report.epoch, |(_, live)| live.epoch)
    })
}
