//! Ids that a response issues, found while it passes.

use super::documents::Documents;
use super::grpc::{Messages, is_a2a};
use super::layout::Layout;
use super::members::{Name, Reader, Text, Told};
use super::rules::{ISSUED, IdRules, Rules};
use super::segments;
use crate::http1::ResponseHead;
use stagegate_signals::Plain;
use std::sync::Arc;

/// Ids that are learned from one response at most.
const MOST: usize = 1024;
/// Ids that wait for the end of their document.
const WAITING: usize = 64;
/// Ids that were learned last: events of a stream repeat them.
const RECENT: usize = 8;

/// Fields whose value is the address of something new (RFC 9110 10.2.2, 8.7; Azure's operations;
/// Google's uploads).
const ADDRESSES: [&str; 5] = [
    "location",
    "content-location",
    "operation-location",
    "azure-asyncoperation",
    "x-goog-upload-url",
];

/// The ids in the head of a response to a request for `target`.
pub(crate) fn issued_in_head(head: &[u8], response: &ResponseHead, target: &str) -> Vec<String> {
    let text =
        |name: &str| response.field(head, name).and_then(|value| std::str::from_utf8(value).ok());
    let headers = ISSUED.headers.iter().filter_map(|(name, _)| text(name));
    let mut ids: Vec<String> = headers.map(|id| id.trim().to_owned()).collect();
    for address in ADDRESSES.iter().filter_map(|name| text(name)) {
        ISSUED.in_target(address, |id| ids.push(id.text.into_owned()));
        // Something was made (201), or is being made (202): it has an address of its own.
        if matches!(response.status, 201 | 202) {
            ids.extend(segments::made(address, target));
        }
    }
    ids.retain(|id| !id.is_empty());
    ids
}

/// Looks for ids in the body of one response, without content codings.
#[derive(Debug)]
pub(crate) struct Learner(Source);

#[derive(Debug)]
enum Source {
    Documents(Box<Body>),
    /// A2A by gRPC: its messages, and the ids in them that were not handed over.
    Messages(Messages, Vec<String>),
}

#[derive(Debug)]
struct Body {
    documents: Documents,
    found: Found,
}

#[derive(Debug)]
struct Found {
    rules: Arc<Rules>,
    ids: Vec<String>,
    /// Ids of the document itself: a JSON-RPC message's is that of a request.
    waiting: Vec<String>,
    is_message: bool,
    recent: Vec<String>,
    learned: usize,
}

impl Found {
    fn new(rules: &Arc<Rules>) -> Self {
        Self {
            rules: Arc::clone(rules),
            ids: Vec::new(),
            waiting: Vec::new(),
            is_message: false,
            recent: Vec::new(),
            learned: 0,
        }
    }

    fn add(&mut self, id: String) {
        if self.learned >= MOST || self.recent.contains(&id) {
            return;
        }
        self.learned += 1;
        if self.recent.len() >= RECENT {
            self.recent.remove(0);
        }
        self.recent.push(id.clone());
        self.ids.push(id);
    }
}

impl Told for Found {
    fn text(&mut self, text: Text<'_>) {
        let rules = Arc::clone(&self.rules);
        rules.in_text(&text, |id| {
            if !id.at_top {
                self.add(id.text.into_owned());
            } else if self.waiting.len() < WAITING {
                self.waiting.push(id.text.into_owned());
            }
        });
    }

    fn member(&mut self, name: Name) {
        self.is_message |= name == self.rules.jsonrpc;
    }

    fn address(&mut self, address: &str) {
        let rules = Arc::clone(&self.rules);
        rules.in_target(address, |id| self.add(id.text.into_owned()));
    }

    fn ended(&mut self) {
        let waiting = std::mem::take(&mut self.waiting);
        if !std::mem::take(&mut self.is_message) {
            waiting.into_iter().for_each(|id| self.add(id));
        }
    }
}

impl Learner {
    /// A learner for a response with this head, to a request for `target`; none for one that issues
    /// nothing in its body.
    pub(crate) fn new(
        rules: &IdRules,
        head: &[u8],
        response: &ResponseHead,
        target: &str,
    ) -> Option<Self> {
        if response.status >= 300 {
            return None;
        }
        let content_type = response.field(head, "content-type").unwrap_or(b"");
        if is_a2a(content_type, target) {
            return Some(Self(Source::Messages(Messages::default(), Vec::new())));
        }
        let layout = Layout::of(content_type).filter(|layout| *layout != Layout::Form)?;
        Some(Self::of(rules, layout))
    }

    /// A learner for the messages of a WebSocket: each is a document of its own.
    pub(crate) fn of_messages(rules: &IdRules) -> Self {
        Self::of(rules, Layout::Json)
    }

    fn of(rules: &IdRules, layout: Layout) -> Self {
        let rules = &rules.issued;
        let documents = Documents::new(Reader::new(Arc::clone(&rules.names)), layout);
        Self(Source::Documents(Box::new(Body { documents, found: Found::new(rules) })))
    }

    /// A message is over: each may issue as many ids as a response.
    pub(crate) fn message_ends(&mut self) {
        if let Source::Documents(body) = &mut self.0 {
            body.documents.document_ends(&mut body.found);
            body.found.learned = 0;
        }
    }

    /// Hands over the ids that were found since the last call; false once nothing more can be learned.
    pub(crate) fn drain(&mut self, learn: impl FnMut(String)) -> bool {
        match &mut self.0 {
            Source::Documents(body) => {
                body.found.ids.drain(..).for_each(learn);
                body.found.learned < MOST && !body.documents.is_nothing()
            }
            Source::Messages(_, found) => {
                found.drain(..).for_each(learn);
                true
            }
        }
    }
}

impl Plain for Learner {
    fn take(&mut self, bytes: &[u8]) {
        match &mut self.0 {
            Source::Documents(body) => body.documents.feed(bytes, &mut body.found),
            Source::Messages(messages, found) => {
                messages.feed(bytes, |id| found.push(id.to_owned()));
            }
        }
    }
}
