//! Anthropic messages: blocks by index, tool inputs from pieces of JSON, usage by the last word.

use super::fold::{Fold, append, index, text};
use super::partial;
use serde_json::{Map, Value};
use std::collections::BTreeMap;

#[derive(Default)]
pub(super) struct Anthropic {
    message: Option<Map<String, Value>>,
    blocks: Vec<Map<String, Value>>,
    /// Pieces of tool input, by block.
    inputs: BTreeMap<usize, String>,
    stopped: bool,
}

impl Fold for Anthropic {
    fn event(&mut self, mut event: Value) {
        let Some(kind) = text(&event, "type").map(str::to_owned) else { return };
        let mut take = |key: &str| match event.get_mut(key).map(Value::take) {
            Some(Value::Object(map)) => Some(map),
            _ => None,
        };
        match kind.as_str() {
            "message_start" if self.message.is_none() => {
                let mut message = take("message");
                let content = message.as_mut().and_then(|message| message.remove("content"));
                if let Some(Value::Array(blocks)) = content {
                    self.blocks = blocks.into_iter().filter_map(object).collect();
                }
                self.message = message;
            }
            "content_block_start" => self.blocks.extend(take("content_block")),
            "content_block_delta" => {
                let delta = take("delta");
                if let (Some(at), Some(delta)) = (index(&event, "index"), delta) {
                    self.delta(at, delta);
                }
            }
            "message_delta" => {
                let (delta, usage) = (take("delta"), take("usage"));
                self.end(delta, usage);
            }
            "message_stop" => self.stopped = true,
            _ => {}
        }
    }

    fn finish(mut self: Box<Self>, _done: bool) -> (Value, bool) {
        let Some(mut message) = self.message else { return (Value::Null, false) };
        for (at, json) in self.inputs {
            if let Some(block) = self.blocks.get_mut(at)
                && let Some(input) = partial::parse(&json)
            {
                block.insert("input".to_owned(), input);
            }
        }
        let blocks = self.blocks.into_iter().map(Value::Object);
        message.insert("content".to_owned(), blocks.collect());
        (Value::Object(message), self.stopped)
    }
}

fn object(value: Value) -> Option<Map<String, Value>> {
    match value {
        Value::Object(map) => Some(map),
        _ => None,
    }
}

impl Anthropic {
    fn delta(&mut self, at: usize, mut delta: Map<String, Value>) {
        let Some(block) = self.blocks.get_mut(at) else { return };
        let is = |kind: &[&str]| {
            block.get("type").and_then(Value::as_str).is_some_and(|own| kind.contains(&own))
        };
        let piece = |key: &str| delta.get(key).and_then(Value::as_str).unwrap_or("").to_owned();
        match delta.get("type").and_then(Value::as_str) {
            Some("text_delta") if is(&["text"]) => append(block, "text", &piece("text")),
            Some("thinking_delta") if is(&["thinking"]) => {
                append(block, "thinking", &piece("thinking"));
            }
            Some("signature_delta") if is(&["thinking"]) => {
                block.insert("signature".to_owned(), Value::from(piece("signature")));
            }
            Some("input_json_delta") if is(&["tool_use", "server_tool_use", "mcp_tool_use"]) => {
                self.inputs.entry(at).or_default().push_str(&piece("partial_json"));
            }
            Some("citations_delta") if is(&["text"]) => {
                let citation = delta.remove("citation").unwrap_or_default();
                match block.get_mut("citations") {
                    Some(Value::Array(list)) => list.push(citation),
                    _ => {
                        block.insert("citations".to_owned(), Value::Array(vec![citation]));
                    }
                }
            }
            _ => {}
        }
    }

    fn end(&mut self, delta: Option<Map<String, Value>>, usage: Option<Map<String, Value>>) {
        let Some(message) = &mut self.message else { return };
        for (key, value) in delta.into_iter().flatten() {
            if key != "container" || !value.is_null() {
                message.insert(key, value);
            }
        }
        // Totals, so they replace; what a later event leaves out keeps its first value.
        let held = message.entry("usage").or_insert_with(|| Value::Object(Map::new()));
        if let Value::Object(held) = held {
            held.extend(usage.into_iter().flatten().filter(|(_, value)| !value.is_null()));
        }
    }
}
