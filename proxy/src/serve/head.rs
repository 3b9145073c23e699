//! Waits for the next request head of a connection.

use super::client::{Client, More};
use crate::http1::{HeadLimits, Status};
use crate::http2::PREFACE;
use crate::problem::Problem;
use std::future::poll_fn;
use std::task::Poll;

/// The outcome of waiting for a head.
pub(super) enum Head {
    /// It is in the input.
    Whole,
    /// The client has closed, or no further request is awaited.
    None,
    /// The input is the beginning of an HTTP/2 connection.
    Preface,
    /// Another process reads the head.
    HandedOver,
}

/// How far a head has come. A head is parsed from its start: one that comes byte by byte is parsed when
/// its end may be there, and whenever it has doubled, so that the work grows with its length and not
/// with the number of its pieces.
#[derive(Debug, Default)]
struct Progress {
    /// Bytes in which no end was found.
    seen: usize,
    /// Bytes at which it is parsed in any case.
    again_at: usize,
}

impl Progress {
    /// Returns whether parsing may find the head whole, or broken. `most`: longest head in bytes.
    fn is_worth_parsing(&mut self, input: &[u8], most: usize) -> bool {
        // The two line ends of a blank line, with or without CR.
        let from = self.seen.saturating_sub(3).min(input.len());
        let is_end = |at: usize| {
            let after = &input[from + at + 1..];
            after.starts_with(b"\n") || after.starts_with(b"\r\n")
        };
        let ends = memchr::memchr_iter(b'\n', &input[from..]).any(is_end);
        self.seen = input.len();
        let worth = ends || input.len() > most || input.len() >= self.again_at;
        if worth {
            self.again_at = input.len() * 2;
        }
        worth
    }
}

impl Client {
    /// Reads until a whole head is in `input`.
    pub(super) async fn read_head(&mut self, first: bool) -> Result<Head, Problem> {
        let settings = self.worker.shared.settings.load();
        let limits =
            HeadLimits { bytes: settings.limits.header_bytes, fields: settings.limits.headers };
        let (header_timeout, keep_alive) =
            (settings.limits.header_timeout, settings.limits.keep_alive);
        drop(settings);
        let mut started = false;
        let mut progress = Progress::default();
        self.watch.set(if first { header_timeout } else { keep_alive });
        loop {
            if self.is_handed_over() {
                return Ok(Head::HandedOver);
            }
            // Empty lines before a request are ignored (RFC 9112 2.2).
            let empty = self.input.chunks_exact(2).take_while(|line| *line == b"\r\n").count() * 2;
            self.input.drain(..empty);
            if !self.input.is_empty() {
                match self.preface().filter(|_| first) {
                    Some(true) => return Ok(Head::Preface),
                    Some(false) => {}
                    None => {
                        if progress.is_worth_parsing(&self.input, limits.bytes)
                            && let Status::Complete(()) = self.head.parse(&self.input, limits)?
                        {
                            self.watch.set_at(u64::MAX);
                            return Ok(Head::Whole);
                        }
                    }
                }
                if !started {
                    started = true;
                    self.watch.set(header_timeout);
                }
            }
            let more = poll_fn(|cx| match self.poll_more(cx, started || first) {
                Poll::Pending if self.is_handed_over() => Poll::Ready(None),
                polled => polled.map(Some),
            });
            let Some(more) = more.await else { return Ok(Head::HandedOver) };
            match more {
                More::Bytes => {}
                More::End => return Ok(Head::None),
                More::Late if started => return Err(Problem::RequestTimeout),
                More::Late => return Ok(Head::None),
            }
        }
    }

    /// Returns whether the input is HTTP/2's preface (true) or may become it (false).
    fn preface(&self) -> Option<bool> {
        let length = self.input.len().min(PREFACE.len());
        let begins = self.may_be_http2 && self.input[..length] == PREFACE[..length];
        begins.then_some(length == PREFACE.len())
    }
}

#[cfg(test)]
mod tests {
    use super::Progress;

    #[test]
    fn a_head_that_trickles_is_parsed_a_few_times_and_at_its_end() {
        let fields = "X-A: aaaaaaaaaaaaaaaa\r\n".repeat(1000);
        let head = format!("GET / HTTP/1.1\r\n{fields}\r\n").into_bytes();
        let mut progress = Progress::default();
        let parsed = (1..=head.len()).filter(|&n| progress.is_worth_parsing(&head[..n], 1 << 20));
        let parsed: Vec<usize> = parsed.collect();
        assert!(parsed.len() < 20, "{parsed:?}");
        assert_eq!(parsed.last(), Some(&head.len()));
        let mut bare = Progress::default();
        bare.is_worth_parsing(b"GET / HTTP/1.1\nHost: h", 1 << 20);
        assert!(bare.is_worth_parsing(b"GET / HTTP/1.1\nHost: h\n\n", 1 << 20));
        assert!(Progress { seen: 9, again_at: 99 }.is_worth_parsing(b"0123456789", 9), "too long");
    }
}
