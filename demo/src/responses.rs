//! The demo agent's Responses API: it issues the conversation's ids itself, as the real one does.

use crate::agent::{Agent, FOREIGN_HEADER, event_stream, parse, refusal, tokens, unix_now};
use axum::Json;
use axum::extract::State;
use axum::http::{HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use serde_json::{Value, json};
use std::sync::Arc;

/// `POST /v1/responses`.
pub(crate) async fn create(State(agent): State<Arc<Agent>>, body: Bytes) -> Response {
    let request = match parse(&body) {
        Ok(request) => request,
        Err(answer) => return answer,
    };
    if request["input"].is_null() {
        return refusal(StatusCode::BAD_REQUEST, "invalid_request_error", "`input` is required");
    }
    let (number, mut chance) = agent.next();
    agent.think(&mut chance).await;
    if let Some(failure) = agent.failure(&mut chance) {
        return failure;
    }
    let ours = format!("resp_{}_", agent.profile.name);
    let previous = request["previous_response_id"].as_str();
    let words = agent.words(&mut chance);
    let answer = Answer {
        id: format!("{ours}{number}"),
        message: format!("msg_{}_{number}", agent.profile.name),
        model: &agent.profile.model,
        created: unix_now(),
        previous,
        input_tokens: tokens(&request["input"].to_string()),
        words,
    };
    let mut response = if request["stream"] == true {
        event_stream(answer.events(), agent.profile.latency / 8)
    } else {
        Json(answer.object("completed", &answer.output(), &answer.usage())).into_response()
    };
    // A real agent would not know the id at all; the demo goes on and lets the client count it.
    if previous.is_some_and(|id| !id.starts_with(&ours)) {
        response.headers_mut().insert(FOREIGN_HEADER, HeaderValue::from_static("true"));
    }
    response
}

struct Answer<'a> {
    id: String,
    message: String,
    model: &'a str,
    created: u64,
    previous: Option<&'a str>,
    input_tokens: u64,
    words: Vec<String>,
}

impl Answer<'_> {
    fn usage(&self) -> Value {
        let output = self.words.iter().map(|word| tokens(word)).sum::<u64>();
        json!({
            "input_tokens": self.input_tokens,
            "input_tokens_details": { "cached_tokens": 0 },
            "output_tokens": output,
            "output_tokens_details": { "reasoning_tokens": 0 },
            "total_tokens": self.input_tokens + output,
        })
    }

    fn object(&self, status: &str, output: &Value, usage: &Value) -> Value {
        json!({
            "id": self.id,
            "object": "response",
            "created_at": self.created,
            "status": status,
            "error": null,
            "incomplete_details": null,
            "instructions": null,
            "model": self.model,
            "output": output,
            "parallel_tool_calls": true,
            "previous_response_id": self.previous,
            "tool_choice": "auto",
            "tools": [],
            "metadata": {},
            "usage": usage,
        })
    }

    fn item(&self, status: &str, content: &Value) -> Value {
        json!({
            "id": self.message,
            "type": "message",
            "status": status,
            "role": "assistant",
            "content": content,
        })
    }

    fn part(text: &str) -> Value {
        json!({ "type": "output_text", "text": text, "annotations": [] })
    }

    fn output(&self) -> Value {
        json!([self.item("completed", &json!([Self::part(&self.words.concat())]))])
    }

    /// The event sequence of a streamed response, each with its type as the event's name.
    fn events(&self) -> Vec<String> {
        let place = json!({ "item_id": self.message, "output_index": 0, "content_index": 0 });
        let at_place = |extra: Value| merged(&place, extra);
        let text = self.words.concat();
        let begun = self.object("in_progress", &json!([]), &Value::Null);
        let mut events = vec![
            ("response.created", json!({ "response": begun })),
            ("response.in_progress", json!({ "response": begun })),
            (
                "response.output_item.added",
                json!({ "output_index": 0, "item": self.item("in_progress", &json!([])) }),
            ),
            ("response.content_part.added", at_place(json!({ "part": Self::part("") }))),
        ];
        events.extend(
            self.words
                .iter()
                .map(|word| ("response.output_text.delta", at_place(json!({ "delta": word })))),
        );
        let done = self.object("completed", &self.output(), &self.usage());
        events.extend([
            ("response.output_text.done", at_place(json!({ "text": text }))),
            ("response.content_part.done", at_place(json!({ "part": Self::part(&text) }))),
            ("response.output_item.done", json!({ "output_index": 0, "item": self.output()[0] })),
            ("response.completed", json!({ "response": done })),
        ]);
        let numbered = events.into_iter().enumerate().map(|(number, (kind, body))| {
            let data = merged(&body, json!({ "type": kind, "sequence_number": number }));
            format!("event: {kind}\ndata: {data}\n\n")
        });
        numbered.collect()
    }
}

/// The members of two objects in one.
fn merged(base: &Value, extra: Value) -> Value {
    let mut base = base.clone();
    if let (Value::Object(into), Value::Object(more)) = (&mut base, extra) {
        into.extend(more);
    }
    base
}
