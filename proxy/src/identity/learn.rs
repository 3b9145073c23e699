//! Conversation ids that backends issue: recognised in requests, learned from responses.
//!
//! The places are the protocols' own: OpenAI Responses (`previous_response_id`, `conversation`,
//! `id` = `resp_…`), MCP up to 2025-11 (`Mcp-Session-Id`), A2A (`contextId`), LangGraph
//! (`/threads/{id}/…`, `thread_id`).

use super::json;
use crate::http1::{RequestHead, ResponseHead};

const SESSION: &str = "mcp-session-id";
/// Response bytes searched; the ids stand at the front of bodies and first events.
const SEARCHED: usize = 16 * 1024;

/// The issued id a request refers to.
pub(super) fn issued_id(head: &[u8], request: &RequestHead, body: Option<&[u8]>) -> Option<String> {
    if let Some(session) = request.field(head, SESSION) {
        return std::str::from_utf8(session).ok().map(str::to_owned);
    }
    let thread = request
        .target(head)
        .split_once("/threads/")
        .and_then(|(_, rest)| rest.split(['/', '?']).next());
    if let Some(thread) = thread.filter(|id| !id.is_empty() && *id != "search") {
        return Some(thread.to_owned());
    }
    let body = body?;
    [
        "/previous_response_id",
        "/conversation",
        "/conversation/id",
        "/params/message/contextId",
        "/message/contextId",
        "/thread_id",
    ]
    .iter()
    .find_map(|pointer| json::string_at(body, pointer))
}

/// Whether a response's body may carry an id, by its type and coding.
pub(crate) fn learns_from(head: &[u8], response: &ResponseHead) -> bool {
    let kind = response.field(head, "content-type").unwrap_or(b"");
    let plain = response
        .field(head, "content-encoding")
        .is_none_or(|coding| coding.eq_ignore_ascii_case(b"identity"));
    let speaks_json = |kind: &[u8]| {
        kind.windows(4).any(|w| w.eq_ignore_ascii_case(b"json"))
            || kind.starts_with(b"text/event-stream")
    };
    plain && response.status < 300 && speaks_json(kind)
}

/// Looks for issued ids in one response.
#[derive(Debug, Default)]
pub(crate) struct Learner {
    seen: Vec<u8>,
    done: bool,
}

impl Learner {
    /// The id in the response's head, if there is one.
    pub(crate) fn from_head(head: &[u8], response: &ResponseHead) -> Option<String> {
        response.field(head, SESSION).and_then(|id| std::str::from_utf8(id).ok()).map(str::to_owned)
    }

    /// Takes more of the body; gives the id as soon as it is complete, once.
    pub(crate) fn feed(&mut self, data: &[u8]) -> Option<String> {
        if self.done {
            return None;
        }
        let room = SEARCHED - self.seen.len();
        self.seen.extend_from_slice(&data[..data.len().min(room)]);
        let id = ["\"contextId\"", "\"thread_id\""]
            .iter()
            .find_map(|key| value_of(&self.seen, key, |_| true))
            .or_else(|| value_of(&self.seen, "\"id\"", |id| id.starts_with("resp_")));
        self.done = id.is_some() || self.seen.len() == SEARCHED;
        if self.done {
            self.seen = Vec::new();
        }
        id
    }
}

/// The first complete string value of `key` that is wanted.
fn value_of(json: &[u8], key: &str, wanted: impl Fn(&str) -> bool) -> Option<String> {
    memchr::memmem::find_iter(json, key.as_bytes()).find_map(|at| {
        let rest = json[at + key.len()..]
            .trim_ascii_start()
            .strip_prefix(b":")?
            .trim_ascii_start()
            .strip_prefix(b"\"")?;
        let id = std::str::from_utf8(&rest[..memchr::memchr(b'"', rest)?]).ok()?;
        (!id.is_empty() && !id.contains('\\') && wanted(id)).then(|| id.to_owned())
    })
}

#[cfg(test)]
mod tests {
    use super::Learner;

    #[test]
    fn learns_from_bodies_and_streams_however_they_are_cut() {
        let stream = b"event: response.created\ndata: {\"type\":\"response.created\",\"response\":{\"id\":\"resp_1\",\"previous_response_id\":\"resp_0\"}}\n\n";
        for cut in 0..stream.len() {
            let mut learner = Learner::default();
            let ids: Vec<_> = [&stream[..cut], &stream[cut..]]
                .iter()
                .filter_map(|part| learner.feed(part))
                .collect();
            assert_eq!(ids, ["resp_1"], "cut at {cut}");
        }
        assert_eq!(
            Learner::default()
                .feed(br#"{"jsonrpc":"2.0","id":"1","result":{"contextId":"c-9"}}"#)
                .as_deref(),
            Some("c-9")
        );
        assert_eq!(Learner::default().feed(br#"{"id":"chatcmpl-1"}"#), None);
    }
}
