//! A body as it was before any content coding.
//!
//! `Content-Encoding` may lie: backends write `utf-8`, `none` or `aws-chunked` there, or name a compression that
//! something on the way has undone. Clients that ignore what they do not know read such a body, so it is read here
//! too where its first bytes show what it is.

use crate::coding::{Codings, Decoder, Plain, is_understood};

/// A reader of a body, behind decompressors if the body has a content coding.
#[derive(Debug)]
pub struct Uncoded<T: Plain>(State<T>);

#[derive(Debug)]
enum State<T: Plain> {
    /// The body has no content coding.
    Plain(Box<T>),
    /// The body is decompressed on its way to the reader.
    Coded(Decoder<T>),
    /// Nothing has come of a body with these codings; none for codings that are not understood.
    Waiting(Box<T>, Option<Codings>),
    /// The body cannot be read.
    Refused(Box<T>),
    /// Between two of them.
    Nothing,
}

impl<T: Plain> Uncoded<T> {
    /// `reader` for a body with this `Content-Encoding`.
    #[must_use]
    pub fn new(content_encoding: &[u8], reader: T) -> Self {
        let codings = Codings::of(content_encoding);
        let is_plain = codings.is_some_and(Codings::is_empty);
        let reader = Box::new(reader);
        Self(if is_plain { State::Plain(reader) } else { State::Waiting(reader, codings) })
    }

    /// `reader` for a body without content codings.
    #[must_use]
    pub fn plain(reader: T) -> Self {
        Self(State::Plain(Box::new(reader)))
    }

    /// Takes the next bytes of the body as they came. Returns false once further ones are of no use.
    pub fn feed(&mut self, bytes: &[u8]) -> bool {
        if matches!(self.0, State::Waiting(..)) && !bytes.is_empty() {
            self.0 = std::mem::replace(&mut self.0, State::Nothing).begun(bytes);
        }
        match &mut self.0 {
            State::Plain(reader) => {
                reader.take(bytes);
                true
            }
            State::Coded(decoder) => decoder.feed(bytes),
            State::Waiting(..) => true,
            State::Refused(_) | State::Nothing => false,
        }
    }

    /// The reader, with everything that came so far.
    pub fn reader(&mut self) -> Option<&mut T> {
        match &mut self.0 {
            State::Plain(reader) | State::Waiting(reader, _) | State::Refused(reader) => {
                Some(reader)
            }
            State::Coded(decoder) => decoder.flush(),
            State::Nothing => None,
        }
    }

    /// Bytes that were decompressed so far; 0 for a body without a content coding.
    #[must_use]
    pub fn inflated(&self) -> u64 {
        match &self.0 {
            State::Coded(decoder) => decoder.inflated(),
            _ => 0,
        }
    }

    /// Returns true if the body has a content coding, as far as is known.
    #[must_use]
    pub const fn is_coded(&self) -> bool {
        matches!(self.0, State::Coded(_) | State::Waiting(_, Some(_)))
    }
}

impl<T: Plain> State<T> {
    /// The first bytes have come.
    fn begun(self, bytes: &[u8]) -> Self {
        match self {
            Self::Waiting(reader, Some(codings)) if codings.is_belied(bytes) => Self::Plain(reader),
            Self::Waiting(reader, Some(codings)) => {
                codings.decoder(*reader).map_or(Self::Nothing, Self::Coded)
            }
            Self::Waiting(reader, None) if is_understood(bytes) => Self::Plain(reader),
            Self::Waiting(reader, None) => Self::Refused(reader),
            other => other,
        }
    }
}
