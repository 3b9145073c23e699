//! One string out of a JSON document, without building the document.

use serde_json::de::SliceRead;
use std::fmt;

use serde_core::de::{DeserializeSeed, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};

/// The string or integer at `pointer` (RFC 6901), if the document has one there.
pub(crate) fn string_at(json: &[u8], pointer: &str) -> Option<String> {
    let segments: Vec<String> =
        pointer.split('/').skip(1).map(|s| s.replace("~1", "/").replace("~0", "~")).collect();
    let mut document = serde_json::Deserializer::new(SliceRead::new(json));
    At(&segments).deserialize(&mut document).ok().flatten()
}

/// Walks down the named members and skips everything else.
struct At<'p>(&'p [String]);

impl<'de> DeserializeSeed<'de> for At<'_> {
    type Value = Option<String>;

    fn deserialize<D: Deserializer<'de>>(self, from: D) -> Result<Self::Value, D::Error> {
        from.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for At<'_> {
    type Value = Option<String>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut found = None;
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
        let (mut found, mut at) = (None, 0);
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
        Ok(self.0.is_empty().then(|| text.to_owned()))
    }

    fn visit_u64<E>(self, number: u64) -> Result<Self::Value, E> {
        Ok(self.0.is_empty().then(|| number.to_string()))
    }

    fn visit_i64<E>(self, number: i64) -> Result<Self::Value, E> {
        Ok(self.0.is_empty().then(|| number.to_string()))
    }

    fn visit_f64<E>(self, _: f64) -> Result<Self::Value, E> {
        Ok(None)
    }

    fn visit_bool<E>(self, _: bool) -> Result<Self::Value, E> {
        Ok(None)
    }

    fn visit_unit<E>(self) -> Result<Self::Value, E> {
        Ok(None)
    }
}

#[cfg(test)]
mod tests {
    use super::string_at;
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

    proptest! {
        #[test]
        fn garbage_is_nobody(bytes: Vec<u8>, pointer in "(/[a-z0-9~]{0,3}){0,4}") {
            let _ = string_at(&bytes, &pointer);
        }
    }
}
