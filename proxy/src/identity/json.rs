//! One string out of a JSON document, without building the document.

use super::reading::Reading;
use serde_json::de::SliceRead;
use std::fmt;

use serde_core::de::{DeserializeSeed, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};

/// The string or integer at `pointer` (RFC 6901). Of a member that comes twice the last one counts,
/// as most readers take it; a document that is not JSON to its end is unreadable.
pub(super) fn read_at(json: &[u8], pointer: &str) -> Reading {
    let segments: Vec<String> =
        pointer.split('/').skip(1).map(|s| s.replace("~1", "/").replace("~0", "~")).collect();
    let mut document = serde_json::Deserializer::new(SliceRead::new(json));
    let read = At(&segments).deserialize(&mut document);
    match read.and_then(|reading| document.end().map(|()| reading)) {
        Ok(Reading::Id(id)) => Reading::of(id),
        Ok(reading) => reading,
        Err(_) => Reading::Unreadable,
    }
}

/// The same, where only an id matters.
#[cfg(any(test, feature = "fuzz"))]
pub(crate) fn string_at(json: &[u8], pointer: &str) -> Option<String> {
    match read_at(json, pointer) {
        Reading::Id(id) => Some(id),
        _ => None,
    }
}

/// Walks down the named members and skips everything else.
struct At<'p>(&'p [String]);

impl At<'_> {
    /// A value that is no id, where an id was to be or elsewhere.
    fn other(&self) -> Reading {
        if self.0.is_empty() { Reading::Unreadable } else { Reading::Nothing }
    }

    fn id(&self, id: &impl ToString) -> Reading {
        if self.0.is_empty() { Reading::Id(id.to_string()) } else { Reading::Nothing }
    }
}

impl<'de> DeserializeSeed<'de> for At<'_> {
    type Value = Reading;

    fn deserialize<D: Deserializer<'de>>(self, from: D) -> Result<Self::Value, D::Error> {
        from.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for At<'_> {
    type Value = Reading;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut found = self.other();
        while let Some(key) = map.next_key::<std::borrow::Cow<'_, str>>()? {
            match self.0.split_first() {
                Some((first, rest)) if *first == key => found = map.next_value_seed(At(rest))?,
                _ => {
                    map.next_value::<IgnoredAny>()?;
                }
            }
        }
        Ok(found)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Self::Value, A::Error> {
        let wanted =
            self.0.split_first().and_then(|(n, rest)| Some((n.parse::<usize>().ok()?, rest)));
        let (mut found, mut at) = (self.other(), 0);
        loop {
            let more = match wanted {
                Some((n, rest)) if n == at => match seq.next_element_seed(At(rest))? {
                    Some(value) => {
                        found = value;
                        true
                    }
                    None => false,
                },
                _ => seq.next_element::<IgnoredAny>()?.is_some(),
            };
            if !more {
                return Ok(found);
            }
            at += 1;
        }
    }

    fn visit_str<E>(self, text: &str) -> Result<Self::Value, E> {
        Ok(self.id(&text))
    }

    fn visit_u64<E>(self, number: u64) -> Result<Self::Value, E> {
        Ok(self.id(&number))
    }

    fn visit_i64<E>(self, number: i64) -> Result<Self::Value, E> {
        Ok(self.id(&number))
    }

    fn visit_f64<E>(self, _: f64) -> Result<Self::Value, E> {
        Ok(self.other())
    }

    fn visit_bool<E>(self, _: bool) -> Result<Self::Value, E> {
        Ok(self.other())
    }

    fn visit_unit<E>(self) -> Result<Self::Value, E> {
        Ok(Reading::Nothing)
    }
}

#[cfg(test)]
mod tests {
    use super::{read_at, string_at};
    use crate::identity::reading::Reading;
    use proptest::prelude::*;

    #[test]
    fn finds_what_the_pointer_names() {
        let json = br#"{"a":{"b/c":["x",{"id":"y"}],"n":7},"user":"u\u00e9","t":true}"#;
        for (pointer, expected) in [
            ("/a/b~1c/0", Some("x")),
            ("/a/b~1c/1/id", Some("y")),
            ("/a/n", Some("7")),
            ("/user", Some("ué")),
            ("/t", None),
            ("/missing", None),
            ("/a", None),
            ("", None),
            ("/a/b~1c/9", None),
        ] {
            assert_eq!(string_at(json, pointer).as_deref(), expected, "{pointer}");
        }
        assert_eq!(string_at(b"{\"a\":", "/a"), None);
    }

    #[test]
    fn what_a_backend_may_read_otherwise_is_unreadable() {
        for json in [
            "\u{feff}{\"t\":\"medco\"}",
            r#"{"x":NaN,"t":"medco"}"#,
            r#"{"t":"medco",}"#,
            r#"{"t":"medco"} x"#,
            r#"{"t":"other"}{"t":"medco"}"#,
            r#"{"t":"medco","x":"#,
            r#"{"t":7.0}"#,
            r#"{"t":12345678901234567890123}"#,
            r#"{"t":true}"#,
            r#"{"t":["medco"]}"#,
            r#"{"t":{"id":"medco"}}"#,
            r#"{"t":"a\u0000b"}"#,
            "t=medco",
            "",
        ] {
            assert_eq!(read_at(json.as_bytes(), "/t"), Reading::Unreadable, "{json}");
        }
        let long = format!(r#"{{"t":"{}"}}"#, "m".repeat(257));
        assert_eq!(read_at(long.as_bytes(), "/t"), Reading::Unreadable);
        for json in [r#"{"x":"medco"}"#, r#"{"t":null}"#, r#"{"t":""}"#, "[]", "7"] {
            assert_eq!(read_at(json.as_bytes(), "/t"), Reading::Nothing, "{json}");
        }
        let last = br#"{"t":"other","\u0074":"med\u0063o"}"#;
        assert_eq!(read_at(last, "/t"), Reading::Id("medco".into()));
    }

    proptest! {
        #[test]
        fn garbage_is_nobody(bytes: Vec<u8>, pointer in "(/[a-z0-9~]{0,3}){0,4}") {
            let _ = string_at(&bytes, &pointer);
        }
    }
}
