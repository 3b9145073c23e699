//! Routes for samples that wait for a review, and for reviews.

use super::records::rows;
use super::samples::{ask, search};
use crate::api::App;
use crate::api::error::{ApiError, Kind};
use crate::api::extract::{Body, Params, Segments, stored};
use crate::auth::Caller;
use crate::sources::ReviewOutcome;
use axum::extract::State;
use axum::{Extension, Json};
use serde::Deserialize;
use stagegate_api::{GiveReview, ReviewTaken, Reviews, Taken};
use stagegate_store::SampleFilter;
use utoipa::IntoParams;

/// Longest note, in characters.
const MAX_NOTE: usize = 2000;

/// The filter for samples that wait for a review.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct ReviewsQuery {
    /// Only those of this workload.
    workload: Option<String>,
    /// The start of the page: `next` of the page before.
    #[serde(default, deserialize_with = "stored")]
    cursor: Option<u64>,
    /// At most so many, 1 to 1000.
    #[param(minimum = 1, maximum = 1000, default = 50)]
    limit: Option<usize>,
}

/// Samples that wait for a review: failed, unsure, or with disagreeing scorers, and without a known
/// correct response.
#[utoipa::path(get, path = "/v1/reviews", tag = "eval", params(ReviewsQuery),
    responses((status = 200, description = "Newest first; without arm and release.", body = Reviews)))]
pub(super) async fn reviews(
    State(app): State<App>,
    Params(query): Params<ReviewsQuery>,
) -> Result<Json<Reviews>, ApiError> {
    let limit = rows(query.limit)?;
    let ReviewsQuery { workload, cursor, .. } = query;
    let filter = SampleFilter { workload, before: cursor, ..SampleFilter::default() };
    search(&app, move |source| source.waiting(&filter, limit)).await.map(Json)
}

/// Records if an answer was right, and the correct one. A sample is reviewed once. The first
/// verdict of a labelled set or a person counts for labelled accuracy.
#[utoipa::path(post, path = "/v1/reviews/{request_id}", tag = "eval", request_body = GiveReview,
    params(("request_id" = String, Path, description = "The request's id")),
    responses((status = 200, description = "The result.", body = ReviewTaken),
        (status = 409, description = "It was reviewed before; the first review stands.")))]
pub(super) async fn give(
    State(app): State<App>,
    Segments(request_id): Segments<String>,
    Extension(caller): Extension<Caller>,
    Body(review): Body<GiveReview>,
) -> Result<Json<ReviewTaken>, ApiError> {
    if !matches!(review.verdict.as_str(), "pass" | "fail") {
        let problem = format!("`{}` is no verdict: write `pass` or `fail`", review.verdict);
        return Err(ApiError::field("verdict", &problem));
    }
    if review.note.as_ref().is_some_and(|note| note.chars().count() > MAX_NOTE) {
        return Err(ApiError::field("note", &format!("is longer than {MAX_NOTE} characters")));
    }
    let (id, by) = (request_id.clone(), caller.actor.clone());
    match ask(&app, move |source| source.review(&id, review, &by)).await? {
        ReviewOutcome::Kept(counts) => {
            let result = if counts { Taken::Counted } else { Taken::Kept };
            Ok(Json(ReviewTaken { id: request_id, result }))
        }
        ReviewOutcome::Unknown => {
            let detail = format!("request `{request_id}` is no sample, or its time is over");
            Err(ApiError::new(Kind::NotFound, detail))
        }
        ReviewOutcome::Before(review) => {
            let detail =
                format!("`{}` reviewed it before: {}; that stands", review.by, review.verdict);
            Err(ApiError::new(Kind::Refused, detail))
        }
    }
}
