//! Compressed messages of a WebSocket (`permessage-deflate`, RFC 7692), decompressed on their way.

use flate2::{Decompress, FlushDecompress, Status};

/// Bytes that come out at a time.
const PIECE: usize = 4096;
/// What every compressed message ends with, and what is left out on the wire (RFC 7692 7.2.1).
const TAIL: [u8; 4] = [0, 0, 0xff, 0xff];
/// Bytes of one message that are decompressed at most.
const MAX_MESSAGE: u64 = 64 << 20;
/// Bytes that may come out of any message, however few went in; beyond them, how many may come out for
/// each that went in.
const FREE_BYTES: u64 = 1 << 20;
const MAX_RATIO: u64 = 64;

/// The backend's compression: its window goes over all messages.
pub(crate) struct Inflate {
    stream: Decompress,
    /// Bytes of the message under way that went in, and that came out.
    taken: u64,
    given: u64,
    /// Bytes that came out of all messages.
    total: u64,
    broken: bool,
}

impl std::fmt::Debug for Inflate {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Inflate")
    }
}

impl Default for Inflate {
    fn default() -> Self {
        Self { stream: Decompress::new(false), taken: 0, given: 0, total: 0, broken: false }
    }
}

impl Inflate {
    /// Takes bytes of a message; false once nothing can be read any more.
    pub(crate) fn feed(&mut self, bytes: &[u8], mut text: impl FnMut(&[u8])) -> bool {
        let mut rest = bytes;
        let mut piece = [0; PIECE];
        self.taken += bytes.len() as u64;
        let most = (FREE_BYTES + MAX_RATIO * self.taken).min(MAX_MESSAGE);
        while !self.broken {
            let (taken, given) = (self.stream.total_in(), self.stream.total_out());
            let status = self.stream.decompress(rest, &mut piece, FlushDecompress::Sync);
            let taken = usize::try_from(self.stream.total_in() - taken).unwrap_or(rest.len());
            let given = usize::try_from(self.stream.total_out() - given).unwrap_or(0);
            rest = rest.get(taken..).unwrap_or_default();
            self.given += given as u64;
            self.total += given as u64;
            text(&piece[..given.min(PIECE)]);
            match status {
                Err(_) => self.broken = true,
                Ok(Status::StreamEnd) => self.stream.reset(false),
                Ok(_) if given == PIECE => {}
                Ok(_) if rest.is_empty() || taken == 0 => break,
                Ok(_) => {}
            }
            self.broken |= self.given > most;
            if rest.is_empty() && given < PIECE {
                break;
            }
        }
        !self.broken
    }

    /// Bytes that were decompressed so far.
    pub(crate) const fn inflated(&self) -> u64 {
        self.total
    }

    /// Nothing is decompressed any more: the window goes over all messages.
    pub(crate) const fn give_up(&mut self) {
        self.broken = true;
    }

    /// The message is over.
    pub(crate) fn end(&mut self, text: impl FnMut(&[u8])) -> bool {
        let sound = self.feed(&TAIL, text);
        (self.taken, self.given) = (0, 0);
        sound
    }
}
