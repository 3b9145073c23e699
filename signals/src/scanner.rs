//! One response's body on its way: fed as it passes, asked at the end.

use crate::coding::{Coding, Decoder};
use crate::event_stream::EventStream;
use crate::events::Events;
use crate::failure::Failure;
use crate::found::{Found, MAX_NAME, Node};
use crate::json::Reader;
use crate::protocol::{Media, Protocol, model_in_path};
use crate::text::Text;
use crate::usage::{Count, Counts, Usage};

/// What the head says of an answer whose body may be scanned.
#[derive(Clone, Copy, Debug)]
pub struct Answer<'a> {
    /// What the workload speaks.
    pub protocol: Protocol,
    /// Path of the request; a query may follow.
    pub path: &'a str,
    /// Value of `Content-Type`, empty if there is none.
    pub content_type: &'a [u8],
    /// Value of `Content-Encoding`, empty if there is none.
    pub content_encoding: &'a [u8],
}

/// How a body ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// By its own framing.
    Complete,
    /// The client left before.
    ClientGone,
    /// The backend broke off before.
    Truncated,
}

/// What a body said.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Signals {
    /// What was spoken: as configured, else as the body or the path shows.
    pub protocol: Protocol,
    /// Tokens, if the body told any.
    pub usage: Option<Usage>,
    /// The usage is the final one, not one of a stream that went on.
    pub is_final: bool,
    /// The failure the body names.
    pub failure: Option<Failure>,
    /// Events of a stream; 0 for other bodies.
    pub events: u64,
    /// The body could not be read: compressed in a way that is not understood, or broken.
    pub unreadable: bool,
    model: Text<MAX_NAME>,
    path_model: Option<String>,
    id: Text<MAX_NAME>,
}

impl Signals {
    /// The model that answered, by the body's word or else the path's.
    #[must_use]
    pub fn model(&self) -> Option<&str> {
        self.model.get().or(self.path_model.as_deref())
    }

    /// The id of the response.
    #[must_use]
    pub fn response_id(&self) -> Option<&str> {
        self.id.get()
    }
}

/// Scans one body. Holds about a KiB, whatever passes; a decompressor adds its window.
#[derive(Debug)]
pub struct Scanner {
    source: Source,
    protocol: Protocol,
    path_protocol: Protocol,
    path_model: Option<String>,
    unreadable: bool,
}

#[derive(Debug)]
enum Source {
    Plain(Box<Body>),
    Coded(Decoder),
}

/// A body by its layout.
#[derive(Debug)]
pub(crate) enum Body {
    Json {
        reader: Reader,
        found: Found,
    },
    Events {
        events: Events,
        collected: Collected,
    },
    EventStream {
        stream: EventStream,
        collected: Collected,
    },
    /// Cannot be looked into.
    Sealed,
}

impl Body {
    fn new(media: Media) -> Self {
        match media {
            Media::Json => Self::Json { reader: Reader::default(), found: Found::default() },
            Media::Events => {
                Self::Events { events: Events::default(), collected: Collected::default() }
            }
            Media::EventStream => Self::EventStream {
                stream: EventStream::default(),
                collected: Collected::default(),
            },
        }
    }

    pub(crate) fn feed(&mut self, bytes: &[u8]) {
        match self {
            Self::Json { reader, found } => reader.feed(bytes, found),
            Self::Events { events, collected } => events.feed(bytes, collected),
            Self::EventStream { stream, collected } => stream.feed(bytes, collected),
            Self::Sealed => {}
        }
    }

    /// What was collected, and the number of events.
    fn end(&mut self, is_explicit: bool) -> (Collected, u64) {
        match self {
            Self::Json { reader, found } => {
                reader.end(found);
                let mut collected = Collected::default();
                collected.names(found);
                if !found.counts.is_empty() {
                    collected.usage(found, found.usage_in != Some(Node::UsageMetadata));
                }
                collected.failed(found, is_explicit && found.has_error);
                (collected, 0)
            }
            Self::Events { events, collected } => {
                events.end(collected);
                (*collected, events.count)
            }
            Self::EventStream { stream, collected } => (*collected, stream.count),
            Self::Sealed => (Collected::default(), 0),
        }
    }
}

impl Scanner {
    /// A scanner for the body of `answer`; none for one that carries no signals.
    #[must_use]
    pub fn new(answer: &Answer<'_>) -> Option<Self> {
        if answer.protocol == Protocol::Plain {
            return None;
        }
        let body = Body::new(Media::of(answer.content_type)?);
        let path_protocol = match answer.protocol {
            Protocol::Auto => Protocol::of_path(answer.path),
            known => known,
        };
        let names_model = path_protocol == Protocol::Bedrock;
        let path_model = if names_model { model_in_path(answer.path) } else { None };
        let (source, unreadable) = match Coding::of(answer.content_encoding) {
            None => (Source::Plain(Box::new(body)), false),
            Some(coding) => match Decoder::new(coding, body) {
                Some(decoder) => (Source::Coded(decoder), false),
                None => (Source::Plain(Box::new(Body::Sealed)), true),
            },
        };
        let protocol = answer.protocol;
        Some(Self { source, protocol, path_protocol, path_model, unreadable })
    }

    /// Takes the next bytes of the body, without transfer coding, in any cut.
    pub fn feed(&mut self, bytes: &[u8]) {
        match &mut self.source {
            Source::Plain(body) => body.feed(bytes),
            Source::Coded(decoder) => {
                if !self.unreadable && !decoder.feed(bytes) {
                    self.unreadable = true;
                }
            }
        }
    }

    /// What the body said. Call once, after the last byte.
    pub fn finish(&mut self, end: End) -> Signals {
        let body = match &mut self.source {
            Source::Plain(body) => body,
            Source::Coded(decoder) => decoder.flush(),
        };
        let is_explicit = self.protocol != Protocol::Auto;
        let (collected, events) = body.end(is_explicit);
        let shown = match (self.protocol, collected.shape) {
            (Protocol::Auto, Protocol::Auto) => self.path_protocol,
            (Protocol::Auto, shape) => shape,
            (configured, _) => configured,
        };
        Signals {
            protocol: shown,
            usage: (!collected.counts.is_empty()).then(|| collected.counts.usage()),
            is_final: match collected.sure {
                Sure::Final => true,
                Sure::Running => end == End::Complete,
                Sure::Opening => false,
            },
            failure: collected.failure,
            events,
            unreadable: self.unreadable,
            model: collected.model,
            path_model: self.path_model.take(),
            id: collected.id,
        }
    }
}

/// How far a usage can be trusted to be the last one.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Sure {
    /// What an answer begins with (`message_start`): its output is not in it.
    #[default]
    Opening,
    /// A running total: the last one if the stream is complete.
    Running,
    /// Nothing follows.
    Final,
}

/// What was found in a body so far.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Collected {
    counts: Counts,
    sure: Sure,
    model: Text<MAX_NAME>,
    id: Text<MAX_NAME>,
    failure: Option<Failure>,
    shape: Protocol,
}

impl Collected {
    /// Takes over model and id; the last ones count.
    pub(crate) fn names(&mut self, found: &Found) {
        if !found.model.is_empty() {
            self.model = found.model;
        }
        if !found.id.is_empty() {
            self.id = found.id;
        }
        if let Some(shape) = shape(found) {
            self.shape = shape;
        }
    }

    /// Takes over a usage; `last`: nothing will follow it.
    pub(crate) fn usage(&mut self, found: &Found, last: bool) {
        self.counts.update(&found.counts);
        self.sure = match found.usage_in {
            Some(Node::Message) => Sure::Opening,
            _ if last => Sure::Final,
            _ => Sure::Running,
        };
        if let Some(shape) = shape(found) {
            self.shape = shape;
        }
    }

    /// The protocol's own end of a stream: what was seen last is final.
    pub(crate) fn done(&mut self) {
        if self.sure == Sure::Running {
            self.sure = Sure::Final;
        }
    }

    /// Takes over a failure; the first one counts.
    pub(crate) fn failed(&mut self, found: &Found, certain: bool) {
        self.failure = self.failure.or_else(|| Failure::of(found, certain));
    }

    pub(crate) fn fail_with(&mut self, failure: Failure) {
        self.failure.get_or_insert(failure);
    }
}

/// What a document looks like.
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

#[cfg(test)]
mod tests {
    use super::{Body, Scanner};

    #[test]
    fn a_scanner_stays_small() {
        let bytes = size_of::<Scanner>() + size_of::<Body>();
        assert!(bytes <= 1536, "{bytes} bytes for every stream under way");
    }
}
