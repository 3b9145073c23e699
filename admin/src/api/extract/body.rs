//! JSON bodies. Every refusal names the field and gives the correction.

use crate::api::error::{ApiError, Kind};
use crate::api::limits::MAX_BODY;
use axum::body::Bytes;
use axum::extract::{FromRequest, Request};
use http::{HeaderMap, StatusCode, header};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

/// Integers up to here are exact as floating point numbers (IEEE 754).
const MAX_EXACT: f64 = 9_007_199_254_740_992.0;

/// A JSON body. An empty one is read as `{}`, so that bodies without required fields may be left
/// out.
pub(in crate::api) struct Body<T>(pub(in crate::api) T);

impl<T: DeserializeOwned + Serialize, S: Send + Sync> FromRequest<S> for Body<T> {
    type Rejection = ApiError;

    async fn from_request(request: Request, state: &S) -> Result<Self, ApiError> {
        let is_json = is_json(request.headers());
        let bytes = read(request, state).await?;
        parse(&bytes, is_json).map(Self)
    }
}

pub(super) async fn read<S: Send + Sync>(request: Request, state: &S) -> Result<Bytes, ApiError> {
    Bytes::from_request(request, state).await.map_err(|rejection| {
        let kind = match rejection.status() {
            StatusCode::PAYLOAD_TOO_LARGE => Kind::TooLarge,
            _ => Kind::BadRequest,
        };
        match kind {
            Kind::TooLarge => {
                ApiError::new(kind, format!("a body may have at most {MAX_BODY} bytes"))
            }
            _ => {
                ApiError::new(kind, format!("the body was not received: {}", rejection.body_text()))
            }
        }
    })
}

pub(super) fn is_json(headers: &HeaderMap) -> bool {
    let given = headers.get(header::CONTENT_TYPE).and_then(|it| it.to_str().ok());
    let essence = given.map(|it| it.split(';').next().unwrap_or_default().trim());
    essence.is_some_and(|it| it.eq_ignore_ascii_case("application/json"))
}

pub(super) fn parse<T: DeserializeOwned + Serialize>(
    bytes: &[u8],
    is_json: bool,
) -> Result<T, ApiError> {
    // A body that may be left out may be `null` too.
    let left_out = bytes.is_empty() || (is_json && bytes.trim_ascii() == b"null");
    let bytes = if left_out { b"{}" } else { bytes };
    if !is_json && bytes != b"{}" {
        return Err(ApiError::new(
            Kind::NotJson,
            "send the header `Content-Type: application/json`",
        ));
    }
    let parsed = serde_json::from_slice(bytes).or_else(|error| {
        // `7.0` is an integer too (JSON Schema 2020-12, 6.1.1).
        let whole = serde_json::from_slice(bytes).ok().and_then(with_whole_numbers);
        whole.and_then(|it| serde_json::from_value(it).ok()).ok_or(error)
    });
    let parsed = parsed.map_err(|error: serde_json::Error| {
        let text = error.to_string();
        match named_field(&text) {
            Some(field) => ApiError::field(field, &&text),
            None => {
                ApiError::new(Kind::BadRequest, format!("the body is not as it should be: {text}"))
            }
        }
    })?;
    has_objects(bytes, &parsed)?;
    Ok(parsed)
}

/// Refuses arrays where the document has objects: serde reads an array as the members of a struct in
/// their order.
fn has_objects<T: Serialize>(bytes: &[u8], parsed: &T) -> Result<(), ApiError> {
    fn first_array(sent: &Value, read: &Value, at: &str) -> Option<String> {
        match (sent, read) {
            (Value::Array(_), Value::Object(_)) => Some(at.to_owned()),
            (Value::Array(sent), Value::Array(read)) => {
                let each = sent.iter().zip(read).enumerate();
                each.into_iter()
                    .find_map(|(n, (it, read))| first_array(it, read, &format!("{at}[{n}]")))
            }
            (Value::Object(sent), Value::Object(read)) => {
                let both = sent.iter().filter_map(|(key, it)| Some((key, it, read.get(key)?)));
                let path =
                    |key: &str| if at.is_empty() { key.to_owned() } else { format!("{at}.{key}") };
                both.into_iter().find_map(|(key, it, read)| first_array(it, read, &path(key)))
            }
            _ => None,
        }
    }
    if !bytes.contains(&b'[') {
        return Ok(());
    }
    let (Ok(sent), Ok(read)) = (serde_json::from_slice(bytes), serde_json::to_value(parsed)) else {
        return Ok(());
    };
    match first_array(&sent, &read, "") {
        None => Ok(()),
        Some(at) if at.is_empty() => {
            Err(ApiError::new(Kind::BadRequest, "the body is an array: send an object"))
        }
        Some(at) => Err(ApiError::field(&at, &"it is an array: send an object")),
    }
}

/// The value with its floating point numbers that are integers as integers; none if it has none.
fn with_whole_numbers(mut value: Value) -> Option<Value> {
    fn change(value: &mut Value) -> bool {
        match value {
            Value::Number(number) => {
                let whole = number.as_f64().filter(|it| number.is_f64() && it.fract() == 0.0);
                let whole = whole.filter(|it| it.abs() <= MAX_EXACT).map(|it| it as i64);
                whole.is_some_and(|whole| {
                    *value = whole.into();
                    true
                })
            }
            Value::Array(items) => items.iter_mut().fold(false, |any, it| change(it) | any),
            Value::Object(members) => members.values_mut().fold(false, |any, it| change(it) | any),
            _ => false,
        }
    }
    change(&mut value).then_some(value)
}

/// The field a serde message is about, where it names one.
fn named_field(message: &str) -> Option<&str> {
    let rest = ["missing field `", "unknown field `", "duplicate field `"]
        .iter()
        .find_map(|start| message.strip_prefix(start))?;
    rest.split('`').next()
}
