//! The event stream: one event for each change of the flags.

use crate::in_force::Flags;
use axum::body::{Body, Bytes};
use futures_util::stream;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{OwnedSemaphorePermit, watch};

/// Time between two comments that keep proxies from ending a silent stream.
const HEARTBEAT: Duration = Duration::from_secs(15);

struct Listening {
    tags: watch::Receiver<String>,
    greeted: bool,
    _slot: OwnedSemaphorePermit,
}

/// The body of a stream. It ends when the server stops.
pub(crate) fn body(flags: &Arc<Flags>, slot: OwnedSemaphorePermit) -> Body {
    let listening = Listening { tags: flags.tags(), greeted: false, _slot: slot };
    Body::from_stream(stream::unfold(listening, |mut listening| async move {
        if !listening.greeted {
            listening.greeted = true;
            let text = Bytes::from_static(b"retry: 2000\n: stagegate\n\n");
            return Some((Ok::<_, std::convert::Infallible>(text), listening));
        }
        let text = match tokio::time::timeout(HEARTBEAT, listening.tags.changed()).await {
            Err(_) => ": still here\n\n".to_owned(),
            Ok(Err(_)) => return None,
            Ok(Ok(())) => {
                let tag = listening.tags.borrow_and_update().clone();
                let data = serde_json::json!({ "type": "refetchEvaluation", "etag": tag });
                format!("id: {tag}\ndata: {data}\n\n")
            }
        };
        Some((Ok(text.into()), listening))
    }))
}
