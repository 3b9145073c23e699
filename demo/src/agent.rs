//! The demo agent: a small backend that behaves like a real agent on the wire.
//!
//! It speaks OpenAI chat completions and Responses, plain and as server-sent events, with token
//! usage, and answers `/healthz`. It says in headers who served (`demo-agent`) and by which plan
//! (`demo-epoch`), so that the demo's clients can count the split from outside instead of
//! believing the proxy's own figures.

use crate::seed::Seeded;
use axum::body::Body;
use axum::http::{HeaderName, StatusCode, header};
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use futures_util::stream;
use serde_json::{Value, json};
use std::convert::Infallible;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

/// Says which demo agent served.
pub(crate) const AGENT_HEADER: HeaderName = HeaderName::from_static("demo-agent");
/// Repeats the epoch the proxy sent along.
pub(crate) const EPOCH_HEADER: HeaderName = HeaderName::from_static("demo-epoch");
/// States what the answer cost; the proxy believes it rather than its own price list.
pub(crate) const COST_HEADER: HeaderName = HeaderName::from_static("agent-cost-usd");
/// Present when the conversation id was issued by another agent.
pub(crate) const FOREIGN_HEADER: HeaderName = HeaderName::from_static("demo-foreign-conversation");

/// The behaviour of one demo agent.
#[derive(Clone, Debug)]
pub(crate) struct Profile {
    pub(crate) name: String,
    pub(crate) model: String,
    pub(crate) latency: Duration,
    pub(crate) error_rate: f64,
    /// Dollars an answer costs.
    pub(crate) cost_usd: f64,
    pub(crate) seed: u64,
}

/// One running agent's shared state.
#[derive(Debug)]
pub(crate) struct Agent {
    pub(crate) profile: Profile,
    requests: AtomicU64,
    is_bad: Arc<AtomicBool>,
}

/// Share of requests that a bad agent fails.
const BAD: f64 = 0.4;

impl Agent {
    /// An agent that fails many requests from the moment at which `is_bad` is true.
    pub(crate) fn new(profile: Profile, is_bad: Arc<AtomicBool>) -> Self {
        Self { profile, requests: AtomicU64::new(0), is_bad }
    }

    /// The number of this request, which seeds all its chance.
    pub(crate) fn next(&self) -> (u64, Seeded) {
        let number = self.requests.fetch_add(1, Ordering::Relaxed);
        (number, Seeded::new(self.profile.seed, number))
    }

    /// Thinks: mostly about the profile's latency, at times three times as long.
    pub(crate) async fn think(&self, chance: &mut Seeded) {
        let spread = 0.7 + 0.6 * chance.unit();
        let tail = if chance.unit() < 0.03 { 3.0 } else { 1.0 };
        tokio::time::sleep(self.profile.latency.mul_f64(spread * tail)).await;
    }

    /// The failure this request meets, if it meets one.
    pub(crate) fn failure(&self, chance: &mut Seeded) -> Option<Response> {
        let is_bad = self.is_bad.load(Ordering::Relaxed);
        let error_rate = if is_bad { BAD } else { self.profile.error_rate };
        if chance.unit() >= error_rate {
            return None;
        }
        if is_bad {
            // A crash of the agent, in no form of a model's errors: those would be the provider's.
            let said = "KeyError: 'order_id'\n";
            return Some((StatusCode::INTERNAL_SERVER_ERROR, said).into_response());
        }
        Some(if chance.below(3) == 0 {
            refusal(StatusCode::INTERNAL_SERVER_ERROR, "server_error", "the agent lost its thread")
        } else {
            refusal(StatusCode::SERVICE_UNAVAILABLE, "overloaded", "the model is overloaded")
        })
    }

    /// Returns the agent's response, word by word.
    pub(crate) fn words(&self, chance: &mut Seeded) -> Vec<String> {
        let opening =
            chance.pick(&["Your order is on its way", "The invoice is settled", "I opened a case"]);
        let closing = chance.pick(&[
            "is there anything else?",
            "I will keep you posted.",
            "have a good day.",
        ]);
        format!("{opening}; {closing} ({})", self.profile.name)
            .split_inclusive(' ')
            .map(str::to_owned)
            .collect()
    }
}

/// An error answer in the shape OpenAI clients know.
pub(crate) fn refusal(status: StatusCode, kind: &str, message: &str) -> Response {
    let body =
        json!({ "error": { "message": message, "type": kind, "param": null, "code": kind } });
    (status, axum::Json(body)).into_response()
}

/// The request body as JSON, or the answer that says why it is none.
#[expect(clippy::result_large_err, reason = "the error is the answer itself, made once a request")]
pub(crate) fn parse(body: &Bytes) -> Result<Value, Response> {
    serde_json::from_slice(body).map_err(|error| {
        let message = format!("the body is not JSON: {error}");
        refusal(StatusCode::BAD_REQUEST, "invalid_request_error", &message)
    })
}

/// A rough token count: what matters here is that it is there and adds up.
pub(crate) fn tokens(text: &str) -> u64 {
    text.len().div_ceil(4) as u64
}

/// Seconds since 1970, as the `created` fields want it.
pub(crate) fn unix_now() -> u64 {
    std::time::SystemTime::now()
        .duration_since(std::time::UNIX_EPOCH)
        .map_or(0, |since| since.as_secs())
}

/// Sends the events one after the other with a pause between them, as a model that writes would.
pub(crate) fn event_stream(events: Vec<String>, pause: Duration) -> Response {
    let chunks = stream::unfold(events.into_iter().enumerate(), move |mut rest| async move {
        let (number, event) = rest.next()?;
        if number > 0 {
            tokio::time::sleep(pause).await;
        }
        Some((Ok::<_, Infallible>(Bytes::from(event)), rest))
    });
    let headers =
        [(header::CONTENT_TYPE, "text/event-stream"), (header::CACHE_CONTROL, "no-cache")];
    (headers, Body::from_stream(chunks)).into_response()
}
