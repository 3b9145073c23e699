//! One export, from its head to its answer.

use crate::access::{self, Sender};
use crate::answer::{Body, Form, Refusal, accepted};
use crate::book::Book;
use crate::counts::Ended;
use crate::relay::Relay;
use crate::signal::Signal;
use bytes::Bytes;
use http::header::{CONTENT_ENCODING, CONTENT_TYPE, HOST};
use http::{HeaderMap, HeaderValue, Method, Request, Response, StatusCode};
use http_body_util::{BodyExt as _, LengthLimitError, Limited};
use hyper::body::Incoming;
use stagegate_listener::{Coding, Unusable, unframed};
use stagegate_spans::{Malformed, Rejected, Span, read_json, read_protobuf};
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};
use tokio::sync::Semaphore;

/// Exports whose bodies are read and held at the same time.
const AT_ONCE: usize = 8;
/// The time that an export waits for its turn.
const TURN: Duration = Duration::from_secs(5);
/// The time that a body may take to arrive.
const ARRIVAL: Duration = Duration::from_secs(30);

/// What receives.
pub(crate) struct Receiver {
    pub(crate) book: Arc<Book>,
    pub(crate) senders: Box<dyn Fn() -> Vec<Sender> + Send + Sync>,
    pub(crate) relay: Option<Relay>,
    pub(crate) max_body: usize,
    turns: Semaphore,
}

/// Now, in Unix milliseconds.
pub(crate) fn now_ms() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |it| it.as_millis() as u64)
}

impl Receiver {
    pub(crate) fn new(
        book: Arc<Book>,
        senders: Box<dyn Fn() -> Vec<Sender> + Send + Sync>,
        relay: Option<Relay>,
        max_body: usize,
    ) -> Self {
        Self { book, senders, relay, max_body, turns: Semaphore::new(AT_ONCE) }
    }

    /// Answers a request.
    pub(crate) async fn answer(&self, request: Request<Incoming>) -> Response<Body> {
        let given = request.headers().get(CONTENT_TYPE);
        let form = given.and_then(|given| Form::of(given.as_bytes()));
        match self.receive(request, form).await {
            Ok(answer) => {
                self.book.counts.end(Ended::Accepted);
                answer
            }
            Err((ended, refusal)) => {
                self.book.counts.end(ended);
                refusal.answer(form.unwrap_or(Form::Json))
            }
        }
    }

    async fn receive(
        &self,
        request: Request<Incoming>,
        form: Option<Form>,
    ) -> Result<Response<Body>, (Ended, Refusal)> {
        self.admit(&request).map_err(|refusal| (Ended::Denied, refusal))?;
        let unsupported = |refusal| (Ended::Unsupported, refusal);
        let (form, signal) = self.kind(&request, form).map_err(unsupported)?;
        let Ok(Ok(_turn)) = tokio::time::timeout(TURN, self.turns.acquire()).await else {
            let words = "too many exports at a time";
            let refusal = Refusal::new(StatusCode::SERVICE_UNAVAILABLE, 14, words).again(1);
            return Err((Ended::Busy, refusal));
        };
        let (head, body) = request.into_parts();
        let body = self.read(body).await?;
        let wrong = |unusable: Unusable| self.unusable(unusable);
        let (message, coding) = coded(form, &head.headers, &body).map_err(wrong)?;
        let (coding, encoding) = coding;
        let plain = coding.decode(&message, self.max_body).map_err(wrong)?;
        let rejected = match signal {
            Signal::Traces => self.take(form, &plain)?,
            Signal::Metrics | Signal::Logs => Rejected::default(),
        };
        drop(plain);
        match &self.relay {
            Some(relay) => {
                let passed = relay.pass_on(signal, form, encoding, &message).await;
                passed.inspect(|_| self.book.counts.end(Ended::Forwarded)).map_err(|refusal| {
                    tracing::debug!(why = refusal.words, "an export was not passed on");
                    (Ended::ForwardFailed, refusal)
                })
            }
            None => Ok(accepted(form, rejected.without_ids + rejected.too_many, &words(rejected))),
        }
    }

    fn admit(&self, request: &Request<Incoming>) -> Result<(), Refusal> {
        let host = request.headers().get(HOST).and_then(|host| host.to_str().ok());
        let authority = request.uri().authority().map(http::uri::Authority::as_str).or(host);
        let senders = (self.senders)();
        access::check(&senders, request.headers(), authority).map_err(|denied| {
            let (status, code) = match denied.is_unknown() {
                true => (StatusCode::UNAUTHORIZED, 16),
                false => (StatusCode::FORBIDDEN, 7),
            };
            Refusal::new(status, code, denied.words())
        })
    }

    /// The form and the signal of a request, if both are understood.
    fn kind(
        &self,
        request: &Request<Incoming>,
        form: Option<Form>,
    ) -> Result<(Form, Signal), Refusal> {
        let path = request.uri().path();
        let is_grpc = form == Some(Form::Grpc);
        let Some(signal) = Signal::of(path, is_grpc) else {
            let words = format!(
                "no OTLP at this path: over HTTP it is /v1/traces, over gRPC TraceService/Export; this is {path:.100}"
            );
            return Err(Refusal::new(StatusCode::NOT_FOUND, 12, words));
        };
        if request.method() != Method::POST {
            let words = "exports are sent with POST";
            return Err(Refusal::new(StatusCode::METHOD_NOT_ALLOWED, 12, words));
        }
        let form = form.ok_or_else(|| {
            let words = "the content type must be application/x-protobuf, application/json or application/grpc";
            Refusal::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, 3, words)
        })?;
        if signal != Signal::Traces && self.relay.is_none() {
            let words = "only traces are taken: configure otlp.forward_to to pass metrics and logs on to a collector";
            return Err(Refusal::new(StatusCode::NOT_FOUND, 12, words));
        }
        Ok((form, signal))
    }

    async fn read(&self, body: Incoming) -> Result<Bytes, (Ended, Refusal)> {
        let read = Limited::new(body, self.max_body).collect();
        match tokio::time::timeout(ARRIVAL, read).await {
            Ok(Ok(body)) => Ok(body.to_bytes()),
            Ok(Err(error)) if error.downcast_ref::<LengthLimitError>().is_some() => {
                Err(self.unusable(Unusable::TooLarge))
            }
            Ok(Err(_)) => Err(self.unusable(Unusable::Broken)),
            Err(_) => {
                let words = "the body took too long to arrive";
                Err((Ended::Busy, Refusal::new(StatusCode::REQUEST_TIMEOUT, 4, words)))
            }
        }
    }

    fn unusable(&self, unusable: Unusable) -> (Ended, Refusal) {
        match unusable {
            Unusable::TooLarge => {
                let most = self.max_body;
                let words = format!(
                    "an export may have {most} bytes (otlp.max_body): send fewer spans at a time"
                );
                (Ended::TooLarge, Refusal::new(StatusCode::PAYLOAD_TOO_LARGE, 8, words))
            }
            Unusable::Coding => {
                let words = "the body may be compressed by gzip or deflate only";
                (Ended::Unsupported, Refusal::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, 12, words))
            }
            Unusable::Broken => {
                let words = "the body is not one whole message, or not compressed as it says";
                (Ended::Malformed, Refusal::new(StatusCode::BAD_REQUEST, 3, words))
            }
        }
    }

    /// Takes the spans of a message.
    fn take(&self, form: Form, plain: &[u8]) -> Result<Rejected, (Ended, Refusal)> {
        let (spans, read) = spans(form, plain);
        let rejected = read.clone().unwrap_or_default();
        self.book.counts.spans(spans.len() as u64, rejected.without_ids + rejected.too_many);
        self.book.spans(spans, now_ms());
        read.map_err(|malformed| {
            let words = malformed.to_string();
            (Ended::Malformed, Refusal::new(StatusCode::BAD_REQUEST, 3, words))
        })
    }
}

/// The message of a body, with its coding and the name of that.
fn coded(
    form: Form,
    headers: &HeaderMap,
    body: &Bytes,
) -> Result<(Bytes, (Coding, Option<HeaderValue>)), Unusable> {
    if form != Form::Grpc {
        let name = headers.get(CONTENT_ENCODING);
        let coding = Coding::of(name.map_or(b"", HeaderValue::as_bytes))?;
        return Ok((body.clone(), (coding, name.cloned())));
    }
    let (message, is_compressed) = unframed(body)?;
    if !is_compressed {
        return Ok((message, (Coding::Identity, None)));
    }
    let name = headers.get("grpc-encoding").ok_or(Unusable::Coding)?;
    Ok((message, (Coding::of(name.as_bytes())?, Some(name.clone()))))
}

fn spans(form: Form, plain: &[u8]) -> (Vec<Span>, Result<Rejected, Malformed>) {
    let mut spans = Vec::new();
    let read = match form {
        Form::Json => read_json(plain, |span| spans.push(span)),
        Form::Protobuf | Form::Grpc => read_protobuf(plain, |span| spans.push(span)),
    };
    (spans, read)
}

fn words(rejected: Rejected) -> String {
    match rejected {
        Rejected { without_ids: 0, too_many: 0 } => String::new(),
        Rejected { too_many: 0, .. } => {
            "spans without a trace id of 16 bytes and a span id of 8 bytes".to_owned()
        }
        _ => format!("more than {} spans in one export", stagegate_spans::MAX_SPANS),
    }
}
