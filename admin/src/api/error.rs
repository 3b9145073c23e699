//! Errors as `application/problem+json` (RFC 9457), all rendered in one place.
//!
//! Handlers return an [`ApiError`]; the outermost layer, [`dress`], turns it into the body, because
//! only there the path and the request's id are known. It also dresses the bare refusals of the
//! layers in between (405, 413, 504), so that no caller ever sees an error without an explanation.

use crate::describe;
use axum::Json;
use axum::extract::Request;
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use http::{HeaderValue, StatusCode, header};
use stagegate_api::{AnalysisDetail, ConfigProblem, FieldProblem, Problem};
use stagegate_control::{ExecuteError, Live, ReleaseRefusal, ReloadError, StoreAccessError};
use stagegate_flags::FlagRefusal;
use tower_http::request_id::RequestId;

/// The kinds of problems; the closed list behind `type`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// The request is malformed.
    BadRequest,
    /// No token, or an unknown one.
    Unauthenticated,
    /// The token is good for less.
    Forbidden,
    /// No such thing.
    NotFound,
    /// The path exists, the method does not.
    MethodNotAllowed,
    /// The command makes no sense in the present state.
    Refused,
    /// The workload changed since the caller looked.
    Stale,
    /// The body is too large.
    TooLarge,
    /// The body is not JSON.
    NotJson,
    /// The idempotency key belongs to another request.
    KeyReused,
    /// The configuration file is wrong.
    InvalidConfig,
    /// A defect of the program.
    Internal,
    /// Not ready for traffic.
    NotReady,
    /// Started safe.
    ReadOnly,
    /// The store or the log failed.
    Unavailable,
    /// The time limit was exceeded.
    Timeout,
}

impl Kind {
    /// Every kind.
    pub const ALL: [Self; 16] = [
        Self::BadRequest,
        Self::Unauthenticated,
        Self::Forbidden,
        Self::NotFound,
        Self::MethodNotAllowed,
        Self::Refused,
        Self::Stale,
        Self::TooLarge,
        Self::NotJson,
        Self::KeyReused,
        Self::InvalidConfig,
        Self::Internal,
        Self::NotReady,
        Self::ReadOnly,
        Self::Unavailable,
        Self::Timeout,
    ];

    /// Last part of `type`, title and status.
    #[must_use]
    pub const fn parts(self) -> (&'static str, &'static str, StatusCode) {
        use StatusCode as S;
        match self {
            Self::BadRequest => ("bad-request", "The request is malformed", S::BAD_REQUEST),
            Self::Unauthenticated => {
                ("unauthenticated", "A valid token is needed", S::UNAUTHORIZED)
            }
            Self::Forbidden => ("forbidden", "This is not allowed", S::FORBIDDEN),
            Self::NotFound => ("not-found", "Not found", S::NOT_FOUND),
            Self::MethodNotAllowed => {
                ("method-not-allowed", "This method is not for this path", S::METHOD_NOT_ALLOWED)
            }
            Self::Refused => ("refused", "The command does not fit the present state", S::CONFLICT),
            Self::Stale => ("stale", "The workload changed since", S::PRECONDITION_FAILED),
            Self::TooLarge => ("too-large", "The body is too large", S::PAYLOAD_TOO_LARGE),
            Self::NotJson => ("not-json", "The body must be JSON", S::UNSUPPORTED_MEDIA_TYPE),
            Self::KeyReused => {
                ("key-reused", "The Idempotency-Key was used before", S::UNPROCESSABLE_ENTITY)
            }
            Self::InvalidConfig => {
                ("invalid-config", "The configuration was refused", S::UNPROCESSABLE_ENTITY)
            }
            Self::Internal => ("internal", "A defect of Stagegate", S::INTERNAL_SERVER_ERROR),
            Self::NotReady => ("not-ready", "Not ready for traffic", S::SERVICE_UNAVAILABLE),
            Self::ReadOnly => ("read-only", "Nothing can be changed now", S::SERVICE_UNAVAILABLE),
            Self::Unavailable => ("unavailable", "The store failed", S::SERVICE_UNAVAILABLE),
            Self::Timeout => ("timeout", "It took too long", S::GATEWAY_TIMEOUT),
        }
    }

    /// The kind a bare status of a layer stands for.
    fn of_bare(status: StatusCode) -> Self {
        let same = |kind: &Self| kind.parts().2 == status;
        let fallback = if status.is_client_error() { Self::BadRequest } else { Self::Internal };
        Self::ALL.into_iter().find(same).unwrap_or(fallback)
    }
}

/// Most problems of a text that are listed.
const MOST_PROBLEMS: usize = 100;

/// The reason why a request failed.
#[derive(Clone, Debug)]
pub struct ApiError {
    kind: Kind,
    detail: String,
    fields: Vec<FieldProblem>,
    config: Vec<ConfigProblem>,
    current: Option<Box<Live>>,
    analysis: Option<Box<AnalysisDetail>>,
}

impl ApiError {
    /// An error of this kind.
    #[must_use]
    pub fn new(kind: Kind, detail: impl Into<String>) -> Self {
        let detail = detail.into();
        Self { kind, detail, fields: Vec::new(), config: Vec::new(), current: None, analysis: None }
    }

    /// A field, header or path part that is wrong.
    #[must_use]
    pub fn field(field: &str, problem: &dyn std::fmt::Display) -> Self {
        let problem = problem.to_string();
        let mut error = Self::new(Kind::BadRequest, format!("{field}: {problem}"));
        error.fields.push(FieldProblem { field: field.to_owned(), problem });
        error
    }

    /// A field that names something that does not exist.
    #[must_use]
    pub fn unknown(field: &str, problem: &dyn std::fmt::Display) -> Self {
        Self { kind: Kind::NotFound, ..Self::field(field, problem) }
    }

    /// Several fields that are wrong.
    #[must_use]
    pub fn fields(fields: Vec<FieldProblem>) -> Self {
        let each: Vec<String> =
            fields.iter().map(|it| format!("{}: {}", it.field, it.problem)).collect();
        Self { fields, ..Self::new(Kind::BadRequest, each.join("; ")) }
    }

    /// A text of policies that is wrong.
    #[must_use]
    pub fn of_a_text(problems: &stagegate_config::Problems) -> Self {
        let config: Vec<ConfigProblem> =
            problems.iter().map(describe::config_problem).take(MOST_PROBLEMS).collect();
        let detail = format!("the text has {} problems", problems.0.len());
        Self { config, ..Self::new(Kind::InvalidConfig, detail) }
    }

    /// The same refusal with the evidence it rests on; other errors stay as they are.
    #[must_use]
    pub fn with_analysis(self, analysis: Option<AnalysisDetail>) -> Self {
        let analysis = analysis.filter(|_| self.kind == Kind::Refused).map(Box::new);
        Self { analysis, ..self }
    }

    fn into_problem(self, instance: &str, request_id: Option<String>) -> Problem {
        let (slug, title, status) = self.kind.parts();
        Problem {
            kind: format!("/problems/{slug}"),
            title: title.to_owned(),
            status: status.as_u16(),
            detail: self.detail,
            instance: instance.to_owned(),
            request_id,
            epoch: self.current.as_ref().map(|live| live.epoch),
            current: self.current.map(|live| Box::new(describe::workload(&live))),
            analysis: self.analysis,
            fields: self.fields,
            config: self.config,
        }
    }
}

impl IntoResponse for ApiError {
    fn into_response(self) -> Response {
        let mut response = self.kind.parts().2.into_response();
        if self.kind == Kind::Unauthenticated {
            let challenge = HeaderValue::from_static("Bearer realm=\"stagegate\"");
            response.headers_mut().insert(header::WWW_AUTHENTICATE, challenge);
        }
        if let Some(live) = &self.current {
            response.headers_mut().insert(header::ETAG, super::etag::etag(live.epoch));
        }
        response.extensions_mut().insert(self);
        response
    }
}

impl From<ExecuteError> for ApiError {
    fn from(error: ExecuteError) -> Self {
        let detail = error.to_string();
        match error {
            ExecuteError::UnknownWorkload { .. } | ExecuteError::Unknown(_) => {
                Self::new(Kind::NotFound, detail)
            }
            ExecuteError::Stale { live } => {
                let mut error = Self::new(
                    Kind::Stale,
                    format!(
                        "{detail}; look at `current`, then send `If-Match: \"{}\"` if you still want the change",
                        live.epoch
                    ),
                );
                error.current = Some(Box::new(live));
                error
            }
            ExecuteError::StaleFlag { epoch } => Self::new(
                Kind::Stale,
                format!(
                    "{detail}; look at the flag, then send `If-Match: \"{epoch}\"` if you still want the change"
                ),
            ),
            ExecuteError::Flag(FlagRefusal::UnknownFlag { .. }) => {
                Self::new(Kind::NotFound, detail)
            }
            ExecuteError::Flag(_) | ExecuteError::Check(_) => Self::new(Kind::Refused, detail),
            ExecuteError::Release(ReleaseRefusal::Unknown { .. }) => {
                Self::new(Kind::NotFound, detail)
            }
            ExecuteError::Refused(_) | ExecuteError::NotNow(_) | ExecuteError::Release(_) => {
                Self::new(Kind::Refused, detail)
            }
            ExecuteError::KeyReused => Self::new(Kind::KeyReused, detail),
            ExecuteError::Store(error) => error.into(),
            ExecuteError::Lost(_) => Self::new(Kind::Internal, detail),
        }
    }
}

impl From<StoreAccessError> for ApiError {
    fn from(error: StoreAccessError) -> Self {
        let kind = match error {
            StoreAccessError::Store(_)
            | StoreAccessError::Conflict { .. }
            | StoreAccessError::Slow { .. }
            | StoreAccessError::Silent
            | StoreAccessError::NotSteering
            | StoreAccessError::Busy
            | StoreAccessError::HandingOver => Kind::Unavailable,
            StoreAccessError::ReleaseChanged(_) | StoreAccessError::Refused(_) => Kind::Refused,
            StoreAccessError::ReadOnly => Kind::ReadOnly,
        };
        Self::new(kind, error.to_string())
    }
}

impl From<ReloadError> for ApiError {
    fn from(error: ReloadError) -> Self {
        let detail = format!("{error}; the configuration before stays in force");
        match error {
            ReloadError::Problems(problems) => {
                let config = problems.iter().map(describe::config_problem).collect();
                Self { config, ..Self::new(Kind::InvalidConfig, detail) }
            }
            ReloadError::Contradiction(_) | ReloadError::Prepare(_) => {
                Self::new(Kind::InvalidConfig, detail)
            }
            ReloadError::Store(error) => error.into(),
            ReloadError::Lost(_) => Self::new(Kind::Internal, detail),
        }
    }
}

/// Marks a response of another protocol, whose errors stay as they are.
#[derive(Clone, Copy, Debug)]
pub struct AsItIs;

/// The outermost layer: gives every error its body.
pub async fn dress(request: Request, next: Next) -> Response {
    let instance = request.uri().path().to_owned();
    let method = request.method().clone();
    let mut response = next.run(request).await;
    let status = response.status();
    if !status.is_client_error() && !status.is_server_error() {
        return response;
    }
    if response.extensions().get::<AsItIs>().is_some() {
        return response;
    }
    let error = response.extensions_mut().remove::<ApiError>().unwrap_or_else(|| {
        let kind = Kind::of_bare(status);
        ApiError::new(kind, bare_detail(kind, &method, &instance, &response))
    });
    let request_id = response.headers().get("x-request-id");
    let request_id = request_id.and_then(|id| id.to_str().ok()).map(str::to_owned);
    let (mut parts, _) = response.into_parts();
    let body = Json(error.into_problem(&instance, request_id)).into_response();
    parts.headers.remove(header::CONTENT_LENGTH);
    let content_type = HeaderValue::from_static("application/problem+json");
    parts.headers.insert(header::CONTENT_TYPE, content_type);
    Response::from_parts(parts, body.into_body())
}

fn bare_detail(kind: Kind, method: &http::Method, path: &str, response: &Response) -> String {
    match kind {
        Kind::NotFound => format!("there is nothing at {path}; /openapi.json lists every route"),
        Kind::MethodNotAllowed => {
            let allow = response.headers().get(header::ALLOW).and_then(|it| it.to_str().ok());
            format!("{method} does nothing here; allowed: {}", allow.unwrap_or("nothing"))
        }
        Kind::TooLarge => format!("a body may have at most {} bytes", super::limits::MAX_BODY),
        Kind::Timeout => format!(
            "no answer within {} s; a change may still be made: read the workload, or repeat the request with the same Idempotency-Key",
            super::limits::TIMEOUT.as_secs()
        ),
        _ => response.status().canonical_reason().unwrap_or("no reason is known").to_owned(),
    }
}

/// The answer to a request whose handler panicked. The panic itself is in the log.
#[must_use]
pub fn panicked(_cause: Box<dyn std::any::Any + Send>) -> Response {
    tracing::error!("a handler of the admin API panicked");
    let detail = "a handler failed; the log says where. If this was a change, read the workload to see whether it was made";
    ApiError::new(Kind::Internal, detail).into_response()
}

/// The id of a request as text.
#[must_use]
pub fn id_of(id: &RequestId) -> Option<&str> {
    id.header_value().to_str().ok()
}
