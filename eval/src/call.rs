//! One POST to a scorer, with an end to it: the only door to the network.
//!
//! Blocking: callers run it on threads that may wait. Redirects are not followed, so that a secret
//! goes where the configuration says.

use std::fmt;
use std::io::Read;
use std::time::Duration;
use ureq::Agent;

/// As much of an answer as is read.
const ANSWER_BYTES: u64 = 4 << 20;

/// A request to a scorer.
#[derive(Clone, PartialEq, Eq)]
pub struct Outgoing {
    /// Where it goes.
    pub url: String,
    /// Names in lower case, and values.
    pub headers: Vec<(&'static str, String)>,
    /// The body.
    pub body: Vec<u8>,
    /// How long the answer may take.
    pub timeout_ms: u64,
}

impl fmt::Debug for Outgoing {
    /// Neither headers nor body: the one holds keys, the other what people asked.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Outgoing").field("bytes", &self.body.len()).finish_non_exhaustive()
    }
}

/// An answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Replied {
    /// HTTP status.
    pub status: u16,
    /// `Retry-After` in seconds, or `retry-after-ms`, in milliseconds from now.
    pub retry_after_ms: Option<u64>,
    /// The body, up to 4 MiB.
    pub body: Vec<u8>,
}

/// Why there is no answer, in words that hold no secret.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct CallFailure(pub String);

/// Sends requests to scorers. Tests put their own in its place.
pub trait Post: Send + Sync {
    /// Sends the request and waits for the answer.
    ///
    /// # Errors
    /// When there is no answer, or none in time.
    fn post(&self, outgoing: &Outgoing) -> Result<Replied, CallFailure>;
}

/// Sends requests over HTTP.
#[derive(Clone, Debug)]
pub struct HttpPost(Agent);

impl Default for HttpPost {
    fn default() -> Self {
        let config = Agent::config_builder()
            .http_status_as_error(false)
            .max_redirects(0)
            .user_agent(concat!("stagegate/", env!("CARGO_PKG_VERSION")))
            .build();
        Self(config.into())
    }
}

impl Post for HttpPost {
    fn post(&self, outgoing: &Outgoing) -> Result<Replied, CallFailure> {
        let mut post = self.0.post(&outgoing.url);
        for (name, value) in &outgoing.headers {
            post = post.header(*name, value);
        }
        let patience = Duration::from_millis(outgoing.timeout_ms);
        let post = post.config().timeout_global(Some(patience)).build();
        let mut response = post.send(&outgoing.body[..]).map_err(|error| in_words(&error))?;
        let mut body = Vec::new();
        let read = response.body_mut().as_reader().take(ANSWER_BYTES).read_to_end(&mut body);
        read.map_err(|_| CallFailure("the answer broke off".to_owned()))?;
        let number = |name: &str| -> Option<u64> {
            response.headers().get(name)?.to_str().ok()?.trim().parse().ok()
        };
        let seconds = || number("retry-after").map(|seconds| seconds.saturating_mul(1000));
        let retry_after_ms = number("retry-after-ms").or_else(seconds);
        Ok(Replied { status: response.status().as_u16(), retry_after_ms, body })
    }
}

/// Never the library's own text where that may hold the URL.
fn in_words(error: &ureq::Error) -> CallFailure {
    use ureq::Error as E;
    let words = match error {
        E::Timeout(_) => "no answer in time",
        E::HostNotFound => "its host name is not known",
        E::ConnectionFailed | E::Io(_) => "it cannot be connected to, or hung up",
        E::Tls(_) | E::Rustls(_) => "TLS failed: is its certificate valid?",
        E::BadUri(_) => "its URL cannot be used",
        _ => "the request could not be sent, or the answer not be read",
    };
    CallFailure(words.to_owned())
}
