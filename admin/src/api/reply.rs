//! Answers to requests that may be repeated under an `Idempotency-Key`.

use super::error::ApiError;
use super::etag::etag;
use axum::Json;
use axum::response::{IntoResponse, Response};
use http::{HeaderName, HeaderValue, header};
use serde::Serialize;
use serde::de::DeserializeOwned;
use stagegate_control::{Answer, StoreAccessError};

/// Says that an answer is the kept one of an earlier request.
const REPLAYED: HeaderName = HeaderName::from_static("idempotent-replayed");

/// The answer as JSON, with the epoch that `epoch_of` reads from it as `ETag`.
pub(super) fn reply<T, D: Serialize + DeserializeOwned>(
    answer: &Answer<T>,
    describe: fn(&T) -> D,
    epoch_of: impl FnOnce(&D) -> u64,
) -> Result<Response, ApiError> {
    let (body, is_kept) = match answer {
        Answer::New(done) => (describe(done), false),
        Answer::Kept(text) => (read(text)?, true),
    };
    let mut response = ([(header::ETAG, etag(epoch_of(&body)))], Json(body)).into_response();
    if is_kept {
        response.headers_mut().insert(REPLAYED, HeaderValue::from_static("true"));
    }
    Ok(response)
}

fn read<D: DeserializeOwned>(text: &str) -> Result<D, ApiError> {
    serde_json::from_str(text).map_err(|error| {
        StoreAccessError::Store(format!("a kept answer is damaged: {error}")).into()
    })
}
