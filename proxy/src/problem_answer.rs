//! The proxy's own answers: RFC 9457 problem details, with the error object of the client's protocol.

use crate::dialect::Dialect;
use crate::problem::Problem;
use std::fmt::Write as _;

/// What an answer needs to know of the exchange.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Reply<'a> {
    /// Empty where no head was read.
    pub(crate) request_id: &'a str,
    pub(crate) dialect: Dialect,
    /// The connection is closed after it.
    pub(crate) close: bool,
    /// The request was not a `HEAD`.
    pub(crate) with_body: bool,
}

/// The whole answer.
pub(crate) fn answer(problem: Problem, reply: Reply<'_>) -> Vec<u8> {
    let Reply { request_id, dialect, close, with_body } = reply;
    let body = format!(
        "{{\"type\":\"{}\",\"title\":\"{}\"{},\"detail\":\"{}\",\"reason\":\"{}\",\"request_id\":\"{request_id}\"{}}}\n",
        dialect.kind(),
        problem.title(),
        dialect.status(problem),
        problem.detail(),
        problem.reason(),
        dialect.error(problem),
    );
    let mut text = format!(
        "HTTP/1.1 {} {}\r\nContent-Type: application/problem+json\r\nContent-Length: {}\r\nCache-Control: no-store\r\nstagegate-reason: {}\r\n",
        problem.status(),
        problem.title(),
        body.len(),
        problem.reason(),
    );
    if !request_id.is_empty() {
        let _ = write!(text, "x-request-id: {request_id}\r\n");
    }
    if let Some(seconds) = problem.retry_after() {
        let _ = write!(text, "Retry-After: {seconds}\r\n");
    }
    dialect.hints(problem, &mut text);
    text.push_str(if close { "Connection: close\r\n\r\n" } else { "\r\n" });
    if with_body {
        text.push_str(&body);
    }
    text.into_bytes()
}

/// The answer on a connection that is closed before a head was read.
pub(crate) fn answer_at_once(problem: Problem) -> Vec<u8> {
    let dialect = Dialect::Plain;
    answer(problem, Reply { request_id: "", dialect, close: true, with_body: true })
}

#[cfg(test)]
mod tests {
    use super::{Reply, answer};
    use crate::dialect::Dialect;
    use crate::problem::Problem;
    use serde_json::{Value, json};

    fn split(problem: Problem, dialect: Dialect) -> (String, Value) {
        let reply = Reply { request_id: "r-1", dialect, close: false, with_body: true };
        let bytes = String::from_utf8(answer(problem, reply)).expect("text");
        let (head, body) = bytes.split_once("\r\n\r\n").expect("a head");
        let length = format!("Content-Length: {}", body.len());
        assert!(head.contains(&length), "{head}");
        (head.to_lowercase(), serde_json::from_str(body).expect("JSON"))
    }

    #[test]
    fn each_protocol_gets_its_own_error_object_beside_the_problem() {
        let problem = Problem::StableDown;
        for (dialect, pointer, expected) in [
            (Dialect::OpenAi, "/error/code", json!("stable_down")),
            (Dialect::OpenAi, "/error/type", json!("server_error")),
            (Dialect::OpenAi, "/error/message", json!(problem.detail())),
            (Dialect::Anthropic, "/type", json!("error")),
            (Dialect::Anthropic, "/error/type", json!("overloaded_error")),
            (Dialect::Anthropic, "/error/message", json!(problem.detail())),
            (Dialect::Gemini, "/error/code", json!(503)),
            (Dialect::Gemini, "/error/status", json!("UNAVAILABLE")),
            (Dialect::Gemini, "/error/details/1/retryDelay", json!("5s")),
            (Dialect::Plain, "/type", json!("about:blank")),
        ] {
            let (_, body) = split(problem, dialect);
            assert_eq!(body.pointer(pointer), Some(&expected), "{dialect:?} {pointer}: {body}");
            for member in ["title", "detail", "reason", "request_id"] {
                assert!(body.get(member).is_some(), "{dialect:?} {member}: {body}");
            }
            let status = (dialect != Dialect::Gemini).then(|| json!(503));
            assert_eq!(body.get("status"), status.as_ref(), "{dialect:?}: {body}");
        }
        assert_eq!(split(problem, Dialect::Plain).1.get("error"), None);
    }

    #[test]
    fn the_kill_switch_answers_in_the_form_of_each_protocol() {
        for (status, openai, anthropic, google) in [
            (503, "server_error", "overloaded_error", "UNAVAILABLE"),
            (429, "rate_limit_error", "rate_limit_error", "RESOURCE_EXHAUSTED"),
            (410, "invalid_request_error", "invalid_request_error", "INVALID_ARGUMENT"),
        ] {
            let problem = Problem::Killed { status, retry_after: Some(60) };
            for (dialect, pointer, expected) in [
                (Dialect::OpenAi, "/error/type", openai),
                (Dialect::Anthropic, "/error/type", anthropic),
                (Dialect::Gemini, "/error/status", google),
                (Dialect::Plain, "/reason", "kill_switch"),
            ] {
                let (head, body) = split(problem, dialect);
                assert_eq!(body.pointer(pointer), Some(&json!(expected)), "{body}");
                assert!(head.starts_with(&format!("http/1.1 {status} ")), "{head}");
                assert!(head.contains("retry-after: 60"), "{head}");
            }
        }
        let (head, _) = split(Problem::Killed { status: 503, retry_after: None }, Dialect::OpenAi);
        assert!(head.contains("x-should-retry: false"), "nobody knows when it ends: {head}");
    }

    #[test]
    fn retry_hints_are_in_the_form_that_sdks_read() {
        let (head, _) = split(Problem::StableDown, Dialect::OpenAi);
        for hint in ["retry-after: 5", "retry-after-ms: 5000", "x-should-retry: true"] {
            assert!(head.contains(hint), "{hint} in {head}");
        }
        let (head, _) = split(Problem::NoRoute, Dialect::Anthropic);
        assert!(head.contains("x-should-retry: false") && !head.contains("retry-after"), "{head}");
        let (head, _) = split(Problem::UpstreamReset, Dialect::OpenAi);
        assert!(!head.contains("x-should-retry"), "an endpoint may have taken it in: {head}");
        let (head, _) = split(Problem::StableDown, Dialect::Plain);
        assert!(head.contains("retry-after: 5") && !head.contains("x-should-retry"), "{head}");
    }
}
