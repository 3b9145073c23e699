//! OpenAI Responses: the last event carries the whole answer; where it is missing, what the deltas
//! and finished items give.

use super::fold::{Fold, append, index, text};
use serde_json::{Map, Value};
use std::collections::BTreeMap;

#[derive(Default)]
pub(super) struct Responses {
    snapshot: Option<Map<String, Value>>,
    /// Items as far as they came, by place; finished ones replace what deltas built.
    items: BTreeMap<usize, Value>,
    ended: bool,
}

impl Fold for Responses {
    fn event(&mut self, mut event: Value) {
        let Some(kind) = text(&event, "type").map(str::to_owned) else { return };
        match kind.as_str() {
            "response.created"
            | "response.queued"
            | "response.in_progress"
            | "response.completed"
            | "response.failed"
            | "response.incomplete" => {
                let response = event.get_mut("response").map(Value::take);
                let last = !matches!(
                    kind.as_str(),
                    "response.created" | "response.queued" | "response.in_progress"
                );
                if let Some(Value::Object(response)) = response
                    && (last || self.snapshot.is_none())
                {
                    self.snapshot = Some(response);
                    self.ended = last;
                }
            }
            "response.output_item.added" | "response.output_item.done" => {
                let item = event.get_mut("item").map(Value::take).filter(Value::is_object);
                if let (Some(at), Some(item)) = (index(&event, "output_index"), item) {
                    self.items.insert(at, item);
                }
            }
            "response.content_part.added" => self.part(&mut event, "content", "content_index"),
            "response.reasoning_summary_part.added" => {
                self.part(&mut event, "summary", "summary_index");
            }
            "response.output_text.delta" => self.delta(&event, "content", "content_index", "text"),
            "response.refusal.delta" => self.delta(&event, "content", "content_index", "refusal"),
            "response.reasoning_text.delta" => {
                self.delta(&event, "content", "content_index", "text");
            }
            "response.reasoning_summary_text.delta" => {
                self.delta(&event, "summary", "summary_index", "text");
            }
            "response.function_call_arguments.delta" => self.grow(&event, "arguments"),
            "response.custom_tool_call_input.delta" => self.grow(&event, "input"),
            _ => {}
        }
    }

    fn finish(self: Box<Self>, _done: bool) -> (Value, bool) {
        if self.snapshot.is_none() && self.items.is_empty() {
            return (Value::Null, false);
        }
        let mut body = self.snapshot.unwrap_or_default();
        let told = body.get("output").and_then(Value::as_array);
        // An answer that failed may leave out what it had said.
        let whole = told.is_some_and(|told| !told.is_empty() || self.items.is_empty());
        if !(self.ended && whole) {
            body.insert("output".to_owned(), self.items.into_values().collect());
        }
        (Value::Object(body), self.ended)
    }
}

impl Responses {
    fn item(&mut self, event: &Value) -> Option<&mut Map<String, Value>> {
        self.items.get_mut(&index(event, "output_index")?)?.as_object_mut()
    }

    fn part(&mut self, event: &mut Value, list: &str, _place: &str) {
        let Some(part) = event.get_mut("part").map(Value::take) else { return };
        let Some(item) = self.item(event) else { return };
        match item.get_mut(list) {
            Some(Value::Array(parts)) => parts.push(part),
            _ => {
                item.insert(list.to_owned(), Value::Array(vec![part]));
            }
        }
    }

    fn delta(&mut self, event: &Value, list: &str, place: &str, key: &str) {
        let (Some(at), Some(more)) = (index(event, place), text(event, "delta")) else { return };
        let part = self.item(event).and_then(|item| item.get_mut(list)?.get_mut(at));
        if let Some(Value::Object(part)) = part {
            append(part, key, more);
        }
    }

    fn grow(&mut self, event: &Value, key: &str) {
        let Some(more) = text(event, "delta") else { return };
        if let Some(item) = self.item(event) {
            append(item, key, more);
        }
    }
}
