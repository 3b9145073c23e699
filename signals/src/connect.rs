//! Streams of the Connect protocol: their last message says how the call went.
//!
//! The second flag of a frame marks it. It is JSON whatever the codec of the messages is, and has an
//! `error` with a `code` where the call failed; the status of the response is 200 all the same
//! (connectrpc.com/docs/protocol, "Streaming RPCs").

use crate::failure::Failure;
use crate::found::Found;
use crate::json::Reader;
use crate::last_frame::LastFrame;
use std::io::Read as _;

/// The flag of the last message.
const LAST: u8 = 0x02;
/// Longest last message that is read.
const MAX_MESSAGE: u64 = 64 * 1024;
/// Begin a gzip member (RFC 1952) and a zstd frame (RFC 8878). The header that names the coding of messages
/// is optional, and these are all that servers have.
const GZIP: &[u8] = b"\x1f\x8b";
const ZSTD: &[u8] = b"\x28\xb5\x2f\xfd";

/// Follows one stream.
#[derive(Clone, Debug)]
pub(crate) struct Connect {
    frames: LastFrame,
    failure: Option<Failure>,
    /// The last message could not be read.
    pub(crate) unreadable: bool,
}

impl Connect {
    /// Nothing of it has come.
    pub(crate) fn new() -> Self {
        Self { frames: LastFrame::new(LAST), failure: None, unreadable: false }
    }

    /// Takes its next bytes.
    pub(crate) fn feed(&mut self, bytes: &[u8]) {
        let Self { frames, failure, unreadable } = self;
        frames.feed(bytes, |message, is_compressed| {
            let plain = if is_compressed { inflated(message) } else { Some(message.to_vec()) };
            match plain {
                Some(message) => *failure = failure_of(&message).or(*failure),
                None => *unreadable = true,
            }
        });
    }

    /// The failure that the last message tells.
    pub(crate) const fn failure(&self) -> Option<Failure> {
        self.failure
    }
}

fn failure_of(message: &[u8]) -> Option<Failure> {
    let (mut reader, mut found) = (Reader::default(), Found::default());
    reader.feed(message, &mut found);
    reader.end(&mut found);
    if !found.has_error {
        return None;
    }
    Some(
        Failure::of_connect(found.error.code.as_str(), None).unwrap_or_else(|| Failure::of(&found)),
    )
}

fn inflated(message: &[u8]) -> Option<Vec<u8>> {
    let mut plain = Vec::new();
    let read = if message.starts_with(GZIP) {
        flate2::read::GzDecoder::new(message).take(MAX_MESSAGE).read_to_end(&mut plain)
    } else if message.starts_with(ZSTD) {
        zstd::Decoder::new(message).ok()?.take(MAX_MESSAGE).read_to_end(&mut plain)
    } else {
        return None;
    };
    read.is_ok().then_some(plain)
}
