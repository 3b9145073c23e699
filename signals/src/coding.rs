//! Compressed bodies: decompressed on the way to the scanner, a few KiB at a time, never kept.

use crate::body::Body;
use brotli_decompressor::DecompressorWriter;
use flate2::write::{DeflateDecoder, MultiGzDecoder, ZlibDecoder};
use std::fmt;
use std::io::{self, Write as _};
use zstd::stream::write::Decoder as ZstdDecoder;

/// Bytes of one body that are decompressed at most. What is larger was made to be.
const MAX_BYTES: u64 = 64 << 20;
/// Bytes that may come out of any body, however few went in.
const FREE_BYTES: u64 = 1 << 20;
/// Beyond them, how many bytes may come out for each that went in. Texts shrink far less.
const MAX_RATIO: u64 = 128;
/// Largest window of zstd that is given memory, as a power of two: 8 MiB, what HTTP allows
/// (RFC 9659).
const MAX_WINDOW: u32 = 23;
/// Bytes that brotli gives on at a time.
const PIECE: usize = 8192;
/// Codings of one body that are undone.
const MAX_CODINGS: usize = 3;

/// How a body is compressed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Coding {
    Gzip,
    /// With or without zlib's header: both are in use under this name.
    Deflate,
    Brotli,
    Zstd,
}

/// The codings of a body, in the order in which they were applied.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Codings {
    list: [Option<Coding>; MAX_CODINGS],
    count: usize,
}

impl Codings {
    /// The codings that a `Content-Encoding` names; none if one of them is not understood, or if
    /// there are too many.
    pub(crate) fn of(value: &[u8]) -> Option<Self> {
        let mut codings = Self::default();
        for name in value.split(|byte| *byte == b',').map(<[u8]>::trim_ascii) {
            let is = |other: &str| name.eq_ignore_ascii_case(other.as_bytes());
            let coding = match name {
                b"" => continue,
                _ if is("identity") => continue,
                _ if is("gzip") || is("x-gzip") => Coding::Gzip,
                _ if is("deflate") => Coding::Deflate,
                _ if is("br") => Coding::Brotli,
                _ if is("zstd") => Coding::Zstd,
                _ => return None,
            };
            *codings.list.get_mut(codings.count)? = Some(coding);
            codings.count += 1;
        }
        Some(codings)
    }

    /// Whether the body is as it was before any coding.
    pub(crate) const fn is_empty(self) -> bool {
        self.count == 0
    }

    /// A decompressor of these codings in front of a body.
    pub(crate) fn decoder(self, body: Body) -> io::Result<Decoder> {
        let mut to = To::Body(Box::new(body));
        for coding in self.list.into_iter().flatten() {
            to = To::Decoder(Box::new(Decoder::new(coding, to)?));
        }
        match to {
            To::Decoder(decoder) => Ok(*decoder),
            To::Body(_) => Err(io::ErrorKind::InvalidInput.into()),
        }
    }
}

/// A scanner behind a decompressor.
pub(crate) enum Decoder {
    Gzip(Box<MultiGzDecoder<Sink>>),
    Zlib(Box<ZlibDecoder<Sink>>),
    Raw(Box<DeflateDecoder<Sink>>),
    Brotli(Box<DecompressorWriter<Sink>>),
    Zstd(Box<ZstdDecoder<'static, Sink>>),
    /// Deflate whose first byte has not come: it tells which kind.
    Waiting(Box<Sink>),
}

/// Where decompressed bytes go, within a budget.
pub(crate) struct Sink {
    to: To,
    /// Bytes that went into the decompressor.
    taken: u64,
    /// Bytes that came out of it.
    given: u64,
}

enum To {
    Body(Box<Body>),
    Decoder(Box<Decoder>),
}

impl io::Write for Sink {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.given += bytes.len() as u64;
        let budget = (FREE_BYTES + MAX_RATIO * self.taken).min(MAX_BYTES);
        if self.given > budget {
            return Err(io::ErrorKind::FileTooLarge.into());
        }
        match &mut self.to {
            To::Body(body) => body.feed(bytes),
            To::Decoder(decoder) => {
                if !decoder.feed(bytes) {
                    return Err(io::ErrorKind::InvalidData.into());
                }
            }
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Sink {
    /// Bytes that came out of this decompressor and those behind it.
    fn inflated(&self) -> u64 {
        self.given
            + match &self.to {
                To::Body(_) => 0,
                To::Decoder(decoder) => decoder.inflated(),
            }
    }

    fn body(&mut self) -> &mut Body {
        match &mut self.to {
            To::Body(body) => body,
            To::Decoder(decoder) => decoder.flush(),
        }
    }
}

impl Decoder {
    fn new(coding: Coding, to: To) -> io::Result<Self> {
        let sink = Sink { to, taken: 0, given: 0 };
        Ok(match coding {
            Coding::Gzip => Self::Gzip(Box::new(MultiGzDecoder::new(sink))),
            Coding::Deflate => Self::Waiting(Box::new(sink)),
            Coding::Brotli => Self::Brotli(Box::new(DecompressorWriter::new(sink, PIECE))),
            Coding::Zstd => {
                let mut decoder = ZstdDecoder::new(sink)?;
                decoder.window_log_max(MAX_WINDOW)?;
                Self::Zstd(Box::new(decoder))
            }
        })
    }

    fn sink(&mut self) -> &mut Sink {
        match self {
            Self::Gzip(decoder) => decoder.get_mut(),
            Self::Zlib(decoder) => decoder.get_mut(),
            Self::Raw(decoder) => decoder.get_mut(),
            Self::Brotli(decoder) => decoder.get_mut(),
            Self::Zstd(decoder) => decoder.get_mut(),
            Self::Waiting(sink) => sink,
        }
    }

    /// Bytes that were decompressed so far, over all codings.
    pub(crate) fn inflated(&self) -> u64 {
        let sink: &Sink = match self {
            Self::Gzip(decoder) => decoder.get_ref(),
            Self::Zlib(decoder) => decoder.get_ref(),
            Self::Raw(decoder) => decoder.get_ref(),
            Self::Brotli(decoder) => decoder.get_ref(),
            Self::Zstd(decoder) => decoder.get_ref(),
            Self::Waiting(sink) => sink,
        };
        sink.inflated()
    }

    /// Takes more compressed bytes; false once they are of no use any more.
    pub(crate) fn feed(&mut self, bytes: &[u8]) -> bool {
        if let (Self::Waiting(sink), Some(&first)) = (&mut *self, bytes.first()) {
            let none = Sink { to: To::Body(Box::new(Body::Sealed)), taken: 0, given: 0 };
            let sink = std::mem::replace(&mut **sink, none);
            // A zlib header's low nibble is the method, 8 (RFC 1950 2.2), and its two bytes are a
            // multiple of 31; a raw block that begins so is a stored one, which nobody sends.
            *self = if first & 0x0f == 8 {
                Self::Zlib(Box::new(ZlibDecoder::new(sink)))
            } else {
                Self::Raw(Box::new(DeflateDecoder::new(sink)))
            };
        }
        self.sink().taken += bytes.len() as u64;
        match self {
            Self::Gzip(decoder) => decoder.write_all(bytes).is_ok(),
            Self::Zlib(decoder) => decoder.write_all(bytes).is_ok(),
            Self::Raw(decoder) => decoder.write_all(bytes).is_ok(),
            Self::Brotli(decoder) => decoder.write_all(bytes).is_ok(),
            Self::Zstd(decoder) => decoder.write_all(bytes).is_ok(),
            Self::Waiting(_) => true,
        }
    }

    /// Gives what has been decompressed so far to the scanner.
    pub(crate) fn flush(&mut self) -> &mut Body {
        // A broken end costs what it held, not what came before.
        let _ = match self {
            Self::Gzip(decoder) => decoder.flush(),
            Self::Zlib(decoder) => decoder.flush(),
            Self::Raw(decoder) => decoder.flush(),
            Self::Brotli(decoder) => decoder.flush(),
            Self::Zstd(decoder) => decoder.flush(),
            Self::Waiting(_) => Ok(()),
        };
        self.sink().body()
    }
}

impl fmt::Debug for Decoder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Gzip(_) => "Gzip",
            Self::Zlib(_) => "Zlib",
            Self::Raw(_) => "Raw",
            Self::Brotli(_) => "Brotli",
            Self::Zstd(_) => "Zstd",
            Self::Waiting(_) => "Waiting",
        })
    }
}
