//! Each protocol's own figures, from bodies and from streams.

use crate::bodies::{self, JSON, SSE, answer, scan};
use stagegate_signals::{Answer, Part, Parts, Protocol, Usage};

const fn usage(input: u64, read: u64, write: u64, output: u64, reasoning: u64) -> Usage {
    let parts = Parts::NONE;
    Usage { input, cache_read: read, cache_write: write, output, reasoning, parts }
}

#[test]
fn five_protocols_say_what_they_used_in_bodies_and_in_streams() {
    let expected = [
        ("chat", Protocol::OpenAiChat, usage(86, 1920, 0, 300, 192), "gpt-4o-2024-08-06"),
        ("chat stream", Protocol::OpenAiChat, usage(15, 4, 0, 10, 3), "gpt-4o-mini"),
        ("responses", Protocol::OpenAiResponses, usage(24, 12, 0, 87, 20), "gpt-4.1-2025-04-14"),
        (
            "responses stream",
            Protocol::OpenAiResponses,
            usage(7, 30, 0, 11, 5),
            "gpt-4.1-2025-04-14",
        ),
        (
            "messages",
            Protocol::Anthropic,
            Usage {
                parts: Parts::NONE.with(Part::CacheWrite5m, 400),
                ..usage(2095, 1600, 400, 503, 0)
            },
            "claude-sonnet-4-5-20250929",
        ),
        (
            "messages stream",
            Protocol::Anthropic,
            usage(25, 100, 8, 15, 0),
            "claude-sonnet-4-5-20250929",
        ),
        ("gemini", Protocol::Gemini, usage(64, 200, 0, 86, 54), "gemini-2.5-pro"),
        ("gemini stream", Protocol::Gemini, usage(11, 0, 0, 16, 7), "gemini-2.5-flash"),
        (
            "converse",
            Protocol::Bedrock,
            usage(30, 90, 10, 628, 0),
            "anthropic.claude-sonnet-4-5-20250929-v1:0",
        ),
        (
            "converse stream",
            Protocol::Bedrock,
            usage(12, 5, 0, 34, 0),
            "anthropic.claude-sonnet-4-5-20250929-v1:0",
        ),
    ];
    for ((name, answer, body), (expected_name, protocol, usage, model)) in
        bodies::all().into_iter().zip(expected)
    {
        assert_eq!(name, expected_name);
        for configured in [Protocol::Auto, protocol] {
            let seen = scan(&Answer { protocol: configured, ..answer }, &body);
            assert_eq!(seen.usage, Some(usage), "{name}");
            assert_eq!(seen.protocol, protocol, "{name}");
            assert_eq!(seen.model(), Some(model), "{name}");
            assert!(seen.is_final && !seen.unreadable, "{name}");
            assert_eq!(seen.failure, None, "{name}");
        }
        // The shape tells, where the path does not.
        let elsewhere = scan(&Answer { path: "/agent/run", ..answer }, &body);
        assert_eq!((elsewhere.protocol, elsewhere.usage), (protocol, Some(usage)), "{name}");
    }
}

#[test]
fn ids_of_responses_are_found() {
    let id = |body: &str, kind| {
        scan(&answer("/", kind), body.as_bytes()).response_id().map(str::to_owned)
    };
    assert_eq!(id(bodies::RESPONSES_STREAM, SSE).as_deref(), Some("resp_1"));
    assert_eq!(id(bodies::CHAT_STREAM, SSE).as_deref(), Some("chatcmpl-123"));
    assert_eq!(id(bodies::GEMINI, JSON).as_deref(), Some("vVn-Z5j2NP-z1dkP"));
}

#[test]
fn gemini_streams_without_sse_are_arrays() {
    let array = bodies::GEMINI_STREAM.replace("data: ", "").replace("\r\n\r\n", ",\n");
    let seen = scan(&answer("/x:streamGenerateContent", JSON), format!("[{array}]").as_bytes());
    assert_eq!(seen.usage, Some(usage(11, 0, 0, 16, 7)));
    assert!(seen.is_final);
}

#[test]
fn what_carries_no_signals_is_not_scanned() {
    use stagegate_signals::Scanner;
    for kind in ["text/css", "image/png", "application/octet-stream"] {
        assert!(Scanner::new(&answer("/v1/messages", kind.as_bytes())).is_none(), "{kind}");
    }
    let plain = Answer { protocol: Protocol::Plain, ..answer("/v1/messages", JSON) };
    assert!(Scanner::new(&plain).is_none());
}

#[test]
fn an_answer_without_usage_has_none() {
    let bare = r#"{"id":"chatcmpl-1","model":"gpt-4o","choices":[{"message":{"content":"\"usage\":{}"}}]}"#;
    let seen = scan(&answer("/v1/chat/completions", JSON), bare.as_bytes());
    assert_eq!((seen.usage, seen.model()), (None, Some("gpt-4o")));
    assert_eq!(seen.protocol, Protocol::OpenAiChat);
    let agent = scan(&answer("/support", JSON), br#"{"reply":"hello","usage":"none"}"#);
    assert_eq!((agent.usage, agent.model(), agent.protocol), (None, None, Protocol::Auto));
}

#[test]
fn usage_in_odd_places_is_found() {
    let chunk = r#"{"id":"c","object":"chat.completion.chunk","model":"m","choices":[{"index":0,"delta":{"content":"hi"}}]}"#;
    let stream = |last: &str| format!("data: {chunk}\n\ndata: {last}\n\ndata: [DONE]\n\n");
    let used = r#"{"prompt_tokens":7,"completion_tokens":3,"total_tokens":10}"#;
    for (path, media, body) in [
        (
            "/v1/chat/completions",
            SSE,
            stream(&format!(r#"{{"choices":[{{"index":0,"delta":{{}},"finish_reason":"stop","usage":{used}}}]}}"#)),
        ),
        ("/v1/chat/completions", SSE, stream(&format!(r#"{{"choices":[],"x_groq":{{"usage":{used}}}}}"#))),
        (
            "/v1/chat/completions",
            SSE,
            format!("\u{feff}data: {{\"model\":\"m\",\"choices\":[],\"usage\":{used}}}\n\ndata: [DONE]\n\n"),
        ),
        ("/v1/chat/completions", JSON, format!("\u{feff}{{\"model\":\"m\",\"usage\":{used}}}")),
        (
            "/api/chat",
            JSON,
            "{\"model\":\"m\",\"done\":false}\n{\"model\":\"m\",\"done\":true,\"prompt_eval_count\":7,\"eval_count\":3}\n".to_owned(),
        ),
        (
            "/v2/chat",
            JSON,
            r#"{"id":"c","usage":{"billed_units":{"input_tokens":7,"output_tokens":3},"tokens":{"input_tokens":90,"output_tokens":5}}}"#.to_owned(),
        ),
        (
            "/v2/chat",
            SSE,
            concat!(
                "event: message-start\ndata: {\"id\":\"c\",\"type\":\"message-start\",\"delta\":{\"message\":{\"role\":\"assistant\"}}}\n\n",
                "event: message-end\ndata: {\"type\":\"message-end\",\"delta\":{\"finish_reason\":\"COMPLETE\",\"usage\":{\"billed_units\":{\"input_tokens\":7,\"output_tokens\":3},\"tokens\":{\"input_tokens\":90,\"output_tokens\":5}}}}\n\n",
            )
            .to_owned(),
        ),
        // Cloudflare's Workers AI, and a sequence of texts (RFC 7464).
        (
            "/client/v4/accounts/a/ai/run/m",
            JSON,
            format!(r#"{{"result":{{"response":"hi","usage":{used}}},"success":true,"errors":[]}}"#),
        ),
        (
            "/agent/run",
            &b"application/json-seq"[..],
            format!("\u{1e}{{\"delta\":\"hi\"}}\n\u{1e}{{\"usage\":{used}}}\n"),
        ),
    ] {
        let answer = answer(path, media);
        for cut in 0..body.len() {
            let pieces = [&body.as_bytes()[..cut], &body.as_bytes()[cut..]];
            let seen = bodies::scan_pieces(&answer, pieces, stagegate_signals::End::Complete);
            assert_eq!(seen.usage, Some(usage(7, 0, 0, 3, 0)), "{path} cut at {cut}: {body}");
            assert!(seen.is_final, "{path} cut at {cut}: {body}");
        }
    }
}

#[test]
fn models_behind_bedrocks_invocation_say_it_in_their_own_words_or_in_its() {
    let path = "/model/anthropic.claude-3-5-sonnet-20240620-v1:0/invoke-with-response-stream";
    let chunk = |text: &str| {
        let headers = [(":message-type", "event"), (":event-type", "chunk")];
        bodies::frame(&headers, &format!(r#"{{"bytes":"{text}","p":"abc"}}"#))
    };
    let own = [
        "eyJ0eXBlIjoibWVzc2FnZV9zdGFydCIsIm1lc3NhZ2UiOnsibW9kZWwiOiJjbGF1ZGUtMy01LXNvbm5ldCIsInVzYWdlIjp7ImlucHV0X3Rva2VucyI6Nywib3V0cHV0X3Rva2VucyI6MX19fQ==",
        "eyJ0eXBlIjoibWVzc2FnZV9kZWx0YSIsInVzYWdlIjp7Im91dHB1dF90b2tlbnMiOjN9fQ==",
        "eyJ0eXBlIjoibWVzc2FnZV9zdG9wIiwiYW1hem9uLWJlZHJvY2staW52b2NhdGlvbk1ldHJpY3MiOnsiaW5wdXRUb2tlbkNvdW50Ijo3LCJvdXRwdXRUb2tlbkNvdW50IjozfX0=",
    ];
    let its = "eyJnZW5lcmF0aW9uIjoiIiwiYW1hem9uLWJlZHJvY2staW52b2NhdGlvbk1ldHJpY3MiOnsiaW5wdXRUb2tlbkNvdW50Ijo3LCJvdXRwdXRUb2tlbkNvdW50IjozfX0=";
    for body in [own.map(chunk).concat(), chunk(its)] {
        let answer = answer(path, bodies::BINARY);
        for cut in (0..body.len()).step_by(7) {
            let pieces = [&body[..cut], &body[cut..]];
            let seen = bodies::scan_pieces(&answer, pieces, stagegate_signals::End::Complete);
            assert_eq!(seen.usage, Some(usage(7, 0, 0, 3, 0)), "cut at {cut}");
            assert!(seen.is_final && seen.model().is_some_and(|it| it.contains("claude")));
        }
    }
}
