//! Calls that fail.

use crate::access::Denied;
use http::header::RETRY_AFTER;
use http::{HeaderValue, Response};
use stagegate_listener::{Code, GrpcBody, failure};
use std::time::Duration;

/// A call that fails.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Failure {
    code: Code,
    words: String,
    retry_after: Option<Duration>,
}

impl Failure {
    pub(super) fn new(code: Code, words: impl Into<String>) -> Self {
        Self { code, words: words.into(), retry_after: None }
    }

    pub(super) fn answer(&self) -> Response<GrpcBody> {
        let mut answer = failure(self.code, &self.words);
        if let Some(wait) = self.retry_after {
            answer.headers_mut().insert(RETRY_AFTER, HeaderValue::from(wait.as_secs() + 1));
        }
        answer
    }
}

impl From<Denied> for Failure {
    fn from(denied: Denied) -> Self {
        let code = match denied {
            Denied::NoKey | Denied::UnknownKey | Denied::Ticket => Code::Unauthenticated,
            Denied::ForeignHost | Denied::Origin => Code::PermissionDenied,
            Denied::TooOften(_) => Code::ResourceExhausted,
        };
        let retry_after = match denied {
            Denied::TooOften(wait) => Some(wait),
            _ => None,
        };
        Self { code, words: denied.to_string(), retry_after }
    }
}
