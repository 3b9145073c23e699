//! Queues, to the wire.

use stagegate_api::{QueueEntry, QueueFigures, QueueState, QueuedRequest};
use stagegate_queue as queue;

/// Fields whose values are secrets.
const SECRET: [&str; 5] =
    ["authorization", "cookie", "proxy-authorization", "x-api-key", "x-goog-api-key"];

pub(crate) fn queue_figures(of: &queue::Figures) -> QueueFigures {
    let queue::Figures {
        waiting,
        bytes,
        oldest_ms,
        taken,
        refused,
        answered,
        unknown,
        dropped,
        expired,
    } = *of;
    QueueFigures { waiting, bytes, oldest_ms, taken, refused, answered, unknown, dropped, expired }
}

pub(crate) fn queue_entry(of: &queue::Entry) -> QueueEntry {
    QueueEntry {
        seq: of.seq.unsigned_abs(),
        id: of.id.clone(),
        state: match of.state {
            queue::State::Waiting => QueueState::Waiting,
            queue::State::Sending => QueueState::Sending,
            queue::State::Answered => QueueState::Answered,
            queue::State::Unknown => QueueState::Unknown,
            queue::State::Dropped => QueueState::Dropped,
            queue::State::Expired => QueueState::Expired,
        },
        line: of.line.clone(),
        created_ms: of.created_ms,
        changed_ms: of.changed_ms,
        expires_ms: of.expires_ms,
        tries: of.tries,
        status: of.status,
        bytes: of.bytes,
    }
}

pub(crate) fn queued_request(of: &queue::Request) -> QueuedRequest {
    let text = String::from_utf8_lossy(&of.head);
    let shown = |line: &str| {
        let name = line.split(':').next().unwrap_or_default();
        let is_secret = SECRET.iter().any(|it| name.eq_ignore_ascii_case(it));
        if is_secret { format!("{name}: (not shown)") } else { line.to_owned() }
    };
    let head: Vec<String> = text.trim_end().split("\r\n").map(shown).collect();
    QueuedRequest {
        request_id: of.request_id.clone(),
        head: head.join("\n"),
        body: String::from_utf8_lossy(&of.body).into_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::queued_request;
    use stagegate_queue::Request;

    #[test]
    fn secrets_of_a_stored_request_are_not_shown() {
        let request = Request {
            head: b"POST /v1/tasks HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer s3cret\r\n"
                .to_vec(),
            body: b"refund 7".to_vec(),
            peer: None,
            secure: false,
            request_id: "r".into(),
        };
        let shown = queued_request(&request);
        assert_eq!(shown.head, "POST /v1/tasks HTTP/1.1\nHost: a\nAuthorization: (not shown)");
        assert_eq!(shown.body, "refund 7");
    }
}
