//! Sampled answers, and scores from outside.

use super::reads::find;
use super::records::{arm, rows};
use crate::api::App;
use crate::api::error::{ApiError, Kind};
use crate::api::extract::{Body, Params, Segments, stored};
use crate::api::heavy::{heavy, look};
use crate::auth::Caller;
use crate::sources::{SampleSource, SamplesUnavailable};
use axum::extract::State;
use axum::{Extension, Json};
use serde::Deserialize;
use stagegate_api::{GiveScores, SampleDetail, SampleReason, Samples, ScoresTaken, WantedSamples};
use stagegate_store::SampleFilter;
use std::sync::Arc;
use utoipa::IntoParams;

/// Most scores of one request.
const MAX_SCORES: usize = 1000;

/// The filter for samples.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct SamplesQuery {
    /// Only those of this workload.
    workload: Option<String>,
    /// Only those of this arm.
    #[param(value_type = Option<stagegate_api::Arm>)]
    arm: Option<String>,
    /// Only those that this release answered.
    release: Option<String>,
    /// Only those that were picked for one of these reasons, as `random,targeted`: without `shadow`,
    /// only answers that a client got.
    #[param(example = "random,targeted")]
    #[param(pattern = r"^\s*(random|targeted|shadow)\s*(,\s*(random|targeted|shadow)\s*)*$")]
    reason: Option<String>,
    /// Only those that this tenant asked.
    tenant: Option<String>,
    /// Only those that this scorer, or a person under this name, said something about.
    scorer: Option<String>,
    /// Only those that were failed: by `scorer` if it is given, else by a gating scorer, a labelled
    /// set or a person.
    failed: Option<bool>,
    /// Only those with this in what was asked or answered, in any case; up to 200 characters.
    #[param(min_length = 1, max_length = 200)]
    text: Option<String>,
    /// Only those from this time on, in Unix milliseconds.
    #[serde(default, deserialize_with = "stored")]
    since_ms: Option<u64>,
    /// Only those before this time, in Unix milliseconds.
    #[serde(default, deserialize_with = "stored")]
    until_ms: Option<u64>,
    /// The start of the page: `next` of the page before.
    #[serde(default, deserialize_with = "stored")]
    cursor: Option<u64>,
    /// At most so many, 1 to 1000.
    #[param(minimum = 1, maximum = 1000, default = 50)]
    limit: Option<usize>,
}

/// The newest samples.
#[utoipa::path(get, path = "/v1/samples", tag = "eval", params(SamplesQuery),
    responses((status = 200, description = "Newest first.", body = Samples)))]
pub(super) async fn samples(
    State(app): State<App>,
    Params(query): Params<SamplesQuery>,
) -> Result<Json<Samples>, ApiError> {
    let limit = rows(query.limit)?;
    if query.text.as_ref().is_some_and(|text| !(1..=200).contains(&text.chars().count())) {
        return Err(ApiError::field("text", &"is not from 1 to 200 characters"));
    }
    let filter = SampleFilter {
        workload: query.workload,
        arm: query.arm.as_deref().map(arm).transpose()?.map(|arm| arm.label().to_owned()),
        release: query.release,
        reasons: query.reason.as_deref().map(reasons).transpose()?.unwrap_or_default(),
        tenant: query.tenant,
        scorer: query.scorer,
        failed: query.failed.unwrap_or(false),
        waiting: false,
        since_ms: query.since_ms,
        until_ms: query.until_ms,
        before: query.cursor,
    };
    let text = query.text;
    search(&app, move |source| source.list(&filter, text.as_deref(), limit)).await.map(Json)
}

/// The words of a list of reasons.
fn reasons(text: &str) -> Result<Vec<String>, ApiError> {
    let word = |word: &str| match SampleReason::from_word(word) {
        Some(reason) => Ok(reason.as_str().to_owned()),
        None => {
            let problem = format!("`{word}` is none: use random, targeted or shadow");
            Err(ApiError::field("reason", &problem))
        }
    };
    text.split(',').map(str::trim).map(word).collect()
}

/// One sample with its scores.
#[utoipa::path(get, path = "/v1/samples/{request_id}", tag = "eval",
    params(("request_id" = String, Path, description = "The request's id")),
    responses((status = 200, description = "Request, response and scores.", body = SampleDetail)))]
pub(super) async fn sample(
    State(app): State<App>,
    Segments(request_id): Segments<String>,
) -> Result<Json<SampleDetail>, ApiError> {
    let id = request_id.clone();
    let found = ask(&app, move |source| source.get(&id)).await?;
    let missing = || {
        let detail = format!(
            "request `{request_id}` is no sample: it was not picked, has not been written yet (under a second), or its time is over"
        );
        ApiError::new(Kind::NotFound, detail)
    };
    found.map(Json).ok_or_else(missing)
}

/// Samples the next answers of each arm, whatever the rate.
///
/// They are `targeted`: scored like any other, and counted by no gate. What is not used up is replaced
/// by the next call, and forgotten by a restart. The workload must have scorers.
#[utoipa::path(put, path = "/v1/workloads/{workload}/sampling/wanted", tag = "eval",
    params(("workload" = String, Path, description = "Name of the workload")),
    request_body = WantedSamples,
    responses((status = 200, description = "The numbers in force.", body = WantedSamples)))]
pub(super) async fn want(
    State(app): State<App>,
    Extension(caller): Extension<Caller>,
    Segments(workload): Segments<String>,
    Body(wanted): Body<WantedSamples>,
) -> Result<Json<WantedSamples>, ApiError> {
    let view = app.control.view();
    find(&view, &workload)?;
    for (field, count) in [("stable", wanted.stable), ("candidate", wanted.candidate)] {
        if count as usize > MAX_SCORES {
            let problem = format!("`{count}` is more than {MAX_SCORES}: ask again for the rest");
            return Err(ApiError::field(field, &problem));
        }
    }
    if view.config.workload(&workload).is_none_or(|it| it.eval.scorers.is_empty()) {
        let detail = format!("workload `{workload}` has no `scorers`: nobody would judge");
        return Err(ApiError::new(Kind::Refused, detail));
    }
    let WantedSamples { stable, candidate } = wanted;
    tracing::info!(actor = caller.actor, workload, stable, candidate, "samples wanted at once");
    ask(&app, move |source| {
        source.want(&workload, [stable, candidate]);
        Ok(())
    })
    .await?;
    Ok(Json(wanted))
}

/// Gives scores from outside: a person's verdicts, or what a scorer promised to say later.
#[utoipa::path(post, path = "/v1/scores", tag = "eval", request_body = GiveScores,
    responses((status = 200, description = "The result of each.", body = ScoresTaken)))]
pub(super) async fn scores(
    State(app): State<App>,
    Extension(caller): Extension<Caller>,
    Body(body): Body<GiveScores>,
) -> Result<Json<ScoresTaken>, ApiError> {
    if body.scores.len() > MAX_SCORES {
        let problem = format!("has {} entries, more than {MAX_SCORES}", body.scores.len());
        return Err(ApiError::field("scores", &problem));
    }
    for (n, score) in body.scores.iter().enumerate() {
        let name = score.name.as_str();
        if name.is_empty() || name.chars().count() > 128 || name.chars().any(char::is_control) {
            let problem = "is not a name: write up to 128 characters, like `human`";
            return Err(ApiError::field(&format!("scores[{n}].name"), &problem));
        }
        if score.value.is_some_and(|value| !(0.0..=1.0).contains(&value)) {
            let problem = "is not from 0 to 1";
            return Err(ApiError::field(&format!("scores[{n}].value"), &problem));
        }
    }
    let by = caller.actor.clone();
    let results = ask(&app, move |source| source.give(body.scores, &by)).await?;
    Ok(Json(ScoresTaken { results }))
}

/// Asks what costs little.
pub(super) async fn ask<T: Send + 'static>(
    app: &App,
    question: impl FnOnce(&dyn SampleSource) -> Result<T, SamplesUnavailable> + Send + 'static,
) -> Result<T, ApiError> {
    let source = source(app)?;
    look(move || question(&*source)).await?.map_err(unavailable)
}

/// Asks what may read many bodies.
pub(super) async fn search<T: Send + 'static>(
    app: &App,
    question: impl FnOnce(&dyn SampleSource) -> Result<T, SamplesUnavailable> + Send + 'static,
) -> Result<T, ApiError> {
    let source = source(app)?;
    heavy(move || question(&*source)).await?.map_err(unavailable)
}

fn source(app: &App) -> Result<Arc<dyn SampleSource>, ApiError> {
    app.samples.clone().ok_or_else(|| {
        let detail = "no samples are kept: the sample store could not be opened (see the log)";
        ApiError::new(Kind::Unavailable, detail)
    })
}

#[allow(clippy::needless_pass_by_value)] // that is how `map_err` hands it over
fn unavailable(error: SamplesUnavailable) -> ApiError {
    ApiError::new(Kind::Unavailable, error.to_string())
}
