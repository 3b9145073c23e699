//! The places in a stream of server-sent events where something can be put between two events.

/// The place in a stream that was reached.
#[derive(Clone, Copy, Debug, Default)]
pub(in crate::serve) struct Gap {
    /// The last bytes that passed.
    tail: [u8; 3],
    /// Something passed.
    begun: bool,
    /// Within a chunk of the backend.
    pub(super) in_chunk: bool,
}

impl Gap {
    /// Bytes of the stream passed.
    pub(super) fn passed(&mut self, data: &[u8]) {
        self.begun |= !data.is_empty();
        let keep = data.len().min(3);
        self.tail.rotate_left(keep);
        self.tail[3 - keep..].copy_from_slice(&data[data.len() - keep..]);
    }

    /// Returns whether the stream stands between two events.
    pub(super) const fn is_between(self) -> bool {
        let ended = matches!(self.tail, [_, b'\n', b'\n'] | [b'\n', b'\r', b'\n']);
        !self.in_chunk && (ended || !self.begun)
    }
}

#[cfg(test)]
mod tests {
    use super::Gap;

    #[test]
    fn comments_fit_between_events_only() {
        for (bytes, expected) in [
            ("", true),
            ("data: 1\n\n", true),
            ("data: 1\r\n\r\n", true),
            ("data: 1\n", false),
            ("data: 1\r\n", false),
            ("data: 1\r\n\r", false),
            ("data: 1", false),
            ("\n", false),
            ("data: 1\r\r", false),
        ] {
            let mut gap = Gap::default();
            gap.passed(bytes.as_bytes());
            assert_eq!(gap.is_between(), expected, "{bytes:?} at once");
            let mut gap = Gap::default();
            bytes.bytes().for_each(|byte| gap.passed(&[byte]));
            assert_eq!(gap.is_between(), expected, "{bytes:?} byte by byte");
            gap.in_chunk = true;
            assert!(!gap.is_between(), "{bytes:?} in a chunk");
        }
    }
}
