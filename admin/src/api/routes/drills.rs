//! Drills of the kill switch, and other exercises.

use crate::api::App;
use crate::api::error::ApiError;
use crate::api::extract::{Change, Segments, optional_reason};
use crate::api::reply::reply;
use crate::describe;
use axum::extract::State;
use axum::response::Response;
use stagegate_api::{DrillReport, ExerciseReport, HoldExercise, OptionalReason};

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

/// Exercises an incident on a sandbox copy, acknowledges it, or probes the capacity to go back.
///
/// No traffic of users moves. An incident is a violation in made-up time, judged by the policy's gates; its
/// alert is sent to the channels, and it passes when a person acknowledges it. The answer is 200 when the
/// exercise was held, also when it found something wrong: look at `passed` and `waiting`.
#[utoipa::path(post, path = "/v1/workloads/{workload}/exercises", tag = "change",
    params(("workload" = String, Path, description = "Name of the workload")),
    request_body = HoldExercise,
    responses((status = 200, description = "The result of the exercise.", body = ExerciseReport)))]
pub(super) async fn exercise(
    State(app): State<App>,
    Segments(workload): Segments<String>,
    change: Change<HoldExercise>,
) -> Result<Response, ApiError> {
    let kind = describe::given_exercise(change.body.exercise);
    let reason = optional_reason(change.body.reason.as_deref())?;
    let answer = app.control.exercise(change.exercise(workload, kind, reason)).await?;
    reply(&answer, describe::exercise, |report| {
        let view = app.control.view();
        view.find(&report.workload).map_or(view.epoch, |(_, live)| live.epoch)
    })
}
