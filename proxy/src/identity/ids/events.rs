//! The documents of a body: one, one a line, or one an event of a stream.

use super::members::{Reader, Told};

/// The beginning of a line that carries data (WHATWG HTML 9.2.5).
const DATA: &[u8] = b"data:";

/// How a body holds its documents.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Layout {
    /// JSON, or several documents one after the other.
    Json,
    /// `text/event-stream`.
    Events,
}

impl Layout {
    /// The layout that a `Content-Type` names; none for what holds no JSON.
    pub(super) fn of(content_type: &[u8]) -> Option<Self> {
        let events = b"text/event-stream";
        let is_events = content_type.len() >= events.len()
            && content_type[..events.len()].eq_ignore_ascii_case(events);
        if is_events {
            return Some(Self::Events);
        }
        let json = content_type.windows(4).any(|word| word.eq_ignore_ascii_case(b"json"));
        json.then_some(Self::Json)
    }
}

/// Where in a line of an event stream the next byte stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Line {
    /// So many bytes of the field's name are as [`DATA`].
    Name(usize),
    Data,
    Other,
}

/// Reads the documents of one body.
#[derive(Debug)]
pub(super) struct Documents {
    reader: Reader,
    layout: Layout,
    line: Line,
}

impl Documents {
    pub(super) fn new(reader: Reader, layout: Layout) -> Self {
        Self { reader, layout, line: Line::Name(0) }
    }

    /// Takes the next bytes.
    pub(super) fn feed(&mut self, bytes: &[u8], told: &mut impl Told) {
        if self.layout == Layout::Json {
            return self.reader.feed(bytes, told);
        }
        let mut rest = bytes;
        while let Some(&byte) = rest.first() {
            match self.line {
                // An empty line ends the event, and its documents with it.
                Line::Name(0) if matches!(byte, b'\n' | b'\r') => {
                    self.reader.restart(told);
                    rest = &rest[1..];
                }
                Line::Name(at) if byte == DATA[at] => {
                    let whole = at + 1 == DATA.len();
                    self.line = if whole { Line::Data } else { Line::Name(at + 1) };
                    rest = &rest[1..];
                }
                Line::Name(_) => self.line = Line::Other,
                Line::Data | Line::Other => {
                    let end = memchr::memchr2(b'\n', b'\r', rest);
                    let (line, after) = rest.split_at(end.unwrap_or(rest.len()));
                    if self.line == Line::Data {
                        self.reader.feed(line, told);
                    }
                    if let Some(&byte) = after.first() {
                        self.line = Line::Name(0);
                        // The second half of CRLF is no empty line.
                        let crlf = byte == b'\r' && after.get(1) == Some(&b'\n');
                        rest = &after[1 + usize::from(crlf)..];
                    } else {
                        rest = after;
                    }
                }
            }
        }
    }
}
