//! Streams that tell of changes, and the definitions for providers that evaluate themselves.

use super::failure::Failure;
use super::message::{Event, Struct, SyncMetadata, Synced};
use crate::in_force::{Current, Flags};
use crate::routes::App;
use bytes::Bytes;
use futures_util::{Stream, stream};
use http::Response;
use http_body_util::StreamBody;
use hyper::body::Frame;
use prost::Message as _;
use serde_json::{Map, Value, json};
use stagegate_flags::{Difference, FlagSet};
use stagegate_listener::{Code, GrpcBody, answer, framed, status, streamed};
use std::convert::Infallible;
use std::sync::Arc;
use tokio::sync::{OwnedSemaphorePermit, watch};

/// The definitions in force, framed. They are made once for each set.
fn definitions(current: &Current) -> Bytes {
    current.synced.get_or_init(|| framed(&message(&current.set).encode_to_vec())).clone()
}

fn message(set: &FlagSet) -> Synced {
    let flag_configuration = set.document().to_string();
    Synced { flag_configuration, sync_context: Some(Struct::default()) }
}

/// The definitions in force, once.
pub(super) fn fetched(current: &Current) -> Response<GrpcBody> {
    let synced = Synced { sync_context: None, ..message(&current.set) };
    answer(&synced.encode_to_vec())
}

/// Nothing is added to the contexts of a provider that evaluates itself.
pub(super) fn metadata() -> Response<GrpcBody> {
    answer(&SyncMetadata { metadata: Some(Struct::default()) }.encode_to_vec())
}

/// The definitions in force, and those of each later set.
pub(super) fn sync(app: &App) -> Result<Response<GrpcBody>, Failure> {
    opened(app, |before, current| match before {
        Some(before) if before.tag == current.tag => None,
        _ => Some(definitions(current)),
    })
}

/// That the stream is there, and the flags that each change changes.
pub(super) fn events(app: &App) -> Result<Response<GrpcBody>, Failure> {
    opened(app, |before, current| {
        let Some(before) = before else {
            let ready = Event { kind: "provider_ready".to_owned(), data: None };
            return Some(framed(&ready.encode_to_vec()));
        };
        let changed = before.set.differences(&current.set);
        if changed.is_empty() {
            return None;
        }
        let flags = changed.into_iter().map(|(key, how)| {
            let how = match how {
                Difference::Added => "write",
                Difference::Removed => "delete",
                Difference::Changed => "update",
            };
            (key.clone(), json!({ "type": how, "flagKey": key, "source": "stagegate" }))
        });
        let flags: Map<String, Value> = flags.collect();
        let data: Map<String, Value> =
            [("flags".to_owned(), Value::Object(flags))].into_iter().collect();
        let data = Some(Struct::of(&data));
        let event = Event { kind: "configuration_change".to_owned(), data };
        Some(framed(&event.encode_to_vec()))
    })
}

/// One open stream.
struct Open<T> {
    flags: Arc<Flags>,
    tags: watch::Receiver<String>,
    /// The set that was told last.
    told: Option<Arc<Current>>,
    tell: T,
    ended: bool,
    _slot: OwnedSemaphorePermit,
}

/// A stream that tells the set in force, and each later one. `tell` gets the one that was told last.
fn opened<T>(app: &App, tell: T) -> Result<Response<GrpcBody>, Failure>
where
    T: Fn(Option<&Current>, &Current) -> Option<Bytes> + Send + 'static,
{
    let slot = Arc::clone(&app.streams).try_acquire_owned();
    let slot =
        slot.map_err(|_| Failure::new(Code::ResourceExhausted, "too many streams are open"))?;
    let open = Open {
        tags: app.flags.tags(),
        flags: Arc::clone(&app.flags),
        told: None,
        tell,
        ended: false,
        _slot: slot,
    };
    Ok(streamed(StreamBody::new(frames(open))))
}

fn frames<T>(open: Open<T>) -> impl Stream<Item = Result<Frame<Bytes>, Infallible>> + Send
where
    T: Fn(Option<&Current>, &Current) -> Option<Bytes> + Send + 'static,
{
    stream::unfold(open, |mut open| async move {
        loop {
            if open.ended {
                return None;
            }
            if open.told.is_some() && open.tags.changed().await.is_err() {
                open.ended = true;
                let trailers = status(Code::Unavailable as u8, "the server ends");
                return Some((Ok(Frame::trailers(trailers)), open));
            }
            open.tags.borrow_and_update();
            let current = open.flags.current();
            let told = (open.tell)(open.told.as_deref(), &current);
            open.told = Some(current);
            if let Some(message) = told {
                return Some((Ok(Frame::data(message)), open));
            }
        }
    })
}
