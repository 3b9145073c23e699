//! `GET /v1/events`: the status again whenever it changes.

use crate::api::App;
use crate::api::error::{ApiError, Kind};
use crate::api::events::{Follower, Look};
use crate::api::status::status;
use axum::body::{Body, Bytes};
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use futures_util::stream::{Stream, unfold};
use http::{HeaderMap, header};
use stagegate_api::Status;
use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;
use tokio::time::timeout;

/// A comment after so much silence, for proxies between that cut silent connections.
const HEARTBEAT: Duration = Duration::from_secs(15);
/// The comment.
const BEAT: Bytes = Bytes::from_static(b":\n\n");

/// An event of the stream.
#[derive(utoipa::ToSchema)]
#[expect(dead_code, reason = "describes what is written as text")]
pub(super) struct StatusEvent {
    /// `status`.
    event: String,
    /// Never used again, also not after a restart.
    id: String,
    /// A `Status`, as JSON.
    data: String,
}

/// The status as server-sent events: at once, then whenever it changes, at most once a second.
///
/// Each event has the name `status`, an id, and a `Status` as its data. A reader that comes back with
/// `Last-Event-ID` gets nothing until the status is another one. A slow reader misses states, never
/// the newest one; one that reads nothing for 30 s is cut. At most 512 watch at a time: further ones
/// are answered 503.
#[utoipa::path(get, path = "/v1/events", tag = "read",
    params(("last-event-id" = Option<String>, Header, description = "The id of the event that was seen last")),
    responses((status = 200, description = "Events without end; they end when the process does.",
        body = inline(StatusEvent), content_type = "text/event-stream")))]
pub(super) async fn events(
    State(app): State<App>,
    headers: HeaderMap,
) -> Result<Response, ApiError> {
    let seen = headers.get("last-event-id").and_then(|it| it.to_str().ok()).unwrap_or_default();
    let events = Arc::clone(&app.events);
    let follower = events.follow(move || look(&app)).ok_or_else(|| {
        let detail = "as many watch as may at a time: ask /v1/status instead";
        ApiError::new(Kind::Unavailable, detail)
    })?;
    let headers =
        [(header::CONTENT_TYPE, "text/event-stream"), (header::CACHE_CONTROL, "no-cache")];
    let body = Body::from_stream(shown(follower, seen.to_owned()));
    Ok((headers, body).into_response())
}

/// What one who watches reads: every event is the same bytes for all of them.
fn shown(follower: Follower, seen: String) -> impl Stream<Item = Result<Bytes, Infallible>> {
    unfold((follower, seen), |(mut follower, seen)| async move {
        let Ok(news) = timeout(HEARTBEAT, follower.next(&seen)).await else {
            return Some((Ok(BEAT), (follower, seen)));
        };
        let news = news?;
        Some((Ok(news.event.clone()), (follower, news.id.clone())))
    })
}

fn look(app: &App) -> Look {
    let status = status(app);
    let is_last = status.draining || app.control.is_handing_over();
    let at_ms = status.now_ms;
    let state = serde_json::to_string(&Status { now_ms: 0, ..status }).unwrap_or_default();
    Look { state, at_ms, is_last }
}
