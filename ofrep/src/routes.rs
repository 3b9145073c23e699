//! The routes of OFREP.

use crate::access::{Access, Denied};
use crate::in_force::{Current, Flags};
use crate::origin::Origin;
use crate::remote::Remote;
use crate::{answer, events, openapi};
use axum::Router;
use axum::body::{Body, to_bytes};
use axum::extract::{Path, Query, Request, State};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use http::header::{
    ACCESS_CONTROL_ALLOW_HEADERS, ACCESS_CONTROL_ALLOW_METHODS, ACCESS_CONTROL_ALLOW_ORIGIN,
    ACCESS_CONTROL_EXPOSE_HEADERS, ACCESS_CONTROL_MAX_AGE, CACHE_CONTROL, CONTENT_TYPE, ETAG,
    IF_NONE_MATCH, ORIGIN, RETRY_AFTER, VARY, WWW_AUTHENTICATE,
};
use http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode};
use serde_json::{Map, Value, json};
use stagegate_flags::{CONTEXT_BYTES, Context, Scratch};
use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Instant, SystemTime, UNIX_EPOCH};
use tokio::sync::Semaphore;

/// Largest body of a request: a context with its syntax and escapes.
pub(crate) const MOST_BYTES: usize = 4 * CONTEXT_BYTES;
/// Most event streams at a time.
const MOST_STREAMS: usize = 4096;
/// Messages of gRPC that are read at the same time.
const MOST_TURNS: usize = 256;
/// After so many seconds without a user, a client may close its event stream.
const INACTIVITY_SECONDS: u32 = 120;

/// What the routes share.
#[derive(Clone)]
pub(crate) struct App {
    pub(crate) flags: Arc<Flags>,
    pub(crate) access: Arc<Access>,
    pub(crate) streams: Arc<Semaphore>,
    pub(crate) turns: Arc<Semaphore>,
}

impl App {
    pub(crate) fn new(flags: Arc<Flags>, access: Access) -> Self {
        let streams = Arc::new(Semaphore::new(MOST_STREAMS));
        let turns = Arc::new(Semaphore::new(MOST_TURNS));
        Self { flags, access: Arc::new(access), streams, turns }
    }
}

pub(crate) fn router(app: App) -> Router {
    Router::new()
        .route("/ofrep/v1/evaluate/flags/{key}", post(single))
        .route("/ofrep/v1/evaluate/flags", post(bulk))
        .route("/ofrep/v1/events", get(stream))
        .route("/openapi.json", get(|| async { axum::Json(openapi::document()) }))
        .route("/livez", get(|| async { "ok\n" }))
        .layer(from_fn_with_state(app.clone(), cors))
        .with_state(app)
}

async fn single(State(app): State<App>, Path(key): Path<String>, request: Request) -> Response {
    let current = app.flags.current();
    match app.access.client(&current.settings, request.headers(), Instant::now()) {
        Ok(_) => one(&app.flags, &key, request).await,
        Err(denied) => refuse(&denied),
    }
}

async fn bulk(State(app): State<App>, request: Request) -> Response {
    let current = app.flags.current();
    let client = app.access.client(&current.settings, request.headers(), Instant::now());
    let client = match client {
        Ok(client) => client,
        Err(denied) => return refuse(&denied),
    };
    every(&app.flags, request, || {
        let ticket = app.access.ticket(&client, unix());
        Some(json!([{
            "type": "sse",
            "endpoint": { "requestUri": format!("/ofrep/v1/events?ticket={ticket}") },
            "inactivityDelaySec": INACTIVITY_SECONDS,
        }]))
    })
    .await
}

/// Evaluates one flag for whoever may ask.
pub(crate) async fn one(flags: &Flags, key: &str, request: Request) -> Response {
    let origin = Origin::of(request.headers());
    let object = match context(request, Some(key)).await {
        Ok(context) => context,
        Err(response) => return *response,
    };
    // The body may have taken its time: a change in between holds for this answer too.
    let current = flags.current();
    let mut scratch = Scratch::new();
    match scratch.of_json(&object) {
        Err(error) => invalid(Some(key), &error.to_string()),
        Ok(context) => {
            let context = context.excluding(flags.excludes(&context));
            let evaluation = current.set.evaluate(key, &context, unix());
            flags.counted(key, &evaluation);
            let evaluated = || vec![Remote::of(key, &evaluation)];
            flags.joined(origin.or(&object), &context, evaluated);
            let (status, answer) = answer::one(key, &evaluation);
            (status, axum::Json(answer)).into_response()
        }
    }
}

/// Evaluates all flags for whoever may ask. `streams` says where changes are told.
pub(crate) async fn every(
    flags: &Flags,
    request: Request,
    streams: impl FnOnce() -> Option<Value>,
) -> Response {
    let known = request.headers().get(IF_NONE_MATCH).and_then(|tag| tag.to_str().ok());
    let known = known.map(ToOwned::to_owned);
    let origin = Origin::of(request.headers());
    let object = match context(request, None).await {
        Ok(context) => context,
        Err(response) => return *response,
    };
    let current = flags.current();
    let mut scratch = Scratch::new();
    let evaluated = match scratch.of_json(&object) {
        Err(error) => return invalid(None, &error.to_string()),
        Ok(context) => all(flags, &current, &context, origin.or(&object)),
    };
    let tag = answer::tag(&current.tag, &object, &evaluated);
    let headers = [(ETAG, tag.clone()), (CACHE_CONTROL, "no-cache".to_owned())];
    if known.is_some_and(|known| answer::matches(&known, &tag)) {
        return (StatusCode::NOT_MODIFIED, headers).into_response();
    }
    let mut metadata = current.set.metadata().clone();
    metadata.insert("flagConfigEtag".into(), current.tag.clone().into());
    metadata.entry("bucketing").or_insert(current.settings.bucketing.label().into());
    let mut answer = json!({ "flags": evaluated, "metadata": metadata });
    if let Some(streams) = streams() {
        answer["eventStreams"] = streams;
    }
    (headers, axum::Json(answer)).into_response()
}

/// All flags, each in its form of OFREP.
fn all(flags: &Flags, current: &Current, context: &Context<'_>, origin: Origin) -> Vec<Value> {
    let context = &context.excluding(flags.excludes(context));
    let mut remote = Vec::new();
    let evaluated = current.set.evaluate_all(context, unix()).map(|(flag, evaluation)| {
        flags.counted(flag.key(), &evaluation);
        if !origin.is_nobody() {
            remote.push(Remote::of(flag.key(), &evaluation));
        }
        answer::one(flag.key(), &evaluation).1
    });
    let evaluated = evaluated.collect();
    flags.joined(origin, context, || remote);
    evaluated
}

async fn stream(
    State(app): State<App>,
    Query(query): Query<HashMap<String, String>>,
    headers: HeaderMap,
) -> Response {
    let current = app.flags.current();
    let ticket = query.get("ticket").map(String::as_str);
    let now = (Instant::now(), unix());
    if let Err(denied) = app.access.listener(&current.settings, &headers, ticket, now) {
        return refuse(&denied);
    }
    let Ok(slot) = Arc::clone(&app.streams).try_acquire_owned() else {
        let details = json!({ "errorDetails": "too many event streams are open" });
        return (StatusCode::SERVICE_UNAVAILABLE, [(RETRY_AFTER, "30")], axum::Json(details))
            .into_response();
    };
    let headers = [(CONTENT_TYPE, "text/event-stream"), (CACHE_CONTROL, "no-cache, no-transform")];
    (headers, events::body(&app.flags, slot)).into_response()
}

/// The context of a request.
async fn context(request: Request, key: Option<&str>) -> Result<Map<String, Value>, Box<Response>> {
    let body = to_bytes(request.into_body(), MOST_BYTES).await;
    let body = body.map_err(|_| {
        let details = format!("the body cannot be read, or has more than {MOST_BYTES} bytes");
        Box::new(invalid(key, &details))
    })?;
    let parsed: Result<Value, _> = serde_json::from_slice(&body);
    let mut value = parsed.map_err(|error| {
        let refused = answer::refused(key, "PARSE_ERROR", &format!("the body is no JSON: {error}"));
        Box::new((StatusCode::BAD_REQUEST, axum::Json(refused)).into_response())
    })?;
    match value.get_mut("context").map(Value::take) {
        Some(Value::Object(context)) => Ok(context),
        None if value.is_object() => Ok(Map::new()),
        _ => Err(Box::new(invalid(key, "`context` is no object"))),
    }
}

fn invalid(key: Option<&str>, details: &str) -> Response {
    let refused = answer::refused(key, "INVALID_CONTEXT", details);
    (StatusCode::BAD_REQUEST, axum::Json(refused)).into_response()
}

fn refuse(denied: &Denied) -> Response {
    let status = match denied {
        Denied::NoKey | Denied::UnknownKey | Denied::Ticket => StatusCode::UNAUTHORIZED,
        Denied::ForeignHost | Denied::Origin => StatusCode::FORBIDDEN,
        Denied::TooOften(_) => StatusCode::TOO_MANY_REQUESTS,
    };
    let body = axum::Json(json!({ "errorDetails": denied.to_string() }));
    let mut response = (status, body).into_response();
    let headers = response.headers_mut();
    if let Denied::TooOften(wait) = denied {
        headers.insert(RETRY_AFTER, HeaderValue::from(wait.as_secs() + 1));
    }
    if status == StatusCode::UNAUTHORIZED {
        headers.insert(WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
    }
    response
}

/// Answers preflight requests, and names the origin in every answer to a page that is on the list.
async fn cors(State(app): State<App>, request: Request, next: Next) -> Response {
    let listed = |origin: &&HeaderValue| {
        let settings = &app.flags.current().settings;
        origin.to_str().is_ok_and(|origin| settings.origins.iter().any(|own| own == origin))
    };
    let origin = request.headers().get(ORIGIN).filter(listed).cloned();
    let preflight = request.method() == Method::OPTIONS;
    let mut response = if preflight {
        let status = if origin.is_some() { StatusCode::NO_CONTENT } else { StatusCode::FORBIDDEN };
        (status, Body::empty()).into_response()
    } else {
        next.run(request).await
    };
    let headers = response.headers_mut();
    headers.append(VARY, HeaderValue::from_static("Origin"));
    let Some(origin) = origin else { return response };
    headers.insert(ACCESS_CONTROL_ALLOW_ORIGIN, origin);
    let mut allow = |name: HeaderName, value| headers.insert(name, HeaderValue::from_static(value));
    allow(ACCESS_CONTROL_EXPOSE_HEADERS, "ETag, Retry-After");
    if preflight {
        allow(ACCESS_CONTROL_ALLOW_METHODS, "POST, GET");
        allow(
            ACCESS_CONTROL_ALLOW_HEADERS,
            "authorization, baggage, content-type, if-none-match, stagegate-request-proof, traceparent, tracestate, x-api-key, x-request-id",
        );
        allow(ACCESS_CONTROL_MAX_AGE, "600");
    }
    response
}

/// The time in Unix seconds.
pub(crate) fn unix() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs())
}
