//! Ids that a response issues, found while it passes.

use super::events::{Documents, Layout};
use super::grpc::{Messages, is_a2a};
use super::members::{Name, Reader, Text, Told};
use super::rules::ISSUED;
use crate::http1::ResponseHead;
use stagegate_signals::{Plain, Uncoded};
use std::sync::Arc;

/// Ids that are learned from one response at most.
const MOST: usize = 1024;
/// Ids that wait for the end of their document.
const WAITING: usize = 64;
/// Ids that were learned last: events of a stream repeat them.
const RECENT: usize = 8;

/// Fields whose value is the address of something new (RFC 9110 10.2.2, 8.7; Google's uploads).
const ADDRESSES: [&str; 4] =
    ["location", "content-location", "operation-location", "x-goog-upload-url"];

/// The ids in a response's head.
pub(crate) fn issued_in_head(head: &[u8], response: &ResponseHead) -> Vec<String> {
    let text =
        |name: &str| response.field(head, name).and_then(|value| std::str::from_utf8(value).ok());
    let headers = ISSUED.headers.iter().filter_map(|(name, _)| text(name));
    let mut ids: Vec<String> = headers.map(|id| id.trim().to_owned()).collect();
    for address in ADDRESSES.iter().filter_map(|name| text(name)) {
        ISSUED.in_target(address, |id| ids.push(id.text.into_owned()));
    }
    ids.retain(|id| !id.is_empty());
    ids
}

/// Looks for ids in the body of one response.
#[derive(Debug)]
pub(crate) struct Learner(Source);

#[derive(Debug)]
enum Source {
    Documents(Uncoded<Body>),
    /// A2A by gRPC.
    Messages(Messages),
}

#[derive(Debug)]
struct Body {
    documents: Documents,
    found: Found,
}

#[derive(Debug, Default)]
struct Found {
    ids: Vec<String>,
    /// Ids of the document itself: a JSON-RPC message's is that of a request.
    waiting: Vec<String>,
    is_message: bool,
    recent: Vec<String>,
    learned: usize,
}

impl Found {
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
        let Some(id) = ISSUED.in_text(&text) else { return };
        if !id.at_top {
            self.add(id.text.into_owned());
        } else if self.waiting.len() < WAITING {
            self.waiting.push(id.text.into_owned());
        }
    }

    fn member(&mut self, name: Name) {
        self.is_message |= name == ISSUED.jsonrpc;
    }

    fn ended(&mut self) {
        let waiting = std::mem::take(&mut self.waiting);
        if !std::mem::take(&mut self.is_message) {
            waiting.into_iter().for_each(|id| self.add(id));
        }
    }
}

impl Plain for Body {
    fn take(&mut self, bytes: &[u8]) {
        self.documents.feed(bytes, &mut self.found);
    }
}

impl Learner {
    /// A learner for a response with this head, to a request for `target`; none for one that issues
    /// nothing in its body.
    pub(crate) fn new(head: &[u8], response: &ResponseHead, target: &str) -> Option<Self> {
        if response.status >= 300 {
            return None;
        }
        let field = |name| response.field(head, name).unwrap_or(b"");
        if is_a2a(field("content-type"), target) {
            return Some(Self(Source::Messages(Messages::default())));
        }
        let layout = Layout::of(field("content-type"))?;
        let documents = Documents::new(Reader::new(Arc::clone(&ISSUED.names)), layout);
        let body = Body { documents, found: Found::default() };
        Uncoded::new(field("content-encoding"), body).map(|body| Self(Source::Documents(body)))
    }

    /// Takes more of the body and gives the ids in it; false once nothing more can be learned.
    pub(crate) fn feed(&mut self, data: &[u8], mut learn: impl FnMut(String)) -> bool {
        let (goes_on, body) = match &mut self.0 {
            Source::Documents(body) => (body.feed(data), body.reader()),
            Source::Messages(messages) => {
                messages.feed(data, |id| learn(id.to_owned()));
                return true;
            }
        };
        let Some(body) = body else { return goes_on };
        body.found.ids.drain(..).for_each(learn);
        goes_on && body.found.learned < MOST
    }
}
