//! One response's body on its way: fed as it passes, asked at the end.

use crate::body::Body;
use crate::coding::Plain;
use crate::collected::Sure;
use crate::failure::Failure;
use crate::found::MAX_NAME;
use crate::generation::{Makes, makes};
use crate::protocol::{Media, Protocol, model_in_path};
use crate::text::Text;
use crate::tier::Tier;
use crate::uncoded::Uncoded;
use crate::usage::Usage;

/// The facts from the head of a response whose body may be scanned.
#[derive(Clone, Copy, Debug)]
pub struct Answer<'a> {
    /// The workload's protocol.
    pub protocol: Protocol,
    /// Method of the request.
    pub method: &'a [u8],
    /// Path of the request; a query may follow.
    pub path: &'a str,
    /// True if the request resumes an earlier answer, as `Last-Event-ID` says.
    pub resumes: bool,
    /// HTTP status of the response.
    pub status: u16,
    /// Value of `Content-Type`, empty if there is none.
    pub content_type: &'a [u8],
    /// Value of `Content-Encoding`, empty if there is none.
    pub content_encoding: &'a [u8],
}

/// The end of a body.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// By its own framing.
    Complete,
    /// The client left before.
    ClientGone,
    /// The backend broke off before.
    Truncated,
}

/// The signals of one response body.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Signals {
    /// The protocol: as configured, or else recognised by the body or the path.
    pub protocol: Protocol,
    /// Tokens, if the body reports any for an answer that this request generated.
    pub usage: Option<Usage>,
    /// The service tier that served it.
    pub tier: Tier,
    /// The request made an answer. It did not if it fetched, cancelled or resumed one.
    pub is_generation: bool,
    /// The answer is made later: this one only says that it was taken on.
    pub is_pending: bool,
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
    /// What a complete answer says that states exactly this.
    #[must_use]
    pub fn of_usage(protocol: Protocol, model: &str, tier: Tier, usage: Usage) -> Self {
        Self {
            protocol,
            usage: Some(usage),
            tier,
            is_generation: true,
            is_pending: false,
            is_final: true,
            failure: None,
            events: 0,
            unreadable: false,
            model: Text::default(),
            path_model: Some(model.to_owned()),
            id: Text::default(),
        }
    }

    /// What a body says that could not be read at all.
    #[must_use]
    pub fn unread() -> Self {
        let nothing = Usage::default();
        Self {
            usage: None,
            is_generation: false,
            is_final: false,
            unreadable: true,
            path_model: None,
            ..Self::of_usage(Protocol::Auto, "", Tier::default(), nothing)
        }
    }

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

/// Scans one body without content codings. Holds less than two KiB, whatever passes.
#[derive(Debug)]
pub struct PlainScanner {
    body: Body,
    protocol: Protocol,
    path_protocol: Protocol,
    path_model: Option<String>,
    makes: Makes,
    is_posted: bool,
    status: u16,
}

impl PlainScanner {
    /// A scanner for the body of `answer`, whose coding the caller undoes; none for one that carries
    /// no signals.
    #[must_use]
    pub fn new(answer: &Answer<'_>) -> Option<Self> {
        let media = Media::of(answer.content_type)?;
        let is_rpc = matches!(media, Media::GrpcWeb { .. } | Media::Connect);
        if answer.protocol == Protocol::Plain && !is_rpc {
            return None;
        }
        let path_protocol = match answer.protocol {
            Protocol::Auto => Protocol::of_path(answer.path),
            known => known,
        };
        Some(Self {
            body: Body::new(media),
            protocol: answer.protocol,
            path_protocol,
            path_model: model_in_path(answer.path),
            makes: if answer.resumes || is_rpc {
                Makes::Nothing
            } else {
                makes(answer.method, answer.path)
            },
            is_posted: answer.method == b"POST",
            status: answer.status,
        })
    }

    /// Returns whether nothing that is understood has come: the body is a text for people, or empty.
    #[must_use]
    pub const fn is_nothing(&self) -> bool {
        self.body.is_nothing()
    }

    /// Returns whether the beginning of a text has not told yet what it is.
    #[must_use]
    pub const fn is_undecided(&self) -> bool {
        self.body.is_undecided()
    }

    /// Returns the signals of the body. Call once, after the last byte; `unreadable` says that not
    /// all of it could be shown to the scanner.
    pub fn finish(&mut self, end: End, unreadable: bool) -> Signals {
        let (collected, events) = self.body.end();
        let unreadable = unreadable || collected.is_unreadable;
        let in_words = || Failure::of_connect(collected.word.as_str(), Some(self.status));
        let shown = match (self.protocol, collected.shape) {
            (Protocol::Auto, Protocol::Auto) => self.path_protocol,
            (Protocol::Auto, shape) => shape,
            (configured, _) => configured,
        };
        // Responses are made by posting, wherever they are served.
        let is_fetched = !self.is_posted && collected.shape == Protocol::OpenAiResponses;
        let is_generation = !is_fetched
            && !self.body.is_nothing()
            && match self.makes {
                Makes::Answer => true,
                Makes::AnswerIfUsed => !collected.counts.is_empty(),
                Makes::Nothing => false,
            };
        // What could not be read to its end may have gone on after the last usage.
        let is_whole = !unreadable || (collected.sure == Sure::Final && events > 0);
        let is_counted = is_generation && is_whole && !collected.counts.is_empty();
        Signals {
            protocol: shown,
            usage: is_counted.then(|| collected.used()),
            tier: collected.tier,
            is_generation,
            is_pending: collected.is_pending && events == 0,
            is_final: match collected.sure {
                Sure::Final => true,
                Sure::Running => end == End::Complete,
                Sure::Opening => false,
            },
            failure: collected.failure.or_else(in_words),
            events,
            unreadable,
            model: collected.model,
            path_model: self.path_model.take(),
            id: collected.id,
        }
    }
}

impl Plain for PlainScanner {
    fn take(&mut self, bytes: &[u8]) {
        self.body.take(bytes);
    }
}

/// Scans one body behind its content codings. A decompressor adds its window.
#[derive(Debug)]
pub struct Scanner {
    source: Uncoded<PlainScanner>,
    unreadable: bool,
}

impl Scanner {
    /// A scanner for the body of `answer`; none for one that carries no signals.
    #[must_use]
    pub fn new(answer: &Answer<'_>) -> Option<Self> {
        let source = Uncoded::new(answer.content_encoding, PlainScanner::new(answer)?);
        Some(Self { source, unreadable: false })
    }

    /// Takes the next bytes of the body, without transfer coding, in any cut.
    pub fn feed(&mut self, bytes: &[u8]) {
        if !self.unreadable {
            self.unreadable = !self.source.feed(bytes);
        }
    }

    /// Returns the signals of the body. Call once, after the last byte.
    pub fn finish(&mut self, end: End) -> Signals {
        match self.source.reader() {
            Some(scanner) => scanner.finish(end, self.unreadable),
            None => Signals::unread(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{PlainScanner, Scanner};

    #[test]
    fn a_scanner_stays_small() {
        let bytes = size_of::<Scanner>() + size_of::<PlainScanner>();
        assert!(bytes <= 2048, "{bytes} bytes for every stream under way");
    }
}
