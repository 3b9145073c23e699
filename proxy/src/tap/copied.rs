//! One direction of an exchange, copied within bounds.

use super::room::Room;
use std::fmt;
use std::sync::Arc;

/// Memory is reserved in pieces of this size.
const PIECE: usize = 4 << 10;

/// A bounded copy of one direction. What it takes counts until it is dropped.
pub struct Copied {
    /// The body without its framing, as much of it as is kept.
    pub bytes: Vec<u8>,
    /// The `Content-Type` header; empty if there was none.
    pub content_type: String,
    /// The `Content-Encoding` header; empty if there was none.
    pub content_encoding: String,
    /// True if the body was longer.
    pub truncated: bool,
    most: usize,
    reserved: usize,
    /// There was no room for all of it.
    pub(super) starved: bool,
    room: Arc<Room>,
}

impl fmt::Debug for Copied {
    /// Never the bytes: they are what people said.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Copied").field("bytes", &self.bytes.len()).finish_non_exhaustive()
    }
}

impl Copied {
    /// An empty copy of at most `most` bytes, whose memory is taken from `room`.
    pub(super) const fn new(most: usize, room: Arc<Room>) -> Self {
        Self {
            bytes: Vec::new(),
            content_type: String::new(),
            content_encoding: String::new(),
            truncated: false,
            most,
            reserved: 0,
            starved: false,
            room,
        }
    }

    /// Keeps the next bytes, as many as there is room for.
    pub(crate) fn add(&mut self, data: &[u8]) {
        let kept = data.len().min(self.most - self.bytes.len());
        self.truncated |= kept < data.len();
        if kept == 0 || self.starved {
            return;
        }
        let wanted = self.bytes.len() + kept;
        if wanted > self.reserved {
            // In pieces that grow with the body, so that the shared counter is rarely touched.
            let more = (wanted - self.reserved).max(self.reserved).max(PIECE);
            if !self.room.reserve(more) {
                self.starved = true;
                return;
            }
            self.reserved += more;
        }
        self.bytes.extend_from_slice(&data[..kept]);
    }
}

impl Drop for Copied {
    fn drop(&mut self) {
        self.room.release(self.reserved);
    }
}
