//! Usage objects as services, gateways and frameworks write them, each with the tokens that it means.

use crate::bodies::{JSON, SSE, answer, scan};
use stagegate_signals::{Answer, Signals};

const CHAT: &str = "/v1/chat/completions";

/// Plain input, cached input, written input, output.
type Tokens = (u64, u64, u64, u64);

fn tokens(signals: &Signals) -> Option<Tokens> {
    signals.usage.map(|it| (it.input, it.cache_read, it.cache_write, it.output))
}

#[test]
fn every_shape_of_usage_means_its_tokens() {
    for (name, body, expected) in [
        (
            "LiteLLM, writes in the details",
            r#"{"usage":{"prompt_tokens":4818,"completion_tokens":47,"total_tokens":4865,"prompt_tokens_details":{"cached_tokens":0,"cache_creation_tokens":4803,"cache_creation_token_details":{"ephemeral_1h_input_tokens":4803}}}}"#,
            (15, 0, 4803, 47),
        ),
        (
            "DashScope",
            r#"{"usage":{"prompt_tokens":3019,"completion_tokens":104,"total_tokens":3123,"prompt_tokens_details":{"cached_tokens":2048,"cache_creation_input_tokens":900,"cache_creation":{"ephemeral_5m_input_tokens":900}}}}"#,
            (71, 2048, 900, 104),
        ),
        (
            "Voyage, Jina",
            r#"{"data":[{"embedding":[0.1]}],"usage":{"total_tokens":8}}"#,
            (8, 0, 0, 0),
        ),
        (
            "Cohere's rankings",
            r#"{"results":[{"index":0,"relevance_score":0.9}],"meta":{"billed_units":{"input_tokens":5,"output_tokens":2}}}"#,
            (5, 0, 0, 2),
        ),
        (
            "AI SDK 4",
            r#"{"usage":{"promptTokens":11,"completionTokens":4,"totalTokens":15}}"#,
            (11, 0, 0, 4),
        ),
        (
            "AI SDK 5",
            r#"{"usage":{"inputTokens":11,"outputTokens":4,"totalTokens":15,"reasoningTokens":2,"cachedInputTokens":6}}"#,
            (5, 6, 0, 4),
        ),
        (
            "AI SDK 6",
            r#"{"usage":{"inputTokens":11,"inputTokenDetails":{"noCacheTokens":2,"cacheReadTokens":6,"cacheWriteTokens":3},"outputTokens":4,"outputTokenDetails":{"textTokens":2,"reasoningTokens":2},"totalTokens":15}}"#,
            (2, 6, 3, 4),
        ),
        (
            "pydantic-ai",
            r#"{"usage":{"input_tokens":11,"cache_read_tokens":6,"cache_write_tokens":0,"output_tokens":4,"tool_calls":0}}"#,
            (5, 6, 0, 4),
        ),
        (
            "LangChain",
            r#"{"content":"hi","usage_metadata":{"input_tokens":11,"output_tokens":4,"total_tokens":15,"input_token_details":{"cache_read":6,"cache_creation":1},"output_token_details":{"reasoning":2}}}"#,
            (4, 6, 1, 4),
        ),
        (
            "Gemini in snake case",
            r#"{"candidates":[],"usage_metadata":{"prompt_token_count":10,"cached_content_token_count":4,"candidates_token_count":20,"thoughts_token_count":3,"total_token_count":33}}"#,
            (6, 4, 0, 23),
        ),
        (
            "Vertex with the cache beside the prompt",
            r#"{"candidates":[],"usageMetadata":{"promptTokenCount":100,"cachedContentTokenCount":5000,"candidatesTokenCount":50,"totalTokenCount":5150}}"#,
            (100, 5000, 0, 50),
        ),
        (
            "Titan",
            r#"{"inputTextTokenCount":5,"results":[{"tokenCount":12,"outputText":"x","completionReason":"FINISH"}]}"#,
            (5, 0, 0, 12),
        ),
        (
            "Llama on Bedrock",
            r#"{"generation":"x","prompt_token_count":5,"generation_token_count":12,"stop_reason":"stop"}"#,
            (5, 0, 0, 12),
        ),
        (
            "watsonx",
            r#"{"model_id":"m","results":[{"generated_text":"x","generated_token_count":12,"input_token_count":5}]}"#,
            (5, 0, 0, 12),
        ),
        (
            "Cohere's stream of the first version",
            "{\"event_type\":\"text-generation\",\"text\":\"x\"}\n{\"event_type\":\"stream-end\",\"response\":{\"text\":\"x\",\"meta\":{\"billed_units\":{\"input_tokens\":5,\"output_tokens\":12}}}}",
            (5, 0, 0, 12),
        ),
        (
            "llama.cpp",
            r#"{"content":"x","tokens_predicted":12,"tokens_evaluated":5,"timings":{}}"#,
            (5, 0, 0, 12),
        ),
        (
            "Dify",
            r#"{"event":"message","metadata":{"usage":{"prompt_tokens":5,"completion_tokens":12,"total_tokens":17,"total_price":"0.1"}}}"#,
            (5, 0, 0, 12),
        ),
    ] {
        let whole = scan(&answer("/agent", JSON), body.as_bytes());
        assert_eq!(tokens(&whole), Some(expected), "{name}");
    }
}

#[test]
fn a_model_is_not_named_by_metadata_of_the_client() {
    let usage = r#""usage":{"prompt_tokens":9,"completion_tokens":5}"#;
    let body =
        format!(r#"{{"metadata":{{"model":"cheap","model_name":"cheap"}},"model":"m",{usage}}}"#);
    assert_eq!(scan(&answer(CHAT, JSON), body.as_bytes()).model(), Some("m"));
    let body = format!(r#"{{"response_metadata":{{"model_name":"m"}},{usage}}}"#);
    assert_eq!(scan(&answer(CHAT, JSON), body.as_bytes()).model(), Some("m"));
}

#[test]
fn zeros_after_the_real_counts_change_nothing() {
    let chunk =
        |usage: &str| format!("data: {{\"model\":\"m\",\"choices\":[],\"usage\":{usage}}}\n\n");
    let full = r#"{"prompt_tokens":9,"completion_tokens":5,"total_tokens":14}"#;
    let zero = r#"{"prompt_tokens":0,"completion_tokens":0,"total_tokens":0}"#;
    let body = format!("{}{}data: [DONE]\n\n", chunk(full), chunk(zero));
    assert_eq!(tokens(&scan(&answer(CHAT, SSE), body.as_bytes())), Some((9, 0, 0, 5)));
    let body = concat!(
        "data: {\"type\":\"message_start\",\"message\":{\"model\":\"m\",\"usage\":{\"input_tokens\":25,\"cache_read_input_tokens\":10,\"output_tokens\":1}}}\n\n",
        "data: {\"type\":\"message_delta\",\"delta\":{\"stop_reason\":\"end_turn\"},\"usage\":{\"input_tokens\":0,\"cache_read_input_tokens\":0,\"output_tokens\":15}}\n\n",
    );
    assert_eq!(tokens(&scan(&answer("/v1/messages", SSE), body.as_bytes())), Some((25, 10, 0, 15)));
}

#[test]
fn every_generation_of_a_stream_is_counted_once() {
    let chat = |id: &str, prompt: u32, output: u32| {
        let total = prompt + output;
        format!(
            r#"data: {{"id":"{id}","object":"chat.completion.chunk","model":"m","choices":[],"usage":{{"prompt_tokens":{prompt},"completion_tokens":{output},"total_tokens":{total}}}}}

"#
        )
    };
    let response = |kind: &str, id: &str, input: u32| {
        format!(
            r#"data: {{"type":"response.{kind}","response":{{"id":"{id}","model":"m","usage":{{"input_tokens":{input},"input_tokens_details":{{"cached_tokens":0}},"output_tokens":5}}}}}}

"#
        )
    };
    let start = |input: u32| {
        format!(
            r#"data: {{"type":"message_start","message":{{"id":"msg","model":"m","usage":{{"input_tokens":{input},"output_tokens":1}}}}}}

"#
        )
    };
    let delta =
        "data: {\"type\":\"message_delta\",\"delta\":{},\"usage\":{\"output_tokens\":5}}\n\n";
    let step = "data: {\"id\":\"step_1\",\"object\":\"thread.run.step\",\"usage\":{\"prompt_tokens\":9,\"completion_tokens\":5}}\n\n";
    let run = "data: {\"id\":\"run_1\",\"object\":\"thread.run\",\"usage\":{\"prompt_tokens\":20,\"completion_tokens\":8}}\n\n";
    for (name, body, expected) in [
        ("two completions", chat("a", 9, 5) + &chat("b", 20, 6), (29, 11)),
        ("one that counts on", chat("a", 9, 1) + &chat("a", 9, 5), (9, 5)),
        ("one with an id for each piece", chat("a", 9, 1) + &chat("b", 9, 5), (9, 5)),
        (
            "two responses",
            response("completed", "r1", 9) + &response("completed", "r2", 20),
            (29, 10),
        ),
        (
            "one response",
            response("in_progress", "r1", 9) + &response("completed", "r1", 9),
            (9, 5),
        ),
        ("two messages", start(9) + delta + &start(20) + delta, (29, 10)),
        ("a message that begins twice", start(9) + &start(9) + delta, (9, 5)),
        ("steps of a run", step.to_owned() + run, (20, 8)),
    ] {
        let used = scan(&answer("/agent", SSE), body.as_bytes()).usage.expect(name);
        assert_eq!((used.input, used.output), expected, "{name}");
    }
}

#[test]
fn a_content_encoding_that_lies_hides_nothing() {
    let body =
        br#"{"model":"m","usage":{"prompt_tokens":9,"completion_tokens":5,"total_tokens":14}}"#;
    let events = [b"data: ".as_slice(), body, b"\n\ndata: [DONE]\n\n"].concat();
    for coding in ["utf-8", "none", "aws-chunked", "gzip", "zstd", "identity, utf-8"] {
        for (kind, bytes) in [(JSON, body.as_slice()), (SSE, &events)] {
            let head = Answer { content_encoding: coding.as_bytes(), ..answer(CHAT, kind) };
            let seen = scan(&head, bytes);
            assert_eq!((tokens(&seen), seen.unreadable), (Some((9, 0, 0, 5)), false), "{coding}");
        }
    }
    for (coding, bytes) in [
        ("compress", b"\x1f\x9d\x90".as_slice()),
        ("gzip", b"\x1f\x8b\x08\0\0\0\0\0\0\x03\xff\xff\xff\xff\xff\xff\xff\xff\xff"),
    ] {
        let head = Answer { content_encoding: coding.as_bytes(), ..answer(CHAT, JSON) };
        assert!(scan(&head, bytes).unreadable, "{coding}");
    }
}

#[test]
fn a_workflow_of_dify_fails_by_its_own_end_and_not_by_its_steps() {
    let step =
        r#"{"event":"node_finished","workflow_run_id":"r","data":{"status":"failed","error":"x"}}"#;
    let end = |status: &str| {
        format!(
            r#"{{"event":"workflow_finished","workflow_run_id":"r","data":{{"status":"{status}"}}}}"#
        )
    };
    let fails = |kind, body: &str| {
        scan(&answer("/v1/workflows/run", kind), body.as_bytes()).failure.is_some()
    };
    for (status, failed) in [("failed", true), ("succeeded", false)] {
        let stream = format!("data: {step}\n\ndata: {}\n\n", end(status));
        assert_eq!(fails(SSE, &stream), failed, "{status}");
        let whole = format!(r#"{{"workflow_run_id":"r","data":{{"status":"{status}"}}}}"#);
        assert_eq!(fails(JSON, &whole), failed, "{status}");
    }
    assert!(!fails(JSON, r#"{"data":{"status":"failed"}}"#), "it may tell of something else");
}

#[test]
fn the_words_by_which_imitators_end_a_failed_answer_are_known() {
    for (word, failed) in [
        ("network_error", true),
        ("insufficient_system_resource", true),
        ("abort", true),
        ("sensitive", true),
        ("length", false),
    ] {
        let last =
            format!(r#"{{"model":"m","choices":[{{"delta":{{}},"finish_reason":"{word}"}}]}}"#);
        let stream =
            format!("data: {{\"model\":\"m\",\"choices\":[]}}\n\ndata: {last}\n\ndata: [DONE]\n\n");
        for (kind, body) in [(SSE, &stream), (JSON, &last)] {
            let seen = scan(&answer(CHAT, kind), body.as_bytes());
            assert_eq!(seen.failure.is_some(), failed, "{word}");
        }
    }
}
