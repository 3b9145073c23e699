//! One POST, with an end to it.
//!
//! Blocking: called on the blocking pool, so that a hanging receiver costs one thread for the time
//! limit and delays no other. TLS is rustls with the bundled root certificates. Redirects are not
//! followed: the URL is the secret, and it goes where the configuration says. A proxy is taken from
//! `HTTPS_PROXY`, `HTTP_PROXY`, `ALL_PROXY` and `NO_PROXY`.

use crate::Request;
use std::io::Read;
use std::time::{Duration, SystemTime, UNIX_EPOCH};
use ureq::Agent;
use ureq::http::HeaderMap;

/// As much of an answer as is worth reading.
const ANSWER_BYTES: u64 = 2048;

/// Sends requests.
#[derive(Clone, Debug)]
pub(crate) struct Client(Agent);

/// The answer of the receiver.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Reply {
    /// HTTP status.
    pub(crate) status: u16,
    /// `Retry-After`, in milliseconds from now.
    pub(crate) retry_after_ms: Option<u64>,
    /// The beginning of the body.
    pub(crate) text: String,
}

impl Client {
    /// A client that gives a request, from looking up the name to the end of the answer, at most
    /// `patience`.
    pub(crate) fn new(patience: Duration) -> Self {
        let config = Agent::config_builder()
            .http_status_as_error(false)
            .max_redirects(0)
            .timeout_global(Some(patience))
            .user_agent(concat!("stagegate/", env!("CARGO_PKG_VERSION")))
            .build();
        Self(config.into())
    }

    /// Posts the request; `Err` says in words why there is no answer.
    pub(crate) fn post(&self, request: &Request, now_ms: u64) -> Result<Reply, String> {
        let mut post = self.0.post(&request.url).content_type("application/json");
        for (name, value) in &request.headers {
            post = post.header(*name, value);
        }
        let mut response = post.send(&request.body).map_err(|error| in_words(&error))?;
        let mut text = Vec::new();
        // The status is the answer; a body that breaks off takes nothing from it.
        let _ = response.body_mut().as_reader().take(ANSWER_BYTES).read_to_end(&mut text);
        Ok(Reply {
            status: response.status().as_u16(),
            retry_after_ms: retry_after_ms(response.headers(), now_ms),
            text: String::from_utf8_lossy(&text).into_owned(),
        })
    }
}

/// RFC 9110, section 10.2.3: seconds, or a date.
fn retry_after_ms(headers: &HeaderMap, now_ms: u64) -> Option<u64> {
    let text = headers.get("retry-after")?.to_str().ok()?.trim();
    if let Ok(seconds) = text.parse::<u64>() {
        return Some(seconds.saturating_mul(1000));
    }
    let at: SystemTime = httpdate::parse_http_date(text).ok()?;
    let at_ms = at.duration_since(UNIX_EPOCH).ok()?.as_millis();
    Some(u64::try_from(at_ms).unwrap_or(u64::MAX).saturating_sub(now_ms))
}

/// Never the library's own text where that may hold the URL.
fn in_words(error: &ureq::Error) -> String {
    use ureq::Error as E;
    match error {
        E::Timeout(_) => "no answer in time".to_owned(),
        E::HostNotFound => "its host name is not known".to_owned(),
        E::ConnectionFailed => "it cannot be connected to".to_owned(),
        E::Io(cause) if cause.kind() == std::io::ErrorKind::TimedOut => {
            "no answer in time".to_owned()
        }
        E::Io(cause) => format!("the connection failed: {cause}"),
        E::Tls(what) => format!("TLS failed: {what}"),
        E::Rustls(cause) => format!("TLS failed: {cause}"),
        E::Protocol(_) => "it does not answer as HTTP demands".to_owned(),
        E::InvalidProxyUrl | E::ConnectProxyFailed(_) => "the proxy cannot be used".to_owned(),
        E::BadUri(_) | E::Http(_) => "its URL cannot be used".to_owned(),
        _ => "it cannot be reached".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::retry_after_ms;
    use ureq::http::HeaderMap;

    #[test]
    fn retry_after_is_seconds_or_a_date() {
        let asked = |text: &str| {
            let mut headers = HeaderMap::new();
            headers.insert("retry-after", text.parse().expect("a header value"));
            // Sun, 06 Nov 1994 08:49:07 GMT
            retry_after_ms(&headers, 784_111_747_000)
        };
        assert_eq!(asked("30"), Some(30_000));
        assert_eq!(asked("Sun, 06 Nov 1994 08:49:37 GMT"), Some(30_000));
        assert_eq!(asked("Sun, 06 Nov 1994 08:00:00 GMT"), Some(0));
        assert_eq!(asked("99999999999999999999"), None);
        assert_eq!(asked("soon"), None);
        assert_eq!(retry_after_ms(&HeaderMap::new(), 0), None);
    }
}
