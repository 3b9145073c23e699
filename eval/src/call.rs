//! One POST to a scorer, with an end to it: the only door to the network.
//!
//! Blocking: callers run it on threads that may wait. Redirects are not followed, so that a secret
//! goes where the configuration says.

use std::fmt;
use std::io::{ErrorKind, Read};
use std::time::Duration;
use ureq::{Agent, Timeout};

/// The timeout of a connection to a scorer.
const LONGEST_CONNECT: Duration = Duration::from_secs(5);
/// As much of an answer as is read.
const ANSWER_BYTES: u64 = 4 << 20;

/// A request to a scorer.
#[derive(Clone, PartialEq, Eq)]
pub struct Outgoing {
    /// The URL.
    pub url: String,
    /// Names in lower case, and values.
    pub headers: Vec<(&'static str, String)>,
    /// The body.
    pub body: Vec<u8>,
    /// The timeout of the answer.
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

/// The reason why there is no answer.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{why}")]
pub struct CallFailure {
    /// In words that hold no secret.
    pub why: String,
    /// True if the request may have arrived: then its receiver may charge for it.
    pub arrived: bool,
}

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
        // One of its own, so that a host that is not there is told from one that thinks.
        let connect = patience.min(LONGEST_CONNECT);
        let timeouts = post.config().timeout_global(Some(patience));
        let post = timeouts.timeout_connect(Some(connect)).build();
        let mut response = post.send(&outgoing.body[..]).map_err(|error| in_words(&error))?;
        let mut body = Vec::new();
        let read = response.body_mut().as_reader().take(ANSWER_BYTES).read_to_end(&mut body);
        read.map_err(|_| CallFailure { why: "the answer broke off".to_owned(), arrived: true })?;
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
    let arrived = match error {
        E::HostNotFound | E::ConnectionFailed | E::Tls(_) | E::Rustls(_) | E::BadUri(_) => false,
        E::Timeout(at) => !matches!(at, Timeout::Resolve | Timeout::Connect),
        E::Io(error) => error.kind() != ErrorKind::ConnectionRefused,
        _ => true,
    };
    CallFailure { why: words.to_owned(), arrived }
}
