//! Common parts of the four protocols.

use serde_json::{Map, Value};

/// Puts one protocol's events together.
pub(super) trait Fold {
    fn event(&mut self, event: Value);
    /// The body (null where there was none), and whether its end was seen; `done` says whether
    /// the stream said `[DONE]`.
    fn finish(self: Box<Self>, done: bool) -> (Value, bool);
}

/// The text under a key.
pub(super) fn text<'a>(value: &'a Value, key: &str) -> Option<&'a str> {
    value.get(key)?.as_str()
}

/// The number under a key, as a place in a list.
pub(super) fn index(value: &Value, key: &str) -> Option<usize> {
    usize::try_from(value.get(key)?.as_u64()?).ok()
}

/// Appends to a text under a key, which may not be there yet.
pub(super) fn append(map: &mut Map<String, Value>, key: &str, more: &str) {
    match map.get_mut(key) {
        Some(Value::String(text)) => text.push_str(more),
        _ => {
            map.insert(key.to_owned(), Value::from(more));
        }
    }
}
