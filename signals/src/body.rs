//! A body that passes, by its layout.

use crate::coding::Plain;
use crate::collected::Collected;
use crate::connect::Connect;
use crate::event_stream::EventStream;
use crate::events::Events;
use crate::found::Found;
use crate::grpc_web::GrpcWeb;
use crate::json::Reader;
use crate::layout::Layout;
use crate::node::Node;
use crate::protocol::Media;

/// A body that passes.
#[derive(Debug)]
pub(crate) struct Body {
    kind: Kind,
    /// Something that is no blank has come, so that its layout is known.
    begun: bool,
}

/// A body by its layout.
#[derive(Debug)]
enum Kind {
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
    /// Only its trailers are read.
    GrpcWeb(GrpcWeb),
    /// Only its last message is read.
    Connect(Connect),
    /// Text whose beginning has not come.
    Text,
    /// Text, for people.
    Nothing,
}

impl Body {
    /// Nothing of it has come yet.
    pub(crate) fn new(media: Media) -> Self {
        Self { kind: Kind::new(media), begun: false }
    }

    /// Takes its next bytes. JSON that is labelled as events, and events that are labelled as JSON, are
    /// read as what they are.
    pub(crate) fn feed(&mut self, bytes: &[u8]) {
        let seen = match self.kind {
            _ if self.begun => None,
            Kind::Text => Layout::of_text(bytes),
            _ => Layout::of(bytes),
        };
        if let Some(layout) = seen {
            self.begun = true;
            match (&self.kind, layout) {
                (Kind::Text, Layout::Json) => self.kind = Kind::new(Media::Json),
                (Kind::Text, Layout::Events) => self.kind = Kind::new(Media::Events),
                (Kind::Text, Layout::Other) => self.kind = Kind::Nothing,
                (Kind::Events { .. }, Layout::Json) => self.kind = Kind::new(Media::Json),
                (Kind::Json { .. }, Layout::Events) => self.kind = Kind::new(Media::Events),
                _ => {}
            }
        }
        self.kind.feed(bytes);
    }

    /// Returns whether it is nothing that is understood: a text, or empty.
    pub(crate) const fn is_nothing(&self) -> bool {
        matches!(self.kind, Kind::Nothing | Kind::Text)
    }

    /// Returns whether its beginning has not told what it is.
    pub(crate) const fn is_undecided(&self) -> bool {
        matches!(self.kind, Kind::Text)
    }

    /// Returns the collected facts and the number of events.
    pub(crate) fn end(&mut self) -> (Collected, u64) {
        self.kind.end()
    }
}

impl Kind {
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
            Media::GrpcWeb { is_text } => Self::GrpcWeb(GrpcWeb::new(is_text)),
            Media::Connect => Self::Connect(Connect::new()),
            Media::Text => Self::Text,
        }
    }

    fn feed(&mut self, bytes: &[u8]) {
        match self {
            Self::Json { reader, found } => reader.feed(bytes, found),
            Self::Events { events, collected } => events.feed(bytes, collected),
            Self::EventStream { stream, collected } => stream.feed(bytes, collected),
            Self::GrpcWeb(body) => body.feed(bytes),
            Self::Connect(body) => body.feed(bytes),
            Self::Text | Self::Nothing => {}
        }
    }

    fn end(&mut self) -> (Collected, u64) {
        match self {
            Self::Json { reader, found } => {
                reader.end(found);
                let mut collected = Collected::default();
                collected.names(found);
                if !found.counts.is_empty() {
                    collected.usage(found, found.usage_in != Some(Node::UsageMetadata));
                }
                if found.fails() {
                    collected.failed(found);
                }
                collected.word = found.code;
                (collected, 0)
            }
            Self::Events { events, collected } => {
                events.end(collected);
                (std::mem::take(collected), events.count)
            }
            Self::EventStream { stream, collected } => (std::mem::take(collected), stream.count),
            Self::GrpcWeb(body) => {
                (Collected { failure: body.failure(), ..Collected::default() }, 0)
            }
            Self::Connect(body) => {
                let (failure, is_unreadable) = (body.failure(), body.unreadable);
                (Collected { failure, is_unreadable, ..Collected::default() }, 0)
            }
            Self::Text | Self::Nothing => (Collected::default(), 0),
        }
    }
}

impl Plain for Body {
    fn take(&mut self, bytes: &[u8]) {
        self.feed(bytes);
    }
}
