//! Bodies in frames whose last one says how the call went: gRPC-Web and Connect.
//!
//! A frame is a byte of flags, a length of 4 bytes (big endian) and its content. The lowest flag says
//! that the content is compressed; another one marks the last frame.

/// Longest last frame that is read.
const MAX_CONTENT: usize = 4096;
const HEAD: usize = 5;
const COMPRESSED: u8 = 1;

/// Follows the frames of one body.
#[derive(Clone, Debug, Default)]
pub(crate) struct LastFrame {
    /// The flag that marks the last frame.
    mark: u8,
    head: [u8; HEAD],
    have: usize,
    left: u32,
    content: Option<Vec<u8>>,
}

impl LastFrame {
    /// Nothing has come; `mark` is the flag of the last frame.
    pub(crate) fn new(mark: u8) -> Self {
        Self { mark, ..Self::default() }
    }

    /// Takes the next bytes. `last` gets the content of each marked frame, and whether it is
    /// compressed.
    pub(crate) fn feed(&mut self, bytes: &[u8], mut last: impl FnMut(&[u8], bool)) {
        let mut rest = bytes;
        while !rest.is_empty() {
            if self.have < HEAD {
                let here = (HEAD - self.have).min(rest.len());
                self.head[self.have..self.have + here].copy_from_slice(&rest[..here]);
                self.have += here;
                rest = &rest[here..];
                if self.have < HEAD {
                    return;
                }
                let [flags, length @ ..] = self.head;
                self.left = u32::from_be_bytes(length);
                self.content = (flags & self.mark != 0).then(Vec::new);
            }
            let here = usize::try_from(self.left).unwrap_or(usize::MAX).min(rest.len());
            if let Some(content) = &mut self.content {
                let room = MAX_CONTENT.saturating_sub(content.len());
                content.extend_from_slice(&rest[..here.min(room)]);
            }
            self.left -= u32::try_from(here).unwrap_or(self.left);
            rest = &rest[here..];
            if self.left == 0 {
                self.have = 0;
                if let Some(content) = self.content.take() {
                    last(&content, self.head[0] & COMPRESSED != 0);
                }
            }
        }
    }
}
