//! Ids in gRPC messages of A2A, which stand at the top of a message or in the one it wraps.
//!
//! Of the two generations of the protocol (`a2a.v1` and `lf.a2a.v1`, a2a.proto) the fields that hold
//! ids are the same: 1 and 2 of a task or an event (its id and its context's), 1 to 3 of a message
//! (its own id, its context's, its task's), and 1 or 2 of a request for a task, as an id or as
//! `tasks/{id}`. So no schema is needed to find them. A message's own id is taken along; nobody uses
//! it.

/// Longest message that is looked into; a longer one is passed over.
const MAX_MESSAGE: usize = 64 * 1024;
/// Length of a message's prefix: the compressed flag, and four bytes of length.
const PREFIX: usize = 5;
/// Fields that may hold an id.
const FIELDS: std::ops::RangeInclusive<u64> = 1..=3;
/// Bytes of an id.
const ID: std::ops::RangeInclusive<usize> = 4..=128;

/// Returns whether a request asks for a method of A2A by gRPC.
pub(super) fn is_a2a(content_type: &[u8], target: &str) -> bool {
    let grpc = b"application/grpc";
    content_type.len() >= grpc.len()
        && content_type[..grpc.len()].eq_ignore_ascii_case(grpc)
        && target.contains("A2AService/")
}

/// Reads the messages of one body.
#[derive(Debug, Default)]
pub(super) struct Messages {
    held: Vec<u8>,
    /// Bytes of a message that is passed over.
    skip: usize,
}

impl Messages {
    /// Takes the next bytes and gives the ids in the messages that are whole.
    pub(super) fn feed(&mut self, bytes: &[u8], mut found: impl FnMut(&str)) {
        let mut rest = bytes;
        while !rest.is_empty() {
            let skipped = self.skip.min(rest.len());
            self.skip -= skipped;
            rest = &rest[skipped..];
            let wanted = self.wanted();
            let taken = wanted.saturating_sub(self.held.len()).min(rest.len());
            self.held.extend_from_slice(&rest[..taken]);
            rest = &rest[taken..];
            if self.held.len() < PREFIX {
                continue;
            }
            let length = self.length();
            if length > MAX_MESSAGE {
                (self.skip, self.held) = (length, Vec::new());
            } else if self.held.len() == PREFIX + length {
                let plain = self.held[0] == 0;
                if plain {
                    ids(&self.held[PREFIX..], true, &mut found);
                }
                self.held.clear();
            }
        }
    }

    /// Bytes of the present message, as far as they are known.
    fn wanted(&self) -> usize {
        if self.held.len() < PREFIX { PREFIX } else { PREFIX + self.length().min(MAX_MESSAGE) }
    }

    fn length(&self) -> usize {
        self.held[1..PREFIX].iter().fold(0, |n, byte| n << 8 | usize::from(*byte))
    }
}

/// The ids of a message and, if it may be a wrapper, of the messages in it.
fn ids(message: &[u8], is_wrapper: bool, found: &mut impl FnMut(&str)) {
    let mut rest = message;
    while let Some((field, value)) = next(&mut rest) {
        let Some(value) = value else { continue };
        let text = std::str::from_utf8(value).ok();
        let id = text.map(|text| text.strip_prefix("tasks/").unwrap_or(text));
        let id = id.map(|id| id.split('/').next().unwrap_or(id));
        let id = id.filter(|id| ID.contains(&id.len()) && id.bytes().all(|b| b.is_ascii_graphic()));
        match id {
            Some(id) if FIELDS.contains(&field) => found(id),
            _ if is_wrapper => ids(value, false, found),
            _ => {}
        }
    }
}

/// The next field: its number and, where it has a length, its bytes. None at the end, and where it is
/// no protobuf.
fn next<'a>(rest: &mut &'a [u8]) -> Option<(u64, Option<&'a [u8]>)> {
    let key = varint(rest)?;
    let value = match key & 7 {
        0 => {
            varint(rest)?;
            None
        }
        1 => {
            *rest = rest.get(8..)?;
            None
        }
        2 => {
            let length = usize::try_from(varint(rest)?).ok()?;
            let (value, tail) = rest.split_at_checked(length)?;
            *rest = tail;
            Some(value)
        }
        5 => {
            *rest = rest.get(4..)?;
            None
        }
        _ => return None,
    };
    Some((key >> 3, value))
}

fn varint(rest: &mut &[u8]) -> Option<u64> {
    let mut number = 0;
    for shift in (0..64).step_by(7) {
        let (byte, tail) = rest.split_first()?;
        *rest = tail;
        number |= u64::from(byte & 0x7f) << shift;
        if *byte < 0x80 {
            return Some(number);
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::{Messages, is_a2a};
    use proptest::prelude::*;

    fn field(number: u8, value: &[u8]) -> Vec<u8> {
        [&[number << 3 | 2, value.len() as u8], value].concat()
    }

    fn framed(message: &[u8]) -> Vec<u8> {
        [&[0], &(message.len() as u32).to_be_bytes()[..], message].concat()
    }

    fn ids(bytes: &[u8], cut: usize) -> Vec<String> {
        let (mut messages, mut found) = (Messages::default(), Vec::new());
        let (first, second) = bytes.split_at(cut.min(bytes.len()));
        for part in [first, second] {
            messages.feed(part, |id| found.push(id.to_owned()));
        }
        found
    }

    #[test]
    fn contexts_and_tasks_are_found_in_requests_and_responses() {
        let artifact = field(3, &field(3, &field(1, b"constant-name")));
        let event = [field(1, b"task-1"), field(2, b"context-1"), artifact].concat();
        let response = framed(&field(3, &event));
        for cut in 0..response.len() {
            assert_eq!(ids(&response, cut), ["task-1", "context-1"], "cut at {cut}");
        }
        let message = [field(1, b"message-1"), field(2, b"context-1"), vec![4 << 3, 1]].concat();
        assert_eq!(ids(&framed(&field(1, &message)), 3), ["message-1", "context-1"]);
        assert_eq!(ids(&framed(&field(1, b"tasks/task-1")), 3), ["task-1"]);
        let both = [framed(&field(2, b"task-1")), framed(&field(2, b"task-2"))].concat();
        assert_eq!(ids(&both, 9), ["task-1", "task-2"]);
        assert!(is_a2a(b"application/grpc+proto", "/lf.a2a.v1.A2AService/GetTask"));
        assert!(!is_a2a(b"application/grpc", "/s.A/M") && !is_a2a(b"text/plain", "/A2AService/"));
    }

    proptest! {
        #[test]
        fn any_bytes_are_read_without_a_panic(bytes: Vec<u8>, cut in 0usize..64) {
            ids(&bytes, cut);
            ids(&framed(&bytes), cut);
        }
    }
}
