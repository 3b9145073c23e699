//! The admin API's client: one blocking call a command.

use super::events::{Events, SILENCE};
use super::failure::Failure;
use super::trust::Trust;
use super::{problem, socket};
use crate::unshown::Unshown;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;
use std::path::{Path, PathBuf};
use std::time::Duration;
use ureq::Agent;
use ureq::http::{Method, Request, Response, Uri};
use ureq::tls::TlsConfig;

/// A rollback waits until every worker follows; nothing else takes long.
const PATIENCE: Duration = Duration::from_secs(30);
/// The admin API is near; if it does not take a connection soon, it is not there.
const CONNECT_PATIENCE: Duration = Duration::from_secs(5);
/// Where the API is if nothing else is said.
const DEFAULT: &str = "http://127.0.0.1:9900";
/// The socket of a server that was started here with the default `data_dir`.
const NEAR: &str = "stagegate-data/admin.sock";

/// Talks to one admin API.
#[derive(Clone, Debug)]
pub struct AdminClient {
    way: Way,
    base: String,
    token: Option<Unshown>,
}

/// The way to the API.
#[derive(Clone, Debug)]
enum Way {
    Http {
        whole: Agent,
        /// For answers without an end.
        stream: Agent,
    },
    /// The socket in the server's data directory.
    Socket(PathBuf),
}

/// The headers that make a change conditional or idempotent.
#[derive(Clone, Copy, Debug, Default)]
pub struct Conditions<'a> {
    /// Change only if the workload's last change was this epoch.
    pub if_match: Option<u64>,
    /// The same key twice changes once.
    pub idempotency_key: Option<&'a str>,
}

impl AdminClient {
    /// A client of the API at `admin`, an `http://` or `https://` URL or `unix:` and the path of a
    /// socket; connects when it is first used. Without one it is the socket in `./stagegate-data` if
    /// somebody answers there, else the default address.
    pub fn reaching(
        admin: Option<&str>,
        token: Option<&str>,
        trust: &Trust,
    ) -> Result<Self, Failure> {
        match admin {
            Some(admin) => Self::trusting(admin, token, trust),
            None if socket::answers(Path::new(NEAR)) => {
                Self::trusting(&format!("unix:{NEAR}"), token, trust)
            }
            None => Self::trusting(DEFAULT, token, trust),
        }
    }

    /// A client of the API at `admin`; connects when it is first used.
    pub fn new(admin: &str, token: Option<&str>) -> Result<Self, Failure> {
        Self::trusting(admin, token, &Trust::default())
    }

    /// As [`AdminClient::new`], with the files for an API that speaks TLS.
    pub fn trusting(admin: &str, token: Option<&str>, trust: &Trust) -> Result<Self, Failure> {
        let token =
            token.filter(|token| !token.is_empty()).map(|token| Unshown::from(token.to_owned()));
        if let Some(path) = admin.strip_prefix("unix:") {
            if path.is_empty() {
                return Err(Failure::Usage(format!(
                    "--admin `{admin}` names no socket, as unix:/var/lib/stagegate/admin.sock"
                )));
            }
            return Ok(Self { way: Way::Socket(path.into()), base: admin.to_owned(), token });
        }
        let uri: Uri = admin
            .parse()
            .map_err(|error| Failure::Usage(format!("--admin `{admin}` is not a URL: {error}")))?;
        match uri.scheme_str() {
            Some("http" | "https") => {}
            _ => {
                return Err(Failure::Usage(format!(
                    "--admin `{admin}` must begin with http://, https:// or unix:, as http://127.0.0.1:9900 or unix:stagegate-data/admin.sock"
                )));
            }
        }
        let tls = trust.config()?;
        let whole = agent(tls.clone()).timeout_global(Some(PATIENCE)).build();
        let stream = agent(tls)
            .timeout_send_request(Some(PATIENCE))
            .timeout_recv_response(Some(PATIENCE))
            .timeout_per_read(Some(SILENCE))
            .build();
        let way = Way::Http { whole: whole.into(), stream: stream.into() };
        Ok(Self { way, base: admin.trim_end_matches('/').to_owned(), token })
    }

    /// Reads.
    pub fn get(&self, path: &str) -> Result<Value, Failure> {
        self.call(&Method::GET, path, None, Conditions::default())
    }

    /// Changes.
    pub fn send(
        &self,
        method: &Method,
        path: &str,
        body: &impl Serialize,
        conditions: Conditions<'_>,
    ) -> Result<Value, Failure> {
        let body = serde_json::to_vec(body)
            .map_err(|error| Failure::Local(format!("cannot write the request: {error}")))?;
        self.call(method, path, Some(body), conditions)
    }

    /// Reads a text that is not JSON, like a page. Refusals are still JSON.
    pub fn text(&self, path: &str) -> Result<String, Failure> {
        let (status, text) = self.exchange(&Method::GET, path, None, Conditions::default())?;
        if (200..300).contains(&status) {
            return Ok(text);
        }
        self.read(path, status, &text).map(|_| text)
    }

    /// The status and text of a path, whatever they are.
    pub fn probe(&self, path: &str) -> Result<(u16, String), Failure> {
        self.exchange(&Method::GET, path, None, Conditions::default())
    }

    fn call(
        &self,
        method: &Method,
        path: &str,
        body: Option<Vec<u8>>,
        conditions: Conditions<'_>,
    ) -> Result<Value, Failure> {
        let (status, text) = self.exchange(method, path, body, conditions)?;
        self.read(path, status, &text)
    }

    /// An answer in JSON: what was asked for, or why not.
    fn read(&self, path: &str, status: u16, text: &str) -> Result<Value, Failure> {
        let url = || format!("{}{path}", self.base);
        let odd = |what: String| Failure::Odd { url: url(), what };
        let value: Value = serde_json::from_str(text).map_err(|_| odd(no_json(status, text)))?;
        if (200..300).contains(&status) {
            return Ok(value);
        }
        let problem =
            problem::read(&value, status).ok_or_else(|| odd(format!("status {status}")))?;
        Err(Failure::Refused { problem: Box::new(problem), raw: value })
    }

    fn exchange(
        &self,
        method: &Method,
        path: &str,
        body: Option<Vec<u8>>,
        conditions: Conditions<'_>,
    ) -> Result<(u16, String), Failure> {
        let whole = match &self.way {
            Way::Http { whole, .. } => whole,
            Way::Socket(socket) => return self.over(socket, method, path, body, conditions),
        };
        let mut response = self.http(whole, method, path, body, conditions)?;
        let status = response.status().as_u16();
        let text = response.body_mut().with_config().limit(socket::LARGEST_ANSWER).read_to_string();
        Ok((status, text.map_err(|error| self.unreachable(&error))?))
    }

    /// Watches a stream of events; `None` where the server has none, or no place for one more.
    pub fn events(&self, path: &str) -> Result<Option<Events>, Failure> {
        let stream = match &self.way {
            Way::Http { stream, .. } => stream,
            Way::Socket(socket) => {
                let opened = socket::stream(socket, path, &self.fields(Conditions::default())?);
                let opened = opened.map_err(|error| self.broken(&error))?;
                return match opened {
                    socket::Opened::Stream(body) => self.begun(Events::of(body)),
                    socket::Opened::Other(status, text) => self.no_events(path, status, &text),
                };
            }
        };
        let mut response = self.http(stream, &Method::GET, path, None, Conditions::default())?;
        let status = response.status().as_u16();
        if status == 200 {
            return self.begun(Events::of(response.into_body().into_reader()));
        }
        let text = response.body_mut().read_to_string();
        self.no_events(path, status, &text.map_err(|error| self.unreachable(&error))?)
    }

    fn begun(&self, events: std::io::Result<Events>) -> Result<Option<Events>, Failure> {
        events.map(Some).map_err(|error| self.broken(&error))
    }

    /// An older server has no such path, and one that has may be full.
    fn no_events(&self, path: &str, status: u16, text: &str) -> Result<Option<Events>, Failure> {
        match status {
            404 | 405 | 503 => Ok(None),
            _ => self.read(path, status, text).map(|_| None),
        }
    }

    fn http(
        &self,
        agent: &Agent,
        method: &Method,
        path: &str,
        body: Option<Vec<u8>>,
        conditions: Conditions<'_>,
    ) -> Result<Response<ureq::Body>, Failure> {
        let url = format!("{}{path}", self.base);
        let mut request = Request::builder().method(method).uri(&url);
        for (name, value) in self.fields(conditions)? {
            request = request.header(name, value);
        }
        let unusable = |error: ureq::http::Error| {
            Failure::Usage(format!("cannot make a request of this: {error}"))
        };
        let result = match body {
            Some(body) => {
                let request = request.header("content-type", "application/json");
                agent.run(request.body(body).map_err(unusable)?)
            }
            None => agent.run(request.body(()).map_err(unusable)?),
        };
        result.map_err(|error| self.unreachable(&error))
    }

    /// The header fields of a request.
    fn fields(&self, conditions: Conditions<'_>) -> Result<Vec<(&'static str, String)>, Failure> {
        let mut fields = vec![("accept", "application/json, text/event-stream".to_owned())];
        fields.extend(
            self.token.as_ref().map(|it| ("authorization", format!("Bearer {}", it.expose()))),
        );
        fields.extend(conditions.if_match.map(|epoch| ("if-match", format!("\"{epoch}\""))));
        let key = conditions.idempotency_key.map(str::to_owned);
        fields.extend(key.map(|key| ("idempotency-key", key)));
        if fields.iter().any(|(_, value)| value.chars().any(char::is_control)) {
            return Err(Failure::Usage(
                "cannot make a request of this: a control character".into(),
            ));
        }
        Ok(fields)
    }

    fn unreachable(&self, error: &ureq::Error) -> Failure {
        let mut cause = error.to_string();
        if self.base.starts_with("https:") && cause.contains("ertificate") {
            cause.push_str("; if an authority of your own signed it, name its file with --ca");
        }
        Failure::Unreachable { url: self.base.clone(), cause }
    }

    fn broken(&self, error: &std::io::Error) -> Failure {
        Failure::Unreachable { url: self.base.clone(), cause: error.to_string() }
    }

    /// The same exchange over the socket.
    fn over(
        &self,
        socket: &Path,
        method: &Method,
        path: &str,
        body: Option<Vec<u8>>,
        conditions: Conditions<'_>,
    ) -> Result<(u16, String), Failure> {
        let mut fields = self.fields(conditions)?;
        fields.extend(body.as_ref().map(|_| ("content-type", "application/json".to_owned())));
        let body = body.unwrap_or_default();
        socket::exchange(socket, method.as_str(), path, &fields, &body)
            .map_err(|error| self.broken(&error))
    }
}

/// An answer that is not JSON: its one line, if it has no more.
fn no_json(status: u16, text: &str) -> String {
    let line = text.trim();
    let is_short = !line.is_empty() && line.len() < 100 && !line.contains(['\n', '<']);
    let said =
        if is_short { format!(": {}", crate::output::one_line(line)) } else { String::new() };
    format!("status {status} and no JSON{said}")
}

/// What every agent has in common.
fn agent(tls: TlsConfig) -> ureq::config::ConfigBuilder<ureq::typestate::AgentScope> {
    Agent::config_builder()
        .http_status_as_error(false)
        .timeout_connect(Some(CONNECT_PATIENCE))
        // Tokens go to the admin API and nowhere else, whatever the environment says.
        .proxy(None)
        .max_redirects(0)
        .tls_config(tls)
}

/// An API answer as its type.
pub fn typed<T: DeserializeOwned>(value: &Value) -> Result<T, Failure> {
    T::deserialize(value).map_err(|error| {
        Failure::Local(format!(
            "the answer is not what this version knows: {error}; is the server of another version?"
        ))
    })
}

/// Text as one segment of a path or one value of a query.
pub fn segment(text: &str) -> String {
    let mut encoded = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~') {
            encoded.push(char::from(byte));
        } else {
            encoded.push_str(&format!("%{byte:02X}"));
        }
    }
    encoded
}

#[cfg(test)]
mod tests {
    use super::{AdminClient, Failure, segment};

    #[test]
    fn ids_cannot_leave_their_place_in_a_path() {
        assert_eq!(segment("acme"), "acme");
        assert_eq!(segment("a/../b?c#d e"), "a%2F..%2Fb%3Fc%23d%20e");
        assert_eq!(segment("ä"), "%C3%A4");
    }

    #[test]
    fn says_what_an_admin_url_must_look_like() {
        for (url, wanted) in
            [("127.0.0.1:9900", "http://"), ("unix:", "no socket"), ("http://[", "not a URL")]
        {
            match AdminClient::new(url, None) {
                Err(Failure::Usage(text)) => assert!(text.contains(wanted), "{text}"),
                other => panic!("{url}: {other:?}"),
            }
        }
    }

    #[test]
    fn nobody_there_is_its_own_kind_of_failure() {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a free port");
        let address = listener.local_addr().expect("bound");
        drop(listener);
        let client = AdminClient::new(&format!("http://{address}"), None).expect("a URL");
        let failure = client.get("/v1/status").expect_err("nobody listens");
        assert!(matches!(failure, Failure::Unreachable { .. }), "{failure}");
        assert!(failure.to_string().contains("stagegate serve"), "{failure}");
    }
}
