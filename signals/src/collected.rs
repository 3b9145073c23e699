//! The facts found in a body so far: in one document, or in a stream of them.

use crate::counts::{Count, Counts};
use crate::failure::Failure;
use crate::found::{Found, MAX_CODE, MAX_NAME};
use crate::node::Node;
use crate::protocol::Protocol;
use crate::text::Text;
use crate::tier::Tier;
use crate::usage::Usage;
use foldhash::fast::FixedState;
use std::hash::BuildHasher as _;

/// The certainty that a usage is the last one.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Sure {
    /// The usage at the start of a response (`message_start`), without its output.
    #[default]
    Opening,
    /// A running total: the last one if the stream is complete.
    Running,
    /// Nothing follows.
    Final,
}

/// The facts found in a body so far.
#[derive(Clone, Debug, Default)]
pub(crate) struct Collected {
    pub(crate) counts: Counts,
    /// Of generations before the present one, in the same stream.
    pub(crate) earlier: Option<Box<Usage>>,
    /// The hash of the id of the generation that has the counts; 0 if it has none.
    pub(crate) usage_id: u64,
    pub(crate) sure: Sure,
    pub(crate) model: Text<MAX_NAME>,
    pub(crate) id: Text<MAX_NAME>,
    pub(crate) tier: Tier,
    pub(crate) failure: Option<Failure>,
    pub(crate) shape: Protocol,
    pub(crate) is_pending: bool,
    /// `code` of the document itself.
    pub(crate) word: Text<MAX_CODE>,
    /// A part could not be read.
    pub(crate) is_unreadable: bool,
}

impl Collected {
    /// Returns true if no model has been named yet.
    pub(crate) const fn is_nameless(&self) -> bool {
        self.model.is_empty()
    }

    /// Takes over the model, of which the first name counts, and the id, of which the last does.
    pub(crate) fn names(&mut self, found: &Found) {
        if self.is_nameless() {
            self.model = found.model;
        }
        if !found.id.is_empty() {
            self.id = found.id;
        }
        if let Some(shape) = shape(found) {
            self.shape = shape;
        }
        self.is_pending = found.is_pending;
    }

    /// Takes over a usage; `last`: nothing will follow it.
    pub(crate) fn usage(&mut self, found: &Found, last: bool) {
        if self.is_over(found) {
            self.earlier = Some(Box::new(self.used()));
            self.counts.clear();
        }
        if !found.id.is_empty() {
            self.usage_id = hash(found.id.bytes());
        }
        self.counts.update(&found.counts);
        self.tier = found.tier.unwrap_or(self.tier);
        self.sure = match found.usage_in {
            Some(Node::Message) => Sure::Opening,
            _ if last => Sure::Final,
            _ => Sure::Running,
        };
        if let Some(shape) = shape(found) {
            self.shape = shape;
        }
    }

    /// The tokens of all generations.
    pub(crate) fn used(&self) -> Usage {
        let last = self.counts.usage();
        self.earlier.as_ref().map_or(last, |earlier| earlier.plus(&last))
    }

    /// Returns true if this usage is of another generation than the counts: agents pass on the streams of several
    /// models in one. Only where it is beyond doubt, since usages of one generation complete each other: after
    /// the end of one of Anthropic's messages another one begins, a Responses event names another response,
    /// and a piece of a chat completion another completion with another prompt.
    fn is_over(&self, found: &Found) -> bool {
        if self.counts.is_empty() {
            return false;
        }
        let is_other = || {
            let known = !found.id.is_empty() && self.usage_id != 0;
            known && hash(found.id.bytes()) != self.usage_id
        };
        match found.usage_in {
            Some(Node::Message) => self.sure == Sure::Final,
            Some(Node::Response) => is_other(),
            Some(Node::Root) if found.is_chat_piece => {
                is_other() && self.counts.has_another_prompt(&found.counts)
            }
            _ => false,
        }
    }

    /// The protocol's own end of a stream: what was seen last is final.
    pub(crate) fn done(&mut self) {
        if self.sure == Sure::Running {
            self.sure = Sure::Final;
        }
    }

    /// Takes over a failure; the first one counts.
    pub(crate) fn failed(&mut self, found: &Found) {
        self.failure.get_or_insert_with(|| Failure::of(found));
    }

    pub(crate) fn fail_with(&mut self, failure: Failure) {
        self.failure.get_or_insert(failure);
    }
}

fn hash(id: &[u8]) -> u64 {
    FixedState::with_seed(0).hash_one(id)
}

/// Recognises the protocol of a document by its shape.
fn shape(found: &Found) -> Option<Protocol> {
    let kind = found.kind.as_str();
    if found.usage_in == Some(Node::UsageMetadata) {
        Some(Protocol::Gemini)
    } else if found.counts.has(Count::InputAlone) {
        Some(Protocol::Bedrock)
    } else if found.counts.has(Count::Prompt) {
        Some(Protocol::OpenAiChat)
    } else if found.is_responses_event || found.id.as_str().starts_with("resp_") {
        Some(Protocol::OpenAiResponses)
    } else if found.usage_in == Some(Node::Message)
        || kind == "message"
        || kind.starts_with("message_")
    {
        Some(Protocol::Anthropic)
    } else {
        None
    }
}
