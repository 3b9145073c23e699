//! The admin API, asked in this process as its other clients ask it over a socket.

use crate::refusal::Refusal;
use crate::shared::Shared;
use crate::visitor::Visitor;
use axum::Router;
use axum::body::{Body, Bytes, to_bytes};
use axum::response::Response;
use http::{HeaderValue, Method, Request, StatusCode, header};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};
use stagegate_api::Problem;
use std::sync::Arc;
use std::time::Duration;
use tower::ServiceExt;

/// Largest answer that is read, in bytes.
const LARGEST: usize = 16 << 20;
/// Characters of a name that stay as they are in a path: those that RFC 3986 calls unreserved.
const KEPT: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// How old a figure may be that all who look share.
pub(crate) const SOON: Duration = Duration::from_secs(1);
/// The same of what costs more to read.
pub(crate) const LATER: Duration = Duration::from_secs(10);

/// The API.
#[derive(Clone)]
pub(crate) struct Api {
    router: Router,
    shared: Arc<Shared>,
}

/// A change that is asked for.
pub(crate) struct Change<'a> {
    pub(crate) method: Method,
    pub(crate) path: String,
    pub(crate) body: Value,
    /// The `Idempotency-Key`, if there is one: a form that is sent twice changes once.
    pub(crate) key: Option<&'a str>,
    /// The epoch that the visitor looked at.
    pub(crate) epoch: Option<&'a str>,
}

impl Change<'_> {
    /// A change that says nothing and depends on nothing.
    pub(crate) fn plain(method: Method, path: String) -> Self {
        Self { method, path, body: Value::Object(Map::new()), key: None, epoch: None }
    }
}

impl Api {
    pub(crate) fn new(router: Router) -> Self {
        Self { router, shared: Arc::default() }
    }

    /// Reads `path`.
    pub(crate) async fn get<T: DeserializeOwned>(
        &self,
        visitor: &Visitor,
        path: &str,
    ) -> Result<T, Refusal> {
        read(self.send(visitor.request(Method::GET, path, Body::empty())).await).await
    }

    /// Reads `path`, whose answer is the same for everybody of a role. All who look within `life` share
    /// one answer. The guard has asked the API who the visitor is.
    pub(crate) async fn look<T: DeserializeOwned>(
        &self,
        visitor: &Visitor,
        path: &str,
        life: Duration,
    ) -> Result<T, Refusal> {
        let question = format!("{} {path}", visitor.role());
        let ask = async {
            bytes(self.send(visitor.request(Method::GET, path, Body::empty())).await).await
        };
        parsed(&self.shared.get(question, life, ask).await?)
    }

    /// Asks a question that has a body.
    pub(crate) async fn ask<T: DeserializeOwned>(
        &self,
        visitor: &Visitor,
        path: &str,
        body: &Value,
    ) -> Result<T, Refusal> {
        let mut request = visitor.request(Method::POST, path, Body::from(body.to_string()));
        as_json(&mut request);
        read(self.send(request).await).await
    }

    /// Changes something.
    pub(crate) async fn change<T: DeserializeOwned>(
        &self,
        visitor: &Visitor,
        change: Change<'_>,
    ) -> Result<T, Refusal> {
        let Change { method, path, body, key, epoch } = change;
        let mut request = visitor.request(method, &path, Body::from(body.to_string()));
        as_json(&mut request);
        let mut set = |name: header::HeaderName, value: Option<String>| {
            if let Some(value) = value.and_then(|it| HeaderValue::try_from(it).ok()) {
                request.headers_mut().insert(name, value);
            }
        };
        set(header::HeaderName::from_static("idempotency-key"), key.map(str::to_owned));
        set(header::IF_MATCH, epoch.map(|epoch| format!("\"{epoch}\"")));
        let answer = read(self.send(request).await).await;
        self.shared.forget();
        answer
    }

    /// The API's answer as it is.
    pub(crate) async fn pass_on(&self, visitor: &Visitor, path: &str) -> Response {
        self.send(visitor.request(Method::GET, path, Body::empty())).await
    }

    async fn send(&self, request: Request<Body>) -> Response {
        match self.router.clone().oneshot(request).await {
            Ok(response) => response,
            Err(never) => match never {},
        }
    }
}

fn as_json(request: &mut Request<Body>) {
    let json = HeaderValue::from_static("application/json");
    request.headers_mut().insert(header::CONTENT_TYPE, json);
}

async fn read<T: DeserializeOwned>(response: Response) -> Result<T, Refusal> {
    parsed(&bytes(response).await?)
}

fn parsed<T: DeserializeOwned>(body: &[u8]) -> Result<T, Refusal> {
    serde_json::from_slice(body)
        .map_err(|error| odd(StatusCode::OK, format!("the answer is not as it should be: {error}")))
}

/// The body of an answer that is a success.
async fn bytes(response: Response) -> Result<Bytes, Refusal> {
    let status = response.status();
    let body = match to_bytes(response.into_body(), LARGEST).await {
        Ok(body) => body,
        Err(error) => return Err(odd(status, format!("the answer was not read: {error}"))),
    };
    if status.is_success() {
        return Ok(body);
    }
    let problem: Option<Problem> = serde_json::from_slice(&body).ok();
    Err(match problem {
        Some(problem) => Refusal { status, problem: Box::new(problem) },
        None => odd(status, String::from_utf8_lossy(&body).into_owned()),
    })
}

fn odd(status: StatusCode, detail: String) -> Refusal {
    Refusal {
        status: if status.is_success() { StatusCode::BAD_GATEWAY } else { status },
        problem: Box::new(Problem { detail, ..Problem::default() }),
    }
}

/// The path of `parts`, each escaped.
pub(crate) fn path(parts: &[&str]) -> String {
    parts.iter().fold(String::new(), |path, part| {
        let escaped = utf8_percent_encode(part, KEPT).to_string();
        // A dot segment would be resolved by whoever reads the path.
        let escaped =
            if part.chars().all(|it| it == '.') { part.replace('.', "%2E") } else { escaped };
        path + "/" + &escaped
    })
}

/// `path?name=value&…` of the values that are there.
pub(crate) fn with_query(path: &str, values: &[(&str, Option<&str>)]) -> String {
    let mut query = form_urlencoded::Serializer::new(String::new());
    for (name, value) in values {
        if let Some(value) = value.filter(|it| !it.is_empty()) {
            query.append_pair(name, value);
        }
    }
    let query = query.finish();
    if query.is_empty() { path.to_owned() } else { format!("{path}?{query}") }
}

#[cfg(test)]
mod tests {
    use super::{path, with_query};

    #[test]
    fn names_cannot_leave_their_place_in_a_path() {
        assert_eq!(path(&["v1", "workloads", "a/../b c"]), "/v1/workloads/a%2F..%2Fb%20c");
        assert_eq!(path(&["v1", ".."]), "/v1/%2E%2E");
    }

    #[test]
    fn a_query_has_only_what_is_there() {
        let query = [("workload", Some("a&b")), ("arm", Some("")), ("text", None)];
        assert_eq!(with_query("/v1/samples", &query), "/v1/samples?workload=a%26b");
        assert_eq!(with_query("/v1/samples", &[]), "/v1/samples");
    }
}
