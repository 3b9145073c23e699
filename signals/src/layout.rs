//! The layout of a body by its first byte, for bodies whose `Content-Type` is wrong.
//!
//! Backends label an error document as a stream because the request asked for one, and streams as JSON
//! because a framework does so by default.

/// The layout of a body by its first byte that is no blank.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Layout {
    /// An object or a list of JSON.
    Json,
    /// A line of server-sent events: a comment or one of the four fields (WHATWG HTML 9.2.5). No document
    /// of JSON begins with such a byte (RFC 8259 2).
    Events,
    /// Anything else.
    Other,
}

/// What lines of server-sent events begin with.
const LINES: [&[u8]; 5] = [b":", b"data:", b"event:", b"id:", b"retry:"];

impl Layout {
    /// The layout of a text that nobody calls JSON or events, by its beginning: a word is no line of
    /// events. None while only blanks have come.
    pub(crate) fn of_text(bytes: &[u8]) -> Option<Self> {
        Some(match Self::of(bytes)? {
            Self::Events => {
                let text = bytes.trim_ascii_start();
                let text = text.strip_prefix(b"\xef\xbb\xbf").unwrap_or(text);
                let is_line = LINES.iter().any(|line| text.starts_with(line));
                if is_line { Self::Events } else { Self::Other }
            }
            other => other,
        })
    }

    /// The layout of a body that begins with these bytes; none while only blanks and bytes of a byte
    /// order mark have come.
    #[must_use]
    pub fn of(bytes: &[u8]) -> Option<Self> {
        let blank = |byte: &u8| matches!(byte, b' ' | b'\t' | b'\r' | b'\n' | 0xef | 0xbb | 0xbf);
        let first = bytes.iter().find(|byte| !blank(byte))?;
        Some(match first {
            b'{' | b'[' => Self::Json,
            b'd' | b'e' | b'i' | b'r' | b':' => Self::Events,
            _ => Self::Other,
        })
    }
}
