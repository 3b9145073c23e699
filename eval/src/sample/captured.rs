//! From captured bytes to a sample.

use super::{Metrics, Output, Sample, SampleReason, Truncated};
use crate::reassemble::{self, Assembled, assembled};
use crate::{Message, Protocol, Redactor, confidence_at, confidence_in, decoded};
use serde_json::Value;
use stagegate_rollout::Arm;
use std::collections::BTreeMap;

/// One direction of an exchange, as it went over the wire.
#[derive(Clone, Copy, Debug, Default)]
pub struct Half<'a> {
    /// The body, without its framing; as much of it as was captured.
    pub bytes: &'a [u8],
    /// The `Content-Type` header; empty if there is none.
    pub content_type: &'a str,
    /// The `Content-Encoding` header; empty if there is none.
    pub content_encoding: &'a str,
    /// True if there was more than was captured.
    pub truncated: bool,
}

/// An exchange as it was captured.
#[derive(Clone, Copy, Debug, Default)]
pub struct Captured<'a> {
    /// The request's path, which may tell the protocol.
    pub path: &'a str,
    /// The protocol, where the configuration names it.
    pub protocol: Option<Protocol>,
    /// The request.
    pub request: Half<'a>,
    /// The answer.
    pub response: Half<'a>,
    /// `Agent-Confidence` of the head or the trailers.
    pub confidence: Option<&'a str>,
    /// JSON pointer to the confidence in the answer's body, where the configuration names one.
    pub confidence_at: Option<&'a str>,
    /// Most bytes that a body may have once it is decoded.
    pub limit: usize,
}

/// The facts about an exchange besides its bytes.
#[derive(Clone, Debug)]
pub struct Facts {
    /// The request's id.
    pub id: String,
    /// When the request came, in Unix milliseconds.
    pub at_ms: u64,
    /// Name of the workload.
    pub workload: String,
    /// The release that answered.
    pub release: String,
    /// The arm it counts under.
    pub arm: Arm,
    /// The reason why it was picked.
    pub reason: SampleReason,
    /// The conversation.
    pub conversation: Option<String>,
    /// The tenant.
    pub tenant: Option<String>,
    /// The trace.
    pub trace_id: Option<String>,
    /// The metrics.
    pub metrics: Metrics,
    /// Id of the other answer's sample, where the request was copied to a shadow.
    pub pair: Option<String>,
    /// Whatever else scorers should see.
    pub metadata: BTreeMap<String, Value>,
}

impl Sample {
    /// Makes the sample: bodies decoded and put together, and nothing in it that the redactor takes
    /// out. There is no other way from bytes to a sample.
    #[must_use]
    pub fn of(facts: Facts, captured: &Captured<'_>, redactor: &Redactor) -> Self {
        let (request, request_cut) = plain(&captured.request, captured.limit);
        let (response, response_cut) = plain(&captured.response, captured.limit);
        let input = match request {
            Ok(bytes) => input(&bytes),
            Err(why) => Value::from(why),
        };
        let stated = captured.confidence.and_then(confidence_in);
        let (output, pointed) = match response {
            Ok(bytes) => Reader { captured, redactor }.read(&bytes),
            Err(why) => (opaque(captured.response.bytes, why), None),
        };
        let mut sample = Self {
            id: facts.id,
            at_ms: facts.at_ms,
            workload: facts.workload,
            release: facts.release,
            arm: facts.arm,
            reason: facts.reason,
            conversation: facts.conversation,
            tenant: facts.tenant,
            cohort: None,
            rollout: None,
            trace_id: facts.trace_id,
            traceparent: None,
            input,
            output,
            expected: None,
            confidence: stated.or(pointed),
            metrics: facts.metrics,
            truncated: Truncated { request: request_cut, response: response_cut },
            pair: facts.pair,
            metadata: facts.metadata,
        };
        redactor.sample(&mut sample);
        sample
    }
}

/// The decoded body, and whether some of it is missing.
fn plain<'a>(half: &Half<'a>, limit: usize) -> (Result<std::borrow::Cow<'a, [u8]>, String>, bool) {
    match decoded(half.bytes, half.content_encoding, limit) {
        Ok((bytes, cut)) => (Ok(bytes), cut || half.truncated),
        Err(error) => (Err(error.to_string()), half.truncated),
    }
}

fn opaque(bytes: &[u8], why: impl Into<String>) -> Output {
    Output::Opaque { bytes: bytes.len() as u64, why: why.into() }
}

fn input(bytes: &[u8]) -> Value {
    if bytes.is_empty() {
        return Value::Null;
    }
    serde_json::from_slice(bytes)
        .unwrap_or_else(|_| Value::from(String::from_utf8_lossy(bytes).into_owned()))
}

/// Reads an answer. Places are taken out of its body, as the backend wrote it, before it becomes
/// anything else; the confidence is read first.
struct Reader<'a> {
    captured: &'a Captured<'a>,
    redactor: &'a Redactor,
}

impl Reader<'_> {
    /// The answer, and the confidence in its body.
    fn read(&self, bytes: &[u8]) -> (Output, Option<f64>) {
        let captured = self.captured;
        let told = captured.protocol.or_else(|| Protocol::of_path(captured.path));
        let kind = captured.response.content_type.split(';').next().unwrap_or("").trim();
        let stream = kind.eq_ignore_ascii_case("text/event-stream");
        if stream
            && let Some(protocol) = told.or_else(|| reassemble::protocol_of(bytes))
            && let Some(whole) = assembled(protocol, bytes)
        {
            return self.message(protocol, whole);
        }
        match serde_json::from_slice::<Value>(bytes) {
            Ok(body) => self.json(told, body),
            Err(_) => match std::str::from_utf8(bytes) {
                Ok(text) => (Output::Text(text.to_owned()), None),
                // Cut inside a character: what came before it is text.
                Err(error) if error.error_len().is_none() && captured.response.truncated => {
                    let text = String::from_utf8_lossy(&bytes[..error.valid_up_to()]).into_owned();
                    (Output::Text(text), None)
                }
                Err(_) => (opaque(bytes, format!("`{kind}` is not text")), None),
            },
        }
    }

    fn message(&self, protocol: Protocol, whole: Assembled) -> (Output, Option<f64>) {
        let (body, confidence) = self.without_places(whole.body);
        let mut message = Message::of_body(protocol, &body);
        message.error = whole.error.or(message.error);
        message.complete = whole.complete;
        (Output::Message(message), confidence)
    }

    fn json(&self, told: Option<Protocol>, body: Value) -> (Output, Option<f64>) {
        if let Value::Array(chunks) = &body
            && told.unwrap_or(Protocol::Gemini) == Protocol::Gemini
            && chunks.first().and_then(Protocol::of_shape) == Some(Protocol::Gemini)
            && let Some((body, complete)) = reassemble::gemini_array(chunks.clone())
        {
            return self.message(Protocol::Gemini, Assembled { body, error: None, complete });
        }
        // An error body has no shape of its own: it belongs to the protocol that was asked.
        let failed = body.get("error").is_some_and(|error| !error.is_null());
        match Protocol::of_shape(&body).or_else(|| told.filter(|_| failed)) {
            Some(protocol) => {
                self.message(protocol, Assembled { body, error: None, complete: true })
            }
            None => {
                let (body, confidence) = self.without_places(body);
                (Output::Json(body), confidence)
            }
        }
    }

    fn without_places(&self, mut body: Value) -> (Value, Option<f64>) {
        let pointer = self.captured.confidence_at;
        let confidence = pointer.and_then(|pointer| confidence_at(&body, pointer));
        self.redactor.places(&mut body);
        (body, confidence)
    }
}
