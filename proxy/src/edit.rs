//! One member of a body of JSON gets another value, while the body passes.
//!
//! Only members of the outermost object are looked at. Every byte outside of the member's value
//! goes on as it came. If the object does not have the member, it is added at its end. What is no
//! object, or no JSON, goes on as it came.

use crate::http1::{BodyLength, RequestHead};
use stagegate_settings::BodyChange;
use std::sync::Arc;

/// Replaces one member of the outermost object of a body that passes.
#[derive(Clone, Debug)]
pub(crate) struct Edit {
    change: Arc<BodyChange>,
    at: At,
    /// Open arrays and objects.
    depth: u32,
    /// Bytes of the key that fit so far; none if it is another one.
    fits: Option<usize>,
    escaped: bool,
    /// The object has a member.
    filled: bool,
    /// The member was there.
    done: bool,
}

/// The place that was reached.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum At {
    /// Before the outermost value.
    Start,
    /// In the outermost object, before a key or its end.
    Key,
    /// In a key of it.
    InKey,
    /// Between a key and its value; true: of the member.
    Colon(bool),
    /// In a value that goes on.
    Value,
    /// In a text of such a value.
    Text,
    /// Before the value that is replaced.
    Before,
    /// In the value that is replaced.
    Old,
    /// In a text of it.
    OldText,
    /// Nothing more is changed.
    Passing,
}

impl Edit {
    /// Makes this change.
    pub(crate) const fn new(change: Arc<BodyChange>) -> Self {
        Self {
            change,
            at: At::Start,
            depth: 0,
            fits: None,
            escaped: false,
            filled: false,
            done: false,
        }
    }

    /// Takes the next bytes, and appends what goes on to `out`.
    pub(crate) fn feed(&mut self, bytes: &[u8], out: &mut Vec<u8>) {
        // Bytes from `from` on go on as they came.
        let mut from = if matches!(self.at, At::Old | At::OldText) { bytes.len() } else { 0 };
        for (place, &byte) in bytes.iter().enumerate() {
            match self.at {
                At::Passing => break,
                At::Old | At::OldText => {
                    if !self.old(byte) {
                        continue;
                    }
                    // The byte behind the old value goes on.
                    from = place;
                    self.outer(byte);
                }
                At::Before if byte.is_ascii_whitespace() => {}
                At::Before => {
                    out.extend_from_slice(&bytes[from..place]);
                    out.extend_from_slice(self.change.value.as_bytes());
                    from = bytes.len();
                    (self.at, self.depth, self.done) = (At::Old, 0, true);
                    self.old(byte);
                }
                At::Key | At::Value if byte == b'}' && self.depth == 0 && !self.done => {
                    out.extend_from_slice(&bytes[from..place]);
                    self.add(out);
                    from = place;
                    self.at = At::Passing;
                }
                _ => self.step(byte),
            }
        }
        out.extend_from_slice(bytes.get(from..).unwrap_or_default());
    }

    /// Adds the member at the end of the object.
    fn add(&self, out: &mut Vec<u8>) {
        if self.filled {
            out.push(b',');
        }
        out.push(b'"');
        out.extend_from_slice(self.change.member.as_bytes());
        out.extend_from_slice(b"\":");
        out.extend_from_slice(self.change.value.as_bytes());
    }

    fn step(&mut self, byte: u8) {
        match self.at {
            At::Start => match byte {
                b'{' => self.at = At::Key,
                _ if byte.is_ascii_whitespace() => {}
                _ => self.at = At::Passing,
            },
            At::Key => match byte {
                b'"' => (self.at, self.fits, self.filled) = (At::InKey, Some(0), true),
                b',' => {}
                _ if byte.is_ascii_whitespace() => {}
                _ => self.at = At::Passing,
            },
            At::InKey => self.key(byte),
            At::Colon(is_member) => match byte {
                b':' if is_member => self.at = At::Before,
                b':' => (self.at, self.depth) = (At::Value, 0),
                _ if byte.is_ascii_whitespace() => {}
                _ => self.at = At::Passing,
            },
            At::Value => self.value(byte),
            At::Text => {
                if self.ends_text(byte) {
                    self.at = At::Value;
                }
            }
            At::Before | At::Old | At::OldText | At::Passing => {}
        }
    }

    /// A byte of a key. One with an escape is taken for another key.
    fn key(&mut self, byte: u8) {
        if self.ends_text(byte) {
            self.at = At::Colon(self.fits == Some(self.change.member.len()));
            return;
        }
        self.fits = self
            .fits
            .filter(|at| self.change.member.as_bytes().get(*at) == Some(&byte))
            .map(|at| at + 1);
    }

    fn value(&mut self, byte: u8) {
        match byte {
            b'"' => self.at = At::Text,
            b'{' | b'[' => self.depth += 1,
            b'}' | b']' if self.depth > 0 => self.depth -= 1,
            b',' | b'}' | b']' if self.depth == 0 => self.outer(byte),
            _ => {}
        }
    }

    /// A byte behind a value of the outermost object.
    fn outer(&mut self, byte: u8) {
        self.at = match byte {
            b',' => At::Key,
            _ => At::Passing,
        };
    }

    /// A byte of the old value; true if it is the one behind it.
    fn old(&mut self, byte: u8) -> bool {
        if self.at == At::OldText {
            if self.ends_text(byte) {
                self.at = At::Old;
            }
            return false;
        }
        match byte {
            b'"' => self.at = At::OldText,
            b'{' | b'[' => self.depth += 1,
            b'}' | b']' if self.depth > 0 => self.depth -= 1,
            b',' | b'}' if self.depth == 0 => return true,
            _ => {}
        }
        false
    }

    /// A byte of a text; true if it ends it.
    fn ends_text(&mut self, byte: u8) -> bool {
        let escaped = std::mem::take(&mut self.escaped);
        match byte {
            _ if escaped => false,
            b'\\' => {
                self.escaped = true;
                false
            }
            b'"' => true,
            _ => false,
        }
    }
}

/// The edit of a request's body; none where it has none, or one that is no plain JSON.
pub(crate) fn edit_of(bytes: &[u8], head: &RequestHead, change: &Arc<BodyChange>) -> Option<Edit> {
    if matches!(head.body, None | Some(BodyLength::None | BodyLength::Bytes(0))) {
        return None;
    }
    let kind = head.field(bytes, "content-type")?.split(|byte| *byte == b';').next()?;
    let kind = kind.trim_ascii().to_ascii_lowercase();
    let is_json = kind == b"application/json" || kind.ends_with(b"+json");
    let coding = head.codings(bytes);
    let is_plain = coding.is_empty() || coding.eq_ignore_ascii_case(b"identity");
    (is_json && is_plain).then(|| Edit::new(Arc::clone(change)))
}

#[cfg(test)]
mod tests {
    use super::Edit;
    use proptest::prelude::*;
    use serde_json::{Value, json};
    use stagegate_settings::BodyChange;
    use std::sync::Arc;

    fn of(value: &str) -> Edit {
        Edit::new(Arc::new(BodyChange { member: "model".into(), value: value.into() }))
    }

    fn edited(body: &str, size: usize) -> String {
        let mut edit = of("\"m-6\"");
        let mut out = Vec::new();
        body.as_bytes().chunks(size.max(1)).for_each(|piece| edit.feed(piece, &mut out));
        String::from_utf8(out).expect("text")
    }

    #[test]
    fn the_member_gets_the_value_and_nothing_else_changes() {
        for (body, expected) in [
            (r#"{"model":"m-5","x":1}"#, r#"{"model":"m-6","x":1}"#),
            (
                r#"{ "x" : [1,{"model":"a"}] , "model" : "m-5" }"#,
                r#"{ "x" : [1,{"model":"a"}] , "model" : "m-6"}"#,
            ),
            (
                r#"{"model":{"a":["}",2]},"x":"\"model\":1"}"#,
                r#"{"model":"m-6","x":"\"model\":1"}"#,
            ),
            (r#"{"model":12.5e3}"#, r#"{"model":"m-6"}"#),
            (r#"{"model":null,"model":"b"}"#, r#"{"model":"m-6","model":"m-6"}"#),
            (r#"{"x":1}"#, r#"{"x":1,"model":"m-6"}"#),
            (r#"{"x":{"model":2}} "#, r#"{"x":{"model":2},"model":"m-6"} "#),
            (r#"{"models":1,"mode":2}"#, r#"{"models":1,"mode":2,"model":"m-6"}"#),
            (" { } ", " { \"model\":\"m-6\"} "),
            (r#"[{"model":"a"}]"#, r#"[{"model":"a"}]"#),
            ("plain text", "plain text"),
            ("", ""),
            (r#"{"model":"m-5"#, r#"{"model":"m-6""#),
        ] {
            for size in [1, 2, 3, 7, 1000] {
                assert_eq!(edited(body, size), expected, "{body} in pieces of {size}");
            }
        }
    }

    fn values() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![
            Just(Value::Null),
            any::<bool>().prop_map(Value::from),
            any::<i32>().prop_map(Value::from),
            "[ -~é\"\\\\{}\\[\\],:]{0,8}".prop_map(Value::from),
        ];
        leaf.prop_recursive(3, 24, 4, |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
                prop::collection::btree_map("[a-z\"\\\\]{0,3}|model", inner, 0..4)
                    .prop_map(|map| Value::Object(map.into_iter().collect())),
            ]
        })
    }

    proptest! {
        #[test]
        fn an_object_has_the_member_and_all_the_others(body in values(), size in 1usize..9) {
            let text = serde_json::to_string(&body).expect("JSON");
            let seen: Value = serde_json::from_str(&edited(&text, size)).expect("JSON");
            let mut expected = body;
            if let Some(object) = expected.as_object_mut() {
                object.insert("model".to_owned(), json!("m-6"));
            }
            prop_assert_eq!(seen, expected);
        }

        #[test]
        fn any_bytes_pass(bytes: Vec<u8>, size in 1usize..9) {
            let mut edit = of("1");
            let mut out = Vec::new();
            bytes.chunks(size).for_each(|piece| edit.feed(piece, &mut out));
            if bytes.trim_ascii_start().first() != Some(&b'{') {
                prop_assert_eq!(out, bytes);
            }
        }
    }
}
