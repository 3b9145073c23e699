//! The documents of server-sent events: the data of each event is one.

use super::members::{Reader, Told};

/// The beginning of a line that carries data (WHATWG HTML 9.2.5).
const DATA: &[u8] = b"data:";

/// Longest address that is looked at.
const MAX_ADDRESS: usize = 2048;
/// A stream may begin with it.
const MARK: &[u8] = b"\xef\xbb\xbf";

/// Where in a line of an event stream the next byte stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Line {
    /// So many bytes of the field's name are as [`DATA`].
    Name(usize),
    /// Nothing of the data has come.
    Begin,
    Data,
    Other,
}

/// Reads the documents of one stream.
#[derive(Debug)]
pub(super) struct Events {
    line: Line,
    /// The last byte was a CR, so an LF belongs to the same line end.
    after_cr: bool,
    /// Bytes of a byte order mark that may still come.
    mark: usize,
    /// The data of the line under way, if it is an address and no JSON.
    address: Option<Vec<u8>>,
}

impl Default for Events {
    fn default() -> Self {
        Self { line: Line::Name(0), after_cr: false, mark: MARK.len(), address: None }
    }
}

impl Events {
    /// Takes the next bytes.
    pub(super) fn feed(&mut self, bytes: &[u8], reader: &mut Reader, told: &mut impl Told) {
        let mut rest = bytes;
        while let Some(&byte) = rest.first() {
            if std::mem::take(&mut self.after_cr) && byte == b'\n' {
                rest = &rest[1..];
                continue;
            }
            if self.mark > 0 && byte == MARK[MARK.len() - self.mark] {
                self.mark -= 1;
                rest = &rest[1..];
                continue;
            }
            self.mark = 0;
            match self.line {
                // An empty line ends the event, and its documents with it.
                Line::Name(0) if matches!(byte, b'\n' | b'\r') => {
                    reader.restart(told);
                    self.after_cr = byte == b'\r';
                    rest = &rest[1..];
                }
                Line::Name(at) if byte == DATA[at] => {
                    let whole = at + 1 == DATA.len();
                    self.line = if whole { Line::Begin } else { Line::Name(at + 1) };
                    rest = &rest[1..];
                }
                Line::Name(_) => self.line = Line::Other,
                Line::Begin if byte == b' ' => rest = &rest[1..],
                Line::Begin => {
                    // MCP's first transport issues a session this way, in an event `endpoint`.
                    self.address = matches!(byte, b'/' | b'h').then(Vec::new);
                    self.line = Line::Data;
                }
                Line::Data | Line::Other => {
                    let end = memchr::memchr2(b'\n', b'\r', rest);
                    let (line, after) = rest.split_at(end.unwrap_or(rest.len()));
                    if self.line == Line::Data {
                        self.data(line, reader, told);
                    }
                    if let Some(&byte) = after.first() {
                        self.address_ends(told);
                        self.line = Line::Name(0);
                        // The second half of CRLF is no empty line.
                        self.after_cr = byte == b'\r';
                        rest = &after[1..];
                    } else {
                        rest = after;
                    }
                }
            }
        }
    }

    fn data(&mut self, line: &[u8], reader: &mut Reader, told: &mut impl Told) {
        match &mut self.address {
            None => reader.feed(line, told),
            Some(address) if address.len() + line.len() <= MAX_ADDRESS => {
                address.extend_from_slice(line);
            }
            Some(_) => self.line = Line::Other,
        }
    }

    fn address_ends(&mut self, told: &mut impl Told) {
        let address = self.address.take().filter(|_| self.line == Line::Data);
        if let Some(address) = address.as_deref().and_then(|it| std::str::from_utf8(it).ok()) {
            told.address(address.trim_end());
        }
    }
}
