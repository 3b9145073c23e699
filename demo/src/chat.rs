//! The demo agent's chat completions: one JSON answer, or server-sent chunks.

use crate::agent::{Agent, event_stream, parse, refusal, tokens, unix_now};
use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use serde_json::{Value, json};
use std::sync::Arc;

/// `POST /v1/chat/completions`.
pub(crate) async fn complete(State(agent): State<Arc<Agent>>, body: Bytes) -> Response {
    let request = match parse(&body) {
        Ok(request) => request,
        Err(answer) => return answer,
    };
    let Some(messages) = request["messages"].as_array() else {
        return refusal(
            StatusCode::BAD_REQUEST,
            "invalid_request_error",
            "`messages` must be an array of messages",
        );
    };
    let (number, mut chance) = agent.next();
    agent.think(&mut chance).await;
    if let Some(failure) = agent.failure(&mut chance) {
        return failure;
    }
    let words = agent.words(&mut chance);
    let prompt = messages.iter().filter_map(|message| message["content"].as_str()).map(tokens);
    let answer = Answer {
        id: format!("chatcmpl-{}-{number}", agent.profile.name),
        model: &agent.profile.model,
        created: unix_now(),
        prompt_tokens: prompt.sum(),
        words,
    };
    if request["stream"] == true {
        let with_usage = request["stream_options"]["include_usage"] == true;
        event_stream(answer.events(with_usage), agent.profile.latency / 8)
    } else {
        Json(answer.whole()).into_response()
    }
}

struct Answer<'a> {
    id: String,
    model: &'a str,
    created: u64,
    prompt_tokens: u64,
    words: Vec<String>,
}

impl Answer<'_> {
    fn usage(&self) -> Value {
        let completion = self.words.iter().map(|word| tokens(word)).sum::<u64>();
        json!({
            "prompt_tokens": self.prompt_tokens,
            "completion_tokens": completion,
            "total_tokens": self.prompt_tokens + completion,
        })
    }

    fn whole(&self) -> Value {
        json!({
            "id": self.id,
            "object": "chat.completion",
            "created": self.created,
            "model": self.model,
            "choices": [{
                "index": 0,
                "message": { "role": "assistant", "content": self.words.concat(), "refusal": null },
                "logprobs": null,
                "finish_reason": "stop",
            }],
            "usage": self.usage(),
        })
    }

    fn events(&self, with_usage: bool) -> Vec<String> {
        let chunk = |choices: Value, usage: Value| {
            let mut chunk = json!({
                "id": self.id,
                "object": "chat.completion.chunk",
                "created": self.created,
                "model": self.model,
                "choices": choices,
            });
            if with_usage {
                chunk["usage"] = usage;
            }
            format!("data: {chunk}\n\n")
        };
        let piece = |delta: Value, finish: Value| json!([{ "index": 0, "delta": delta, "logprobs": null, "finish_reason": finish }]);
        let opening = json!({ "role": "assistant", "content": "" });
        let mut events = vec![chunk(piece(opening, Value::Null), Value::Null)];
        events.extend(
            self.words
                .iter()
                .map(|word| chunk(piece(json!({ "content": word }), Value::Null), Value::Null)),
        );
        events.push(chunk(piece(json!({}), json!("stop")), Value::Null));
        if with_usage {
            events.push(chunk(json!([]), self.usage()));
        }
        events.push("data: [DONE]\n\n".to_owned());
        events
    }
}
