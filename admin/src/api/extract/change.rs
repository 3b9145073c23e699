//! A change and the headers under which it was asked for.

use super::body::{is_json, parse, read};
use crate::api::error::{ApiError, Kind};
use crate::auth::Caller;
use axum::extract::{FromRequest, Request};
use http::{HeaderMap, header};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;
use sha2::{Digest, Sha256};
use stagegate_control::{IdempotencyKey, Precondition};

/// Longest idempotency key, in bytes.
const MAX_KEY: usize = 128;

/// A change as it was asked for: who, under which conditions, and with what body.
pub(in crate::api) struct Change<T> {
    pub(super) caller: Caller,
    pub(super) precondition: Precondition,
    pub(super) key: Option<SentKey>,
    /// The request's body.
    pub(in crate::api) body: T,
}

/// An `Idempotency-Key` and the digest of the request that carried it.
pub(super) struct SentKey {
    key: String,
    fingerprint: String,
}

impl SentKey {
    /// The key of a request whose answer is kept as `write` writes it.
    pub(super) fn keeping<T>(self, write: fn(&T) -> Value) -> IdempotencyKey<T> {
        IdempotencyKey { key: self.key, fingerprint: self.fingerprint, write }
    }
}

impl<T: DeserializeOwned + Serialize, S: Send + Sync> FromRequest<S> for Change<T> {
    type Rejection = ApiError;

    async fn from_request(request: Request, state: &S) -> Result<Self, ApiError> {
        let caller = caller(request.extensions())?;
        let precondition = precondition(request.headers())?;
        let key = idempotency_key(request.headers())?;
        let is_json = is_json(request.headers());
        let mut hash = Sha256::new();
        hash.update(request.method().as_str());
        hash.update([0]);
        hash.update(request.uri().path());
        hash.update([0]);
        let bytes = read(request, state).await?;
        hash.update(&bytes);
        let body = parse(&bytes, is_json)?;
        let fingerprint = hex::encode(hash.finalize());
        let key = key.map(|key| SentKey { key, fingerprint });
        Ok(Self { caller, precondition, key, body })
    }
}

/// Returns the caller that the guard stored in the request.
fn caller(extensions: &http::Extensions) -> Result<Caller, ApiError> {
    extensions
        .get::<Caller>()
        .cloned()
        .ok_or_else(|| ApiError::new(Kind::Internal, "nobody checked who is asking"))
}

/// `If-Match`: one or several epochs, with or without quotes, or `*`.
fn precondition(headers: &HeaderMap) -> Result<Precondition, ApiError> {
    let mut epochs = Vec::new();
    for value in headers.get_all(header::IF_MATCH) {
        for tag in value.to_str().unwrap_or("?").split(',').map(str::trim) {
            if tag == "*" {
                return Ok(Precondition::None);
            }
            let number = tag.strip_prefix('"').and_then(|it| it.strip_suffix('"')).unwrap_or(tag);
            let epoch = number.parse().map_err(|_| {
                let problem =
                    format!("`{tag}` is not an epoch: send the ETag of the workload, like `\"7\"`");
                ApiError::field("If-Match", &problem)
            })?;
            epochs.push(epoch);
        }
    }
    Ok(if epochs.is_empty() { Precondition::None } else { Precondition::Epochs(epochs) })
}

fn idempotency_key(headers: &HeaderMap) -> Result<Option<String>, ApiError> {
    let Some(value) = headers.get("idempotency-key") else { return Ok(None) };
    let key = value.to_str().unwrap_or_default();
    let well_formed =
        (1..=MAX_KEY).contains(&key.len()) && key.bytes().all(|b| b.is_ascii_graphic());
    if well_formed {
        return Ok(Some(key.to_owned()));
    }
    let problem = format!("use 1 to {MAX_KEY} visible ASCII characters, for example a UUID");
    Err(ApiError::field("Idempotency-Key", &problem))
}
