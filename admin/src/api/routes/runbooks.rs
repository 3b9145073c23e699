//! The runbook after a release has all traffic.

use crate::api::App;
use crate::api::error::ApiError;
use crate::api::extract::{Change, Segments, optional_reason};
use crate::api::reply::reply;
use crate::describe;
use axum::Json;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use http::{HeaderValue, header};
use stagegate_api::{ActOnTask, RunbookDetail, TaskDone};
use stagegate_readiness::calendar;

/// The tasks of the workload's last rollout that reached 100%: at hours 0, 1, 4, 24 and 72.
#[utoipa::path(get, path = "/v1/workloads/{workload}/runbook", tag = "read",
    params(("workload" = String, Path, description = "Name of the workload")),
    responses((status = 200, description = "Task by task.", body = RunbookDetail)))]
pub(super) async fn runbook(
    State(app): State<App>,
    Segments(workload): Segments<String>,
) -> Result<Json<RunbookDetail>, ApiError> {
    Ok(Json(describe::runbook(&app.control.runbook(&workload).await?)))
}

/// The tasks of people as a calendar (iCalendar), to subscribe to.
#[utoipa::path(get, path = "/v1/workloads/{workload}/runbook.ics", tag = "read",
    params(("workload" = String, Path, description = "Name of the workload")),
    responses((status = 200, description = "One event a task.",
        content((String = "text/calendar")))))]
pub(super) async fn runbook_calendar(
    State(app): State<App>,
    Segments(workload): Segments<String>,
) -> Result<Response, ApiError> {
    let runbook = app.control.runbook(&workload).await?;
    let text = calendar(&workload, &runbook.rollout, &runbook.tasks);
    let form = HeaderValue::from_static("text/calendar; charset=utf-8");
    Ok(([(header::CONTENT_TYPE, form)], text).into_response())
}

/// Files that a task was done, gives it another owner, or adds a remark.
#[utoipa::path(post, path = "/v1/workloads/{workload}/runbook/{task}", tag = "change",
    params(("workload" = String, Path, description = "Name of the workload"),
        ("task" = String, Path, description = "Id of the task, as `told-0h`")),
    request_body = ActOnTask,
    responses((status = 200, description = "Filed.", body = TaskDone)))]
pub(super) async fn act_on_task(
    State(app): State<App>,
    Segments((workload, task)): Segments<(String, String)>,
    change: Change<ActOnTask>,
) -> Result<Response, ApiError> {
    let text = optional_reason(Some(&change.body.text))?;
    if text.is_empty() {
        return Err(ApiError::field("text", &"write the result, the owner, or the remark"));
    }
    let event = describe::given_act(change.body.act, text);
    let answer = app.control.task(change.task(workload, task, event)).await?;
    reply(&answer, describe::task_made, |made| {
        let view = app.control.view();
        view.find(&made.workload).map_or(view.epoch, |(_, live)| live.epoch)
    })
}
