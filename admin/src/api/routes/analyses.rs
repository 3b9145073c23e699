//! Recorded analyses of the gates.

use super::reads::find;
use super::rollouts::newest_analysis;
use crate::api::App;
use crate::api::error::{ApiError, Kind};
use crate::api::extract::{Params, Segments};
use crate::describe;
use axum::Json;
use axum::extract::State;
use serde::Deserialize;
use stagegate_api::{Analyses, KeptAnalysis};
use stagegate_rollout::Analysis;
use stagegate_store::StoredAnalysis;
use utoipa::IntoParams;

/// Most analyses of one answer.
const MOST: usize = 1000;

/// The filter for analyses.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct AnalysisQuery {
    /// Only those of this rollout.
    rollout: Option<String>,
    /// At most so many, 1 to 1000.
    #[param(minimum = 1, maximum = 1000, default = 50)]
    limit: Option<usize>,
}

/// Analyses of a workload: one for every time the verdict or a gate's state changed.
#[utoipa::path(get, path = "/v1/workloads/{workload}/analyses", tag = "records",
    params(("workload" = String, Path, description = "Name of the workload"), AnalysisQuery),
    responses((status = 200, description = "Newest first.", body = Analyses)))]
pub(super) async fn analyses(
    State(app): State<App>,
    Segments(name): Segments<String>,
    Params(query): Params<AnalysisQuery>,
) -> Result<Json<Analyses>, ApiError> {
    let limit = match query.limit.unwrap_or(50) {
        limit @ 1..=MOST => limit,
        other => {
            let problem = format!("`{other}` is not from 1 to {MOST}");
            return Err(ApiError::field("limit", &problem));
        }
    };
    let view = app.control.view();
    let workload = find(&view, &name)?.split.spec().name.clone();
    let kept = app
        .control
        .read(move |store| Ok(store.analyses(&workload, query.rollout.as_deref(), None, limit)?))
        .await?;
    let analyses = kept.iter().map(describe_kept).collect::<Result<_, _>>()?;
    Ok(Json(Analyses { analyses }))
}

/// One analysis: why it waited, why it failed.
#[utoipa::path(get, path = "/v1/workloads/{workload}/analyses/{analysis}", tag = "records",
    params(("workload" = String, Path, description = "Name of the workload"),
        ("analysis" = String, Path, description = "The analysis' id")),
    responses((status = 200, description = "The analysis.", body = KeptAnalysis)))]
pub(super) async fn analysis(
    State(app): State<App>,
    Segments((name, id)): Segments<(String, String)>,
) -> Result<Json<KeptAnalysis>, ApiError> {
    let view = app.control.view();
    let workload = find(&view, &name)?.split.spec().name.clone();
    let wanted = id.clone();
    let kept = app.control.read(move |store| Ok(store.analysis(&wanted)?)).await?;
    // The newest one may not have been stored yet.
    let newest = app.control.analysis(&name).filter(|it| it.id.as_str() == id);
    if let (None, Some(newest)) = (&kept, newest) {
        let analysis = newest_analysis(&app, &name, &newest);
        return Ok(Json(KeptAnalysis { analysis, decisive: false }));
    }
    let kept = kept.filter(|kept| kept.analysis.workload == workload).ok_or_else(|| {
        let detail = format!(
            "workload `{name}` has no analysis `{id}`: the id is wrong, or its time is over and no change rested on it"
        );
        ApiError::new(Kind::NotFound, detail)
    })?;
    Ok(Json(describe_kept(&kept)?))
}

fn describe_kept(kept: &StoredAnalysis) -> Result<KeptAnalysis, ApiError> {
    let analysis: Analysis = serde_json::from_str(&kept.analysis.body).map_err(|error| {
        let id = &kept.analysis.id;
        ApiError::new(Kind::Unavailable, format!("analysis `{id}` is damaged: {error}"))
    })?;
    let analysis = describe::rollout::analysis(&analysis);
    Ok(KeptAnalysis { analysis, decisive: kept.decisive })
}
