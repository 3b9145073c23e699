//! The hand-off of a release to the people on call.

use super::reports;
use crate::api::App;
use crate::api::error::ApiError;
use crate::api::extract::{Change, Params, Segments, required_text};
use crate::api::reply::reply;
use crate::{describe, report};
use axum::Json;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use serde::Deserialize;
use stagegate_api::{ActOnHandoff, HandoffDetail, HandoffDone};
use stagegate_readiness::HandoffEvent;
use utoipa::IntoParams;

/// The form of a pack.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct HandoffQuery {
    /// `json` (the default), `md` or `html`. The last two have the deploy report of three days in them.
    #[param(pattern = "^(json|md|html)$")]
    format: Option<String>,
}

/// The hand-off of the release that got all traffic: its parts, and what is missing.
#[utoipa::path(get, path = "/v1/workloads/{workload}/handoff", tag = "read",
    params(("workload" = String, Path, description = "Name of the workload"), HandoffQuery),
    responses((status = 200, description = "The pack.", content(
        (HandoffDetail = "application/json"), (String = "text/markdown"), (String = "text/html")))))]
pub(super) async fn handoff(
    State(app): State<App>,
    Segments(workload): Segments<String>,
    Params(query): Params<HandoffQuery>,
) -> Result<Response, ApiError> {
    let pack = describe::handoff(app.control.handoff(&workload).await?);
    let format = query.format.as_deref().unwrap_or("json");
    if format == "json" {
        return Ok(Json(pack).into_response());
    }
    let (written, points) =
        reports::written(&app, &pack.rollout, Some("72h"), format == "html").await?;
    match format {
        "md" => Ok(reports::markdown(&report::handoff_markdown(&pack, &written))),
        "html" => Ok(reports::html(&report::handoff_html(&pack, &written, &points))),
        other => Err(ApiError::field("format", &format!("`{other}` is none of json, md and html"))),
    }
}

/// Says what a part is, or completes the hand-off.
///
/// A completion is refused while a part is missing; the refusal names all of them. The channels of the workload
/// are told of it.
#[utoipa::path(post, path = "/v1/workloads/{workload}/handoff", tag = "change",
    params(("workload" = String, Path, description = "Name of the workload")),
    request_body = ActOnHandoff,
    responses((status = 200, description = "Filed.", body = HandoffDone)))]
pub(super) async fn act_on_handoff(
    State(app): State<App>,
    Segments(workload): Segments<String>,
    change: Change<ActOnHandoff>,
) -> Result<Response, ApiError> {
    let event = match &change.body {
        ActOnHandoff::Complete {} => HandoffEvent::Completed,
        ActOnHandoff::Tell { part, text } => {
            let text = required_text("text", text, "say what the part is")?;
            HandoffEvent::Told { part: part.as_str().to_owned(), text }
        }
    };
    let answer = app.control.hand_off(change.handoff(workload, event)).await?;
    reply(&answer, describe::handoff_made, |made| {
        let view = app.control.view();
        view.find(&made.workload).map_or(view.epoch, |(_, live)| live.epoch)
    })
}
