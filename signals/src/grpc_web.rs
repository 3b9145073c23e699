//! Answers of gRPC-Web: the trailers are the last frame of the body.
//!
//! A frame is a byte of flags, a length of 4 bytes (big endian) and its content; the highest bit of
//! the flags marks trailers, written as the lines of a head (gRPC's PROTOCOL-WEB). The text form is
//! the same in Base64, which may end and begin again between frames.

use crate::failure::Failure;

/// Longest trailers that are read.
const MAX_TRAILERS: usize = 4096;

/// Follows one body.
#[derive(Clone, Debug, Default)]
pub(crate) struct GrpcWeb {
    is_text: bool,
    /// Bits of Base64 that make no byte yet, and how many characters they are.
    bits: u32,
    characters: u8,
    head: [u8; 5],
    have: usize,
    left: u32,
    trailers: Option<Vec<u8>>,
    status: Option<Failure>,
}

impl GrpcWeb {
    /// Nothing of it has come; `is_text`: in Base64.
    pub(crate) fn new(is_text: bool) -> Self {
        Self { is_text, ..Self::default() }
    }

    /// Takes its next bytes.
    pub(crate) fn feed(&mut self, bytes: &[u8]) {
        if self.is_text {
            bytes.iter().for_each(|byte| self.character(*byte));
        } else {
            self.frames(bytes);
        }
    }

    /// A character of Base64; what is none of them pads or separates.
    fn character(&mut self, character: u8) {
        let value = match character {
            b'A'..=b'Z' => character - b'A',
            b'a'..=b'z' => character - b'a' + 26,
            b'0'..=b'9' => character - b'0' + 52,
            b'+' => 62,
            b'/' => 63,
            b'=' => {
                // What is left of the group: one byte of two characters, two of three.
                let bytes =
                    (self.bits << (6 * u32::from(4 - self.characters.min(4)))).to_be_bytes();
                match self.characters {
                    2 => self.frames(&bytes[1..2]),
                    3 => self.frames(&bytes[1..3]),
                    _ => {}
                }
                (self.bits, self.characters) = (0, 0);
                return;
            }
            _ => return,
        };
        self.bits = self.bits << 6 | u32::from(value);
        self.characters += 1;
        if self.characters == 4 {
            let bytes = self.bits.to_be_bytes();
            (self.bits, self.characters) = (0, 0);
            self.frames(&bytes[1..]);
        }
    }

    fn frames(&mut self, bytes: &[u8]) {
        let mut rest = bytes;
        while !rest.is_empty() {
            if self.have < 5 {
                let here = (5 - self.have).min(rest.len());
                self.head[self.have..self.have + here].copy_from_slice(&rest[..here]);
                self.have += here;
                rest = &rest[here..];
                if self.have < 5 {
                    return;
                }
                let [flags, length @ ..] = self.head;
                self.left = u32::from_be_bytes(length);
                // The lowest bit: compressed, in a way that only the client knows.
                let is_readable = flags & 0x81 == 0x80;
                self.trailers = is_readable.then(Vec::new);
            }
            let here = usize::try_from(self.left).unwrap_or(usize::MAX).min(rest.len());
            if let Some(trailers) = self.trailers.as_mut().filter(|it| it.len() < MAX_TRAILERS) {
                trailers.extend_from_slice(&rest[..here]);
            }
            self.left -= u32::try_from(here).unwrap_or(self.left);
            rest = &rest[here..];
            if self.left == 0 {
                self.have = 0;
                self.frame_ends();
            }
        }
    }

    fn frame_ends(&mut self) {
        let Some(trailers) = self.trailers.take() else { return };
        for line in trailers.split(|byte| *byte == b'\n') {
            let Some(colon) = memchr::memchr(b':', line) else { continue };
            if line[..colon].trim_ascii().eq_ignore_ascii_case(b"grpc-status") {
                self.status = Failure::of_grpc(&line[colon + 1..]);
            }
        }
    }

    /// The failure that the trailers tell.
    pub(crate) const fn failure(&self) -> Option<Failure> {
        self.status
    }
}
