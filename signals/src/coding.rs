//! Compressed bodies: decompressed on the way to the scanner, a few KiB at a time, never kept.

use crate::scanner::Body;
use flate2::write::{DeflateDecoder, MultiGzDecoder, ZlibDecoder};
use std::fmt;
use std::io::{self, Write as _};

/// Bytes of one body that are decompressed at most. What is larger was made to be.
const MAX_BYTES: u64 = 64 << 20;

/// How a body is compressed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Coding {
    Gzip,
    /// With or without zlib's header: both are in use under this name.
    Deflate,
    /// Not one that is understood.
    Other,
}

impl Coding {
    /// The coding of a `Content-Encoding`; none for `identity`.
    pub(crate) fn of(value: &[u8]) -> Option<Self> {
        let value = value.trim_ascii();
        let is = |name: &str| value.eq_ignore_ascii_case(name.as_bytes());
        if value.is_empty() || is("identity") {
            None
        } else if is("gzip") || is("x-gzip") {
            Some(Self::Gzip)
        } else if is("deflate") {
            Some(Self::Deflate)
        } else {
            Some(Self::Other)
        }
    }
}

/// A scanner behind a decompressor.
pub(crate) enum Decoder {
    Gzip(Box<MultiGzDecoder<Sink>>),
    Zlib(Box<ZlibDecoder<Sink>>),
    Raw(Box<DeflateDecoder<Sink>>),
    /// Deflate whose first byte has not come: it tells which kind.
    Waiting(Box<Sink>),
}

/// Where decompressed bytes go.
pub(crate) struct Sink {
    pub(crate) body: Body,
    left: u64,
}

impl io::Write for Sink {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.left = self
            .left
            .checked_sub(bytes.len() as u64)
            .ok_or_else(|| io::Error::from(io::ErrorKind::FileTooLarge))?;
        self.body.feed(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Decoder {
    /// `None` for a coding that is not understood.
    pub(crate) fn new(coding: Coding, body: Body) -> Option<Self> {
        let sink = Sink { body, left: MAX_BYTES };
        match coding {
            Coding::Gzip => Some(Self::Gzip(Box::new(MultiGzDecoder::new(sink)))),
            Coding::Deflate => Some(Self::Waiting(Box::new(sink))),
            Coding::Other => None,
        }
    }

    /// Takes more compressed bytes; false once they are of no use any more.
    pub(crate) fn feed(&mut self, bytes: &[u8]) -> bool {
        if let (Self::Waiting(sink), Some(&first)) = (&mut *self, bytes.first()) {
            let sink = std::mem::replace(&mut **sink, Sink { body: Body::Sealed, left: 0 });
            // A zlib header's low nibble is the method, 8 (RFC 1950 2.2), and its two bytes are a
            // multiple of 31; a raw block that begins so is a stored one, which nobody sends.
            *self = if first & 0x0f == 8 {
                Self::Zlib(Box::new(ZlibDecoder::new(sink)))
            } else {
                Self::Raw(Box::new(DeflateDecoder::new(sink)))
            };
        }
        match self {
            Self::Gzip(decoder) => decoder.write_all(bytes).is_ok(),
            Self::Zlib(decoder) => decoder.write_all(bytes).is_ok(),
            Self::Raw(decoder) => decoder.write_all(bytes).is_ok(),
            Self::Waiting(_) => true,
        }
    }

    /// Gives what has been decompressed so far to the scanner.
    pub(crate) fn flush(&mut self) -> &mut Body {
        // A broken end costs what it held, not what came before.
        match self {
            Self::Gzip(decoder) => {
                let _ = decoder.flush();
                &mut decoder.get_mut().body
            }
            Self::Zlib(decoder) => {
                let _ = decoder.flush();
                &mut decoder.get_mut().body
            }
            Self::Raw(decoder) => {
                let _ = decoder.flush();
                &mut decoder.get_mut().body
            }
            Self::Waiting(sink) => &mut sink.body,
        }
    }
}

impl fmt::Debug for Decoder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Gzip(_) => "Gzip",
            Self::Zlib(_) => "Zlib",
            Self::Raw(_) => "Raw",
            Self::Waiting(_) => "Waiting",
        })
    }
}
