//! Extractors of the handlers: JSON bodies, query parameters, and the headers of a change. Every
//! refusal names the field and gives the correction.

use super::error::{ApiError, Kind};
use crate::auth::{self, Caller};
use crate::describe;
use axum::body::Bytes;
use axum::extract::{FromRequest, FromRequestParts, Path, Query, Request};
use http::request::Parts;
use http::{HeaderMap, StatusCode, header};
use serde::de::{DeserializeOwned, Error as _};
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use stagegate_config::Role;
use stagegate_control::{
    AdmitOrder, DrillOrder, EvalComparison, EvalReportOrder, Exercise, ExerciseOrder, FlagOrder,
    HandoffOrder, IdempotencyKey, Order, Precondition, ReleaseChange, ReleaseOrder, Said,
    StatementOrder, TaskOrder,
};
use stagegate_flags::FlagChange;
use stagegate_readiness::{HandoffEvent, SignedPassport, TaskEvent};
use stagegate_rollout::{Command, ReleaseName};

/// Longest reason, in characters.
const MAX_REASON: usize = 500;
/// Longest idempotency key, in bytes.
const MAX_KEY: usize = 128;
/// Integers up to here are exact as floating point numbers (IEEE 754).
const MAX_EXACT: f64 = 9_007_199_254_740_992.0;

/// A JSON body. An empty one is read as `{}`, so that bodies without required fields may be left
/// out.
pub(super) struct Body<T>(pub(super) T);

impl<T: DeserializeOwned + Serialize, S: Send + Sync> FromRequest<S> for Body<T> {
    type Rejection = ApiError;

    async fn from_request(request: Request, state: &S) -> Result<Self, ApiError> {
        let is_json = is_json(request.headers());
        let bytes = read(request, state).await?;
        parse(&bytes, is_json).map(Self)
    }
}

async fn read<S: Send + Sync>(request: Request, state: &S) -> Result<Bytes, ApiError> {
    Bytes::from_request(request, state).await.map_err(|rejection| {
        let kind = match rejection.status() {
            StatusCode::PAYLOAD_TOO_LARGE => Kind::TooLarge,
            _ => Kind::BadRequest,
        };
        let limit = super::limits::MAX_BODY;
        match kind {
            Kind::TooLarge => ApiError::new(kind, format!("a body may have at most {limit} bytes")),
            _ => {
                ApiError::new(kind, format!("the body was not received: {}", rejection.body_text()))
            }
        }
    })
}

fn is_json(headers: &HeaderMap) -> bool {
    let given = headers.get(header::CONTENT_TYPE).and_then(|it| it.to_str().ok());
    let essence = given.map(|it| it.split(';').next().unwrap_or_default().trim());
    essence.is_some_and(|it| it.eq_ignore_ascii_case("application/json"))
}

fn parse<T: DeserializeOwned + Serialize>(bytes: &[u8], is_json: bool) -> Result<T, ApiError> {
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

/// A number of a query that is stored as a signed one.
///
/// # Errors
/// When it is none, or larger than 2^63 - 1.
pub(super) fn stored<'de, D: Deserializer<'de>>(from: D) -> Result<Option<u64>, D::Error> {
    let number: Option<u64> = Option::deserialize(from)?;
    match number {
        Some(number) if number > i64::MAX as u64 => {
            Err(D::Error::custom(format!("{number} is larger than {}", i64::MAX)))
        }
        number => Ok(number),
    }
}

/// The field a serde message is about, where it names one.
fn named_field(message: &str) -> Option<&str> {
    let rest = ["missing field `", "unknown field `", "duplicate field `"]
        .iter()
        .find_map(|start| message.strip_prefix(start))?;
    rest.split('`').next()
}

/// Query parameters.
pub(super) struct Params<T>(pub(super) T);

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
pub(super) struct Segments<T>(pub(super) T);

impl<T: DeserializeOwned + Send, S: Send + Sync> FromRequestParts<S> for Segments<T> {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, ApiError> {
        match Path::<T>::from_request_parts(parts, state).await {
            Ok(Path(segments)) => Ok(Self(segments)),
            Err(rejection) => Err(ApiError::new(Kind::BadRequest, rejection.body_text())),
        }
    }
}

/// A change as it was asked for: who, under which conditions, and with what body.
pub(super) struct Change<T> {
    caller: Caller,
    precondition: Precondition,
    key: Option<SentKey>,
    /// The request's body.
    pub(super) body: T,
}

/// An `Idempotency-Key` and the digest of the request that carried it.
struct SentKey {
    key: String,
    fingerprint: String,
}

impl SentKey {
    /// The key of a request whose answer is kept as `write` writes it.
    fn keeping<T>(self, write: fn(&T) -> Value) -> IdempotencyKey<T> {
        IdempotencyKey { key: self.key, fingerprint: self.fingerprint, write }
    }
}

impl<T> Change<T> {
    /// Refuses callers below `role` for this workload.
    pub(super) fn requires(&self, role: Role, workload: &str) -> Result<(), ApiError> {
        auth::authorize(&self.caller, role, Some(workload))
            .map_err(|denied| ApiError::new(Kind::Forbidden, denied.to_string()))
    }

    /// The order to carry out.
    pub(super) fn order(self, workload: String, command: Command, reason: String) -> Order {
        Order {
            actor: self.caller.actor,
            workload,
            command,
            reason,
            precondition: self.precondition,
            idempotency: self.key.map(|key| key.keeping(|it| json!(describe::changed(it)))),
            overriding: false,
            ticket: None,
        }
    }

    /// A change of a release that has to be made before the change itself. It has the same condition and
    /// no key: made twice, it is the same.
    pub(super) fn release_before(
        &self,
        workload: &str,
        change: ReleaseChange,
        reason: &str,
    ) -> ReleaseOrder {
        ReleaseOrder {
            actor: self.caller.actor.clone(),
            workload: workload.to_owned(),
            change,
            reason: reason.to_owned(),
            precondition: self.precondition.clone(),
            idempotency: None,
        }
    }

    /// The same after a change that the condition held for and that led to this epoch.
    pub(super) fn after(mut self, epoch: u64) -> Self {
        if self.precondition != Precondition::None {
            self.precondition = Precondition::Epochs(vec![epoch]);
        }
        self
    }

    /// The drill to hold.
    pub(super) fn drill(self, workload: String, reason: String) -> DrillOrder {
        DrillOrder {
            actor: self.caller.actor,
            workload,
            reason,
            precondition: self.precondition,
            idempotency: self.key.map(|key| key.keeping(|it| json!(describe::drill(it)))),
        }
    }

    /// The name of the caller.
    pub(super) fn actor(&self) -> &str {
        &self.caller.actor
    }

    /// The exercise to hold.
    pub(super) fn exercise(
        self,
        workload: String,
        exercise: Exercise,
        reason: String,
    ) -> ExerciseOrder {
        ExerciseOrder {
            actor: self.caller.actor,
            workload,
            exercise,
            reason,
            precondition: self.precondition,
            idempotency: self.key.map(|key| key.keeping(|it| json!(describe::exercise(it)))),
        }
    }

    /// The passport to admit.
    pub(super) fn admit(
        self,
        workload: String,
        release: ReleaseName,
        signed: SignedPassport,
        reason: String,
    ) -> AdmitOrder {
        AdmitOrder {
            actor: self.caller.actor,
            workload,
            release,
            signed,
            reason,
            idempotency: self
                .key
                .map(|key| key.keeping(|it| json!(describe::admitted_passport(it)))),
        }
    }

    /// What is done about a hand-off.
    pub(super) fn handoff(self, workload: String, event: HandoffEvent) -> HandoffOrder {
        HandoffOrder {
            actor: self.caller.actor,
            workload,
            event,
            idempotency: self.key.map(|key| key.keeping(|it| json!(describe::handoff_made(it)))),
        }
    }

    /// What is done about a task.
    pub(super) fn task(self, workload: String, task: String, event: TaskEvent) -> TaskOrder {
        TaskOrder {
            actor: self.caller.actor,
            workload,
            task,
            event,
            idempotency: self.key.map(|key| key.keeping(|it| json!(describe::task_made(it)))),
        }
    }

    /// The statement to record.
    pub(super) fn statement(
        self,
        workload: String,
        release: Option<ReleaseName>,
        check: String,
        said: Said,
    ) -> StatementOrder {
        StatementOrder {
            actor: self.caller.actor,
            workload,
            release,
            check,
            said,
            precondition: self.precondition,
            idempotency: self.key.map(|key| key.keeping(|it| json!(describe::statement_made(it)))),
        }
    }

    /// The comparison to attach.
    pub(super) fn eval_report(
        self,
        workload: String,
        release: ReleaseName,
        comparison: EvalComparison,
        reason: String,
    ) -> EvalReportOrder {
        EvalReportOrder {
            actor: self.caller.actor,
            workload,
            release,
            comparison,
            reason,
            precondition: self.precondition,
            idempotency: self.key.map(|key| key.keeping(|it| json!(describe::eval_report(it)))),
        }
    }
}

impl<T> Change<T> {
    /// The change of a release to carry out.
    pub(super) fn release_order(
        self,
        workload: String,
        change: ReleaseChange,
        reason: String,
    ) -> ReleaseOrder {
        ReleaseOrder {
            actor: self.caller.actor,
            workload,
            change,
            reason,
            precondition: self.precondition,
            idempotency: self.key.map(|key| key.keeping(|it| json!(describe::changed(it)))),
        }
    }
}

impl<T> Change<T> {
    /// The change of a flag to carry out.
    pub(super) fn flag_order(
        self,
        key: String,
        change: FlagChange,
        reason: String,
        dry_run: bool,
    ) -> FlagOrder {
        FlagOrder {
            actor: self.caller.actor,
            key,
            change,
            reason,
            precondition: self.precondition,
            idempotency: self.key.map(|key| key.keeping(|it| json!(describe::flag_changed(it)))),
            dry_run,
        }
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
pub(super) fn caller(extensions: &http::Extensions) -> Result<Caller, ApiError> {
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

/// A reason that must be given.
pub(super) fn required_reason(text: &str) -> Result<String, ApiError> {
    let reason = optional_reason(Some(text))?;
    if reason.is_empty() {
        let problem = format!("say why, in 1 to {MAX_REASON} characters");
        return Err(ApiError::field("reason", &problem));
    }
    Ok(reason)
}

/// A reason that may be left out; then it is empty. What is checked is what was sent, as the document says it.
pub(super) fn optional_reason(text: Option<&str>) -> Result<String, ApiError> {
    let sent = text.unwrap_or_default();
    let length = sent.chars().count();
    if length > MAX_REASON {
        let problem = format!("it has {length} characters; at most {MAX_REASON} are kept");
        return Err(ApiError::field("reason", &problem));
    }
    // A terminal that lists the audit would obey an escape sequence.
    if sent.chars().any(|it| it.is_control() && !matches!(it, '\n' | '\t')) {
        return Err(ApiError::field("reason", &"control characters are not allowed in it"));
    }
    Ok(sent.trim().to_owned())
}
