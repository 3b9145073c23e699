//! `GET /v1/events`: the status again whenever it changes.

use crate::api::App;
use crate::api::events::Look;
use crate::api::status::status;
use axum::extract::State;
use axum::response::sse::{Event, KeepAlive, Sse};
use futures_util::stream::{Stream, unfold};
use http::HeaderMap;
use stagegate_api::Status;
use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

/// A comment after so much silence, for proxies between that cut silent connections.
const HEARTBEAT: Duration = Duration::from_secs(15);

/// The status as server-sent events: at once, then whenever it changes, at most once a second.
///
/// Each event has the name `status`, an id, and a `Status` as its data. A reader that comes back with
/// `Last-Event-ID` gets nothing until the status is another one. A slow reader misses states, never
/// the newest one.
#[utoipa::path(get, path = "/v1/events", tag = "read",
    params(("last-event-id" = Option<String>, Header, description = "The id of the event that was seen last")),
    responses((status = 200, description = "Events without end; they end when the process does.",
        body = Status, content_type = "text/event-stream")))]
pub(super) async fn events(
    State(app): State<App>,
    headers: HeaderMap,
) -> Sse<impl Stream<Item = Result<Event, Infallible>>> {
    let seen = headers.get("last-event-id").and_then(|it| it.to_str().ok()).unwrap_or_default();
    let events = Arc::clone(&app.events);
    let follower = events.follow(move || look(&app));
    let stream = unfold((follower, seen.to_owned()), |(mut follower, seen)| async move {
        let news = follower.next(&seen).await?;
        let event = Event::default().event("status").id(&news.id).data(&news.text);
        Some((Ok(event), (follower, news.id.clone())))
    });
    Sse::new(stream).keep_alive(KeepAlive::new().interval(HEARTBEAT))
}

fn look(app: &App) -> Look {
    let mut status = status(app);
    let text = serde_json::to_string(&status).unwrap_or_default();
    let is_last = status.draining || app.control.is_handing_over();
    status.now_ms = 0;
    Look { state: serde_json::to_string(&status).unwrap_or_default(), text, is_last }
}
