//! Compressed bodies: decompressed on the way to the scanner, a few KiB at a time, never kept.

use crate::layout::Layout;
use brotli_decompressor::DecompressorWriter;
use flate2::write::{DeflateDecoder, MultiGzDecoder, ZlibDecoder};
use std::fmt;
use std::io::{self, Write as _};
use zstd::stream::write::Decoder as ZstdDecoder;

/// Bytes of one body that are decompressed at most. What is larger was made to be.
const MAX_BYTES: u64 = 64 << 20;
/// Bytes that may come out of any body, however few went in.
const FREE_BYTES: u64 = 1 << 20;
/// Beyond them, how many bytes may come out for each that went in. Texts shrink far less, and what
/// comes out is looked at on a worker's own thread.
const MAX_RATIO: u64 = 64;
/// Largest window of zstd that is given memory, as a power of two: 8 MiB, what HTTP allows
/// (RFC 9659).
const MAX_WINDOW: u32 = 23;
/// Bytes that brotli gives on at a time.
const PIECE: usize = 8192;
/// Codings of one body that are undone.
const MAX_CODINGS: usize = 3;

/// What is behind a decompressor.
pub trait Plain {
    /// Takes the next bytes as they were before any coding.
    fn take(&mut self, bytes: &[u8]);
}

/// The compression of a body.
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

    /// Returns true if the body has no content coding.
    pub(crate) const fn is_empty(self) -> bool {
        self.count == 0
    }

    /// Returns true if a body that begins with these bytes does not have its last coding, whatever its head
    /// says: it lacks what every body of that coding begins with, and is text that is understood.
    pub(crate) fn is_belied(self, bytes: &[u8]) -> bool {
        let Some(last) = self.count.checked_sub(1).and_then(|last| self.list[last]) else {
            return false;
        };
        let begins = match last {
            // RFC 1952 2.3.1
            Coding::Gzip => bytes.first() == Some(&0x1f),
            // RFC 8878 3.1: a frame, or one to skip.
            Coding::Zstd => {
                matches!(bytes, [0x28, ..] | [0x50..=0x5f] | [0x50..=0x5f, 0x2a, ..])
            }
            // Nothing marks them.
            Coding::Deflate | Coding::Brotli => true,
        };
        !begins && is_understood(bytes)
    }

    /// A decompressor of these codings in front of a body.
    ///
    /// # Errors
    /// When there is no coding, or no memory for one.
    pub(crate) fn decoder<T: Plain>(self, body: T) -> io::Result<Decoder<T>> {
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

/// Returns true if a body begins like JSON or events.
pub(crate) fn is_understood(bytes: &[u8]) -> bool {
    matches!(Layout::of_text(bytes), Some(Layout::Json | Layout::Events))
}

/// A scanner behind a decompressor. What comes out is bounded by what went in.
pub struct Decoder<T: Plain>(Kind<T>);

enum Kind<T: Plain> {
    Gzip(Box<MultiGzDecoder<Sink<T>>>),
    Zlib(Box<ZlibDecoder<Sink<T>>>),
    Raw(Box<DeflateDecoder<Sink<T>>>),
    Brotli(Box<DecompressorWriter<Sink<T>>>),
    Zstd(Box<ZstdDecoder<'static, Sink<T>>>),
    /// Deflate whose first byte has not come: it tells which kind.
    Waiting(Option<Box<Sink<T>>>),
}

/// The receiver of decompressed bytes, within a budget.
struct Sink<T: Plain> {
    to: To<T>,
    /// Bytes that went into the decompressor.
    taken: u64,
    /// Bytes that came out of it.
    given: u64,
}

enum To<T: Plain> {
    Body(Box<T>),
    Decoder(Box<Decoder<T>>),
}

impl<T: Plain> io::Write for Sink<T> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.given += bytes.len() as u64;
        let budget = (FREE_BYTES + MAX_RATIO * self.taken).min(MAX_BYTES);
        if self.given > budget {
            return Err(io::ErrorKind::FileTooLarge.into());
        }
        match &mut self.to {
            To::Body(body) => body.take(bytes),
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

impl<T: Plain> Sink<T> {
    /// Bytes that came out of this decompressor and those behind it.
    fn inflated(&self) -> u64 {
        self.given
            + match &self.to {
                To::Body(_) => 0,
                To::Decoder(decoder) => decoder.inflated(),
            }
    }

    fn body(&mut self) -> Option<&mut T> {
        match &mut self.to {
            To::Body(body) => Some(body),
            To::Decoder(decoder) => decoder.flush(),
        }
    }
}

impl<T: Plain> Decoder<T> {
    fn new(coding: Coding, to: To<T>) -> io::Result<Self> {
        let sink = Sink { to, taken: 0, given: 0 };
        Ok(Self(match coding {
            Coding::Gzip => Kind::Gzip(Box::new(MultiGzDecoder::new(sink))),
            Coding::Deflate => Kind::Waiting(Some(Box::new(sink))),
            Coding::Brotli => Kind::Brotli(Box::new(DecompressorWriter::new(sink, PIECE))),
            Coding::Zstd => {
                let mut decoder = ZstdDecoder::new(sink)?;
                decoder.window_log_max(MAX_WINDOW)?;
                Kind::Zstd(Box::new(decoder))
            }
        }))
    }

    fn sink(&mut self) -> Option<&mut Sink<T>> {
        Some(match &mut self.0 {
            Kind::Gzip(decoder) => decoder.get_mut(),
            Kind::Zlib(decoder) => decoder.get_mut(),
            Kind::Raw(decoder) => decoder.get_mut(),
            Kind::Brotli(decoder) => decoder.get_mut(),
            Kind::Zstd(decoder) => decoder.get_mut(),
            Kind::Waiting(sink) => sink.as_mut()?,
        })
    }

    /// Bytes that were decompressed so far, over all codings.
    pub fn inflated(&self) -> u64 {
        let sink = match &self.0 {
            Kind::Gzip(decoder) => decoder.get_ref(),
            Kind::Zlib(decoder) => decoder.get_ref(),
            Kind::Raw(decoder) => decoder.get_ref(),
            Kind::Brotli(decoder) => decoder.get_ref(),
            Kind::Zstd(decoder) => decoder.get_ref(),
            Kind::Waiting(Some(sink)) => sink,
            Kind::Waiting(None) => return 0,
        };
        sink.inflated()
    }

    /// Takes more compressed bytes; false once they are of no use any more.
    pub fn feed(&mut self, bytes: &[u8]) -> bool {
        if let (Kind::Waiting(sink), Some(&first)) = (&mut self.0, bytes.first())
            && let Some(sink) = sink.take()
        {
            // A zlib header's low nibble is the method, 8 (RFC 1950 2.2), and its two bytes are a
            // multiple of 31; a raw block that begins so is a stored one, which nobody sends.
            self.0 = if first & 0x0f == 8 {
                Kind::Zlib(Box::new(ZlibDecoder::new(*sink)))
            } else {
                Kind::Raw(Box::new(DeflateDecoder::new(*sink)))
            };
        }
        if let Some(sink) = self.sink() {
            sink.taken += bytes.len() as u64;
        }
        match &mut self.0 {
            Kind::Gzip(decoder) => decoder.write_all(bytes).is_ok(),
            Kind::Zlib(decoder) => decoder.write_all(bytes).is_ok(),
            Kind::Raw(decoder) => decoder.write_all(bytes).is_ok(),
            Kind::Brotli(decoder) => decoder.write_all(bytes).is_ok(),
            Kind::Zstd(decoder) => decoder.write_all(bytes).is_ok(),
            Kind::Waiting(_) => true,
        }
    }

    /// Gives what has been decompressed so far to what is behind, and that to the caller.
    pub fn flush(&mut self) -> Option<&mut T> {
        // A broken end costs what it held, not what came before.
        let _ = match &mut self.0 {
            Kind::Gzip(decoder) => decoder.flush(),
            Kind::Zlib(decoder) => decoder.flush(),
            Kind::Raw(decoder) => decoder.flush(),
            Kind::Brotli(decoder) => decoder.flush(),
            Kind::Zstd(decoder) => decoder.flush(),
            Kind::Waiting(_) => Ok(()),
        };
        self.sink()?.body()
    }
}

impl<T: Plain> fmt::Debug for Decoder<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self.0 {
            Kind::Gzip(_) => "Gzip",
            Kind::Zlib(_) => "Zlib",
            Kind::Raw(_) => "Raw",
            Kind::Brotli(_) => "Brotli",
            Kind::Zstd(_) => "Zstd",
            Kind::Waiting(_) => "Waiting",
        })
    }
}
