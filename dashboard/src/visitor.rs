//! The visitor of a page, and what of a request the API looks at too.

use axum::body::Body;
use axum::extract::{FromRequestParts, Request};
use http::request::Parts;
use http::{HeaderMap, HeaderValue, Method, StatusCode, header};
use stagegate_api::{Identity, Role};
use std::collections::BTreeMap;

/// Headers of a visitor that the API checks too.
const SHOWN: [&str; 5] = ["host", "origin", "sec-fetch-site", "user-agent", "last-event-id"];

/// The visitor of a page.
#[derive(Clone)]
pub(crate) struct Visitor {
    /// The actor whose name the audit will have, and what they may do.
    pub(crate) identity: Identity,
    /// The value that forms carry.
    pub(crate) secret: String,
    /// True if there is a session that can be ended.
    pub(crate) signed_in: bool,
    pub(crate) bearer: Option<HeaderValue>,
    pub(crate) headers: HeaderMap,
    pub(crate) extensions: http::Extensions,
}

/// What the listener said about a request: its peer, and its connection.
#[derive(Clone)]
pub(crate) struct Arrival(http::Extensions);

/// Keeps what the listener said, for the request that goes on to the API.
pub(crate) fn note_arrival(mut request: Request) -> Request {
    let arrival = Arrival(request.extensions().clone());
    request.extensions_mut().insert(arrival);
    request
}

impl Visitor {
    /// The role for a workload.
    pub(crate) fn role_for(&self, workload: &str) -> Role {
        let more = self.identity.workloads.get(workload).copied();
        match (self.identity.role, more) {
            (Role::Admin, _) | (_, Some(Role::Admin)) => Role::Admin,
            (Role::Operator, _) | (_, Some(Role::Operator)) => Role::Operator,
            _ => Role::Viewer,
        }
    }

    /// The role for what belongs to no workload.
    pub(crate) const fn role(&self) -> Role {
        self.identity.role
    }

    /// A request of this visitor to the API.
    pub(crate) fn request(&self, method: Method, path: &str, body: Body) -> http::Request<Body> {
        let mut request = http::Request::new(body);
        *request.method_mut() = method;
        *request.uri_mut() = path.parse().unwrap_or_default();
        *request.headers_mut() = self.headers.clone();
        *request.extensions_mut() = self.extensions.clone();
        if let Some(bearer) = &self.bearer {
            request.headers_mut().insert(header::AUTHORIZATION, bearer.clone());
        }
        request
    }

    /// A visitor that is not known, with what the API looks at.
    pub(crate) fn stranger(request: &Request) -> Self {
        let headers = request.headers();
        let arrival = request.extensions().get::<Arrival>().cloned();
        let shown = SHOWN.iter().filter_map(|name| {
            Some((header::HeaderName::from_static(name), headers.get(*name)?.clone()))
        });
        Self {
            identity: Identity {
                actor: String::new(),
                role: Role::Viewer,
                workloads: BTreeMap::new(),
            },
            secret: String::new(),
            signed_in: false,
            bearer: None,
            headers: shown.collect(),
            extensions: arrival.map(|it| it.0).unwrap_or_default(),
        }
    }
}

impl<S: Send + Sync> FromRequestParts<S> for Visitor {
    type Rejection = StatusCode;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, StatusCode> {
        parts.extensions.get::<Self>().cloned().ok_or(StatusCode::INTERNAL_SERVER_ERROR)
    }
}
