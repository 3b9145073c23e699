//! Separates requests that generate an answer from requests about an earlier one.
//!
//! Usage is counted once for each answer made. Fetching, listing, polling, cancelling or resuming an
//! answer repeats its usage, and is not counted.

use crate::protocol::without_query;

/// Returns true for collections whose members are answers or hold answers.
const fn is_collection(part: &[u8]) -> bool {
    matches!(
        part,
        b"responses"
            | b"completions"
            | b"messages"
            | b"interactions"
            | b"threads"
            | b"runs"
            | b"batches"
            | b"conversations"
            | b"models"
            | b"files"
            | b"vector_stores"
            | b"fine_tuning"
    )
}

/// Last parts of paths that make no answer.
const ACTIONS: [&str; 7] =
    ["cancel", "count_tokens", "input_tokens", "tokenize", "detokenize", "input_items", "batches"];

/// The result that a request generates.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Makes {
    /// An answer.
    Answer,
    /// An answer, if there is usage; else it lists answers.
    AnswerIfUsed,
    /// No answer.
    Nothing,
}

/// Returns the result that a request of this method and path generates. A path of no known protocol
/// generates an answer.
pub(crate) fn makes(method: &[u8], path: &str) -> Makes {
    let path = without_query(path).as_bytes();
    let path = path.strip_suffix(b"/").unwrap_or(path);
    let mut from_the_end = memchr::memrchr_iter(b'/', path);
    let (to, from) = (from_the_end.next(), from_the_end.next());
    let last = to.map_or(path, |at| &path[at + 1..]);
    if ACTIONS.iter().any(|action| last.eq_ignore_ascii_case(action.as_bytes())) {
        return Makes::Nothing;
    }
    let verb = memchr::memrchr(b':', last).map(|at| &last[at + 1..]);
    if matches!(verb, Some(b"countTokens" | b"cancel" | b"batchGenerateContent")) {
        return Makes::Nothing;
    }
    let is_nothing = if method == b"POST" {
        let before = to.map_or(&b""[..], |to| &path[from.map_or(0, |at| at + 1)..to]);
        is_collection(before) && before != b"models" && is_id(last)
    } else if is_collection(last) {
        return Makes::AnswerIfUsed;
    } else {
        path.split(|byte| *byte == b'/').any(is_collection)
    };
    if is_nothing { Makes::Nothing } else { Makes::Answer }
}

/// Returns true if a path segment looks like an id and not like an operation's name.
fn is_id(part: &[u8]) -> bool {
    part.iter().any(|b| b.is_ascii_digit() || matches!(b, b'_' | b'-'))
}

#[cfg(test)]
mod tests {
    use super::{Makes, makes};

    #[test]
    fn answers_are_made_by_posting_and_otherwise_spoken_of() {
        for (method, path) in [
            ("POST", "/v1/chat/completions"),
            ("POST", "/v1/responses?x=1"),
            ("POST", "/v1/responses/compact"),
            ("POST", "/v1/messages/"),
            ("POST", "/v1/threads/thread_1/runs"),
            ("POST", "/v1/threads/thread_1/runs/run_1/submit_tool_outputs"),
            ("POST", "/v1beta/interactions"),
            ("POST", "/v1beta/models/gemini-2.5-pro:generateContent"),
            ("POST", "/model/anthropic.claude-sonnet-4-5-v1%3A0/converse"),
            ("POST", "/openai/deployments/d-1/chat/completions"),
            ("GET", "/agent/stream?question=x"),
            ("POST", "/agent/run"),
        ] {
            assert_eq!(makes(method.as_bytes(), path), Makes::Answer, "{method} {path}");
        }
        for (method, path) in [
            ("GET", "/v1/responses/resp_1"),
            ("GET", "/x/v1/responses/resp_1?stream=true&starting_after=4"),
            ("POST", "/v1/responses/resp_1/cancel"),
            ("GET", "/v1/responses/resp_1/input_items"),
            ("DELETE", "/v1/responses/resp_1"),
            ("GET", "/v1/chat/completions/chatcmpl-1"),
            ("POST", "/v1/chat/completions/chatcmpl-1"),
            ("POST", "/v1/messages/count_tokens"),
            ("POST", "/v1/messages/batches"),
            ("GET", "/v1/messages/batches/msgbatch_1/results"),
            ("POST", "/v1/batches/batch_1/cancel"),
            ("GET", "/v1/threads/thread_1/runs/run_1"),
            ("POST", "/v1beta/models/gemini-2.5-pro:countTokens"),
            ("GET", "/v1beta/interactions/int_1"),
            ("GET", "/v1/models/gpt-4o"),
        ] {
            assert_eq!(makes(method.as_bytes(), path), Makes::Nothing, "{method} {path}");
        }
        assert_eq!(makes(b"GET", "/v1/chat/completions"), Makes::AnswerIfUsed);
    }
}
