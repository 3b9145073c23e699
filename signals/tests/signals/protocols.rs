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
    for kind in ["text/html", "image/png", "", "application/octet-stream"] {
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
