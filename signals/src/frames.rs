//! The frames of one direction of a WebSocket (RFC 6455 5.2), found while they pass.

/// Longest head of a frame.
const MAX_HEAD: usize = 14;

/// A part of a frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Piece<'a> {
    /// A frame begins.
    Begin(Kind),
    /// Bytes of its payload, as they came.
    Payload(&'a [u8]),
    /// The frame is over.
    End,
}

/// What a frame is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// The first frame of a message of text.
    Text {
        /// It is compressed (RFC 7692).
        compressed: bool,
    },
    /// The first frame of another message.
    Binary {
        /// It is compressed.
        compressed: bool,
    },
    /// A later frame of a message.
    More,
    /// The end of the connection.
    Close,
    /// Ping or pong.
    Control,
}

/// Follows one direction.
#[derive(Clone, Debug, Default)]
pub(crate) struct Frames {
    head: [u8; MAX_HEAD],
    have: usize,
    /// Bytes of the payload that are left.
    left: u64,
    within: bool,
    /// A message goes on in a later frame.
    unfinished: bool,
    broken: bool,
    mask: [u8; 4],
    /// Bytes of the payload that passed.
    passed: usize,
}

impl Frames {
    /// The next part; none when more bytes are needed, or when this is no WebSocket.
    pub(crate) fn next<'a>(&mut self, bytes: &mut &'a [u8]) -> Option<Piece<'a>> {
        if self.broken {
            return None;
        }
        if self.within {
            if self.left == 0 {
                self.within = false;
                return Some(Piece::End);
            }
            let here = usize::try_from(self.left).unwrap_or(usize::MAX).min(bytes.len());
            if here == 0 {
                return None;
            }
            let (payload, rest) = bytes.split_at(here);
            *bytes = rest;
            self.left -= here as u64;
            self.passed = self.passed.saturating_add(here);
            return Some(Piece::Payload(payload));
        }
        while self.have < self.head_len() {
            let (&byte, rest) = bytes.split_first()?;
            *bytes = rest;
            self.head[self.have] = byte;
            self.have += 1;
        }
        self.begin().map(Piece::Begin)
    }

    /// Bytes of the head, as far as it is known.
    fn head_len(&self) -> usize {
        if self.have < 2 {
            return 2;
        }
        let length = match self.head[1] & 0x7f {
            126 => 2,
            127 => 8,
            _ => 0,
        };
        2 + length + if self.head[1] & 0x80 == 0 { 0 } else { 4 }
    }

    fn begin(&mut self) -> Option<Kind> {
        let (first, second) = (self.head[0], self.head[1]);
        let (length, after) = match second & 0x7f {
            126 => (u64::from(u16::from_be_bytes([self.head[2], self.head[3]])), 4),
            127 => {
                let mut bytes = [0; 8];
                bytes.copy_from_slice(&self.head[2..10]);
                (u64::from_be_bytes(bytes), 10)
            }
            short => (u64::from(short), 2),
        };
        self.mask = [0; 4];
        if second & 0x80 != 0 {
            self.mask.copy_from_slice(&self.head[after..after + 4]);
        }
        let (is_last, reserved) = (first & 0x80 != 0, first & 0x70);
        let kind = match first & 0x0f {
            0 if self.unfinished && reserved == 0 => Kind::More,
            1 if !self.unfinished && reserved & 0x30 == 0 => {
                Kind::Text { compressed: reserved != 0 }
            }
            2 if !self.unfinished && reserved & 0x30 == 0 => {
                Kind::Binary { compressed: reserved != 0 }
            }
            8 if is_last && reserved == 0 && length <= 125 => Kind::Close,
            9 | 10 if is_last && reserved == 0 && length <= 125 => Kind::Control,
            _ => {
                self.broken = true;
                return None;
            }
        };
        if !matches!(kind, Kind::Close | Kind::Control) {
            self.unfinished = !is_last;
        }
        (self.have, self.left, self.within, self.passed) = (0, length, true, 0);
        Some(kind)
    }

    /// Returns whether a frame can be put here: no frame is under way.
    pub(crate) const fn is_between_frames(&self) -> bool {
        !self.within && self.have == 0 && !self.broken
    }

    /// Returns whether a message can be put here: no frame and no message is under way.
    pub(crate) const fn is_between_messages(&self) -> bool {
        self.is_between_frames() && !self.unfinished
    }

    /// Returns whether this is no WebSocket.
    pub(crate) const fn is_broken(&self) -> bool {
        self.broken
    }

    /// Returns whether the payload of the frame under way is all here.
    pub(crate) const fn is_at_end(&self) -> bool {
        self.within && self.left == 0
    }

    /// Returns whether the message goes on after this frame.
    pub(crate) const fn is_unfinished(&self) -> bool {
        self.unfinished
    }

    /// Gives the bytes without their mask, piece by piece; `payload` is the last piece that came.
    pub(crate) fn unmasked(&self, payload: &[u8], mut plain: impl FnMut(&[u8])) {
        let mut begin = self.passed - payload.len();
        let mut bytes = [0; 1024];
        for piece in payload.chunks(bytes.len()) {
            let bytes = &mut bytes[..piece.len()];
            for (at, (to, from)) in bytes.iter_mut().zip(piece).enumerate() {
                *to = from ^ self.mask[(begin + at) % 4];
            }
            begin += piece.len();
            plain(bytes);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Frames, Kind, Piece};

    fn read(frames: &mut Frames, bytes: &[u8], size: usize) -> (Vec<Kind>, Vec<u8>, usize) {
        let (mut kinds, mut payload, mut ends) = (Vec::new(), Vec::new(), 0);
        for mut part in bytes.chunks(size) {
            while let Some(piece) = frames.next(&mut part) {
                match piece {
                    Piece::Begin(kind) => kinds.push(kind),
                    Piece::Payload(bytes) => {
                        frames.unmasked(bytes, |plain| payload.extend_from_slice(plain));
                    }
                    Piece::End => ends += 1,
                }
            }
        }
        (kinds, payload, ends)
    }

    #[test]
    fn frames_are_the_same_however_they_are_cut() {
        // The examples of RFC 6455 5.7: a fragmented text with a ping inside, then a masked text.
        let bytes = [
            0x01, 0x03, 0x48, 0x65, 0x6c, 0x89, 0x01, 0x21, 0x80, 0x02, 0x6c, 0x6f, 0x81, 0x85,
            0x37, 0xfa, 0x21, 0x3d, 0x7f, 0x9f, 0x4d, 0x51, 0x58,
        ];
        for size in 1..=bytes.len() {
            let mut frames = Frames::default();
            let (kinds, payload, ends) = read(&mut frames, &bytes, size);
            let text = Kind::Text { compressed: false };
            assert_eq!(kinds, [text, Kind::Control, Kind::More, text], "{size}");
            assert_eq!((payload.as_slice(), ends), (&b"Hel!loHello"[..], 4), "{size}");
            assert!(frames.is_between_messages());
        }
        let mut frames = Frames::default();
        read(&mut frames, &bytes[..5], 5);
        assert!(frames.is_between_frames() && !frames.is_between_messages());
        read(&mut frames, &bytes[5..6], 1);
        assert!(!frames.is_between_frames());
    }

    #[test]
    fn long_lengths_are_read_and_what_is_no_frame_is_given_up() {
        let mut frames = Frames::default();
        let long =
            [&[0x82, 126, 1, 0][..], &[7; 256], &[0x82, 127, 0, 0, 0, 0, 0, 1, 0, 0]].concat();
        let (kinds, payload, ends) = read(&mut frames, &long, 64);
        assert_eq!((kinds.len(), payload.len(), ends), (2, 256, 1));
        for bad in [&b"an answer"[..], &[0x83, 0], &[0x80, 0], &[0x08, 0], &[0x88, 126, 0, 200]] {
            let mut frames = Frames::default();
            assert_eq!(read(&mut frames, bad, 1).0, [], "{bad:?}");
            assert!(!frames.is_between_frames() || bad.len() < 2);
        }
    }
}
