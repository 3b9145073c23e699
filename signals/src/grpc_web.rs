//! Answers of gRPC-Web: the trailers are the last frame of the body.
//!
//! The highest bit of a frame's flags marks trailers, written as the lines of a head (gRPC's
//! PROTOCOL-WEB). The text form is the same in Base64, which may end and begin again between frames.

use crate::failure::Failure;
use crate::last_frame::LastFrame;

/// The flag of trailers.
const TRAILERS: u8 = 0x80;

/// Follows one body.
#[derive(Clone, Debug)]
pub(crate) struct GrpcWeb {
    is_text: bool,
    /// Bits of Base64 that make no byte yet, and how many characters they are.
    bits: u32,
    characters: u8,
    frames: LastFrame,
    status: Option<Failure>,
}

impl GrpcWeb {
    /// Nothing of it has come; `is_text`: in Base64.
    pub(crate) fn new(is_text: bool) -> Self {
        let frames = LastFrame::new(TRAILERS);
        Self { is_text, bits: 0, characters: 0, frames, status: None }
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
        let Self { frames, status, .. } = self;
        frames.feed(bytes, |trailers, is_compressed| {
            // Compressed in a way that only the client knows.
            if !is_compressed {
                *status = status_of(trailers).or(*status);
            }
        });
    }

    /// The failure that the trailers tell.
    pub(crate) const fn failure(&self) -> Option<Failure> {
        self.status
    }
}

fn status_of(trailers: &[u8]) -> Option<Failure> {
    let lines = trailers.split(|byte| *byte == b'\n');
    let mut fields = lines.filter_map(|line| Some(line.split_at(memchr::memchr(b':', line)?)));
    let (_, value) =
        fields.find(|(name, _)| name.trim_ascii().eq_ignore_ascii_case(b"grpc-status"))?;
    Failure::of_grpc(&value[1..])
}
