//! What the reading of an answer adds to its forwarding: a body of 4 KiB, and a stream event by
//! event.

use std::hint::black_box;

use anyhow::{Context, Result};
use stagegate_signals::{Answer, End, Protocol, Scanner};

use crate::Operation;

/// Events of one stream.
pub(crate) const EVENTS: u32 = 256;

/// A chat completion of 4 KiB, as it comes in one read: a text with some line breaks.
pub(crate) fn json_body() -> Result<Operation> {
    let text = "The quick brown fox jumps over the lazy dog, and then it rests.\\n".repeat(54);
    let body = format!(
        r#"{{"id":"chatcmpl-B9MBs8CjcvOU2jLn4n570S5qMJKcT","object":"chat.completion","created":1741569952,"model":"gpt-4o-2024-08-06","choices":[{{"index":0,"message":{{"role":"assistant","content":"{text}","refusal":null,"annotations":[]}},"logprobs":null,"finish_reason":"stop"}}],"usage":{{"prompt_tokens":19,"completion_tokens":930,"total_tokens":949,"prompt_tokens_details":{{"cached_tokens":0,"audio_tokens":0}},"completion_tokens_details":{{"reasoning_tokens":0,"audio_tokens":0}}}},"service_tier":"default"}}"#
    );
    let answer = answer(b"application/json");
    scanner(&answer)?;
    Ok(Box::new(move || {
        if let Some(mut scanner) = Scanner::new(black_box(&answer)) {
            scanner.feed(black_box(body.as_bytes()));
            black_box(scanner.finish(End::Complete));
        }
    }))
}

/// One event of a chat stream in a read of its own; the stream begins anew every [`EVENTS`].
pub(crate) fn stream_event() -> Result<Operation> {
    let events: Vec<String> = (0..EVENTS)
        .map(|number| {
            format!(
                "data: {{\"id\":\"chatcmpl-B9MBs8CjcvOU2jLn4n570S5qMJKcT\",\"object\":\"chat.completion.chunk\",\"created\":1741569952,\"model\":\"gpt-4o-2024-08-06\",\"system_fingerprint\":\"fp_44709d6fcb\",\"choices\":[{{\"index\":0,\"delta\":{{\"content\":\" word{number}\"}},\"logprobs\":null,\"finish_reason\":null}}],\"usage\":null}}\n\n"
            )
        })
        .collect();
    let answer = answer(b"text/event-stream");
    let mut current = scanner(&answer)?;
    let mut next = 0;
    Ok(Box::new(move || {
        if next == 0
            && let Some(fresh) = Scanner::new(&answer)
        {
            black_box(current.finish(End::Complete));
            current = fresh;
        }
        current.feed(black_box(events[next].as_bytes()));
        next = (next + 1) % events.len();
    }))
}

fn answer(content_type: &'static [u8]) -> Answer<'static> {
    let path = "/v1/chat/completions";
    Answer {
        protocol: Protocol::Auto,
        method: b"POST",
        path,
        resumes: false,
        status: 200,
        content_type,
        content_encoding: b"",
    }
}

fn scanner(answer: &Answer<'_>) -> Result<Scanner> {
    Scanner::new(answer).context("the body is not one that is scanned")
}
