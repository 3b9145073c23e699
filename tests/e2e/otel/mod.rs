//! Traces as an OpenTelemetry collector gets them, and as endpoints do.

pub(crate) mod collector;
mod context;
mod flags;
mod outages;
mod results;
mod spans;

use crate::harness::{Backend, Exchange};
use collector::Collector;
use serde_json::json;

const TRACE: &str = "4bf92f3577b34da6a3ce929d0e0e4736";
const PARENT: &str = "00f067aa0ba902b7";

/// What no collector may ever see.
const SECRETS: [&str; 6] = [
    "hdr-0123456789-secret",
    "cookie-41-secret",
    "query-secret",
    "prompt-secret",
    "answer-secret",
    "sk-abcdefghijklmnopqrstuvwx0123",
];

/// An agent that answers a chat completion, and says how long its stages took.
fn agent() -> Backend {
    Backend::with("stable", async |exchange: &mut Exchange| {
        exchange.body().await;
        let answer = json!({
            "id": "chatcmpl-77", "object": "chat.completion", "model": "gpt-4o-2024-08-06",
            "choices": [{ "index": 0, "finish_reason": "stop",
                          "message": { "role": "assistant", "content": "answer-secret" } }],
            "usage": { "prompt_tokens": 1200, "completion_tokens": 30,
                       "prompt_tokens_details": { "cached_tokens": 200 } },
        });
        let fields = [
            ("content-type", "application/json"),
            ("server-timing", "retrieval;dur=53.2, llm;dur=812"),
            ("set-cookie", "sid=cookie-41-secret"),
        ];
        exchange.reply("200 OK", &fields, answer.to_string().as_bytes()).await;
    })
}
