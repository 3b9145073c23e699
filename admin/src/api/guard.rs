//! The layer that asks who is there, before any handler sees the request.
//!
//! Which role a request needs is decided here and nowhere else; see [`crate::auth`] for why.

use super::App;
use super::error::{ApiError, Kind};
use crate::auth::{self, Caller, Denied};
use axum::extract::{ConnectInfo, Request, State};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use http::{Method, header};
use serde_json::json;
use stagegate_config::Role;
use std::net::SocketAddr;

/// Lets the request through with its [`Caller`], or refuses, logs and records it.
pub(super) async fn guard(State(app): State<App>, mut request: Request, next: Next) -> Response {
    let needed = needed_role(request.method(), request.uri().path());
    let caller = match identify(&app, &request) {
        Ok(caller) => caller,
        Err(denied) => return refuse(&app, &request, UNKNOWN, denied),
    };
    if let Err(denied) = auth::authorize(&caller, needed) {
        return refuse(&app, &request, &caller.actor, denied);
    }
    request.extensions_mut().insert(caller);
    next.run(request).await
}

/// The actor of a request that nobody's token came with.
const UNKNOWN: &str = "unknown";

/// Reading needs `viewer`, everything else `operator`. Explaining and replaying are reading, although
/// they come with a body.
fn needed_role(method: &Method, path: &str) -> Role {
    let reads = matches!(*method, Method::GET | Method::HEAD | Method::OPTIONS);
    if reads || path == "/v1/explain" || path.ends_with("/gates/replay") {
        Role::Viewer
    } else {
        Role::Operator
    }
}

fn identify(app: &App, request: &Request) -> Result<Caller, Denied> {
    let view = app.control.view();
    let headers = request.headers();
    if view.config.admin.tokens.is_empty() {
        let text = |name| headers.get(name).map(|it| it.to_str().unwrap_or("?"));
        let host = text(header::HOST)
            .or_else(|| request.uri().authority().map(http::uri::Authority::as_str));
        return auth::local(host, text(header::ORIGIN));
    }
    let authorization = headers.get(header::AUTHORIZATION).map(http::HeaderValue::as_bytes);
    auth::authenticate(&view.config.admin.tokens, authorization)
}

fn refuse(app: &App, request: &Request, actor: &str, denied: Denied) -> Response {
    let peer = request.extensions().get::<ConnectInfo<SocketAddr>>();
    let peer = peer.map_or_else(|| "unknown".to_owned(), |it| it.0.to_string());
    let (method, path) = (request.method(), request.uri().path());
    tracing::warn!(peer, actor, %method, path, why = %denied, "admin request refused");
    // A prefix is enough to see what was tried; the rest could be anything of any length.
    let path: String = path.chars().take(200).collect();
    let details = json!({ "peer": peer, "method": method.as_str(), "path": path });
    app.control.note_denied(actor, &denied.to_string(), details);
    let kind = if denied.is_unauthenticated() { Kind::Unauthenticated } else { Kind::Forbidden };
    ApiError::new(kind, denied.to_string()).into_response()
}
