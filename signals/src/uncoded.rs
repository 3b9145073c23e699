//! A body as it was before any content coding.

use crate::coding::{Codings, Decoder, Plain};

/// A reader of a body, behind decompressors if the body has a content coding.
#[derive(Debug)]
pub enum Uncoded<T: Plain> {
    /// The body has no content coding.
    Plain(Box<T>),
    /// The body is decompressed on its way to the reader.
    Coded(Decoder<T>),
}

impl<T: Plain> Uncoded<T> {
    /// `reader` for a body with this `Content-Encoding`; none if a coding is not understood.
    #[must_use]
    pub fn new(content_encoding: &[u8], reader: T) -> Option<Self> {
        let codings = Codings::of(content_encoding)?;
        if codings.is_empty() {
            return Some(Self::Plain(Box::new(reader)));
        }
        codings.decoder(reader).ok().map(Self::Coded)
    }

    /// Takes the next bytes of the body as they came. Returns false once further ones are of no use.
    pub fn feed(&mut self, bytes: &[u8]) -> bool {
        match self {
            Self::Plain(reader) => {
                reader.take(bytes);
                true
            }
            Self::Coded(decoder) => decoder.feed(bytes),
        }
    }

    /// The reader, with everything that came so far.
    pub fn reader(&mut self) -> Option<&mut T> {
        match self {
            Self::Plain(reader) => Some(reader),
            Self::Coded(decoder) => decoder.flush(),
        }
    }

    /// Bytes that were decompressed so far; 0 for a body without a content coding.
    #[must_use]
    pub fn inflated(&self) -> u64 {
        match self {
            Self::Plain(_) => 0,
            Self::Coded(decoder) => decoder.inflated(),
        }
    }

    /// Returns true if the body has a content coding.
    #[must_use]
    pub const fn is_coded(&self) -> bool {
        matches!(self, Self::Coded(_))
    }
}
