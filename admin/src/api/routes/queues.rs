//! Requests that came while a workload was killed.

use super::reads::find;
use crate::api::App;
use crate::api::error::{ApiError, Kind};
use crate::api::extract::{Change, Params, Segments, optional_reason};
use crate::describe;
use axum::Json;
use axum::extract::State;
use serde::Deserialize;
use stagegate_api::{OptionalReason, QueueDetail, QueueDropped, QueueEntryDetail};
use stagegate_control::QueueDrop;
use stagegate_queue as queue;
use utoipa::IntoParams;

/// Most entries of a page.
const MOST: usize = 500;

/// The page of a queue.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct QueueQuery {
    /// Only entries behind this place.
    after: Option<u64>,
    /// Most entries, 1 to 500.
    #[param(minimum = 1, maximum = 500, default = 100)]
    limit: Option<u64>,
}

/// The queue of a workload: what waits for its revival, and what became of the rest.
#[utoipa::path(get, path = "/v1/workloads/{workload}/queue", tag = "read",
    params(("workload" = String, Path, description = "Name of the workload"), QueueQuery),
    responses((status = 200, description = "In the order in which they came.", body = QueueDetail)))]
pub(super) async fn show_queue(
    State(app): State<App>,
    Segments(name): Segments<String>,
    Params(query): Params<QueueQuery>,
) -> Result<Json<QueueDetail>, ApiError> {
    find(&app.control.view(), &name)?;
    let limit = query.limit.unwrap_or(100);
    if !(1..=MOST as u64).contains(&limit) {
        return Err(ApiError::field("limit", &format!("it must be from 1 to {MOST}")));
    }
    let after = i64::try_from(query.after.unwrap_or(0))
        .map_err(|_| ApiError::field("after", &format!("it must be at most {}", i64::MAX)))?;
    let Some(queue) = &app.queue else {
        let (figures, entries) = (Default::default(), Vec::new());
        return Ok(Json(QueueDetail {
            workload: name,
            enabled: false,
            figures,
            entries,
            next_after: None,
        }));
    };
    // One more says if there is another page.
    let mut found = queue.list(&name, after, limit as usize + 1).await.map_err(broken)?;
    let more = found.len() > limit as usize;
    found.truncate(limit as usize);
    let next_after = more.then(|| found.last().map_or(0, |it| it.seq.unsigned_abs()));
    let figures = queue.figures().get(&name).copied().unwrap_or_default();
    Ok(Json(QueueDetail {
        enabled: queue.settings(&name).is_some(),
        workload: name,
        figures: describe::queue_figures(&figures),
        entries: found.iter().map(describe::queue_entry).collect(),
        next_after,
    }))
}

/// One queued request, with what was asked while it waits.
#[utoipa::path(get, path = "/v1/workloads/{workload}/queue/{id}", tag = "read",
    params(("workload" = String, Path, description = "Name of the workload"),
        ("id" = String, Path, description = "Id of the queued request")),
    responses((status = 200, description = "The request.", body = QueueEntryDetail)))]
pub(super) async fn show_queued(
    State(app): State<App>,
    Segments((workload, id)): Segments<(String, String)>,
) -> Result<Json<QueueEntryDetail>, ApiError> {
    find(&app.control.view(), &workload)?;
    let (entry, request) = found(&app, &workload, &id).await?;
    Ok(Json(QueueEntryDetail {
        workload,
        entry: describe::queue_entry(&entry),
        request: request.as_ref().map(describe::queued_request),
    }))
}

/// Takes a request out that waits: it will never be sent, and its caller is told so.
#[utoipa::path(delete, path = "/v1/workloads/{workload}/queue/{id}", tag = "change",
    params(("workload" = String, Path, description = "Name of the workload"),
        ("id" = String, Path, description = "Id of the queued request")),
    request_body = Option<OptionalReason>,
    responses((status = 200, description = "It is out.", body = QueueDropped)))]
pub(super) async fn drop_queued(
    State(app): State<App>,
    Segments((workload, id)): Segments<(String, String)>,
    change: Change<OptionalReason>,
) -> Result<Json<QueueDropped>, ApiError> {
    find(&app.control.view(), &workload)?;
    let reason = optional_reason(change.body.reason.as_deref())?;
    let (entry, _) = found(&app, &workload, &id).await?;
    let gone = || {
        let why = "it does not wait: it is being sent, was answered, or is out already";
        ApiError::new(Kind::Refused, why)
    };
    if entry.state != queue::State::Waiting {
        return Err(gone());
    }
    // Recorded before it is done, like every change.
    let order = QueueDrop {
        actor: change.actor().to_owned(),
        workload: workload.clone(),
        id: id.clone(),
        line: entry.line.clone(),
        reason,
    };
    let (by, line) = (order.actor.clone(), order.line.clone());
    let audit_seq = app.control.record_queue_drop(order).await?;
    let queue = app.queue.as_ref().ok_or_else(|| nothing(&id))?;
    if !queue.drop_one(&workload, &id).await.map_err(broken)? {
        return Err(gone());
    }
    Ok(Json(QueueDropped { workload, id, line, by, audit_seq }))
}

async fn found(
    app: &App,
    workload: &str,
    id: &str,
) -> Result<(queue::Entry, Option<queue::Request>), ApiError> {
    let queue = app.queue.as_ref().ok_or_else(|| nothing(id))?;
    queue.show(workload, id).await.map_err(broken)?.ok_or_else(|| nothing(id))
}

fn nothing(id: &str) -> ApiError {
    let why =
        format!("there is no queued request `{id}`: `stagegate queue ls WORKLOAD` lists them");
    ApiError::new(Kind::NotFound, why)
}

#[allow(clippy::needless_pass_by_value)] // that is how `map_err` hands it over
fn broken(error: queue::QueueError) -> ApiError {
    ApiError::new(Kind::Unavailable, error.to_string())
}
