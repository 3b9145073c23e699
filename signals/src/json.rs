//! A JSON reader that takes any cut of its input, keeps a few dozen bytes, and looks only at the
//! members that matter.
//!
//! It knows at every byte whether it is inside a text and how deep, so that `"usage"` in a message
//! or in a tool's arguments is never taken for the answer's own. It is no validator: what is not
//! JSON leads to nothing found, never to a panic. A sequence of documents, or an array of them
//! (Gemini's streams without SSE), counts as one body in which the last word wins.

use crate::found::{Found, whole_number};
use crate::node::{Leaf, Member, Node};
use crate::text::Text;

/// Objects and lists of interest that can be open at a time: the root, `response`, `usage`, details
/// and their details, or `output`, one of it and its action.
const MAX_OPEN: usize = 6;
/// Longest key or value that is looked at.
const MAX_TOKEN: usize = 136;
/// Containers below an uninteresting value; what nests deeper is no answer.
const MAX_SKIPPED: u32 = 1 << 20;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Mode {
    /// Where a value may begin.
    Value,
    /// In an object of interest, where a member or the end comes.
    Member,
    Key,
    KeyEscape,
    Colon,
    /// In a text that is a value.
    Text,
    TextEscape,
    /// In a number, `true`, `false` or `null`.
    Bare,
    /// In a container that does not matter.
    Skip,
    SkipText,
    SkipTextEscape,
    /// Past something that no document begins with: nothing that follows is looked at.
    Foreign,
}

/// An object or a list of interest that is open.
#[derive(Clone, Copy, Debug)]
struct Open {
    /// The object, or what a list holds.
    node: Node,
    is_list: bool,
}

/// Reads documents as their bytes come in.
#[derive(Clone, Debug)]
pub(crate) struct Reader {
    mode: Mode,
    open: [Open; MAX_OPEN],
    depth: u8,
    skipped: u32,
    /// The meaning of the current value.
    member: Member,
    token: Text<MAX_TOKEN>,
    /// The token fits and can be looked at.
    whole: bool,
    escaped: bool,
}

impl Default for Reader {
    fn default() -> Self {
        Self {
            mode: Mode::Value,
            open: [Open { node: Node::Root, is_list: false }; MAX_OPEN],
            depth: 0,
            skipped: 0,
            member: Member::Nothing,
            token: Text::default(),
            whole: true,
            escaped: false,
        }
    }
}

/// The meaning of a byte outside of strings.
const PLAIN: u8 = 0;
const QUOTE: u8 = 1;
const OPENS: u8 = 2;
const CLOSES: u8 = 3;

static MEANING: [u8; 256] = {
    let mut table = [PLAIN; 256];
    table[b'"' as usize] = QUOTE;
    table[b'{' as usize] = OPENS;
    table[b'[' as usize] = OPENS;
    table[b'}' as usize] = CLOSES;
    table[b']' as usize] = CLOSES;
    table
};

impl Reader {
    /// Begins again, as for another document.
    pub(crate) fn restart(&mut self) {
        self.mode = Mode::Value;
        self.depth = 0;
        self.skipped = 0;
    }

    /// Returns true if the reader is between documents.
    pub(crate) fn is_between(&self) -> bool {
        self.depth == 0 && self.mode == Mode::Value
    }

    /// Takes more bytes of the body.
    pub(crate) fn feed(&mut self, bytes: &[u8], found: &mut Found) {
        let mut rest = bytes;
        while let Some(&byte) = rest.first() {
            match self.mode {
                Mode::Foreign => return,
                Mode::Skip => rest = self.skip(rest),
                Mode::SkipText => rest = self.skip_text(rest, Mode::SkipTextEscape),
                Mode::Text if self.member == Member::Nothing => {
                    rest = self.skip_text(rest, Mode::TextEscape);
                }
                Mode::Key | Mode::Text => rest = self.token(rest, found),
                Mode::KeyEscape | Mode::TextEscape | Mode::SkipTextEscape => {
                    if self.mode != Mode::SkipTextEscape {
                        self.keep(&rest[..1]);
                    }
                    self.mode = match self.mode {
                        Mode::KeyEscape => Mode::Key,
                        Mode::TextEscape => Mode::Text,
                        _ => Mode::SkipText,
                    };
                    rest = &rest[1..];
                }
                Mode::Bare => rest = self.bare(rest, found),
                Mode::Value => {
                    self.value(byte, found);
                    rest = &rest[1..];
                }
                Mode::Member => {
                    match byte {
                        b'"' => self.begin(Mode::Key),
                        b'}' => self.close(found),
                        _ => {}
                    }
                    rest = &rest[1..];
                }
                Mode::Colon => {
                    match byte {
                        b':' => self.mode = Mode::Value,
                        b' ' | b'\t' | b'\r' | b'\n' => {}
                        // Not JSON: forget this member.
                        _ => self.mode = Mode::Member,
                    }
                    rest = &rest[1..];
                }
            }
        }
    }

    /// A number that may end with the input is over.
    pub(crate) fn end(&mut self, found: &mut Found) {
        if self.mode == Mode::Bare {
            self.number(found);
        }
    }

    fn begin(&mut self, mode: Mode) {
        self.token.clear();
        self.whole = true;
        self.escaped = false;
        self.mode = mode;
    }

    fn keep(&mut self, bytes: &[u8]) {
        self.whole = self.whole && self.token.push_prefix(bytes);
    }

    /// The first byte of a value, or what stands around top-level ones.
    fn value(&mut self, byte: u8, found: &mut Found) {
        match byte {
            b'{' => self.open(found),
            // At the top an array is only a bracket around documents.
            b'[' if self.depth > 0 => self.open_list(),
            b']' if self.is_in_list() => {
                self.depth -= 1;
                self.after_value();
            }
            b'"' => {
                self.member = match self.member {
                    Member::Either(_, leaf) => Member::Value(leaf),
                    Member::Value(leaf) => Member::Value(leaf),
                    _ => Member::Nothing,
                };
                self.begin(Mode::Text);
            }
            b' ' | b'\t' | b'\r' | b'\n' | b',' | b'[' | b']' => {}
            // A byte order mark, and what begins a text of a sequence (RFC 7464).
            0xef | 0xbb | 0xbf | 0x1e if self.depth == 0 => {}
            b'}' if self.is_in_list() => {}
            b'}' => self.close(found),
            // An answer is an object: what only calls itself JSON costs nothing more.
            _ if self.depth == 0 => self.mode = Mode::Foreign,
            _ => {
                self.begin(Mode::Bare);
                self.keep(&[byte]);
            }
        }
    }

    fn is_in_list(&self) -> bool {
        self.depth > 0 && self.open[usize::from(self.depth) - 1].is_list
    }

    fn open(&mut self, found: &mut Found) {
        let node = match self.member {
            _ if self.depth == 0 => Some(Node::Root),
            Member::Object(node) | Member::Either(node, _) => Some(node),
            _ => None,
        };
        let Some(node) = node.filter(|_| usize::from(self.depth) < MAX_OPEN) else {
            return self.pass_over();
        };
        if self.depth > 0 {
            found.entered(node, self.open[usize::from(self.depth) - 1].node);
        }
        self.push(Open { node, is_list: false });
        self.mode = Mode::Member;
    }

    fn open_list(&mut self) {
        match self.member {
            Member::List(node) if usize::from(self.depth) < MAX_OPEN => {
                self.push(Open { node, is_list: true });
                self.after_value();
            }
            _ => self.pass_over(),
        }
    }

    fn push(&mut self, open: Open) {
        self.open[usize::from(self.depth)] = open;
        self.depth += 1;
    }

    fn pass_over(&mut self) {
        self.skipped = 1;
        self.mode = Mode::Skip;
    }

    fn close(&mut self, found: &mut Found) {
        if self.depth > 0 {
            self.depth -= 1;
            found.left(self.open[usize::from(self.depth)].node);
        }
        self.after_value();
    }

    fn after_value(&mut self) {
        self.member = Member::Nothing;
        self.mode = Mode::Member;
        if self.depth == 0 {
            self.mode = Mode::Value;
        } else if let Open { node, is_list: true } = self.open[usize::from(self.depth) - 1] {
            self.member = Member::Object(node);
            self.mode = Mode::Value;
        }
    }

    /// Passes over a container that does not matter.
    fn skip<'a>(&mut self, bytes: &'a [u8]) -> &'a [u8] {
        let mut at = 0;
        while let Some(&byte) = bytes.get(at) {
            at += 1;
            match MEANING[usize::from(byte)] {
                PLAIN => {}
                QUOTE => {
                    // Most texts end in what is already here, so their end is looked for in place.
                    match memchr::memchr2(b'"', b'\\', &bytes[at..]) {
                        Some(end) if bytes[at + end] == b'"' => at += end + 1,
                        _ => {
                            self.mode = Mode::SkipText;
                            return &bytes[at..];
                        }
                    }
                }
                OPENS => {
                    self.skipped += 1;
                    if self.skipped > MAX_SKIPPED {
                        self.restart();
                        return &[];
                    }
                }
                _ => {
                    self.skipped -= 1;
                    if self.skipped == 0 {
                        self.after_value();
                        return &bytes[at..];
                    }
                }
            }
        }
        &[]
    }

    /// Passes over a text that does not matter.
    fn skip_text<'a>(&mut self, bytes: &'a [u8], escape: Mode) -> &'a [u8] {
        let mut rest = bytes;
        loop {
            let Some(at) = memchr::memchr2(b'"', b'\\', rest) else { return &[] };
            if rest[at] == b'"' {
                match self.mode {
                    Mode::SkipText => self.mode = Mode::Skip,
                    _ => self.after_value(),
                }
                return &rest[at + 1..];
            }
            match rest.get(at + 2..) {
                Some(after) => rest = after,
                None => {
                    if rest.len() == at + 1 {
                        self.mode = escape;
                    }
                    return &[];
                }
            }
        }
    }

    /// Collects a key, or a text that matters.
    fn token<'a>(&mut self, bytes: &'a [u8], found: &mut Found) -> &'a [u8] {
        let Some(at) = memchr::memchr2(b'"', b'\\', bytes) else {
            self.keep(bytes);
            return &[];
        };
        self.keep(&bytes[..at]);
        let is_key = self.mode == Mode::Key;
        if bytes[at] == b'\\' {
            self.keep(b"\\");
            self.escaped = true;
            self.mode = if is_key { Mode::KeyEscape } else { Mode::TextEscape };
        } else if is_key {
            // No one escapes the letters of these keys.
            let node = self.open[usize::from(self.depth.max(1)) - 1].node;
            let known = self.whole && !self.escaped;
            self.member = if known { node.member(self.token.bytes()) } else { Member::Nothing };
            if node == Node::Root {
                found.has_member(self.token.bytes());
            }
            self.mode = Mode::Colon;
        } else {
            self.text(found);
            self.after_value();
        }
        &bytes[at + 1..]
    }

    fn text(&mut self, found: &mut Found) {
        let Member::Value(leaf) = self.member else { return };
        if !self.whole {
            match leaf {
                // A long text says as much as `true`.
                Leaf::Error => found.truth(leaf),
                // The beginning of a message says which one it is.
                Leaf::ErrorMessage => found.message(self.token.bytes()),
                _ => {}
            }
            return;
        }
        if !self.escaped {
            found.text(leaf, self.token.as_str());
            return;
        }
        // Nobody escapes the letters of these words, and streams are searched for them as they are.
        let is_word = matches!(leaf, Leaf::FinishWord | Leaf::ObjectKind);
        if is_word || matches!(leaf, Leaf::Kind | Leaf::Status | Leaf::State) {
            return;
        }
        let quoted = format!("\"{}\"", self.token.as_str());
        if let Ok(text) = serde_json::from_str::<String>(&quoted) {
            found.text(leaf, &text);
        }
    }

    fn bare<'a>(&mut self, bytes: &'a [u8], found: &mut Found) -> &'a [u8] {
        let inside = |b: &u8| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'-' | b'+');
        let len = bytes.iter().position(|b| !inside(b)).unwrap_or(bytes.len());
        if let Member::Value(_) | Member::Either(..) = self.member {
            self.keep(&bytes[..len]);
        }
        if len < bytes.len() {
            self.number(found);
            self.after_value();
        }
        &bytes[len..]
    }

    fn number(&mut self, found: &mut Found) {
        let (Member::Value(leaf) | Member::Either(_, leaf)) = self.member else { return };
        if !self.whole {
            return;
        }
        let text = self.token.as_str();
        if text == "true" {
            found.truth(leaf);
        } else if let Some(number) = whole_number(text) {
            found.number(leaf, number);
        }
    }
}

#[cfg(test)]
mod tests;
