//! Places of ids that a workload names by JSON pointers, like the handles that its tools issue.

use super::members::{Name, Names, Text};
use serde_json::Value;

/// A place. Entries of lists are not told apart: `*` and numbers stand for each of them.
#[derive(Debug)]
pub(super) struct Pointer {
    /// The names of the members down to the id.
    names: Vec<Box<str>>,
    /// Their numbers.
    path: Vec<Name>,
}

impl Pointer {
    /// A place by its pointer (RFC 6901), whose names become known to `known`.
    pub(super) fn new(pointer: &str, known: &mut Names) -> Self {
        let segments = pointer.split('/').skip(1);
        let members = segments.filter(|name| {
            *name != "*" && (name.is_empty() || !name.bytes().all(|byte| byte.is_ascii_digit()))
        });
        let names: Vec<Box<str>> =
            members.map(|name| name.replace("~1", "/").replace("~0", "~").into()).collect();
        let path = names.iter().map(|name| known.number(name)).collect();
        Self { names, path }
    }

    /// Gives the ids in a text: itself, or parts of it where the pointer goes on in a text that is
    /// JSON, as the results of tools have it.
    pub(super) fn in_text(&self, text: &Text<'_>, mut found: impl FnMut(&str)) {
        let mut depth = 0;
        for name in text.path() {
            if self.path.get(depth) != Some(&name) {
                return;
            }
            depth += 1;
        }
        match self.names.get(depth..) {
            Some([]) => found(text.text),
            Some(rest) => {
                if let Ok(value) = serde_json::from_str(text.text) {
                    within(&value, rest, &mut found);
                }
            }
            None => {}
        }
    }
}

/// The texts at this place of a document.
fn within(value: &Value, path: &[Box<str>], found: &mut impl FnMut(&str)) {
    match (value, path) {
        (Value::Array(entries), _) => entries.iter().for_each(|it| within(it, path, found)),
        (Value::Object(members), [name, rest @ ..]) => {
            if let Some(value) = members.get(&**name) {
                within(value, rest, found);
            }
        }
        (Value::String(text), []) => found(text),
        _ => {}
    }
}
