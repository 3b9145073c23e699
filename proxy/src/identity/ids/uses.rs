//! The ids of backends that a request refers to.

use super::documents::Documents;
use super::grpc::{Messages, is_a2a};
use super::layout::Layout;
use super::members::{Name, Reader, Text, Told};
use super::rules::{Id, IdRules, Rules, USED};
use super::segments;
use crate::http1::RequestHead;
use crate::inflating::{Inflating, Reading};
use stagegate_signals::{Plain, Uncoded};
use std::sync::Arc;

/// Ids of one request that are looked up at most, of conversations and of other things each.
const MOST: usize = 16;

/// An id that a request refers to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Used {
    pub(crate) id: String,
    /// It stands for a conversation, and not for something that conversations may share.
    pub(crate) is_conversation: bool,
}

/// The ids a request refers to, those of conversations first.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Uses {
    conversations: Vec<Used>,
    others: Vec<Used>,
}

impl Uses {
    /// The ids in the request's head.
    pub(crate) fn in_head(head: &[u8], request: &RequestHead) -> Self {
        let mut uses = Self::default();
        for (name, is_conversation) in &USED.headers {
            let value = request.field(head, name).and_then(|value| std::str::from_utf8(value).ok());
            if let Some(text) = value.map(str::trim).filter(|text| !text.is_empty()) {
                uses.add(&Id {
                    text: text.into(),
                    is_conversation: *is_conversation,
                    at_top: false,
                });
            }
        }
        let target = request.target(head);
        USED.in_target(target, |id| uses.add(&id));
        // Last, as they say the least.
        for id in segments::all(target) {
            uses.add(&Id { text: id.into(), is_conversation: false, at_top: false });
        }
        uses
    }

    /// Every id, in the order in which they are to be asked for.
    pub(crate) fn iter(&self) -> impl Iterator<Item = &Used> {
        self.conversations.iter().chain(&self.others)
    }

    /// The id that stands for the conversation, whoever issued it.
    pub(crate) fn conversation(&self) -> Option<&str> {
        self.conversations.first().map(|used| used.id.as_str())
    }

    /// Returns whether there is none.
    #[cfg(test)]
    pub(crate) fn is_empty(&self) -> bool {
        self.conversations.is_empty() && self.others.is_empty()
    }

    fn add(&mut self, id: &Id<'_>) {
        let is_conversation = id.is_conversation;
        if !is_conversation && self.conversations.iter().any(|used| used.id == *id.text) {
            return;
        }
        let list = if is_conversation { &mut self.conversations } else { &mut self.others };
        if list.len() < MOST && !list.iter().any(|used| used.id == *id.text) {
            list.push(Used { id: id.text.clone().into_owned(), is_conversation });
        }
    }
}

/// Looks for ids in the body of a request as it comes.
#[derive(Debug)]
pub(crate) struct BodyScan(Source);

#[derive(Debug)]
enum Source {
    Documents(Uncoded<Body>),
    /// A2A by gRPC.
    Messages(Messages),
    /// Cannot be looked into any more.
    Sealed,
}

#[derive(Debug)]
struct Body {
    documents: Documents,
    found: Found,
}

#[derive(Debug)]
struct Found {
    rules: Arc<Rules>,
    ids: Vec<(String, bool)>,
}

impl Told for Found {
    fn text(&mut self, text: Text<'_>) {
        let Self { rules, ids } = self;
        rules.in_text(&text, |id| {
            if ids.len() < 2 * MOST {
                ids.push((id.text.into_owned(), id.is_conversation));
            }
        });
    }

    fn member(&mut self, _: Name) {}

    fn ended(&mut self) {}
}

impl Body {
    fn new(rules: &IdRules, layout: Layout) -> Self {
        let rules = Arc::clone(&rules.used);
        let documents = Documents::new(Reader::new(Arc::clone(&rules.names)), layout);
        Self { documents, found: Found { rules, ids: Vec::new() } }
    }

    /// Adds what was found to `uses`. True if there was anything.
    fn hand_over(&mut self, uses: &mut Uses) -> bool {
        let any = !self.found.ids.is_empty();
        for (text, is_conversation) in self.found.ids.drain(..) {
            uses.add(&Id { text: text.into(), is_conversation, at_top: false });
        }
        any
    }
}

impl Plain for Body {
    fn take(&mut self, bytes: &[u8]) {
        self.documents.feed(bytes, &mut self.found);
    }
}

impl BodyScan {
    /// A scan of a body with this head; none for a body that holds no ids.
    pub(crate) fn new(
        rules: &IdRules,
        content_type: &[u8],
        content_encoding: &[u8],
        target: &str,
    ) -> Option<Self> {
        if is_a2a(content_type, target) {
            return Some(Self(Source::Messages(Messages::default())));
        }
        let layout = Layout::of(content_type)?;
        let body = Body::new(rules, layout);
        Some(Self(Source::Documents(Uncoded::new(content_encoding, body))))
    }

    /// A scan of the messages of a WebSocket: each is a document of its own.
    pub(crate) fn of_messages(rules: &IdRules) -> Self {
        Self(Source::Documents(Uncoded::plain(Body::new(rules, Layout::Json))))
    }

    /// The body is over; adds what its end tells to `uses`.
    pub(crate) fn end(&mut self, uses: &mut Uses) {
        if let Source::Documents(source) = &mut self.0
            && let Some(body) = source.reader()
        {
            body.documents.end(&mut body.found);
            body.hand_over(uses);
        }
    }

    /// A message is over.
    pub(crate) fn message_ends(&mut self) {
        if let Source::Documents(source) = &mut self.0
            && let Some(body) = source.reader()
        {
            body.documents.document_ends(&mut body.found);
        }
    }

    /// Takes the next bytes of the body at `now_ms`; adds what they hold to `uses`. True if there was
    /// anything. Decompressing ends where the budget for it does.
    pub(crate) fn feed(
        &mut self,
        bytes: &[u8],
        uses: &mut Uses,
        (budget, now_ms): (&Inflating, u64),
    ) -> bool {
        let body = match &mut self.0 {
            Source::Documents(body) => {
                let before = body.inflated();
                let may = !body.is_coded() || budget.may_go_on(now_ms, Reading::Ids);
                if !may || !body.feed(bytes) {
                    budget.spend(body.inflated() - before);
                    self.0 = Source::Sealed;
                    return false;
                }
                // What is held back comes out with the reader.
                body.reader();
                budget.spend(body.inflated() - before);
                body.reader()
            }
            Source::Messages(messages) => {
                let before = uses.others.len();
                // Which of them stands for a conversation cannot be told.
                messages.feed(bytes, |id| {
                    uses.add(&Id { text: id.into(), is_conversation: false, at_top: false });
                });
                return uses.others.len() > before;
            }
            Source::Sealed => None,
        };
        let Some(body) = body else { return false };
        body.hand_over(uses)
    }
}
