//! The layer that asks who is there, before any handler sees the request.
//!
//! It lies on the routes themselves: the role that a request needs is that of the route that it
//! matched, never a reading of its path. See [`crate::auth`] for who is let in.

use super::App;
use super::error::{ApiError, Kind};
use super::slots::Seat;
use super::tls::Secure;
use crate::auth::{self, Asked, Caller, Denied};
use crate::people;
use axum::RequestExt as _;
use axum::extract::{ConnectInfo, RawPathParams, Request, State};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use http::{HeaderName, Method, header};
use serde_json::json;
use stagegate_config::Role;
use stagegate_sealed::password;
use std::net::SocketAddr;

/// The caller came by the Unix socket, which only programs of the same user can open.
#[derive(Clone, Copy, Debug)]
pub(super) struct SameUser;

/// Longest part of a path that a record or a log line has.
const SHOWN: usize = 200;

/// A guard of routes that need the same role.
#[derive(Clone)]
pub(super) struct Guard {
    pub(super) app: App,
    pub(super) needed: Role,
    /// Whether a token may also be the password of the address.
    pub(super) is_hook: bool,
}

/// Lets the request through with its [`Caller`], or refuses, logs and records it.
pub(super) async fn guard(
    State(Guard { app, needed, is_hook }): State<Guard>,
    mut request: Request,
    next: Next,
) -> Response {
    let caller = match identify(&app, &request, is_hook) {
        Ok(caller) => caller,
        Err(denied) => return refuse(&app, &request, None, denied),
    };
    if let Some(seat) = request.extensions().get::<Seat>() {
        seat.is_known_from_now_on();
    }
    let workload = workload(&mut request).await;
    if let Err(denied) = auth::authorize(&caller, needed, workload.as_deref()) {
        return refuse(&app, &request, Some(&caller.actor), denied);
    }
    request.extensions_mut().insert(caller);
    next.run(request).await
}

/// The actor of a request without a valid token.
const UNKNOWN: &str = "unknown";

fn identify(app: &App, request: &Request, is_hook: bool) -> Result<Caller, Denied> {
    let view = app.control.view();
    let headers = request.headers();
    if view.config.admin.is_open() {
        if request.extensions().get::<SameUser>().is_some() {
            return Ok(Caller::local());
        }
        return auth::local(&asked(request));
    }
    let authorization = headers.get(header::AUTHORIZATION).map(http::HeaderValue::as_bytes);
    if let Some(key) = authorization.and_then(people::session_key) {
        return app.people.sessions.caller(key, &view.config.admin);
    }
    let tokens = &view.config.admin.tokens;
    match authorization.filter(|_| is_hook).and_then(password) {
        Some(token) => auth::authenticate_key(tokens, &token),
        None => auth::authenticate(tokens, authorization),
    }
}

/// The workload that the path of a request names.
async fn workload(request: &mut Request) -> Option<String> {
    let params = request.extract_parts::<RawPathParams>().await.ok()?;
    params.iter().find(|(name, _)| *name == "workload").map(|(_, value)| value.to_owned())
}

/// The parts of a request that tell a page of another site from a person's own programs.
fn asked(request: &Request) -> Asked<'_> {
    let headers = request.headers();
    let text = |name: HeaderName| headers.get(name).map(|it| it.to_str().unwrap_or("?"));
    let authority = || request.uri().authority().map(http::uri::Authority::as_str);
    let fetch_site = headers.get("sec-fetch-site").map(|it| it.to_str().unwrap_or("?"));
    let agent = text(header::USER_AGENT).unwrap_or_default();
    let is_json = text(header::CONTENT_TYPE)
        .is_some_and(|it| it.to_ascii_lowercase().starts_with("application/json"));
    // A page of another site cannot send these without asking first.
    let own = ["idempotency-key", "if-match", "x-stagegate"];
    Asked {
        is_secure: request.extensions().get::<Secure>().is_some(),
        host: text(header::HOST).or_else(authority),
        origin: text(header::ORIGIN),
        fetch_site,
        is_change: !matches!(*request.method(), Method::GET | Method::HEAD),
        by_a_browser: fetch_site.is_some()
            || agent.starts_with("Mozilla/")
            || headers.contains_key(header::ORIGIN)
            || headers.contains_key(header::REFERER),
        asked_first: is_json || own.iter().any(|name| headers.contains_key(*name)),
    }
}

fn refuse(app: &App, request: &Request, actor: Option<&str>, denied: Denied) -> Response {
    let why = denied.to_string();
    let (parts, method) = (request.extensions(), request.method());
    note_refusal(app, parts, (method, request.uri().path()), actor, &why);
    let kind = if denied.is_unauthenticated() { Kind::Unauthenticated } else { Kind::Forbidden };
    ApiError::new(kind, why).into_response()
}

/// Logs and records that somebody was refused, if that is not too often.
pub(super) fn note_refusal(
    app: &App,
    extensions: &http::Extensions,
    (method, path): (&Method, &str),
    actor: Option<&str>,
    why: &str,
) {
    let peer = extensions.get::<ConnectInfo<SocketAddr>>().map(|it| it.0);
    let shown = peer.map_or_else(|| "unknown".to_owned(), |it| it.to_string());
    // A prefix is enough to see what was tried; the rest could be anything of any length.
    let path: String = path.chars().take(SHOWN).collect();
    if app.refusals.admits(peer.map(|it| it.ip())) {
        let actor = actor.unwrap_or(UNKNOWN);
        tracing::warn!(peer = shown, actor, %method, path, why, "admin request refused");
    }
    let details = json!({ "peer": shown, "method": method.as_str(), "path": path });
    app.control.note_denied(actor, why, details);
}
