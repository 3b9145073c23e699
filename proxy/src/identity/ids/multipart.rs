//! Parts of a multipart body (RFC 2046 5.1, RFC 7578), read as its bytes come: the texts of its fields,
//! and its documents of JSON. Files are passed over.

use super::layout::parameter;
use memchr::memmem::Finder;

/// Longest head of a part that is read.
const MAX_HEAD: usize = 8 * 1024;
/// Longest text of a field that is looked at.
const MAX_FIELD: usize = 4096;

/// What a body tells.
pub(super) enum Part<'a> {
    /// A field's name and text.
    Field(&'a str, &'a str),
    /// More of a document of JSON.
    Json(&'a [u8]),
    /// The document is over.
    Ends,
}

#[derive(Debug)]
enum State {
    /// Before the first delimiter.
    Before,
    /// Behind a delimiter, up to the empty line: what has come of it.
    Head(Vec<u8>),
    /// A field that may be of interest: its name and what has come of it; too long if none.
    Field(String, Option<Vec<u8>>),
    Json,
    /// A file.
    Skipped,
    /// Behind the last delimiter, or broken.
    Over,
}

/// Reads the parts of one body.
#[derive(Debug)]
pub(super) struct Parts {
    /// CRLF, two dashes, the boundary.
    delimiter: Finder<'static>,
    /// Bytes that may be the beginning of a delimiter.
    held: Vec<u8>,
    state: State,
}

impl Parts {
    pub(super) fn new(boundary: &[u8]) -> Self {
        let delimiter = [b"\r\n--", boundary].concat();
        // The first delimiter has no line before it.
        let held = b"\r\n".to_vec();
        Self { delimiter: Finder::new(&delimiter).into_owned(), held, state: State::Before }
    }

    /// Takes the next bytes.
    pub(super) fn feed(&mut self, bytes: &[u8], mut told: impl FnMut(Part<'_>)) {
        let mut rest = bytes;
        while !rest.is_empty() {
            rest = match &mut self.state {
                State::Over => return,
                State::Head(head) => {
                    let after = take_head(head, rest);
                    match after {
                        None if head.len() > MAX_HEAD => {
                            self.state = State::Over;
                            return;
                        }
                        None => return,
                        Some(after) => {
                            self.state = State::behind(head);
                            after
                        }
                    }
                }
                _ => self.content(rest, &mut told),
            };
        }
    }

    /// Content up to the next delimiter; returns what is behind that.
    fn content<'a>(&mut self, bytes: &'a [u8], told: &mut impl FnMut(Part<'_>)) -> &'a [u8] {
        let delimiter = self.delimiter.needle().len();
        if self.held.is_empty() {
            let Some(at) = self.delimiter.find(bytes) else {
                let content = bytes.len() - begun(self.delimiter.needle(), bytes);
                self.state.take(&bytes[..content], told);
                self.held.extend_from_slice(&bytes[content..]);
                return &[];
            };
            self.state.take(&bytes[..at], told);
            self.ends(told);
            return &bytes[at + delimiter..];
        }
        // What was held back, and as much as a delimiter that begins in it may need.
        let mut held = std::mem::take(&mut self.held);
        let before = held.len();
        let more = bytes.len().min(delimiter);
        held.extend_from_slice(&bytes[..more]);
        if let Some(at) = self.delimiter.find(&held) {
            self.state.take(&held[..at], told);
            self.ends(told);
            return &bytes[at + delimiter - before..];
        }
        if more < delimiter {
            let content = held.len() - begun(self.delimiter.needle(), &held);
            self.state.take(&held[..content], told);
            held.drain(..content);
            self.held = held;
            return &[];
        }
        self.state.take(&held[..before], told);
        bytes
    }

    /// A delimiter came.
    fn ends(&mut self, told: &mut impl FnMut(Part<'_>)) {
        match std::mem::replace(&mut self.state, State::Head(Vec::new())) {
            State::Field(name, Some(text)) => {
                if let Ok(text) = std::str::from_utf8(&text) {
                    told(Part::Field(&name, text));
                }
            }
            State::Json => told(Part::Ends),
            _ => {}
        }
    }
}

impl State {
    /// The state behind the head of a part, which begins right behind the delimiter.
    fn behind(head: &[u8]) -> Self {
        if head.starts_with(b"--") {
            return Self::Over;
        }
        let (mut name, mut is_file, mut is_json) = (None, false, false);
        for line in head.split(|byte| *byte == b'\n') {
            let Some(colon) = memchr::memchr(b':', line) else { continue };
            let (field, value) = (line[..colon].trim_ascii(), line[colon + 1..].trim_ascii());
            let end = memchr::memchr(b';', value).unwrap_or(value.len());
            if field.eq_ignore_ascii_case(b"content-disposition") {
                let parameters = &value[end..];
                name = parameter(parameters, "name").and_then(|it| String::from_utf8(it).ok());
                is_file = parameter(parameters, "filename").is_some()
                    || parameter(parameters, "filename*").is_some();
            } else if field.eq_ignore_ascii_case(b"content-type") {
                is_json = value[..end].windows(4).any(|word| word.eq_ignore_ascii_case(b"json"));
            }
        }
        match name {
            _ if is_file => Self::Skipped,
            _ if is_json => Self::Json,
            Some(name) => Self::Field(name, Some(Vec::new())),
            None => Self::Skipped,
        }
    }

    /// Content of the part.
    fn take(&mut self, bytes: &[u8], told: &mut impl FnMut(Part<'_>)) {
        match self {
            Self::Json if !bytes.is_empty() => told(Part::Json(bytes)),
            Self::Field(_, text) => {
                let fits = |text: &Vec<u8>| text.len() + bytes.len() <= MAX_FIELD;
                match text.as_mut().filter(|text| fits(text)) {
                    Some(text) => text.extend_from_slice(bytes),
                    None => *text = None,
                }
            }
            _ => {}
        }
    }
}

/// Takes bytes up to the empty line that ends a part's head, or up to the dashes that end the body;
/// returns what is behind.
fn take_head<'a>(head: &mut Vec<u8>, bytes: &'a [u8]) -> Option<&'a [u8]> {
    let before = head.len();
    head.extend_from_slice(bytes);
    if head.starts_with(b"--") {
        return Some(&[]);
    }
    let from = before.saturating_sub(3);
    let at = memchr::memmem::find(&head[from..], b"\r\n\r\n")? + from;
    // The last CRLF may belong to a delimiter, where the part is empty.
    let taken = at + 4 - before;
    head.truncate(at + 2);
    Some(&bytes[taken..])
}

/// Bytes at the end of `bytes` that may be the beginning of the delimiter.
fn begun(delimiter: &[u8], bytes: &[u8]) -> usize {
    let most = bytes.len().min(delimiter.len() - 1);
    (1..=most).rev().find(|&n| delimiter[..n] == bytes[bytes.len() - n..]).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::{Part, Parts};
    use proptest::prelude::*;

    const BODY: &str = "preamble\r\n--b1\r\nContent-Disposition: form-data; name=\"purpose\"\r\n\r\nassistants\r\n\
        --b1\r\nContent-Disposition: form-data; name=\"file\"; filename=\"a.txt\"\r\nContent-Type: text/plain\r\n\r\n\
        name=\"no\"\r\n--b\r\n--b2\r\n\r\r\n\r\n--b1\r\ncontent-disposition: form-data; name=thread_id\r\n\r\nt-1\r\n\
        --b1\r\nContent-Type: application/json\r\n\r\n{\"a\":1}\r\n--b1\r\n\
        Content-Disposition: form-data; name=\"empty\"\r\n\r\n\r\n--b1--\r\nepilogue";

    fn read(body: &[u8], size: usize) -> Vec<String> {
        let (mut parts, mut found, mut json) = (Parts::new(b"b1"), Vec::new(), Vec::new());
        for piece in body.chunks(size.max(1)) {
            parts.feed(piece, |part| match part {
                Part::Field(name, text) => found.push(format!("{name}={text}")),
                Part::Json(bytes) => json.extend_from_slice(bytes),
                Part::Ends => found.push(String::from_utf8_lossy(&json).into_owned()),
            });
        }
        found
    }

    #[test]
    fn fields_and_documents_are_read_however_they_are_cut() {
        let expected = ["purpose=assistants", "thread_id=t-1", "{\"a\":1}", "empty="];
        let first = BODY.find("--b1").expect("a delimiter");
        for body in [BODY, &BODY[first..]] {
            for size in 1..=body.len() {
                assert_eq!(read(body.as_bytes(), size), expected, "{size} bytes at a time");
            }
        }
        let long = format!(
            "--b1\r\nContent-Disposition: form-data; name=x\r\n\r\n{}\r\n--b1--\r\n",
            "x".repeat(5000)
        );
        assert!(read(long.as_bytes(), 99).is_empty());
        let head = format!("--b1\r\nX: {}\r\n\r\n", "x".repeat(10_000));
        assert!(read(head.as_bytes(), 99).is_empty());
    }

    proptest! {
        #[test]
        fn any_bytes_are_read_without_a_panic(bytes: Vec<u8>, size in 1usize..9, at in 0usize..400) {
            read(&bytes, size);
            let at = at.min(BODY.len());
            read(&[&BODY.as_bytes()[..at], &bytes, &BODY.as_bytes()[at..]].concat(), size);
        }
    }
}
