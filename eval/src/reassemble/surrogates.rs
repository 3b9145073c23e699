//! Halves of characters: a backend may cut `"😀"` into `"\ud83d"` and `"\ude00"`, one in each event.
//! Python's JSON keeps such halves and its strings join them again; JSON readers of Rust refuse
//! them.
//!
//! A half is read as a private-use character of its own, and halves that meet are joined at the
//! end.

use serde_json::Value;

/// The place of the 2048 halves: in plane 16, which is for private use.
const PLACE: u32 = 0x10_f000;
const HALVES: std::ops::Range<u32> = 0xd800..0xe000;

/// Parses JSON in which texts may hold halves of characters.
pub(super) fn parse(text: &str) -> serde_json::Result<Value> {
    match serde_json::from_str(text) {
        Err(_) if text.contains("\\ud") || text.contains("\\uD") => {
            serde_json::from_str(&marked(text))
        }
        parsed => parsed,
    }
}

/// The text with every escaped half replaced by its private character.
fn marked(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find('\\') {
        out.push_str(&rest[..at]);
        rest = &rest[at..];
        let hex = rest.get(2..6).filter(|_| rest.starts_with("\\u"));
        let half = hex.and_then(|hex| u32::from_str_radix(hex, 16).ok());
        match half.filter(|code| HALVES.contains(code)) {
            Some(code) => {
                out.extend(char::from_u32(PLACE + code - HALVES.start));
                rest = &rest[6..];
            }
            None => {
                // The escaped character goes along, so that `\\u…` is not taken for an escape.
                let length = rest.chars().take(2).map(char::len_utf8).sum();
                out.push_str(&rest[..length]);
                rest = &rest[length..];
            }
        }
    }
    out.push_str(rest);
    out
}

/// Joins halves that met, everywhere in the value; one that stayed alone becomes U+FFFD.
pub(super) fn join(value: &mut Value) {
    match value {
        Value::String(text) => {
            if let Some(joined) = joined(text) {
                *text = joined;
            }
        }
        Value::Array(items) => items.iter_mut().for_each(join),
        Value::Object(map) => map.values_mut().for_each(join),
        _ => {}
    }
}

fn half(c: char) -> Option<u16> {
    let code = u32::from(c).checked_sub(PLACE)? + HALVES.start;
    if HALVES.contains(&code) { u16::try_from(code).ok() } else { None }
}

fn joined(text: &str) -> Option<String> {
    text.chars().any(|c| half(c).is_some()).then(|| {
        let mut units = Vec::with_capacity(text.len());
        for c in text.chars() {
            match half(c) {
                Some(unit) => units.push(unit),
                None => units.extend_from_slice(c.encode_utf16(&mut [0; 2])),
            }
        }
        String::from_utf16_lossy(&units)
    })
}

#[cfg(test)]
mod tests {
    use super::{join, parse};
    use serde_json::json;

    #[test]
    fn halves_that_meet_become_a_character_again() {
        let first = parse(r#"{"a":"x\ud83d","b":"\\ud83d","c":["\uDE00"]}"#).expect("halves");
        let second = parse(r#"{"a":"\ude00y"}"#).expect("halves");
        let both =
            first["a"].as_str().expect("text").to_owned() + second["a"].as_str().expect("text");
        let mut value = json!({"both": both, "escaped": first["b"], "alone": first["c"]});
        join(&mut value);
        assert_eq!(value, json!({"both": "x😀y", "escaped": "\\ud83d", "alone": ["\u{fffd}"]}));
    }

    #[test]
    fn what_is_no_json_stays_an_error() {
        for text in ["", "{", "\\ud83d", "\"\\ud8", "\"\\ud83d", "\\"] {
            assert!(parse(text).is_err(), "{text}");
        }
    }
}
