//! The share of work that an exchange does in one turn of its worker.
//!
//! A worker serves many connections on one thread. Nobody else is served while one exchange works,
//! so each has a share of reads and, where a body consists of small parts, of its line ends. A chunk
//! has two of them and a field of an event has one, so they count the parts without parsing them.
//! After its share an exchange gives way.

use std::pin::pin;
use std::task::Context;

/// Reads in one turn, 64 KiB each at most.
const READS: u8 = 4;
/// Line ends in one turn: chunks, and fields of events.
const LINES: usize = 2048;

/// The share of one direction.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Share {
    reads: u8,
    lines: usize,
}

/// The parts that a body consists of, as far as each costs work of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Parts {
    /// None: the work grows with the bytes alone.
    None,
    /// Chunks, whose lines end in CRLF.
    Chunks,
    /// Events, whose lines end in CR, LF or both.
    Events,
}

impl Share {
    /// A share of which nothing is used.
    pub(super) const WHOLE: Self = Self { reads: READS, lines: LINES };

    /// Notes a read.
    pub(super) const fn reads(&mut self) {
        self.reads = self.reads.saturating_sub(1);
    }

    /// Returns whether the turn is over.
    pub(super) const fn is_spent(self) -> bool {
        self.reads == 0 || self.lines == 0
    }

    /// Divides `bytes` into those that this turn handles and those that wait for the next one.
    pub(super) fn takes<'b>(&mut self, bytes: &'b [u8], parts: Parts) -> (&'b [u8], &'b [u8]) {
        let end = match parts {
            Parts::None => return (bytes, &[]),
            Parts::Chunks => self.upto(memchr::memchr_iter(b'\n', bytes)),
            Parts::Events => self.upto(memchr::memchr2_iter(b'\n', b'\r', bytes)),
        };
        bytes.split_at(end.unwrap_or(bytes.len()))
    }

    /// Counts line ends. Gives the place behind the last one that belongs to the turn, if the turn
    /// ends there.
    fn upto(&mut self, mut ends: impl Iterator<Item = usize>) -> Option<usize> {
        while self.lines > 0 {
            let end = ends.next()?;
            self.lines -= 1;
            if self.lines == 0 {
                return Some(end + 1);
            }
        }
        Some(0)
    }
}

/// Ends the task's turn. It is woken after the runtime has looked for input and all others had a turn.
pub(in crate::serve) fn give_way(cx: &mut Context<'_>) {
    let yielding = pin!(tokio::task::yield_now());
    // The first poll hands the waker to the runtime; there is nothing else to wait for.
    let _ = std::future::Future::poll(yielding, cx);
}

/// Lets all tasks that are ready now have their turn first. So a worker reads from all connections that
/// have something to say, and writes to all of them after that: a core finds the code of reading, of
/// deciding and of writing in its caches then, instead of loading all three for each request.
pub(super) fn go_last(cx: &Context<'_>) {
    cx.waker().wake_by_ref();
}

#[cfg(test)]
mod tests {
    use super::{LINES, Parts, READS, Share};

    #[test]
    fn a_turn_ends_after_so_many_reads() {
        let mut share = Share::WHOLE;
        for left in (0..READS).rev() {
            share.reads();
            assert_eq!(share.is_spent(), left == 0, "{left} left");
        }
    }

    #[test]
    fn a_turn_handles_so_many_parts_and_loses_none() {
        for (parts, item) in [
            (Parts::Chunks, &b"1\r\na\r\n"[..]),
            (Parts::Chunks, b"\n"),
            (Parts::Events, b"data: x\n"),
            (Parts::Events, b"data: x\r"),
            (Parts::Events, b":\r\n\r\n"),
        ] {
            let ends = item
                .iter()
                .filter(|byte| **byte == b'\n' || (parts == Parts::Events && **byte == b'\r'));
            let bytes = item.repeat(3 * LINES);
            let turns = 3 * ends.count();
            let (mut rest, mut handled) = (&bytes[..], Vec::new());
            for turn in 1..=turns {
                let mut share = Share::WHOLE;
                // In two reads, as it may come.
                let (first, second) = rest.split_at(rest.len().min(1000));
                let (now, later) = share.takes(first, parts);
                handled.extend_from_slice(now);
                let (now, _) = share.takes(second, parts);
                handled.extend_from_slice(if later.is_empty() { now } else { &[] });
                assert!(share.is_spent(), "turn {turn} of {turns}");
                rest = &bytes[handled.len()..];
            }
            assert!(rest.is_empty(), "{parts:?} {item:?}: {} bytes left", rest.len());
            assert_eq!(handled, bytes);
        }
    }

    #[test]
    fn bytes_without_parts_are_handled_whole() {
        let bytes = [b'\n'; 3 * LINES];
        for (parts, whole) in [(Parts::None, true), (Parts::Chunks, false)] {
            let mut share = Share::WHOLE;
            let (now, later) = share.takes(&bytes, parts);
            assert_eq!((now.len() == bytes.len(), later.is_empty()), (whole, whole));
        }
        let mut spent = Share { reads: 1, lines: 0 };
        assert_eq!(spent.takes(b"ab\n", Parts::Chunks), (&b""[..], &b"ab\n"[..]));
    }
}
