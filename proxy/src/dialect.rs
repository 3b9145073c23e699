//! The form in which a client expects errors, by the protocol that it speaks.
//!
//! SDKs show the message of their own provider's error object and obey its retry hints. The objects
//! are those of the providers' API references: OpenAI's error object, Anthropic's errors, Google's
//! `google.rpc.Status`. The hints `retry-after-ms` and `x-should-retry` are read by OpenAI's and
//! Anthropic's SDKs, `google.rpc.RetryInfo` by Google's.

use crate::problem::Problem;
use stagegate_signals::Protocol;
use std::fmt::Write as _;

/// The form of errors.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Dialect {
    /// Problem details (RFC 9457) alone.
    #[default]
    Plain,
    /// OpenAI's.
    OpenAi,
    /// Anthropic's.
    Anthropic,
    /// Gemini's.
    Gemini,
}

/// First parts of OpenAI's paths below `/v1/`, where they tell OpenAI's from others.
const OPENAI: [&str; 16] = [
    "chat",
    "completions",
    "responses",
    "conversations",
    "threads",
    "assistants",
    "embeddings",
    "batches",
    "vector_stores",
    "files",
    "images",
    "audio",
    "realtime",
    "moderations",
    "fine_tuning",
    "evals",
];

impl Dialect {
    /// The form that a request to this target expects from a workload of this protocol.
    pub(crate) fn of(protocol: Protocol, target: &str) -> Self {
        match protocol {
            Protocol::OpenAiChat | Protocol::OpenAiResponses => Self::OpenAi,
            Protocol::Anthropic => Self::Anthropic,
            Protocol::Gemini => Self::Gemini,
            Protocol::Auto => Self::of_path(target),
            Protocol::Bedrock | Protocol::Plain => Self::Plain,
        }
    }

    fn of_path(target: &str) -> Self {
        let path = target.split(['?', '#']).next().unwrap_or("");
        let after = |mark: &str| path.split_once(mark).map(|(_, rest)| rest);
        if after("/v1beta/").is_some() || after("/models/").is_some_and(|it| it.contains(':')) {
            return Self::Gemini;
        }
        if after("/deployments/").is_some() {
            return Self::OpenAi;
        }
        let first = after("/v1/").unwrap_or("").split('/').next().unwrap_or("");
        match first {
            "messages" => Self::Anthropic,
            first if OPENAI.contains(&first) => Self::OpenAi,
            _ => Self::Plain,
        }
    }

    /// The member `type` of the problem. Anthropic's clients want their own word there, which is a
    /// URI reference too, as RFC 9457 asks.
    pub(crate) const fn kind(self) -> &'static str {
        match self {
            Self::Anthropic => "error",
            Self::Plain | Self::OpenAi | Self::Gemini => "about:blank",
        }
    }

    /// The problem's member `status` with its comma before it. Google's SDKs show it instead of the
    /// name in `error.status`, so Gemini's clients get none; RFC 9457 (3.1.3) leaves that open.
    pub(crate) fn status(self, problem: Problem) -> String {
        match self {
            Self::Gemini => String::new(),
            Self::Plain | Self::OpenAi | Self::Anthropic => {
                format!(r#","status":{}"#, problem.status())
            }
        }
    }

    /// The member `error` with its comma before it; nothing where there is none.
    pub(crate) fn error(self, problem: Problem) -> String {
        let (status, detail, reason) = (problem.status(), problem.detail(), problem.reason());
        match self {
            Self::Plain => String::new(),
            Self::OpenAi => {
                let kind = openai_type(status);
                format!(
                    r#","error":{{"message":"{detail}","type":"{kind}","param":null,"code":"{reason}"}}"#
                )
            }
            Self::Anthropic => {
                let kind = anthropic_type(status);
                format!(r#","error":{{"type":"{kind}","message":"{detail}"}}"#)
            }
            Self::Gemini => {
                let name = google_status(status);
                let mut details = format!(
                    r#"{{"@type":"type.googleapis.com/google.rpc.ErrorInfo","reason":"{reason}","domain":"stagegate"}}"#
                );
                if let Some(seconds) = problem.retry_after() {
                    let _ = write!(
                        details,
                        r#",{{"@type":"type.googleapis.com/google.rpc.RetryInfo","retryDelay":"{seconds}s"}}"#
                    );
                }
                format!(
                    r#","error":{{"code":{status},"message":"{detail}","status":"{name}","details":[{details}]}}"#
                )
            }
        }
    }

    /// Appends the fields that tell SDKs whether and when to ask again.
    pub(crate) fn hints(self, problem: Problem, head: &mut String) {
        if !matches!(self, Self::OpenAi | Self::Anthropic) {
            return;
        }
        if let Some(seconds) = problem.retry_after() {
            let _ = write!(head, "retry-after-ms: {}\r\n", u64::from(seconds) * 1000);
        }
        if let Some(again) = problem.is_worth_another_try() {
            let _ = write!(head, "x-should-retry: {again}\r\n");
        }
    }
}

const fn openai_type(status: u16) -> &'static str {
    match status {
        429 => "rate_limit_error",
        400..=499 => "invalid_request_error",
        _ => "server_error",
    }
}

const fn anthropic_type(status: u16) -> &'static str {
    match status {
        404 => "not_found_error",
        413 => "request_too_large",
        429 => "rate_limit_error",
        503 => "overloaded_error",
        504 => "timeout_error",
        400..=499 => "invalid_request_error",
        _ => "api_error",
    }
}

const fn google_status(status: u16) -> &'static str {
    match status {
        404 => "NOT_FOUND",
        408 | 504 => "DEADLINE_EXCEEDED",
        429 => "RESOURCE_EXHAUSTED",
        501 => "UNIMPLEMENTED",
        502 | 503 => "UNAVAILABLE",
        400..=499 => "INVALID_ARGUMENT",
        _ => "INTERNAL",
    }
}

#[cfg(test)]
mod tests {
    use super::Dialect;
    use stagegate_signals::Protocol;

    #[test]
    fn the_protocol_or_else_the_path_tells_the_form() {
        for (path, expected) in [
            ("/v1/chat/completions", Dialect::OpenAi),
            ("/v1/responses/resp_1?stream=true", Dialect::OpenAi),
            ("/v1/threads/t/messages", Dialect::OpenAi),
            ("/openai/deployments/d/chat/completions", Dialect::OpenAi),
            ("/v1/messages", Dialect::Anthropic),
            ("/anthropic/v1/messages/count_tokens", Dialect::Anthropic),
            ("/v1beta/models/gemini-2.5-pro:generateContent", Dialect::Gemini),
            (
                "/v1/projects/p/locations/l/publishers/google/models/g:streamGenerateContent",
                Dialect::Gemini,
            ),
            ("/v1/models", Dialect::Plain),
            ("/agent/run", Dialect::Plain),
            ("*", Dialect::Plain),
        ] {
            assert_eq!(Dialect::of(Protocol::Auto, path), expected, "{path}");
            assert_eq!(Dialect::of(Protocol::Gemini, path), Dialect::Gemini);
            assert_eq!(Dialect::of(Protocol::Plain, path), Dialect::Plain);
        }
    }
}
