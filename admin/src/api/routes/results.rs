//! Totals of the scored samples.

use super::reads::find;
use super::samples::search;
use crate::api::App;
use crate::api::error::{ApiError, Kind};
use crate::api::extract::{Params, Segments};
use axum::Json;
use axum::extract::State;
use serde::Deserialize;
use stagegate_api::EvalResults;
use utoipa::IntoParams;

/// The rollout whose results are wanted.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct ResultsQuery {
    /// Id of a rollout; `none` for what was counted before the first. Default: the one in progress,
    /// or the last.
    rollout: Option<String>,
}

/// The totals of a workload's samples, by arm, cohort and tenant.
///
/// Figures begin anew with each rollout and survive a restart.
#[utoipa::path(get, path = "/v1/workloads/{workload}/eval", tag = "eval",
    params(("workload" = String, Path, description = "Name of the workload"), ResultsQuery),
    responses((status = 200, description = "By arm, cohort and tenant.", body = EvalResults)))]
pub(super) async fn results(
    State(app): State<App>,
    Segments(name): Segments<String>,
    Params(query): Params<ResultsQuery>,
) -> Result<Json<EvalResults>, ApiError> {
    let view = app.control.view();
    let live = find(&view, &name)?;
    let rollout = match query.rollout.as_deref() {
        Some("none") => String::new(),
        Some(id) => id.to_owned(),
        None => {
            let rollout = live.split.state().rollout.as_ref();
            rollout.map(|rollout| rollout.id.to_string()).unwrap_or_default()
        }
    };
    let results = search(&app, move |source| source.results(&name, &rollout)).await?;
    match query.rollout {
        Some(id) if results.arms.is_empty() => {
            let detail = format!("nothing was counted in rollout `{id}` of this workload");
            Err(ApiError::new(Kind::NotFound, detail))
        }
        _ => Ok(Json(results)),
    }
}
