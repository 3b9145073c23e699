//! Compressed messages of a WebSocket (`permessage-deflate`, RFC 7692), decompressed on their way.

use flate2::{Decompress, FlushDecompress, Status};

/// Bytes that come out at a time.
const PIECE: usize = 4096;
/// What every compressed message ends with, and what is left out on the wire (RFC 7692 7.2.1).
const TAIL: [u8; 4] = [0, 0, 0xff, 0xff];
/// Bytes of one message that are decompressed at most.
const MAX_MESSAGE: u64 = 64 << 20;

/// The backend's compression: its window goes over all messages.
pub(crate) struct Inflate {
    stream: Decompress,
    given: u64,
    broken: bool,
}

impl std::fmt::Debug for Inflate {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Inflate")
    }
}

impl Default for Inflate {
    fn default() -> Self {
        Self { stream: Decompress::new(false), given: 0, broken: false }
    }
}

impl Inflate {
    /// Takes bytes of a message; false once nothing can be read any more.
    pub(crate) fn feed(&mut self, bytes: &[u8], mut text: impl FnMut(&[u8])) -> bool {
        let mut rest = bytes;
        let mut piece = [0; PIECE];
        while !self.broken {
            let (taken, given) = (self.stream.total_in(), self.stream.total_out());
            let status = self.stream.decompress(rest, &mut piece, FlushDecompress::Sync);
            let taken = usize::try_from(self.stream.total_in() - taken).unwrap_or(rest.len());
            let given = usize::try_from(self.stream.total_out() - given).unwrap_or(0);
            rest = rest.get(taken..).unwrap_or_default();
            self.given += given as u64;
            text(&piece[..given.min(PIECE)]);
            match status {
                Err(_) => self.broken = true,
                Ok(Status::StreamEnd) => self.stream.reset(false),
                Ok(_) if given == PIECE => {}
                Ok(_) if rest.is_empty() || taken == 0 => break,
                Ok(_) => {}
            }
            self.broken |= self.given > MAX_MESSAGE;
            if rest.is_empty() && given < PIECE {
                break;
            }
        }
        !self.broken
    }

    /// The message is over.
    pub(crate) fn end(&mut self, text: impl FnMut(&[u8])) -> bool {
        let sound = self.feed(&TAIL, text);
        self.given = 0;
        sound
    }
}
