//! Copies of requests: what is sent, and how its answers compare.

use super::reads::find;
use super::samples::search;
use crate::api::App;
use crate::api::error::{ApiError, Kind};
use crate::api::extract::{Params, Segments, stored};
use crate::describe;
use axum::Json;
use axum::extract::State;
use serde::Deserialize;
use stagegate_api::ShadowReport;
use utoipa::IntoParams;

/// The filter for pairs.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct ShadowQuery {
    /// Only pairs from this time on, in Unix milliseconds; all that are kept if left out.
    #[serde(default, deserialize_with = "stored")]
    since_ms: Option<u64>,
}

/// A workload's copies, and how the release that gets them does against the one that serves.
#[utoipa::path(get, path = "/v1/workloads/{workload}/shadow", tag = "eval",
    params(("workload" = String, Path, description = "Name of the workload"), ShadowQuery),
    responses((status = 200, description = "Settings, copies and pairs.", body = ShadowReport)))]
pub(super) async fn shadow(
    State(app): State<App>,
    Segments(name): Segments<String>,
    Params(query): Params<ShadowQuery>,
) -> Result<Json<ShadowReport>, ApiError> {
    let view = app.control.view();
    let live = find(&view, &name)?;
    let Some(workload) = view.config.workload(&name) else {
        let detail = format!("workload `{name}` has no configuration");
        return Err(ApiError::new(Kind::NotFound, detail));
    };
    let mut report = describe::shadow(workload, live, &app.stats.shadows());
    // Without a sample store nothing was paired; the rest is true all the same.
    if app.samples.is_some() {
        let since_ms = query.since_ms.unwrap_or(0);
        let paired = search(&app, move |source| source.pairs(&name, since_ms)).await?;
        (report.pairs, report.lost) = paired;
    }
    Ok(Json(report))
}
