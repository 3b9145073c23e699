//! One question over HTTP, with an end to it.
//!
//! Blocking: called on a thread that may wait. TLS is rustls with the bundled root certificates. Redirects
//! are not followed. A proxy is taken from `HTTPS_PROXY`, `HTTP_PROXY`, `ALL_PROXY` and `NO_PROXY`.

use crate::{Answer, Question, Source, prometheus, webhook};
use stagegate_rollout::StableValue;
use stagegate_sealed::{Hidden, SIGNATURE_HEADER, signature};
use std::io::Read;
use std::time::{Duration, Instant};
use ureq::Agent;

/// The longest answer that is read.
const ANSWER_BYTES: u64 = 1 << 20;
/// The path of an instant query.
const QUERY: &str = "/api/v1/query";

/// Asks sources.
#[derive(Clone, Debug)]
pub struct Asker(Agent);

impl Default for Asker {
    fn default() -> Self {
        let config = Agent::config_builder()
            .http_status_as_error(false)
            .max_redirects(0)
            .user_agent(concat!("stagegate/", env!("CARGO_PKG_VERSION")))
            .build();
        Self(config.into())
    }
}

impl Asker {
    /// Asks, and gives all of it the question's own time limit. `now_ms` is the time, in Unix milliseconds.
    #[must_use]
    pub fn ask(&self, source: &Source, question: &Question, now_ms: u64) -> Answer {
        let until = Instant::now() + Duration::from_millis(question.value.timeout_ms);
        match source {
            Source::Prometheus { url, token } => {
                self.query(url, token.as_ref(), question, now_ms, until)
            }
            Source::Webhook { url, secret } => {
                let body = webhook::body(question, now_ms);
                let mut headers = vec![("content-type", "application/json".to_owned())];
                if let Some(secret) = secret {
                    let value = signature(secret, now_ms / 1000, body.as_bytes());
                    headers.push((SIGNATURE_HEADER, value));
                }
                match self.post(url.expose(), &headers, &body, until) {
                    Ok(body) => webhook::read(&body),
                    Err(why) => Answer::none(why),
                }
            }
        }
    }

    fn query(
        &self,
        url: &Hidden,
        token: Option<&Hidden>,
        question: &Question,
        now_ms: u64,
        until: Instant,
    ) -> Answer {
        let Some(query) = question.value.query.as_deref() else {
            return Answer::none("there is no query");
        };
        let now_s = now_ms as f64 / 1000.0;
        let get = |query: &str| self.get(url, token, &question.fill(query), until);
        let mut answer = match get(query) {
            Ok(body) => prometheus::read(question, &body, now_s),
            Err(why) => return Answer::none(why),
        };
        if let StableValue::Query(query) = &question.value.stable {
            match get(query).and_then(|body| prometheus::only(&body, now_s)) {
                Ok(value) => answer.stable = Some(value),
                Err(why) => {
                    let why = format!("stable: {why}");
                    answer.why.get_or_insert(why);
                }
            }
        }
        answer
    }

    fn get(
        &self,
        url: &Hidden,
        token: Option<&Hidden>,
        query: &str,
        until: Instant,
    ) -> Result<Vec<u8>, String> {
        let base = url.expose().trim_end_matches('/');
        let base = base.strip_suffix(QUERY).unwrap_or(base);
        let mut get = self.0.get(format!("{base}{QUERY}")).query("query", query);
        if let Some(token) = token {
            get = get.header("authorization", format!("Bearer {}", token.expose()));
        }
        let left = left(until)?;
        let response = get.config().timeout_global(Some(left)).build().call();
        // A refused query is answered 400 or 422 with the reason in the same form.
        body(response, |status| status.is_success() || matches!(status.as_u16(), 400 | 422 | 503))
    }

    fn post(
        &self,
        url: &str,
        headers: &[(&str, String)],
        text: &str,
        until: Instant,
    ) -> Result<Vec<u8>, String> {
        let mut post = self.0.post(url);
        for (name, value) in headers {
            post = post.header(*name, value);
        }
        let left = left(until)?;
        let response = post.config().timeout_global(Some(left)).build().send(text);
        body(response, |status| status.is_success())
    }
}

fn left(until: Instant) -> Result<Duration, String> {
    let left = until.saturating_duration_since(Instant::now());
    if left.is_zero() { Err("no answer in time".to_owned()) } else { Ok(left) }
}

fn body(
    response: Result<ureq::http::Response<ureq::Body>, ureq::Error>,
    expected: impl Fn(ureq::http::StatusCode) -> bool,
) -> Result<Vec<u8>, String> {
    let mut response = response.map_err(|error| in_words(&error))?;
    let status = response.status();
    if !expected(status) {
        return Err(format!("answered {}", status.as_u16()));
    }
    let mut bytes = Vec::new();
    let reader = response.body_mut().as_reader();
    let read = reader.take(ANSWER_BYTES + 1).read_to_end(&mut bytes);
    if let Err(error) = read {
        let late = error.kind() == std::io::ErrorKind::TimedOut
            || matches!(ureq::Error::from(error), ureq::Error::Timeout(_));
        return Err(if late { "no answer in time" } else { "the answer breaks off" }.to_owned());
    }
    if bytes.len() as u64 > ANSWER_BYTES {
        return Err("the answer is longer than 1 MiB".to_owned());
    }
    Ok(bytes)
}

/// Never the library's own text: it may hold the URL.
fn in_words(error: &ureq::Error) -> String {
    use ureq::Error as E;
    match error {
        E::Timeout(_) => "no answer in time",
        E::Io(cause) if cause.kind() == std::io::ErrorKind::TimedOut => "no answer in time",
        E::HostNotFound => "its host name is not known",
        E::ConnectionFailed => "it cannot be connected to",
        E::Io(_) => "the connection failed",
        E::Tls(_) | E::Rustls(_) => "TLS failed",
        E::Protocol(_) => "it does not answer as HTTP demands",
        E::BadUri(_) | E::Http(_) => "its URL cannot be used",
        _ => "it cannot be reached",
    }
    .to_owned()
}
