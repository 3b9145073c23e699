//! From the events of a stream to the body that the same backend would have sent at once.
//!
//! Exactly what the official SDKs assemble (`openai` and `anthropic` for Python), except where they
//! raise: a stream that breaks off or names an error keeps what came before it. Works on a whole
//! captured stream: a character that was split across chunks is whole again here.

mod anthropic;
mod chat;
mod fold;
mod gemini;
pub(crate) use gemini::of_array as gemini_array;
mod partial;
mod responses;
mod sse;
mod surrogates;

use crate::Protocol;
use fold::Fold;
use serde_json::Value;

/// A body put together.
#[derive(Clone, Debug, PartialEq)]
pub struct Assembled {
    /// The protocol's own body.
    pub body: Value,
    /// The error the stream named, as the protocol writes it.
    pub error: Option<Value>,
    /// True if the protocol's end was seen.
    pub complete: bool,
}

/// Puts a stream of server-sent events together; `None` where nothing in it belongs to the
/// protocol.
#[must_use]
pub fn assembled(protocol: Protocol, stream: &[u8]) -> Option<Assembled> {
    let mut fold: Box<dyn Fold> = match protocol {
        Protocol::OpenAiChat => Box::<chat::Chat>::default(),
        Protocol::OpenAiResponses => Box::<responses::Responses>::default(),
        Protocol::Anthropic => Box::<anthropic::Anthropic>::default(),
        Protocol::Gemini => Box::<gemini::Gemini>::default(),
    };
    let (mut error, mut done) = (None, false);
    for event in sse::events(stream) {
        if event.data.starts_with("[DONE]") {
            done = true;
            break;
        }
        if event.name.as_deref() == Some("ping") || event.data.is_empty() {
            continue;
        }
        let parsed = surrogates::parse(&event.data).ok();
        if event.name.as_deref() == Some("error") && parsed.is_none() {
            error = Some(Value::from(event.data));
            break;
        }
        let Some(value) = parsed else { continue };
        if let Some(named) = error_in(event.name.as_deref(), &value) {
            error = Some(named);
            break;
        }
        fold.event(value);
    }
    let (mut body, ended) = fold.finish(done);
    surrogates::join(&mut body);
    if let Some(error) = &mut error {
        surrogates::join(error);
    }
    if body.is_null() && error.is_none() {
        return None;
    }
    let complete = ended && error.is_none();
    Some(Assembled { body, error, complete })
}

/// The protocol whose stream this is, by its first event that tells.
pub(crate) fn protocol_of(stream: &[u8]) -> Option<Protocol> {
    sse::events(stream)
        .take(16)
        .find_map(|event| Protocol::of_shape(&surrogates::parse(&event.data).ok()?))
}

/// An error event of any of the protocols: `{"error": …}`, `event: error`, `{"type": "error", …}`.
fn error_in(name: Option<&str>, value: &Value) -> Option<Value> {
    let inner = value.get("error").filter(|error| !error.is_null());
    let is_error = name == Some("error")
        || value.get("type").and_then(Value::as_str) == Some("error")
        // The objects of Responses have an `error` of their own, one level down.
        || inner.is_some_and(|error| error.is_object() || error.is_string());
    is_error.then(|| inner.unwrap_or(value).clone())
}
