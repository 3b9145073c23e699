//! Parameters of the path and of the query.

use crate::api::error::{ApiError, Kind};
use axum::extract::{FromRequestParts, Path, Query};
use http::request::Parts;
use serde::de::{DeserializeOwned, Error as _};
use serde::{Deserialize, Deserializer};

/// A number of a query that is stored as a signed one.
///
/// # Errors
/// When it is none, or larger than 2^63 - 1.
pub(in crate::api) fn stored<'de, D: Deserializer<'de>>(from: D) -> Result<Option<u64>, D::Error> {
    let number: Option<u64> = Option::deserialize(from)?;
    match number {
        Some(number) if number > i64::MAX as u64 => {
            Err(D::Error::custom(format!("{number} is larger than {}", i64::MAX)))
        }
        number => Ok(number),
    }
}

/// Query parameters.
pub(in crate::api) struct Params<T>(pub(in crate::api) T);

impl<T: DeserializeOwned, S: Send + Sync> FromRequestParts<S> for Params<T> {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, ApiError> {
        match Query::<T>::from_request_parts(parts, state).await {
            Ok(Query(params)) => Ok(Self(params)),
            Err(rejection) => Err(ApiError::new(Kind::BadRequest, rejection.body_text())),
        }
    }
}

/// Path parameters.
pub(in crate::api) struct Segments<T>(pub(in crate::api) T);

impl<T: DeserializeOwned + Send, S: Send + Sync> FromRequestParts<S> for Segments<T> {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, ApiError> {
        match Path::<T>::from_request_parts(parts, state).await {
            Ok(Path(segments)) => Ok(Self(segments)),
            Err(rejection) => Err(ApiError::new(Kind::BadRequest, rejection.body_text())),
        }
    }
}
