//! Amazon's binary event stream: the `metadata` message carries the usage; exceptions and the reason in
//! `messageStop` tell a failure.
//!
//! Layout (vnd.amazon.eventstream): total length, length of the headers, CRC-32 of those two (4
//! bytes each, big endian), headers, payload, CRC-32 of everything. A header is a name (1 byte of
//! length), a type and a value; type 7 is a text with 2 bytes of length.

use crate::chunk::Chunk;
use crate::collected::Collected;
use crate::failure::Failure;
use crate::found::Found;
use crate::json::Reader;

const PRELUDE: usize = 12;
const CRC: usize = 4;
/// Headers are a few dozen bytes; a message with more is passed over.
const MAX_HEADERS: usize = 1024;
/// The format's own limit is 16 MiB.
const MAX_MESSAGE: usize = 16 << 20;

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Part {
    #[default]
    Prelude,
    Headers,
    Payload,
    /// The CRC at the end, or all of a message that does not matter.
    Rest,
    /// Not this format, or broken: nothing more can be found.
    Broken,
}

/// Follows one binary stream.
#[derive(Clone, Debug, Default)]
pub(crate) struct EventStream {
    part: Part,
    /// Bytes that are left of the part.
    left: usize,
    payload: usize,
    /// Prelude or headers that came in pieces.
    held: Vec<u8>,
    /// The present message carries usage, or the reason of the end.
    is_read: bool,
    /// The present message is an event of the model's own protocol.
    chunk: Option<Chunk>,
    reader: Reader,
    found: Found,
    /// Messages with content.
    pub(crate) count: u64,
}

impl EventStream {
    pub(crate) fn feed(&mut self, bytes: &[u8], collected: &mut Collected) {
        let mut rest = bytes;
        loop {
            if self.part == Part::Prelude && self.left == 0 {
                self.left = PRELUDE;
            }
            let (here, after) = rest.split_at(self.left.min(rest.len()));
            match self.part {
                Part::Broken => return,
                Part::Prelude | Part::Headers => self.held.extend_from_slice(here),
                Part::Payload if self.is_read => self.reader.feed(here, &mut self.found),
                Part::Payload if self.chunk.is_some() => {
                    let (reader, found) = (&mut self.reader, &mut self.found);
                    if let Some(chunk) = &mut self.chunk {
                        chunk.feed(here, |plain| reader.feed(plain, found));
                    }
                }
                Part::Payload | Part::Rest => {}
            }
            self.left -= here.len();
            rest = after;
            if self.left > 0 {
                return;
            }
            self.end_part(collected);
        }
    }

    fn end_part(&mut self, collected: &mut Collected) {
        match self.part {
            Part::Prelude => self.prelude(),
            Part::Headers => {
                let held = std::mem::take(&mut self.held);
                self.headers(&held, collected);
                self.held = held;
                self.held.clear();
                (self.part, self.left) = (Part::Payload, self.payload);
            }
            Part::Payload => {
                if self.chunk.take().is_some() {
                    if self.reader.is_between() {
                        self.event(collected);
                    }
                    self.reader.restart();
                    self.found.clear();
                }
                if self.is_read {
                    if self.reader.is_between() && !self.found.counts.is_empty() {
                        collected.usage(&self.found, true);
                    }
                    if self.reader.is_between() && self.found.fails() {
                        collected.failed(&self.found);
                    }
                    self.reader.restart();
                    self.found.clear();
                }
                (self.part, self.left) = (Part::Rest, CRC);
            }
            Part::Rest => (self.part, self.left) = (Part::Prelude, PRELUDE),
            Part::Broken => {}
        }
    }

    /// An event of the model's own protocol is over.
    fn event(&self, collected: &mut Collected) {
        let found = &self.found;
        collected.names(found);
        if !found.counts.is_empty() {
            let last = matches!(found.kind.bytes(), b"message_delta" | b"message_stop");
            collected.usage(found, last);
        }
        if found.fails() {
            collected.failed(found);
        }
    }

    fn prelude(&mut self) {
        let number = |at: usize| {
            let bytes: [u8; 4] = self.held.get(at..at + 4)?.try_into().ok()?;
            Some(u32::from_be_bytes(bytes))
        };
        let (total, headers, crc) = (number(0), number(4), number(8));
        let sound = crc == Some(crc32fast::hash(&self.held[..8.min(self.held.len())]));
        self.held.clear();
        let (Some(total), Some(headers), true) = (total, headers, sound) else {
            self.part = Part::Broken;
            return;
        };
        let (total, headers) = (total as usize, headers as usize);
        let around = PRELUDE + CRC;
        if total > MAX_MESSAGE || total < around || headers > total - around {
            self.part = Part::Broken;
            return;
        }
        self.count += 1;
        self.is_read = false;
        (self.part, self.left, self.payload) = if headers > MAX_HEADERS {
            (Part::Rest, total - PRELUDE, 0)
        } else {
            (Part::Headers, headers, total - around - headers)
        };
    }

    fn headers(&mut self, bytes: &[u8], collected: &mut Collected) {
        let mut rest = bytes;
        let (mut event, mut exception, mut failed) = (None, None, false);
        while let Some((name, value)) = header(&mut rest) {
            match (name, value) {
                (b":event-type", Some(value)) => event = Some(value),
                (b":exception-type" | b":error-code", Some(value)) => exception = Some(value),
                (b":message-type", Some(value)) => {
                    failed = matches!(value, b"exception" | b"error");
                }
                _ => {}
            }
        }
        self.is_read = matches!(event, Some(b"metadata" | b"messageStop"));
        self.chunk = (event == Some(b"chunk")).then(Chunk::default);
        if failed {
            let name = exception.and_then(|name| std::str::from_utf8(name).ok()).unwrap_or("");
            collected.fail_with(Failure::named(name));
        }
    }
}

/// Takes a header off the front: its name, and its value if it is a text. `None` at the end, or
/// where the bytes are no headers.
fn header<'a>(rest: &mut &'a [u8]) -> Option<(&'a [u8], Option<&'a [u8]>)> {
    let take = |rest: &mut &'a [u8], len: usize| {
        let (taken, after) = rest.split_at_checked(len)?;
        *rest = after;
        Some(taken)
    };
    let name_len = usize::from(*take(rest, 1)?.first()?);
    let name = take(rest, name_len)?;
    let kind = *take(rest, 1)?.first()?;
    let value_len = match kind {
        0 | 1 => 0,
        2 => 1,
        3 => 2,
        4 => 4,
        5 | 8 => 8,
        6 | 7 => usize::from(u16::from_be_bytes(take(rest, 2)?.try_into().ok()?)),
        9 => 16,
        _ => return None,
    };
    let value = take(rest, value_len)?;
    Some((name, (kind == 7).then_some(value)))
}
