//! A reader of JSON documents that takes any cut of its input, holds a few KiB, and gives the texts
//! of the members that somebody asked for, wherever they stand.
//!
//! It is no validator: separators are taken on trust, and what is not JSON leads to nothing found.

use std::collections::HashMap;
use std::sync::Arc;

/// Longest text that is looked at: longer than any id, long enough for states that are echoed.
const MAX_TEXT: usize = 4096;
/// Longest key that can be one of those asked for.
const MAX_KEY: usize = 64;
/// Containers that can be open at a time. What nests deeper is passed over.
const MAX_OPEN: usize = 96;

/// The number of a member's name; 0 for one that nobody asked for.
pub(super) type Name = u16;

/// Names of members, numbered from 1.
#[derive(Clone, Debug, Default)]
pub(super) struct Names(HashMap<Box<[u8]>, Name, foldhash::fast::FixedState>);

impl Names {
    /// The number of a name, which is a new one if the name is.
    pub(super) fn number(&mut self, name: &str) -> Name {
        let next = Name::try_from(self.0.len() + 1).unwrap_or(0);
        *self.0.entry(name.as_bytes().into()).or_insert(next)
    }

    fn find(&self, name: &[u8]) -> Name {
        self.0.get(name).copied().unwrap_or(0)
    }
}

/// A text that was found.
#[derive(Clone, Copy, Debug)]
pub(super) struct Text<'a> {
    /// The member, or the member that is the list it stands in.
    pub(super) member: Name,
    /// The member that is the object around it, or the list of such objects; 0 at the top.
    pub(super) parent: Name,
    /// It is a member of the document itself.
    pub(super) at_top: bool,
    /// It is a member of an object that is one, or stands in one as a list.
    pub(super) below_top: bool,
    pub(super) text: &'a str,
    /// The containers around it, the outermost first.
    around: &'a [Open],
}

impl Text<'_> {
    /// The members from the document down to the text, lists left out.
    pub(super) fn path(&self) -> impl Iterator<Item = Name> {
        let objects = self.around.iter().filter(|open| open.is_object);
        objects.skip(1).map(|open| open.name).chain([self.member])
    }
}

/// What a reader tells.
pub(super) trait Told {
    /// A text of a member that was asked for.
    fn text(&mut self, text: Text<'_>);
    /// A member of the document itself begins, with a name that was asked for.
    fn member(&mut self, name: Name);
    /// The document is over.
    fn ended(&mut self);
    /// An address in the place of a document.
    fn address(&mut self, _address: &str) {}
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Mode {
    /// Between texts.
    Plain,
    /// In a text that may matter: a key, or a value that was asked for.
    Text,
    /// In a text that does not.
    Skip,
}

#[derive(Clone, Copy, Debug)]
struct Open {
    is_object: bool,
    /// The member that it is, or stands in.
    name: Name,
}

/// Reads documents as their bytes come in.
#[derive(Debug)]
pub(super) struct Reader {
    names: Arc<Names>,
    mode: Mode,
    /// A backslash came last.
    escape: bool,
    /// The text under way has an escape.
    escaped: bool,
    /// The text under way is too long to be looked at.
    too_long: bool,
    open: Vec<Open>,
    /// Containers below the deepest that is kept.
    beyond: u32,
    /// The next text of the innermost object is a key.
    wants_key: bool,
    /// The member whose value comes.
    member: Name,
    text: Vec<u8>,
}

impl Reader {
    pub(super) fn new(names: Arc<Names>) -> Self {
        Self {
            names,
            mode: Mode::Plain,
            escape: false,
            escaped: false,
            too_long: false,
            open: Vec::new(),
            beyond: 0,
            wants_key: false,
            member: 0,
            text: Vec::new(),
        }
    }

    /// Begins again, as for another document.
    pub(super) fn restart(&mut self, told: &mut impl Told) {
        if !self.open.is_empty() {
            told.ended();
        }
        self.open.clear();
        (self.mode, self.escape, self.beyond) = (Mode::Plain, false, 0);
        (self.wants_key, self.member) = (false, 0);
    }

    /// A field of a form, by the members that its name stands for.
    pub(super) fn field(&mut self, members: &[&str], text: &str, told: &mut impl Told) {
        let Some((last, objects)) = members.split_last() else { return };
        if objects.len() >= MAX_OPEN || text.len() > MAX_TEXT {
            return;
        }
        let mut around = vec![Open { is_object: true, name: 0 }];
        let names = objects.iter().map(|name| self.names.find(name.as_bytes()));
        around.extend(names.map(|name| Open { is_object: true, name }));
        told.text(Text {
            member: self.names.find(last.as_bytes()),
            parent: around.last().map_or(0, |open| open.name),
            at_top: objects.is_empty(),
            below_top: objects.len() == 1,
            text,
            around: &around,
        });
    }

    /// Takes more bytes.
    pub(super) fn feed(&mut self, bytes: &[u8], told: &mut impl Told) {
        let mut rest = bytes;
        while !rest.is_empty() {
            rest = match self.mode {
                Mode::Plain => self.plain(rest, told),
                Mode::Text | Mode::Skip => self.in_text(rest, told),
            };
        }
    }

    fn plain<'a>(&mut self, bytes: &'a [u8], told: &mut impl Told) -> &'a [u8] {
        for (at, byte) in bytes.iter().enumerate() {
            match byte {
                b'"' => {
                    let matters = self.beyond == 0 && (self.wants_key || self.member != 0);
                    self.mode = if matters { Mode::Text } else { Mode::Skip };
                    self.text.clear();
                    (self.escape, self.escaped, self.too_long) = (false, false, false);
                    return &bytes[at + 1..];
                }
                b'{' => self.opens(true),
                b'[' => self.opens(false),
                b'}' | b']' => self.closes(told),
                b':' if self.beyond == 0 => self.wants_key = false,
                b',' if self.beyond == 0 => self.next(),
                _ => {}
            }
        }
        &[]
    }

    fn opens(&mut self, is_object: bool) {
        if self.open.len() >= MAX_OPEN {
            self.beyond = self.beyond.saturating_add(1);
            return;
        }
        self.open.push(Open { is_object, name: self.member });
        self.wants_key = is_object;
        if is_object {
            self.member = 0;
        }
    }

    fn closes(&mut self, told: &mut impl Told) {
        if self.beyond > 0 {
            self.beyond -= 1;
            return;
        }
        self.open.pop();
        (self.wants_key, self.member) = (false, 0);
        if self.open.is_empty() {
            told.ended();
        }
    }

    /// A comma: the next member, or the next value of a list.
    fn next(&mut self) {
        let Some(open) = self.open.last() else { return };
        self.wants_key = open.is_object;
        self.member = if open.is_object { 0 } else { open.name };
    }

    fn in_text<'a>(&mut self, bytes: &'a [u8], told: &mut impl Told) -> &'a [u8] {
        let mut at = 0;
        if self.escape {
            self.escape = false;
            at = 1;
        }
        loop {
            let Some(found) = memchr::memchr2(b'"', b'\\', &bytes[at..]) else {
                self.keep(bytes);
                return &[];
            };
            at += found;
            if bytes[at] == b'"' {
                self.keep(&bytes[..at]);
                self.text_ends(told);
                return &bytes[at + 1..];
            }
            self.escaped = true;
            at += 2;
            if at > bytes.len() {
                self.escape = true;
                self.keep(bytes);
                return &[];
            }
        }
    }

    fn keep(&mut self, bytes: &[u8]) {
        let most = if self.wants_key { MAX_KEY } else { MAX_TEXT };
        if self.mode == Mode::Skip || self.too_long {
            return;
        }
        self.too_long = self.text.len() + bytes.len() > most;
        if !self.too_long {
            self.text.extend_from_slice(bytes);
        }
    }

    /// Objects that are open.
    fn objects(&self) -> usize {
        self.open.iter().filter(|open| open.is_object).count()
    }

    fn text_ends(&mut self, told: &mut impl Told) {
        let was = std::mem::replace(&mut self.mode, Mode::Plain);
        if was == Mode::Skip {
            return;
        }
        let text = std::mem::take(&mut self.text);
        if self.wants_key {
            self.member = match unescaped(&text, self.escaped).filter(|_| !self.too_long) {
                Some(key) => self.names.find(key.as_bytes()),
                None => 0,
            };
            if self.member != 0 && self.objects() == 1 {
                told.member(self.member);
            }
        } else if let Some(value) = unescaped(&text, self.escaped).filter(|_| !self.too_long) {
            let mut around = self.open.iter().rev();
            let object = around.find(|open| open.is_object).map_or(0, |open| open.name);
            told.text(Text {
                member: self.member,
                parent: object,
                at_top: self.objects() == 1,
                below_top: self.objects() == 2,
                text: &value,
                around: &self.open,
            });
        }
        self.text = text;
    }
}

/// A text without its escapes; none if it is no text.
fn unescaped(text: &[u8], escaped: bool) -> Option<std::borrow::Cow<'_, str>> {
    if !escaped {
        return std::str::from_utf8(text).ok().map(Into::into);
    }
    let quoted = [b"\"", text, b"\""].concat();
    serde_json::from_slice::<String>(&quoted).ok().map(Into::into)
}
