//! The steps of an agent: the tool calls since the last thing a person said, and what the request
//! says about the tools. Agents send the whole conversation each time, so a sample has both.

use super::Sample;
use serde_json::Value;

/// A tool as the request describes it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Tool<'a> {
    /// Its name.
    pub(crate) name: &'a str,
    /// JSON Schema of its arguments, if there is one.
    pub(crate) schema: Option<&'a Value>,
}

impl Sample {
    /// Names of the tools called since the last message of a person, the answer's own calls last.
    #[must_use]
    pub fn tools_called(&self) -> Vec<&str> {
        let mut names = Vec::new();
        for message in messages(&self.input) {
            if is_person(message) {
                names.clear();
            }
            calls(message, &mut names);
        }
        names.extend(self.tool_calls().iter().map(|call| call.name.as_str()));
        names
    }

    /// The tools that the request offers, of any of the protocols.
    pub(crate) fn tools_offered(&self) -> Vec<Tool<'_>> {
        let tools = self.input.get("tools").and_then(Value::as_array).into_iter().flatten();
        tools.flat_map(offered).collect()
    }
}

fn offered(tool: &Value) -> Vec<Tool<'_>> {
    // Gemini: one entry holds many.
    let many = ["functionDeclarations", "function_declarations"];
    if let Some(Value::Array(list)) = many.iter().find_map(|key| tool.get(key)) {
        return list.iter().filter_map(described).collect();
    }
    // OpenAI chat: one level down.
    described(tool.get("function").unwrap_or(tool)).into_iter().collect()
}

fn described(tool: &Value) -> Option<Tool<'_>> {
    let schema = ["parameters", "input_schema", "parametersJsonSchema"];
    Some(Tool {
        name: tool.get("name")?.as_str()?,
        schema: schema.iter().find_map(|key| tool.get(key)).filter(|value| !value.is_null()),
    })
}

fn messages(input: &Value) -> impl Iterator<Item = &Value> {
    ["messages", "input", "contents"]
        .iter()
        .find_map(|key| input.get(key).and_then(Value::as_array))
        .into_iter()
        .flatten()
}

/// A user's message; results of tools come under the user's name too in two of the protocols.
fn is_person(message: &Value) -> bool {
    let parts = ["content", "parts"].iter().find_map(|key| message.get(key)?.as_array());
    let result = |part: &Value| {
        part.get("type").and_then(Value::as_str) == Some("tool_result")
            || part.get("functionResponse").is_some()
    };
    message.get("role").and_then(Value::as_str) == Some("user")
        && !parts.is_some_and(|parts| parts.iter().any(result))
}

fn calls<'a>(message: &'a Value, names: &mut Vec<&'a str>) {
    let text = |value: &'a Value, key: &str| value.get(key).and_then(Value::as_str);
    let list = |key: &str| message.get(key).and_then(Value::as_array).into_iter().flatten();
    for call in list("tool_calls") {
        names.extend(call.get("function").or(call.get("custom")).and_then(|f| text(f, "name")));
    }
    if matches!(text(message, "type"), Some("function_call" | "custom_tool_call")) {
        names.extend(text(message, "name"));
    }
    for part in list("content").chain(list("parts")) {
        if matches!(text(part, "type"), Some("tool_use" | "server_tool_use")) {
            names.extend(text(part, "name"));
        }
        names.extend(part.get("functionCall").and_then(|call| text(call, "name")));
    }
}
