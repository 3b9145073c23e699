//! The admin API's client: one blocking call a command.

use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;
use stagegate_api::Problem;
use std::fmt;
use std::process::ExitCode;
use std::time::Duration;
use ureq::Agent;
use ureq::http::{Method, Request, Uri};

/// A rollback waits until every worker follows; nothing else takes long.
const PATIENCE: Duration = Duration::from_secs(30);
/// The admin API is near; if it does not take a connection soon, it is not there.
const CONNECT_PATIENCE: Duration = Duration::from_secs(5);
/// Answers are pages at most; more is not from an admin API.
const LARGEST_ANSWER: u64 = 32 * 1024 * 1024;

/// Talks to one admin API.
#[derive(Clone, Debug)]
pub(crate) struct AdminClient {
    agent: Agent,
    base: String,
    token: Option<String>,
}

/// What makes a change conditional or repeatable.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Conditions<'a> {
    /// Change only if the workload's last change was this epoch.
    pub(crate) if_match: Option<u64>,
    /// The same key twice changes once.
    pub(crate) idempotency_key: Option<&'a str>,
}

/// Why a command was not done.
#[derive(Debug)]
pub(crate) enum Failure {
    /// Nobody answers.
    Unreachable { url: String, cause: String },
    /// The API refused.
    Refused { problem: Box<Problem>, raw: Value },
    /// An answer that is not the admin API's.
    Odd { url: String, what: String },
    /// Wrong usage that the parser cannot see.
    Usage(String),
    /// A local failure.
    Local(String),
}

impl Failure {
    /// The exit code that tells a script what happened.
    pub(crate) fn exit_code(&self) -> ExitCode {
        ExitCode::from(match self {
            Self::Refused { .. } | Self::Odd { .. } | Self::Local(_) => 1,
            Self::Usage(_) => 2,
            Self::Unreachable { .. } => 3,
        })
    }

    /// The problem as the API sent it.
    pub(super) fn problem(&self) -> Option<&Value> {
        match self {
            Self::Refused { raw, .. } => Some(raw),
            _ => None,
        }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unreachable { url, cause } => write!(
                f,
                "no admin API at {url}: {cause}\n  try: start it with `stagegate serve`, \
                 or say where it is with --admin URL or STAGEGATE_ADMIN"
            ),
            Self::Refused { problem, .. } => refused(f, problem),
            Self::Odd { url, what } => write!(
                f,
                "{url} does not answer like a Stagegate admin API: {what}\n  try: check \
                 --admin; it wants the address of `admin:` in the configuration, not a listener's"
            ),
            Self::Usage(what) => write!(f, "{what}"),
            Self::Local(what) => write!(f, "{what}"),
        }
    }
}

impl std::error::Error for Failure {}

fn refused(f: &mut fmt::Formatter<'_>, problem: &Problem) -> fmt::Result {
    write!(f, "{} ({})", problem.title, problem.status)?;
    let fields: Vec<String> =
        problem.fields.iter().map(|field| format!("{}: {}", field.field, field.problem)).collect();
    let said_below = fields.contains(&problem.detail) || problem.detail == problem.title;
    if !problem.detail.is_empty() && !said_below {
        write!(f, "\n  {}", problem.detail)?;
    }
    for field in &fields {
        write!(f, "\n  {field}")?;
    }
    for found in &problem.config {
        write!(f, "\n  {}", super::file::config_problem(found))?;
    }
    if let Some(current) = &problem.current {
        write!(
            f,
            "\n  now: epoch {}, stable {}, candidate {}, weight {}",
            current.epoch,
            current.stable,
            current.candidate.as_deref().unwrap_or("none"),
            current.weight
        )?;
    }
    match hint(problem.status) {
        Some(hint) => write!(f, "\n  try: {hint}"),
        None => Ok(()),
    }
}

/// What to do next, where the status alone tells it.
const fn hint(status: u16) -> Option<&'static str> {
    Some(match status {
        401 => "give a token with --token or STAGEGATE_TOKEN; `stagegate token new` makes one",
        403 => "use a token with a higher role; `stagegate token new --role operator` makes one",
        412 => "look at the state above and repeat with its epoch in --if-match, or without it",
        500 | 503 => "nothing was changed; see `stagegate status` and the server's log",
        _ => return None,
    })
}

impl AdminClient {
    /// A client of the API at `admin`; connects when it is first used.
    pub(crate) fn new(admin: &str, token: Option<&str>) -> Result<Self, Failure> {
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
                    "--admin `{admin}` must begin with http://, as http://127.0.0.1:9900"
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
        Ok(Self {
            agent: config.into(),
            base: admin.trim_end_matches('/').to_owned(),
            token: token.filter(|token| !token.is_empty()).map(str::to_owned),
        })
    }

    /// Reads.
    pub(crate) fn get(&self, path: &str) -> Result<Value, Failure> {
        self.call(&Method::GET, path, None, Conditions::default())
    }

    /// Changes.
    pub(crate) fn send(
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

    /// Reads a text that is not JSON, as a page; refusals are JSON all the same.
    pub(crate) fn text(&self, path: &str) -> Result<String, Failure> {
        let (status, text) = self.exchange(&Method::GET, path, None, Conditions::default())?;
        if (200..300).contains(&status) {
            return Ok(text);
        }
        self.read(path, status, &text).map(|_| text)
    }

    /// The status and text of a path, whatever they are.
    pub(crate) fn probe(&self, path: &str) -> Result<(u16, String), Failure> {
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
        let problem = typed::<ProblemLoose>(&value).map_err(|_| odd(format!("status {status}")))?;
        Err(Failure::Refused { problem: Box::new(problem.into_problem(status)), raw: value })
    }

    fn exchange(
        &self,
        method: &Method,
        path: &str,
        body: Option<Vec<u8>>,
        conditions: Conditions<'_>,
    ) -> Result<(u16, String), Failure> {
        let url = format!("{}{path}", self.base);
        let mut request = Request::builder().method(method).uri(&url);
        request = request.header("accept", "application/json");
        if let Some(token) = &self.token {
            request = request.header("authorization", format!("Bearer {token}"));
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
                self.agent.run(request.body(body).map_err(unusable)?)
            }
            None => self.agent.run(request.body(()).map_err(unusable)?),
        };
        let unreachable = |error: ureq::Error| Failure::Unreachable {
            url: self.base.clone(),
            cause: error.to_string(),
        };
        let mut response = result.map_err(unreachable)?;
        let status = response.status().as_u16();
        let text = response.body_mut().with_config().limit(LARGEST_ANSWER).read_to_string();
        Ok((status, text.map_err(unreachable)?))
    }
}

/// A problem of which any part may be missing: what a gateway in between answers counts too.
#[derive(serde::Deserialize)]
#[serde(default)]
#[derive(Default)]
struct ProblemLoose {
    title: String,
    detail: String,
    fields: Vec<stagegate_api::FieldProblem>,
    config: Vec<stagegate_api::ConfigProblem>,
    current: Option<Box<stagegate_api::WorkloadDetail>>,
}

impl ProblemLoose {
    fn into_problem(self, status: u16) -> Problem {
        let title = if self.title.is_empty() { "refused".to_owned() } else { self.title };
        Problem {
            title,
            status,
            detail: self.detail,
            fields: self.fields,
            config: self.config,
            current: self.current,
            ..Problem::default()
        }
    }
}

/// An API answer as its type.
pub(crate) fn typed<T: DeserializeOwned>(value: &Value) -> Result<T, Failure> {
    T::deserialize(value).map_err(|error| {
        Failure::Local(format!(
            "the answer is not what this version knows: {error}; is the server of another version?"
        ))
    })
}

/// Text as one segment of a path or one value of a query.
pub(crate) fn segment(text: &str) -> String {
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
            [("127.0.0.1:9900", "http://"), ("https://h:1", "tunnel"), ("http://[", "not a URL")]
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
