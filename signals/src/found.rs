//! What one JSON document says that is of interest, and under which keys it says it.

use crate::text::Text;
use crate::usage::{Count, Counts};

/// Longest model name and response id kept.
pub(crate) const MAX_NAME: usize = 96;
/// Longest error code or type kept.
pub(crate) const MAX_CODE: usize = 48;

/// An object whose members matter.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Node {
    /// The document.
    Root,
    /// `response` of a Responses event.
    Response,
    /// `message` of Anthropic's `message_start`.
    Message,
    /// `usage`.
    Usage,
    /// `usageMetadata` (Gemini): a running total.
    UsageMetadata,
    /// `prompt_tokens_details`, `input_tokens_details`.
    InputDetails,
    /// `completion_tokens_details`, `output_tokens_details`.
    OutputDetails,
    /// `error`.
    Error,
}

/// A single value that matters.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Leaf {
    Model,
    Id,
    Kind,
    Code,
    ErrorKind,
    ErrorCode,
    ErrorStatus,
    Count(Count),
}

/// What a member of an object is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Member {
    Object(Node),
    Value(Leaf),
    Nothing,
}

impl Node {
    /// What the member `key` is in this object.
    pub(crate) fn member(self, key: &[u8]) -> Member {
        use Member::{Nothing, Object, Value};
        let count = |count| Value(Leaf::Count(count));
        match (self, key) {
            (Self::Root, b"response") => Object(Self::Response),
            (Self::Root, b"message") => Object(Self::Message),
            (Self::Root, b"type") => Value(Leaf::Kind),
            (Self::Root, b"code") => Value(Leaf::Code),
            (Self::Root | Self::Response | Self::Message, b"usage") => Object(Self::Usage),
            (Self::Root, b"usageMetadata") => Object(Self::UsageMetadata),
            (Self::Root | Self::Response, b"error") => Object(Self::Error),
            (Self::Root | Self::Response | Self::Message, b"model")
            | (Self::Root, b"modelVersion") => Value(Leaf::Model),
            (Self::Root | Self::Response | Self::Message, b"id") | (Self::Root, b"responseId") => {
                Value(Leaf::Id)
            }
            (Self::Error, b"type") => Value(Leaf::ErrorKind),
            (Self::Error, b"code") => Value(Leaf::ErrorCode),
            (Self::Error, b"status") => Value(Leaf::ErrorStatus),
            (Self::Usage, b"prompt_tokens") | (Self::UsageMetadata, b"promptTokenCount") => {
                count(Count::Prompt)
            }
            (Self::Usage, b"input_tokens") => count(Count::Input),
            (Self::Usage, b"inputTokens") => count(Count::InputAlone),
            (Self::Usage, b"cache_read_input_tokens" | b"cacheReadInputTokens") => {
                count(Count::CacheRead)
            }
            (Self::Usage, b"cache_creation_input_tokens" | b"cacheWriteInputTokens") => {
                count(Count::CacheWrite)
            }
            (Self::Usage, b"completion_tokens" | b"output_tokens" | b"outputTokens")
            | (Self::UsageMetadata, b"candidatesTokenCount") => count(Count::Output),
            (Self::Usage, b"prompt_tokens_details" | b"input_tokens_details") => {
                Object(Self::InputDetails)
            }
            (Self::Usage, b"completion_tokens_details" | b"output_tokens_details") => {
                Object(Self::OutputDetails)
            }
            (Self::InputDetails, b"cached_tokens")
            | (Self::UsageMetadata, b"cachedContentTokenCount") => count(Count::CachedPart),
            (Self::InputDetails, b"cache_write_tokens") => count(Count::WrittenPart),
            (Self::OutputDetails, b"reasoning_tokens") => count(Count::ReasoningPart),
            (Self::UsageMetadata, b"thoughtsTokenCount") => count(Count::Thoughts),
            (Self::UsageMetadata, b"toolUsePromptTokenCount") => count(Count::ToolPrompt),
            _ => Nothing,
        }
    }
}

/// The names an error goes by.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct ErrorNames {
    pub(crate) code: Text<MAX_CODE>,
    pub(crate) kind: Text<MAX_CODE>,
    pub(crate) status: Text<MAX_CODE>,
    /// A status code; 0 if there is none.
    pub(crate) number: u16,
}

/// What was found in one document; in a body of several, what was found last.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Found {
    /// Of usage objects that are complete; half of one would be a wrong figure.
    pub(crate) counts: Counts,
    /// Of the usage object under way.
    open_counts: Counts,
    pub(crate) model: Text<MAX_NAME>,
    pub(crate) id: Text<MAX_NAME>,
    pub(crate) kind: Text<MAX_CODE>,
    pub(crate) code: Text<MAX_CODE>,
    /// There is an error object, or an error text.
    pub(crate) has_error: bool,
    pub(crate) error: ErrorNames,
    /// The object the usage stood in, if there was one.
    pub(crate) usage_in: Option<Node>,
    /// The document has a `response` object.
    pub(crate) is_responses_event: bool,
}

impl Found {
    /// Forgets everything; cheap, since only lengths and flags are reset.
    pub(crate) const fn clear(&mut self) {
        self.counts.clear();
        self.open_counts.clear();
        self.model.clear();
        self.id.clear();
        self.kind.clear();
        self.code.clear();
        self.has_error = false;
        self.error.code.clear();
        self.error.kind.clear();
        self.error.status.clear();
        self.error.number = 0;
        self.usage_in = None;
        self.is_responses_event = false;
    }

    /// An object of interest begins in `parent`.
    pub(crate) const fn entered(&mut self, node: Node, parent: Node) {
        match node {
            Node::Error => self.has_error = true,
            Node::Response => self.is_responses_event = true,
            Node::Usage | Node::UsageMetadata => {
                self.open_counts.clear();
                let is_gemini = matches!(node, Node::UsageMetadata);
                self.usage_in = Some(if is_gemini { node } else { parent });
            }
            _ => {}
        }
    }

    /// An object of interest is over.
    pub(crate) const fn left(&mut self, node: Node) {
        if matches!(node, Node::Usage | Node::UsageMetadata) {
            self.counts.update(&self.open_counts);
        }
    }

    pub(crate) fn text(&mut self, leaf: Leaf, text: &str) {
        match leaf {
            Leaf::Model => self.model.set(text),
            Leaf::Id => self.id.set(text),
            Leaf::Kind => self.kind.set(text),
            Leaf::Code => self.code.set(text),
            Leaf::ErrorKind => self.error.kind.set(text),
            Leaf::ErrorCode => {
                self.has_error |= !text.is_empty();
                self.error.code.set(text);
            }
            Leaf::ErrorStatus => self.error.status.set(text),
            Leaf::Count(_) => {}
        }
    }

    pub(crate) fn number(&mut self, leaf: Leaf, number: u64) {
        match leaf {
            Leaf::Count(count) => self.open_counts.set(count, number),
            Leaf::Code | Leaf::ErrorCode | Leaf::ErrorStatus => {
                self.error.number = u16::try_from(number).unwrap_or(0);
            }
            _ => {}
        }
    }
}
