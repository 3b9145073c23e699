//! The copy of a request that goes to a second release: the message from a worker to the thread that
//! sends copies.

use crate::edit::{Edit, edit_of};
use crate::http1::{
    BodyLength, ForwardTo, Forwarding, RequestHead, own_fields, passed_fields, release_target,
    request_line,
};
use crate::shadow::InLane;
use crate::tap::Tap;
use stagegate_flags::FlagsSent;
use stagegate_settings::RequestChanges;
use std::io::Write as _;
use std::sync::Arc;

/// The arm in the copy's `stagegate-arm` field, by which services behind the endpoint route.
pub(crate) const ARM: &str = "candidate";

/// A copy of one request: everything that the second release needs, and nothing of the client's
/// connection.
pub(crate) struct Shadow {
    /// The place among the copies in flight; freed on drop.
    _place: InLane,
    /// Name of the workload.
    pub(crate) workload: Arc<str>,
    /// Name of the release that gets the copy.
    pub(crate) release: Arc<str>,
    pub(crate) id: String,
    /// Keeps a conversation on one endpoint.
    pub(crate) conversation: Option<String>,
    flags: Option<Box<FlagsSent>>,
    pub(crate) method: String,
    /// Path and query.
    pub(crate) target: String,
    pub(crate) is_head: bool,
    /// The `Host` that the endpoint sees; none for its own.
    host: Option<String>,
    /// The client's fields, each with its CRLF.
    fields: Vec<u8>,
    chunked: bool,
    changes: Option<Arc<RequestChanges>>,
    edit: Option<Edit>,
    pub(crate) body: Vec<u8>,
    trailers: Vec<u8>,
    most: usize,
    too_large: bool,
    /// The second half of a pair, where both answers are scored.
    pub(crate) scored: Option<Scored>,
}

/// The half of a scored pair that the copy's answer fills.
pub(crate) struct Scored {
    /// Id of the half; it does not reveal that it is a copy.
    pub(crate) id: String,
    /// When the request came, in Unix milliseconds.
    pub(crate) at_ms: u64,
    pub(crate) tenant: Option<String>,
    /// Its request body is still empty.
    pub(crate) tap: Tap,
}

/// The request that is copied.
pub(crate) struct Origin<'a> {
    /// The bytes of the head.
    pub(crate) input: &'a [u8],
    pub(crate) head: &'a RequestHead,
    pub(crate) forwarding: &'a Forwarding,
    /// The `Host` that the endpoint sees; none for its own.
    pub(crate) host: Option<&'a str>,
    /// What makes the copy a request of its release.
    pub(crate) changes: Option<&'a Arc<RequestChanges>>,
    /// Id of the request.
    pub(crate) id: &'a str,
    pub(crate) conversation: Option<&'a str>,
    /// Flags of the request, which the copy carries too.
    pub(crate) flags: Option<&'a FlagsSent>,
}

impl Shadow {
    /// A copy of the head; `most` is the largest body in bytes.
    pub(crate) fn begin(
        place: InLane,
        workload: Arc<str>,
        release: Arc<str>,
        most: usize,
        origin: &Origin<'_>,
    ) -> Self {
        let &Origin { input, head, forwarding, host, changes, id, conversation, flags } = origin;
        let change = changes.and_then(|changes| changes.set_body.as_ref());
        let edit = change.and_then(|change| edit_of(input, head, change));
        let mut fields = Vec::with_capacity(head.len + 256);
        // A copy is no span of the proxy's: the client's trace context is passed on unchanged.
        let to = ForwardTo {
            request_id: id,
            client_request_id: None,
            arm: ARM,
            release: &release,
            epoch: 0,
            host: "",
            expect: false,
            changes: changes.map(|changes| &**changes),
            edits: edit.is_some(),
            trace: None,
            flags: None,
            proof: None,
        };
        passed_fields(&mut fields, input, head, forwarding, &to);
        Self {
            _place: place,
            workload,
            release,
            id: id.to_owned(),
            conversation: conversation.map(str::to_owned),
            flags: flags.map(|flags| Box::new(flags.clone())),
            method: head.method(input).to_owned(),
            target: match changes {
                Some(changes) => release_target(changes, head.target(input)),
                None => head.target(input).to_owned(),
            },
            is_head: head.is_head,
            host: changes.and_then(|it| it.host.as_deref()).or(host).map(str::to_owned),
            fields,
            chunked: head.body == Some(BodyLength::Chunked) || edit.is_some(),
            changes: changes.cloned(),
            edit,
            body: Vec::new(),
            trailers: Vec::new(),
            most,
            too_large: false,
            scored: None,
        }
    }

    /// Copies the next bytes of the body, its framing removed.
    pub(crate) fn add(&mut self, data: &[u8]) {
        let mut edited = Vec::new();
        let data = match &mut self.edit {
            Some(edit) => {
                edit.feed(data, &mut edited);
                &edited[..]
            }
            None => data,
        };
        let wanted = self.body.len() + data.len();
        if wanted > self.most || self.too_large {
            self.too_large = true;
            self.body = Vec::new();
            return;
        }
        if wanted > self.body.capacity() {
            // Never beyond the limit, so that limit and number of copies bound the memory.
            let room = (self.body.capacity() * 2).clamp(wanted, self.most);
            self.body.reserve_exact(room - self.body.len());
        }
        self.body.extend_from_slice(data);
    }

    /// The trailer section has come: field lines, each with its CRLF.
    pub(crate) fn trailers(&mut self, section: &[u8]) {
        self.trailers = section.to_vec();
    }

    /// Returns true if the body exceeded the limit, so that the copy is incomplete.
    pub(crate) const fn is_too_large(&self) -> bool {
        self.too_large
    }

    /// The bytes for the endpoint `authority` under the plan `epoch`: head, body, and end of the
    /// body. The body is borrowed, not copied again.
    pub(crate) fn pieces(&self, authority: &str, epoch: u64) -> Pieces<'_> {
        let host = self.host.as_deref().unwrap_or(authority);
        let mut before = Vec::with_capacity(self.fields.len() + 512);
        request_line(&mut before, self.method.as_bytes(), self.target.as_bytes(), host);
        before.extend_from_slice(&self.fields);
        let to = ForwardTo {
            request_id: &self.id,
            client_request_id: None,
            arm: ARM,
            release: &self.release,
            epoch,
            host,
            expect: false,
            changes: self.changes.as_deref(),
            edits: false,
            trace: None,
            flags: self.flags.as_deref(),
            proof: None,
        };
        own_fields(&mut before, &to);
        before.extend_from_slice(b"stagegate-shadow: 1\r\n\r\n");
        let mut after = Vec::new();
        if self.chunked {
            if !self.body.is_empty() {
                let _ = write!(before, "{:x}\r\n", self.body.len());
                after.extend_from_slice(b"\r\n");
            }
            after.extend_from_slice(b"0\r\n");
            after.extend_from_slice(&self.trailers);
            after.extend_from_slice(b"\r\n");
        }
        Pieces { before, body: &self.body, after, written: 0 }
    }
}

/// The bytes of a copy, and how many were written.
pub(crate) struct Pieces<'a> {
    before: Vec<u8>,
    body: &'a [u8],
    after: Vec<u8>,
    written: usize,
}

impl Pieces<'_> {
    /// The next bytes to write; empty once everything was written.
    pub(crate) fn next(&self) -> &[u8] {
        let mut at = self.written;
        for piece in [&self.before[..], self.body, &self.after[..]] {
            if at < piece.len() {
                return &piece[at..];
            }
            at -= piece.len();
        }
        &[]
    }

    pub(crate) const fn advance(&mut self, bytes: usize) {
        self.written += bytes;
    }

    /// Returns true if a byte was written.
    pub(crate) const fn begun(&self) -> bool {
        self.written > 0
    }
}

#[cfg(test)]
mod tests {
    use super::{Pieces, Shadow};
    use crate::shadow::Lane;
    use std::sync::Arc;

    fn copy(most: usize) -> Shadow {
        Shadow {
            _place: Arc::<Lane>::default().enter(1).expect("room"),
            workload: "agent".into(),
            release: "v2".into(),
            id: "r-1".into(),
            conversation: None,
            flags: None,
            method: "POST".into(),
            target: "/v1/chat?x=1".into(),
            is_head: false,
            host: None,
            fields: b"X-A: 1\r\n".to_vec(),
            chunked: true,
            changes: None,
            edit: None,
            body: Vec::new(),
            trailers: b"X-T: 2\r\n".to_vec(),
            most,
            too_large: false,
            scored: None,
        }
    }

    /// Everything, taken off in pieces of at most `step` bytes.
    fn written(mut pieces: Pieces<'_>, step: usize) -> String {
        let mut all = Vec::new();
        while !pieces.next().is_empty() {
            let next = pieces.next();
            let count = next.len().min(step);
            all.extend_from_slice(&next[..count]);
            pieces.advance(count);
        }
        String::from_utf8(all).expect("text")
    }

    #[test]
    fn a_copy_says_what_it_is_and_is_framed_as_it_came() {
        let mut copy = copy(100);
        copy.add(b"hel");
        copy.add(b"lo");
        let text = "POST /v1/chat?x=1 HTTP/1.1\r\nHost: own:80\r\nX-A: 1\r\nx-request-id: r-1\r\n\
            stagegate-arm: candidate\r\nstagegate-release: v2\r\nstagegate-epoch: 7\r\n\
            stagegate-shadow: 1\r\n\r\n5\r\nhello\r\n0\r\nX-T: 2\r\n\r\n";
        for step in [1, 7, 1000] {
            assert_eq!(written(copy.pieces("own:80", 7), step), text);
        }
        copy.body.clear();
        assert!(written(copy.pieces("own:80", 7), 9).ends_with("\r\n\r\n0\r\nX-T: 2\r\n\r\n"));
        (copy.chunked, copy.body, copy.host) = (false, b"hello".to_vec(), Some("named".into()));
        let text = written(copy.pieces("own:80", 7), 9);
        assert!(text.contains("Host: named\r\n") && text.ends_with("\r\n\r\nhello"), "{text}");
    }

    #[test]
    fn a_body_over_the_limit_is_no_copy_and_takes_no_memory() {
        let mut copy = copy(10);
        copy.add(&[1; 6]);
        copy.add(&[2; 4]);
        assert!(!copy.is_too_large() && copy.body.capacity() <= 10, "{}", copy.body.capacity());
        copy.add(&[3]);
        copy.add(&[]);
        assert!(copy.is_too_large());
        assert_eq!(copy.body.capacity(), 0);
    }
}
