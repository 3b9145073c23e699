//! Gemini: each chunk is a whole response with the next parts of its candidates.

use super::fold::{Fold, index};
use serde_json::{Map, Value};
use std::collections::BTreeMap;

#[derive(Default)]
pub(super) struct Gemini {
    body: Map<String, Value>,
    candidates: BTreeMap<usize, Map<String, Value>>,
}

impl Fold for Gemini {
    fn event(&mut self, event: Value) {
        match event {
            Value::Object(chunk) => self.chunk(chunk),
            // Without `alt=sse` the stream is one array.
            Value::Array(chunks) => chunks.into_iter().for_each(|chunk| self.event(chunk)),
            _ => {}
        }
    }

    fn finish(mut self: Box<Self>, _done: bool) -> (Value, bool) {
        if self.body.is_empty() && self.candidates.is_empty() {
            return (Value::Null, false);
        }
        let said_why = |candidate: &Map<String, Value>| candidate.contains_key("finishReason");
        let blocked = self.body.contains_key("promptFeedback") && self.candidates.is_empty();
        let ended = self.candidates.values().all(said_why) && !self.candidates.is_empty();
        if !self.candidates.is_empty() {
            let candidates = self.candidates.into_values().map(Value::Object);
            self.body.insert("candidates".to_owned(), candidates.collect());
        }
        (Value::Object(self.body), ended || blocked)
    }
}

/// Bodies come as they are, or as an array of chunks.
pub(crate) fn of_array(chunks: Vec<Value>) -> Option<(Value, bool)> {
    let mut fold = Box::<Gemini>::default();
    chunks.into_iter().for_each(|chunk| fold.event(chunk));
    let (body, complete) = fold.finish(false);
    (!body.is_null()).then_some((body, complete))
}

impl Gemini {
    fn chunk(&mut self, mut chunk: Map<String, Value>) {
        if let Some(Value::Array(candidates)) = chunk.remove("candidates") {
            for candidate in candidates {
                let at = index(&candidate, "index").unwrap_or(0);
                if let Value::Object(candidate) = candidate {
                    self.candidate(at, candidate);
                }
            }
        }
        // Totals and names: the last word counts.
        self.body.extend(chunk.into_iter().filter(|(_, value)| !value.is_null()));
    }

    fn candidate(&mut self, at: usize, mut candidate: Map<String, Value>) {
        let held = self.candidates.entry(at).or_default();
        if let Some(Value::Object(mut content)) = candidate.remove("content") {
            let parts = content.remove("parts");
            let whole = held.entry("content").or_insert_with(|| Value::Object(Map::new()));
            if let Value::Object(whole) = whole {
                whole.extend(content);
                let list = whole.entry("parts").or_insert_with(|| Value::Array(Vec::new()));
                if let (Value::Array(list), Some(Value::Array(parts))) = (list, parts) {
                    parts.into_iter().for_each(|part| push(list, part));
                }
            }
        }
        held.extend(candidate.into_iter().filter(|(_, value)| !value.is_null()));
    }
}

/// Appends text to the part before it if that is text of the same kind.
fn push(parts: &mut Vec<Value>, part: Value) {
    let only_text = |part: &Value| {
        part.as_object().is_some_and(|map| map.keys().all(|key| key == "text" || key == "thought"))
    };
    let thought = |part: &Value| part.get("thought").and_then(Value::as_bool).unwrap_or(false);
    if let (Some(last), Some(more)) = (parts.last_mut(), part.get("text").and_then(Value::as_str))
        && only_text(last)
        && only_text(&part)
        && thought(last) == thought(&part)
        && let Some(Value::String(text)) = last.get_mut("text")
    {
        text.push_str(more);
        return;
    }
    parts.push(part);
}
