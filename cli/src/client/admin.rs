//! The admin API's client: one blocking call a command.

use super::failure::Failure;
use super::{problem, socket};
use crate::unshown::Unshown;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;
use std::path::{Path, PathBuf};
use std::time::Duration;
use ureq::Agent;
use ureq::http::{Method, Request, Uri};

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
    Http(Agent),
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
    /// A client of the API at `admin`, an `http://` URL or `unix:` and the path of a socket; connects
    /// when it is first used. Without one it is the socket in `./stagegate-data` if somebody answers
    /// there, else the default address.
    pub fn reaching(admin: Option<&str>, token: Option<&str>) -> Result<Self, Failure> {
        match admin {
            Some(admin) => Self::new(admin, token),
            None if socket::answers(Path::new(NEAR)) => Self::new(&format!("unix:{NEAR}"), token),
            None => Self::new(DEFAULT, token),
        }
    }

    /// A client of the API at `admin`; connects when it is first used.
    pub fn new(admin: &str, token: Option<&str>) -> Result<Self, Failure> {
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
            Some("http") => {}
            Some("https") => {
                return Err(Failure::Usage(format!(
                    "--admin `{admin}`: the admin API speaks plain HTTP in this version; reach a \
                     remote one through a tunnel, as `ssh -L 9900:127.0.0.1:9900 HOST`"
                )));
            }
            _ => {
                return Err(Failure::Usage(format!(
                    "--admin `{admin}` must begin with http:// or unix:, as http://127.0.0.1:9900 or unix:stagegate-data/admin.sock"
                )));
            }
        }
        let config = Agent::config_builder()
            .http_status_as_error(false)
            .timeout_global(Some(PATIENCE))
            .timeout_connect(Some(CONNECT_PATIENCE))
            // Tokens go to the admin API and nowhere else, whatever the environment says.
            .proxy(None)
            .max_redirects(0)
            .build();
        let way = Way::Http(config.into());
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
        let value: Value =
            serde_json::from_str(text).map_err(|_| odd(format!("status {status} and no JSON")))?;
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
        let agent = match &self.way {
            Way::Http(agent) => agent,
            Way::Socket(socket) => return self.over(socket, method, path, body, conditions),
        };
        let url = format!("{}{path}", self.base);
        let mut request = Request::builder().method(method).uri(&url);
        request = request.header("accept", "application/json");
        if let Some(token) = &self.token {
            request = request.header("authorization", format!("Bearer {}", token.expose()));
        }
        if let Some(epoch) = conditions.if_match {
            request = request.header("if-match", format!("\"{epoch}\""));
        }
        if let Some(key) = conditions.idempotency_key {
            request = request.header("idempotency-key", key);
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
        let unreachable = |error: ureq::Error| Failure::Unreachable {
            url: self.base.clone(),
            cause: error.to_string(),
        };
        let mut response = result.map_err(unreachable)?;
        let status = response.status().as_u16();
        let text = response.body_mut().with_config().limit(socket::LARGEST_ANSWER).read_to_string();
        Ok((status, text.map_err(unreachable)?))
    }
}

impl AdminClient {
    /// The same exchange over the socket.
    fn over(
        &self,
        socket: &Path,
        method: &Method,
        path: &str,
        body: Option<Vec<u8>>,
        conditions: Conditions<'_>,
    ) -> Result<(u16, String), Failure> {
        let mut fields = vec![("accept", "application/json".to_owned())];
        fields.extend(
            self.token.as_ref().map(|it| ("authorization", format!("Bearer {}", it.expose()))),
        );
        fields.extend(conditions.if_match.map(|epoch| ("if-match", format!("\"{epoch}\""))));
        let key = conditions.idempotency_key.map(str::to_owned);
        fields.extend(key.map(|key| ("idempotency-key", key)));
        fields.extend(body.as_ref().map(|_| ("content-type", "application/json".to_owned())));
        if fields.iter().any(|(_, value)| value.chars().any(char::is_control)) {
            return Err(Failure::Usage(
                "cannot make a request of this: a control character".into(),
            ));
        }
        let body = body.unwrap_or_default();
        socket::exchange(socket, method.as_str(), path, &fields, &body).map_err(|error| {
            Failure::Unreachable { url: self.base.clone(), cause: error.to_string() }
        })
    }
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
        for (url, wanted) in [
            ("127.0.0.1:9900", "http://"),
            ("unix:", "no socket"),
            ("https://h:1", "tunnel"),
            ("http://[", "not a URL"),
        ] {
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
