//! Server-sent events: which of them matter is found without reading each as JSON.
//!
//! A line that came whole is searched for the words that matter; only an event with one of them is
//! read. A line cut by the end of a read is read as it comes, since nobody knows yet what it holds.
//! Both ways find the same: what an event without usage and without failure says is forgotten,
//! except for the first one's, and for the first name of a model.

use crate::collected::Collected;
use crate::found::{Found, is_failing_kind};
use crate::json::Reader;
use crate::node::Node;
use crate::text::Text;
use crate::words;

/// Bytes of a cut line that are kept until it is known what the line is: more than the longest line
/// that must be seen whole, `event: thread.run.expired`.
const MAX_HEAD: usize = 32;

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Line {
    /// At the beginning, or too few bytes have come to say what it is.
    #[default]
    Head,
    /// Data that is read.
    Data,
    /// Of no interest.
    Other,
}

/// Follows one stream of events.
#[derive(Clone, Debug, Default)]
pub(crate) struct Events {
    line: Line,
    head: Text<MAX_HEAD>,
    /// The last byte was a CR, so an LF belongs to the same line end.
    after_cr: bool,
    reader: Reader,
    found: Found,
    /// The present event is being read.
    reading: bool,
    has_data: bool,
    /// Its name says that the answer failed.
    failed: bool,
    /// The first line is over: only it may begin with a byte order mark.
    begun: bool,
    /// Events with data, `[DONE]` not counted.
    pub(crate) count: u64,
}

impl Events {
    pub(crate) fn feed(&mut self, bytes: &[u8], collected: &mut Collected) {
        // One search for all lines that are whole in here; most reads have none of the words.
        let first = words::first_in(bytes);
        let mut rest = bytes;
        while !rest.is_empty() {
            if std::mem::take(&mut self.after_cr) && rest[0] == b'\n' {
                rest = &rest[1..];
                continue;
            }
            let end = memchr::memchr2(b'\n', b'\r', rest);
            let line = &rest[..end.unwrap_or(rest.len())];
            match end {
                Some(_) if self.line == Line::Head && self.head.is_empty() => {
                    let start = bytes.len() - rest.len();
                    let end = start + line.len();
                    let at = first.filter(|at| *at < end);
                    self.whole(line, at.map_or(0, |at| end - at.max(start)), collected);
                }
                Some(_) => {
                    self.part(line);
                    self.end_line(collected);
                }
                None => self.part(line),
            }
            let Some(end) = end else { return };
            self.after_cr = rest[end] == b'\r';
            rest = &rest[end + 1..];
        }
    }

    /// The stream is over: an event that lacks only its blank line counts.
    pub(crate) fn end(&mut self, collected: &mut Collected) {
        self.end_line(collected);
        self.dispatch(collected);
    }

    /// A line that came in one piece. The words that matter are in its last `tail` bytes, if any is.
    fn whole(&mut self, line: &[u8], tail: usize, collected: &mut Collected) {
        let line = if std::mem::replace(&mut self.begun, true) { line } else { unmarked(line) };
        if line.is_empty() {
            self.dispatch(collected);
        } else if let Some(data) = data_of(line) {
            self.failed |= is_error(line);
            self.data(data, tail, collected);
        } else if let Some(name) = line.strip_prefix(b"event:") {
            self.failed = is_failing_kind(name.trim_ascii());
        }
    }

    fn data(&mut self, data: &[u8], tail: usize, collected: &mut Collected) {
        let data = data.trim_ascii();
        if data == b"[DONE]" {
            collected.done();
            return;
        }
        let first_line = self.begin_data();
        // Data that does not end here must be read from its beginning.
        let wanted = self.reading
            || (first_line
                && (self.count == 1
                    || self.failed
                    || data.last() != Some(&b'}')
                    || tail > 0 && words::matter_in(data, data.len().saturating_sub(tail))
                    || collected.is_nameless() && words::may_name_a_model(data)));
        if wanted {
            self.read(data);
        }
    }

    /// Records that a data line begins. Returns true if it is the event's first one.
    fn begin_data(&mut self) -> bool {
        let first = !std::mem::replace(&mut self.has_data, true);
        self.count += u64::from(first);
        first
    }

    fn read(&mut self, data: &[u8]) {
        self.reading = true;
        self.reader.feed(data, &mut self.found);
    }

    /// More of a line that came in pieces.
    fn part(&mut self, bytes: &[u8]) {
        match self.line {
            Line::Other => {}
            Line::Data => self.read(bytes),
            Line::Head => {
                let room = MAX_HEAD - self.head.bytes().len();
                let (head, rest) = bytes.split_at(room.min(bytes.len()));
                self.head.push(head);
                if rest.is_empty() {
                    return;
                }
                let head = self.head;
                self.line = Line::Other;
                let is_first = !std::mem::replace(&mut self.begun, true);
                let head = if is_first { unmarked(head.bytes()) } else { head.bytes() };
                if let Some(data) = data_of(head) {
                    self.failed |= is_error(head);
                    self.line = Line::Data;
                    self.begin_data();
                    self.read(data);
                    self.read(rest);
                }
            }
        }
    }

    fn end_line(&mut self, collected: &mut Collected) {
        let head = std::mem::take(&mut self.head);
        match std::mem::take(&mut self.line) {
            Line::Head if !head.is_empty() => {
                self.whole(head.bytes(), head.bytes().len(), collected);
            }
            Line::Data => self.read(b"\n"),
            _ => {}
        }
    }

    /// An event is over.
    fn dispatch(&mut self, collected: &mut Collected) {
        if self.reading {
            self.reader.end(&mut self.found);
            if self.reader.is_between() {
                self.commit(collected);
            } else if self.failed {
                collected.failed(&self.found);
            }
            self.reader.restart();
            self.found.clear();
        } else if self.failed && self.has_data {
            collected.failed(&self.found);
        }
        self.reading = false;
        self.has_data = false;
        self.failed = false;
    }

    fn commit(&self, collected: &mut Collected) {
        let found = &self.found;
        let fails = self.failed || found.fails();
        let names = collected.is_nameless() && !found.model.is_empty();
        if found.counts.is_empty() && !fails && !names && self.count > 1 {
            return;
        }
        collected.names(found);
        if !found.counts.is_empty() {
            let last = match found.usage_in {
                Some(Node::Response) => true,
                _ => matches!(found.kind.bytes(), b"message_delta" | b"message-end"),
            };
            collected.usage(found, last);
        }
        if fails {
            collected.failed(found);
        }
    }
}

/// The data of a line. Backends also write errors into a stream as a field `error`, and as a document
/// without any field; readers drop both.
fn data_of(line: &[u8]) -> Option<&[u8]> {
    if line.first() == Some(&b'{') {
        return Some(line);
    }
    line.strip_prefix(b"data:").or_else(|| line.strip_prefix(b"error:"))
}

/// Returns whether a line is a field that means a failure.
fn is_error(line: &[u8]) -> bool {
    line.starts_with(b"error:")
}

/// The first line of a stream without its byte order mark.
fn unmarked(line: &[u8]) -> &[u8] {
    line.strip_prefix(b"\xef\xbb\xbf").unwrap_or(line)
}
