//! Passes exports on to a collector, each while its sender waits: what the collector answers is
//! answered, so that nothing is taken that nobody has.

use crate::answer::{Body, Form, Refusal, success};
use crate::signal::Signal;
use bytes::Bytes;
use http::header::{CONTENT_ENCODING, CONTENT_TYPE, RETRY_AFTER};
use http::{HeaderValue, Response, StatusCode};
use stagegate_otel::{Client, Endpoint};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

/// Connections that are kept.
const KEPT: usize = 8;

/// A collector that takes OTLP over HTTP.
#[derive(Clone, Debug)]
pub struct Forward {
    /// Its address.
    pub endpoint: Endpoint,
    /// The time limit of one call.
    pub timeout: Duration,
    /// This program's version.
    pub version: &'static str,
}

/// The way to a collector.
pub(crate) struct Relay {
    forward: Forward,
    idle: Mutex<Vec<Client>>,
}

impl Relay {
    pub(crate) fn new(forward: Forward) -> Self {
        Self { forward, idle: Mutex::default() }
    }

    /// Passes a message on as it came, and answers what the collector does. The answer is an error
    /// when there is none, or another one than success.
    pub(crate) async fn pass_on(
        &self,
        signal: Signal,
        form: Form,
        encoding: Option<HeaderValue>,
        message: &Bytes,
    ) -> Result<Response<Body>, Refusal> {
        // A message of gRPC is a body of HTTP.
        let sent = if form == Form::Json { Form::Json } else { Form::Protobuf };
        let mut fields = vec![(CONTENT_TYPE, sent.content_type())];
        fields.extend(encoding.map(|encoding| (CONTENT_ENCODING, encoding)));
        let idle = self.idle().pop();
        let mut client = idle.unwrap_or_else(|| {
            let Forward { endpoint, timeout, version } = self.forward.clone();
            Client::new(endpoint, timeout, version)
        });
        let answered = client.pass_on(signal.path(), &fields, message).await;
        let mut idle = self.idle();
        if idle.len() < KEPT {
            idle.push(client);
        }
        drop(idle);
        answer(form, answered)
    }

    fn idle(&self) -> std::sync::MutexGuard<'_, Vec<Client>> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn answer(
    form: Form,
    answered: Result<Response<Bytes>, String>,
) -> Result<Response<Body>, Refusal> {
    let answer = answered.map_err(|why| {
        let words = format!("the collector cannot be reached: {why}");
        Refusal::new(StatusCode::SERVICE_UNAVAILABLE, 14, words).again(1)
    })?;
    let status = answer.status();
    if status.is_success() {
        let content_type = answer.headers().get(CONTENT_TYPE).cloned();
        return Ok(success(form, answer.body(), content_type));
    }
    // Which are worth another try, by OTLP's list.
    let code = match status.as_u16() {
        429 | 502 | 503 | 504 => 14,
        401 => 16,
        403 => 7,
        400..=499 => 3,
        _ => 13,
    };
    let mut refusal = Refusal::new(status, code, format!("the collector answered {status}"));
    let after = answer.headers().get(RETRY_AFTER);
    refusal.retry_after = after.and_then(|after| after.to_str().ok()?.parse().ok());
    Err(refusal)
}
