//! Heads that come in pieces.

/// How far a head has come. A head is parsed from its start: one that comes byte by byte is parsed when
/// its end may be there, and whenever it has doubled, so that the work grows with its length and not
/// with the number of its pieces.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Progress {
    /// Bytes in which no end was found.
    seen: usize,
    /// Bytes at which it is parsed in any case.
    again_at: usize,
}

impl Progress {
    /// Returns whether parsing may find the head whole, or broken. `most`: longest head in bytes.
    pub(crate) fn is_worth_parsing(&mut self, input: &[u8], most: usize) -> bool {
        // The two line ends of a blank line, with or without CR.
        let from = self.seen.saturating_sub(3).min(input.len());
        let is_end = |at: usize| {
            let after = &input[from + at + 1..];
            after.starts_with(b"\n") || after.starts_with(b"\r\n")
        };
        let ends = || memchr::memchr_iter(b'\n', &input[from..]).any(is_end);
        self.seen = input.len();
        let worth = input.len() >= self.again_at || input.len() > most || ends();
        if worth {
            self.again_at = input.len() * 2;
        }
        worth
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
