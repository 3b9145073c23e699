//! From each protocol's body to the one [`Message`].

use super::{Choice, Message, ToolCall};
use crate::Protocol;
use serde_json::Value;

impl Message {
    /// Reads a whole body of the protocol, or one put together from its stream.
    #[must_use]
    pub fn of_body(protocol: Protocol, body: &Value) -> Self {
        message(protocol, body)
    }
}

fn message(protocol: Protocol, body: &Value) -> Message {
    let (id, model, usage) = match protocol {
        Protocol::Gemini => ("responseId", "modelVersion", "usageMetadata"),
        _ => ("id", "model", "usage"),
    };
    let some = |key: &str| body.get(key).filter(|value| !value.is_null()).cloned();
    Message {
        protocol,
        id: text(body, id),
        model: text(body, model),
        choices: match protocol {
            Protocol::OpenAiChat => items(body, "choices").map(chat).collect(),
            Protocol::OpenAiResponses => responses(body).into_iter().collect(),
            Protocol::Anthropic => anthropic(body).into_iter().collect(),
            Protocol::Gemini => gemini(body),
        },
        usage: some(usage),
        error: some("error"),
        complete: true,
    }
}

fn text(value: &Value, key: &str) -> Option<String> {
    value.get(key)?.as_str().map(str::to_owned)
}

fn items<'a>(value: &'a Value, key: &str) -> impl Iterator<Item = &'a Value> {
    value.get(key).and_then(Value::as_array).into_iter().flatten()
}

/// Appends to what may not be there yet.
fn append(into: &mut Option<String>, more: Option<&str>) {
    if let Some(more) = more {
        into.get_or_insert_default().push_str(more);
    }
}

/// Arguments that come as text: JSON where they are JSON.
fn arguments(text: &str) -> Value {
    serde_json::from_str(text).unwrap_or_else(|_| Value::from(text))
}

fn chat(choice: &Value) -> Choice {
    let message = choice.get("message").unwrap_or(&Value::Null);
    let content = match message.get("content") {
        Some(Value::String(text)) => text.clone(),
        // Imitators answer in parts, as requests do.
        Some(Value::Array(parts)) => parts.iter().filter_map(|part| text(part, "text")).collect(),
        _ => String::new(),
    };
    let mut tool_calls: Vec<ToolCall> =
        items(message, "tool_calls").filter_map(chat_call).collect();
    // The form before `tool_calls`.
    tool_calls.extend(message.get("function_call").and_then(chat_function));
    Choice {
        text: content,
        refusal: text(message, "refusal"),
        // Not OpenAI's own: DeepSeek's, vLLM's and OpenRouter's names.
        thinking: text(message, "reasoning_content").or_else(|| text(message, "reasoning")),
        tool_calls,
        finish_reason: text(choice, "finish_reason"),
    }
}

fn chat_call(call: &Value) -> Option<ToolCall> {
    let named = match call.get("custom") {
        Some(custom) => ToolCall {
            id: None,
            name: text(custom, "name")?,
            arguments: Value::from(text(custom, "input").unwrap_or_default()),
        },
        None => chat_function(call.get("function")?)?,
    };
    Some(ToolCall { id: text(call, "id"), ..named })
}

fn chat_function(function: &Value) -> Option<ToolCall> {
    let given = function.get("arguments").and_then(Value::as_str).unwrap_or("");
    Some(ToolCall { id: None, name: text(function, "name")?, arguments: arguments(given) })
}

fn responses(body: &Value) -> Option<Choice> {
    let mut choice = Choice::default();
    body.get("output")?.as_array()?;
    for item in items(body, "output") {
        match item.get("type").and_then(Value::as_str) {
            Some("message") => {
                for part in items(item, "content") {
                    choice.text.push_str(part.get("text").and_then(Value::as_str).unwrap_or(""));
                    append(&mut choice.refusal, part.get("refusal").and_then(Value::as_str));
                }
            }
            Some("function_call") => {
                let given = item.get("arguments").and_then(Value::as_str).unwrap_or("");
                choice.tool_calls.extend(text(item, "name").map(|name| ToolCall {
                    id: text(item, "call_id"),
                    name,
                    arguments: arguments(given),
                }));
            }
            Some("custom_tool_call") => {
                choice.tool_calls.extend(text(item, "name").map(|name| ToolCall {
                    id: text(item, "call_id"),
                    name,
                    arguments: Value::from(text(item, "input").unwrap_or_default()),
                }));
            }
            Some("reasoning") => {
                for part in items(item, "summary").chain(items(item, "content")) {
                    append(&mut choice.thinking, part.get("text").and_then(Value::as_str));
                }
            }
            _ => {}
        }
    }
    let why = body.pointer("/incomplete_details/reason").and_then(Value::as_str);
    choice.finish_reason = why.map(str::to_owned).or_else(|| text(body, "status"));
    Some(choice)
}

fn anthropic(body: &Value) -> Option<Choice> {
    let mut choice = Choice::default();
    body.get("content")?.as_array()?;
    for block in items(body, "content") {
        match block.get("type").and_then(Value::as_str) {
            Some("text") => {
                choice.text.push_str(block.get("text").and_then(Value::as_str).unwrap_or(""));
            }
            Some("thinking") => {
                append(&mut choice.thinking, block.get("thinking").and_then(Value::as_str));
            }
            Some("tool_use" | "server_tool_use" | "mcp_tool_use") => {
                choice.tool_calls.extend(text(block, "name").map(|name| ToolCall {
                    id: text(block, "id"),
                    name,
                    arguments: block.get("input").cloned().unwrap_or_default(),
                }));
            }
            _ => {}
        }
    }
    choice.finish_reason = text(body, "stop_reason");
    if choice.finish_reason.as_deref() == Some("refusal") {
        choice.refusal = Some(choice.text.clone());
    }
    Some(choice)
}

fn gemini(body: &Value) -> Vec<Choice> {
    let blocked = || {
        let reason = body.pointer("/promptFeedback/blockReason")?.as_str()?;
        Some(Choice { finish_reason: Some(reason.to_owned()), ..Choice::default() })
    };
    let choices: Vec<_> = items(body, "candidates").map(gemini_candidate).collect();
    if choices.is_empty() { blocked().into_iter().collect() } else { choices }
}

fn gemini_candidate(candidate: &Value) -> Choice {
    let mut choice = Choice::default();
    for part in candidate.get("content").into_iter().flat_map(|content| items(content, "parts")) {
        let said = part.get("text").and_then(Value::as_str);
        if part.get("thought").and_then(Value::as_bool) == Some(true) {
            append(&mut choice.thinking, said);
        } else {
            choice.text.push_str(said.unwrap_or(""));
        }
        if let Some(call) = part.get("functionCall") {
            choice.tool_calls.extend(text(call, "name").map(|name| ToolCall {
                id: text(call, "id"),
                name,
                arguments: call.get("args").cloned().unwrap_or_default(),
            }));
        }
    }
    choice.finish_reason = text(candidate, "finishReason");
    choice
}
