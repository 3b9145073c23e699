//! Tests of what a price depends on beside tokens: cache lifetimes, tiers, tools, names, and the
//! number of answers.

use crate::bodies::{self, BINARY, JSON, SSE, answer, event, scan};
use stagegate_rollout::{CostTruth, Unpriced};
use stagegate_signals::{
    Answer, Cost, Part, Passed, Prices, Protocol, Signals, Tariff, Tier, Usage, explain,
};
use std::sync::{Arc, LazyLock, Mutex};

/// 2026-11-22 12:00:00 UTC.
const NOW: u64 = 1_795_348_800;
const CHAT: &str = "/v1/chat/completions";

static TARIFF: LazyLock<Mutex<Tariff>> =
    LazyLock::new(|| Mutex::new(Tariff::new(Arc::new(Prices::builtin()))));

fn cost(signals: &Signals) -> Option<Cost> {
    let mut tariff = TARIFF.lock().expect("no panic before");
    Cost::of(Some(signals), None, 200, Passed::default(), |wanted| tariff.rates(wanted, NOW))
}

/// Dollars, where they are known.
fn dollars(signals: &Signals) -> Option<f64> {
    cost(signals)?.nanos.map(|nanos| nanos as f64 / 1e9)
}

#[track_caller]
fn costs(signals: &Signals, expected: f64) {
    let seen = dollars(signals).expect("a known cost");
    assert!((seen - expected).abs() <= expected * 1e-6 + 1e-9, "{seen} is not {expected}");
}

fn json(path: &str, body: &str) -> Signals {
    scan(&answer(path, JSON), body.as_bytes())
}

fn sse(path: &str, events: &[&str]) -> Signals {
    let body: String = events.iter().map(|event| format!("data: {event}\n\n")).collect();
    scan(&answer(path, SSE), body.as_bytes())
}

#[test]
fn reasoning_beside_the_completion_is_billed_as_within_it() {
    let usage = |completion: u32| {
        format!(
            r#"{{"prompt_tokens":32,"completion_tokens":{completion},"total_tokens":135,"prompt_tokens_details":{{"cached_tokens":6}},"completion_tokens_details":{{"reasoning_tokens":94}}}}"#
        )
    };
    let expected = (26.0 * 0.3 + 6.0 * 0.075 + 103.0 * 0.5) / 1e6;
    for usage in [usage(9), usage(103)] {
        let whole = json(CHAT, &format!(r#"{{"model":"grok-3-mini","usage":{usage}}}"#));
        let last = format!(r#"{{"model":"grok-3-mini","choices":[],"usage":{usage}}}"#);
        let stream = sse(CHAT, &[r#"{"model":"grok-3-mini","choices":[{}]}"#, &last, "[DONE]"]);
        for seen in [whole, stream] {
            let used = seen.usage.expect("usage");
            assert_eq!((used.output, used.reasoning, seen.is_final), (103, 94, true));
            costs(&seen, expected);
        }
    }
}

#[test]
fn cache_writes_cost_by_their_life() {
    let expected =
        |five: f64, hour: f64| (100.0 * 3.0 + five * 3.75 + hour * 6.0 + 48.0 * 15.0) / 1e6;
    for (five, hour) in [(350, 11_000), (11_350, 0), (0, 11_350)] {
        let usage = |output: u32| {
            format!(
                r#"{{"input_tokens":100,"cache_creation_input_tokens":11350,"cache_read_input_tokens":0,"output_tokens":{output},"cache_creation":{{"ephemeral_5m_input_tokens":{five},"ephemeral_1h_input_tokens":{hour}}}}}"#
            )
        };
        let message = |usage: &str| {
            format!(
                r#"{{"id":"msg_1","type":"message","model":"claude-sonnet-4-5-20250929","usage":{usage}}}"#
            )
        };
        let whole = json("/v1/messages", &message(&usage(48)));
        let start = format!(r#"{{"type":"message_start","message":{}}}"#, message(&usage(1)));
        let delta = r#"{"type":"message_delta","delta":{},"usage":{"output_tokens":48}}"#;
        for seen in [whole, sse("/v1/messages", &[&start, delta])] {
            assert_eq!(seen.usage.map(|used| used.cache_write), Some(11_350));
            costs(&seen, expected(f64::from(five), f64::from(hour)));
        }
    }
    let details = r#"{"usage":{"inputTokens":100,"outputTokens":48,"totalTokens":11498,"cacheReadInputTokens":0,"cacheWriteInputTokens":11350,"cacheDetails":[{"ttl":"1h","inputTokens":11000},{"ttl":"5m","inputTokens":350}]}}"#;
    let path = "/model/anthropic.claude-sonnet-4-5-20250929-v1%3A0/converse";
    let whole = json(path, details);
    let stream = scan(&answer(path, BINARY), &event("metadata", details));
    for seen in [whole, stream] {
        let used = seen.usage.expect("usage");
        assert_eq!((used.part(Part::CacheWrite1h), used.part(Part::CacheWrite5m)), (11_000, 350));
    }
}

#[test]
fn tiers_have_their_own_prices_in_every_protocol() {
    for (tier, input, output) in
        [("default", 1.25, 10.0), ("flex", 0.625, 5.0), ("auto", 1.25, 10.0), ("scale", 1.25, 10.0)]
    {
        let expected = (1000.0 * input + 200.0 * output) / 1e6;
        let chat = format!(
            r#"{{"model":"gpt-5","usage":{{"prompt_tokens":1000,"completion_tokens":200,"total_tokens":1200}},"service_tier":"{tier}"}}"#
        );
        let response = format!(
            r#"{{"id":"resp_1","model":"gpt-5","service_tier":"{tier}","status":"completed","usage":{{"input_tokens":1000,"input_tokens_details":{{"cached_tokens":0}},"output_tokens":200}}}}"#
        );
        let completed = format!(r#"{{"type":"response.completed","response":{response}}}"#);
        for seen in [
            json(CHAT, &chat),
            sse(CHAT, &[r#"{"model":"gpt-5"}"#, &chat]),
            json("/v1/responses", &response),
            sse("/v1/responses", &[&completed]),
        ] {
            costs(&seen, expected);
        }
    }
    let batch = r#"{"type":"message","model":"claude-sonnet-4-5-20250929","usage":{"input_tokens":1000,"output_tokens":100,"service_tier":"batch"}}"#;
    costs(&json("/v1/messages", batch), 0.0045 / 2.0);
    let gemini = r#"{"usageMetadata":{"promptTokenCount":10,"candidatesTokenCount":1,"totalTokenCount":11,"trafficType":"ON_DEMAND_FLEX"},"modelVersion":"gemini-2.5-pro"}"#;
    assert_eq!(json("/x:generateContent", gemini).tier, Tier::Flex);
    let converse =
        r#"{"usage":{"inputTokens":1,"outputTokens":1},"serviceTier":{"type":"priority"}}"#;
    assert_eq!(json("/model/m/converse", converse).tier, Tier::Priority);
    let metadata = scan(&answer("/model/m/converse-stream", BINARY), &event("metadata", converse));
    assert_eq!(metadata.tier, Tier::Priority);
}

#[test]
fn tools_of_the_provider_cost_by_the_call() {
    let message = r#"{"type":"message","model":"claude-sonnet-4-5-20250929","usage":{"input_tokens":1000,"output_tokens":100,"server_tool_use":{"web_search_requests":3}}}"#;
    costs(&json("/v1/messages", message), 0.0045 + 3.0 * 0.01);
    let response = r#"{"id":"resp_1","model":"gpt-5","status":"completed","output":[{"type":"web_search_call","status":"completed","action":{"type":"search"}},{"type":"web_search_call","action":{"type":"open_page"}},{"type":"file_search_call"},{"type":"code_interpreter_call"}],"usage":{"input_tokens":1000,"input_tokens_details":{"cached_tokens":0},"output_tokens":200}}"#;
    let completed = format!(r#"{{"type":"response.completed","response":{response}}}"#);
    for seen in [json("/v1/responses", response), sse("/v1/responses", &[&completed])] {
        let used = seen.usage.expect("usage");
        let part = |part| used.part(part);
        assert_eq!((part(Part::WebSearches), part(Part::FileSearches)), (1, 1));
        let tokens = (1000.0 * 1.25 + 200.0 * 10.0) / 1e6;
        assert!(dollars(&seen).is_some_and(|dollars| dollars > tokens + 0.01), "{seen:?}");
    }
}

#[test]
fn modalities_are_told_apart() {
    let realtime = r#"{"type":"response.done","response":{"id":"resp_1","status":"completed","usage":{"total_tokens":253,"input_tokens":132,"output_tokens":121,"input_token_details":{"text_tokens":119,"audio_tokens":13,"cached_tokens":64,"cached_tokens_details":{"text_tokens":60,"audio_tokens":4}},"output_token_details":{"text_tokens":30,"audio_tokens":91}}}}"#;
    let used = sse("/v1/realtime", &[realtime]).usage.expect("usage");
    let part = |part| used.part(part);
    assert_eq!((used.input, used.cache_read, used.output), (68, 64, 121));
    assert_eq!(
        (part(Part::AudioInput), part(Part::AudioRead), part(Part::AudioOutput)),
        (9, 4, 91)
    );
    let body = |audio: u32| {
        format!(
            r#"{{"usageMetadata":{{"promptTokenCount":1000,"candidatesTokenCount":100,"totalTokenCount":1100,"promptTokensDetails":[{{"modality":"TEXT","tokenCount":{}}},{{"modality":"AUDIO","tokenCount":{audio}}}]}},"modelVersion":"gemini-2.5-flash"}}"#,
            1000 - audio
        )
    };
    let path = "/v1beta/models/gemini-2.5-flash:generateContent";
    let (text, audio) = (json(path, &body(0)), json(path, &body(1000)));
    costs(&text, 0.00055);
    costs(&audio, (1000.0 * 1.0 + 100.0 * 2.5) / 1e6);
}

#[test]
fn a_model_is_named_late_or_by_the_path() {
    let filter = r#"{"id":"","model":"","choices":[],"prompt_filter_results":[{}]}"#;
    let chunk = r#"{"id":"c","model":"gpt-4o-2024-08-06","choices":[{"delta":{"content":"a"}}]}"#;
    for events in [&[filter, chunk, chunk][..], &[filter, filter, filter, chunk], &[chunk]] {
        let seen = sse("/openai/deployments/d/chat/completions", events);
        assert_eq!(seen.model(), Some("gpt-4o-2024-08-06"));
        assert_eq!(cost(&seen).map(|cost| cost.truth), Some(CostTruth::Estimated));
    }
    let last =
        r#"{"model":"gpt-4o","choices":[],"usage":{"prompt_tokens":1,"completion_tokens":1}}"#;
    assert_eq!(sse(CHAT, &[filter, last]).model(), Some("gpt-4o"));
    let nameless = r#"{"usageMetadata":{"promptTokenCount":1000,"candidatesTokenCount":100,"totalTokenCount":1100}}"#;
    costs(&json("/v1beta/models/gemini-2.5-pro:generateContent", nameless), 0.00225);
    let chat = r#"{"model":"","usage":{"prompt_tokens":1000,"completion_tokens":100}}"#;
    costs(&json("/openai/deployments/gpt-4o/chat/completions", chat), 0.0035);
}

#[test]
fn names_mean_the_same_however_they_are_written() {
    let (sonnet, regional, flash) = (0.0045, 0.00495, 0.00055);
    for (model, expected) in [
        ("gpt-4o-2024-05-13", 0.0065),
        ("openai/gpt-4o", 0.0035),
        ("azure/gpt-4o", 0.0035),
        ("ft:gpt-4o-mini-2024-07-18:acme::x", 0.00042),
        ("claude-sonnet-4-5", sonnet),
        ("claude-sonnet-4-5@20250929", sonnet),
        ("anthropic/claude-sonnet-4.5", sonnet),
        ("anthropic/claude-sonnet-4-5-20250929", sonnet),
        ("openrouter/anthropic/claude-sonnet-4.5", sonnet),
        ("publishers/anthropic/models/claude-sonnet-4-5@20250929", sonnet),
        ("us.anthropic.claude-sonnet-4-5-20250929-v1:0", regional),
        ("bedrock/us.anthropic.claude-sonnet-4-5-20250929-v1:0", regional),
        (
            "arn:aws:bedrock:us-east-1:123456789012:inference-profile/us.anthropic.claude-sonnet-4-5-20250929-v1:0",
            regional,
        ),
        ("gemini-2.5-flash", flash),
        ("models/gemini-2.5-flash", flash),
        ("google/gemini-2.5-flash", flash),
        ("gemini/gemini-2.5-flash", flash),
        ("vertex_ai/gemini-2.5-flash", flash),
        ("publishers/google/models/gemini-2.5-flash", flash),
        ("projects/p/locations/us/publishers/google/models/gemini-2.5-flash", flash),
    ] {
        let usage = r#"{"prompt_tokens":1000,"completion_tokens":100,"total_tokens":1100}"#;
        let chat = format!(r#"{{"model":"{model}","choices":[],"usage":{usage}}}"#);
        let input = r#"{"input_tokens":1000,"output_tokens":100}"#;
        let message = format!(r#"{{"type":"message","model":"{model}","usage":{input}}}"#);
        let gemini = format!(
            r#"{{"modelVersion":"{model}","usageMetadata":{{"promptTokenCount":1000,"candidatesTokenCount":100}}}}"#
        );
        let encoded = model.replace(':', "%3A").replace('/', "%2F");
        let converse = r#"{"usage":{"inputTokens":1000,"outputTokens":100}}"#;
        for (name, seen) in [
            ("chat", json(CHAT, &chat)),
            ("chat stream", sse(CHAT, &[&chat])),
            ("messages", json("/v1/messages", &message)),
            ("gemini", json("/v1beta/models/x:generateContent", &gemini)),
            ("elsewhere", json("/agent", &chat)),
            ("converse", json(&format!("/model/{encoded}/converse"), converse)),
        ] {
            let seen = dollars(&seen).unwrap_or(-1.0);
            assert!((seen - expected).abs() < 1e-9, "{model} by {name}: {seen}, not {expected}");
        }
    }
}

#[test]
fn usage_is_counted_once_for_each_answer_made() {
    for (method, path, body) in [
        ("GET", "/v1/responses/resp_1", bodies::RESPONSES),
        ("GET", "/v1/responses/resp_1?include[]=x", bodies::RESPONSES),
        ("POST", "/v1/responses/resp_1/cancel", bodies::RESPONSES),
        ("GET", "/elsewhere/resp_1", bodies::RESPONSES),
        ("GET", "/v1/chat/completions/chatcmpl-1", bodies::CHAT),
        ("POST", "/v1/chat/completions/chatcmpl-1", bodies::CHAT),
        ("GET", "/v1beta/interactions/int_1", bodies::GEMINI),
        ("POST", "/v1/messages/count_tokens", bodies::MESSAGES),
    ] {
        let asked = Answer { method: method.as_bytes(), ..answer(path, JSON) };
        let seen = scan(&asked, body.as_bytes());
        assert_eq!((seen.usage, cost(&seen)), (None, None), "{method} {path}");
    }
    let resumed = Answer { method: b"GET", resumes: true, ..answer("/agent/stream", SSE) };
    assert_eq!(scan(&resumed, bodies::CHAT_STREAM.as_bytes()).usage, None);
    let stream = Answer { method: b"GET", ..answer("/v1/responses/resp_1?stream=true", SSE) };
    assert_eq!(scan(&stream, bodies::RESPONSES_STREAM.as_bytes()).usage, None);
    let asked = Answer { method: b"GET", ..answer("/agent/stream?q=x", SSE) };
    assert!(scan(&asked, bodies::CHAT_STREAM.as_bytes()).usage.is_some());
}

#[test]
fn what_cannot_be_priced_says_why() {
    let why = |signals: &Signals| cost(signals).and_then(|cost| cost.unpriced);
    let usage = r#""usage":{"prompt_tokens":1,"completion_tokens":1}"#;
    assert_eq!(
        why(&json(CHAT, &format!(r#"{{"model":"house-9",{usage}}}"#))),
        Some(Unpriced::NotListed)
    );
    assert_eq!(why(&json(CHAT, &format!("{{{usage}}}"))), Some(Unpriced::NoModel));
    let queued = r#"{"id":"resp_1","status":"queued","model":"gpt-5","usage":null,"error":null}"#;
    assert_eq!(why(&json("/v1/responses", queued)), Some(Unpriced::Unfinished));
    let sealed = Answer { content_encoding: b"compress", ..answer(CHAT, JSON) };
    assert_eq!(why(&scan(&sealed, b"x")), Some(Unpriced::Unread));
}

#[test]
fn numbers_are_read_as_languages_print_them() {
    for (prompt, completion) in
        [("1000", "100"), ("1000.0", "1e2"), ("1e3", "1.0E+2"), ("\"1000\"", "\"100.0\"")]
    {
        let usage = format!(
            r#"{{"prompt_tokens":{prompt},"completion_tokens":{completion},"total_tokens":1100.0}}"#
        );
        let seen = json(CHAT, &format!(r#"{{"model":"gpt-4o","usage":{usage}}}"#));
        assert_eq!(seen.usage, Some(Usage { input: 1000, output: 100, ..Usage::default() }));
    }
}

#[test]
fn a_price_is_explained_line_by_line() {
    let message = r#"{"type":"message","model":"claude-sonnet-4-5@20250929","usage":{"input_tokens":100,"cache_creation_input_tokens":1000,"cache_creation":{"ephemeral_1h_input_tokens":1000},"output_tokens":48,"server_tool_use":{"web_search_requests":2}}}"#;
    let seen = explain(&json("/v1/messages", message), Passed::default(), &Prices::builtin(), NOW);
    let lines: Vec<_> = seen.lines.iter().map(|line| (line.what, line.count, line.nanos)).collect();
    let expected = [
        ("input", 100, 300_000),
        ("output", 48, 720_000),
        ("cache write, 1 hour", 1000, 6_000_000),
        ("web searches", 2, 20_000_000),
    ];
    assert_eq!(lines, expected);
    assert_eq!(seen.nanos, Some(expected.iter().map(|(_, _, nanos)| nanos).sum()));
    let listed = seen.listed.expect("listed");
    assert_eq!((&*listed.0, seen.truth), ("anthropic", Some(CostTruth::Reported)));
    let unknown =
        json(CHAT, r#"{"model":"x-1","usage":{"prompt_tokens":1,"completion_tokens":1}}"#);
    let seen = explain(&unknown, Passed::default(), &Prices::builtin(), NOW);
    assert_eq!((seen.unpriced, seen.lines.len()), (Some(Unpriced::NotListed), 0));
    assert_eq!((seen.model.as_deref(), seen.protocol), (Some("x-1"), Protocol::OpenAiChat));
}
