//! From captured bytes to samples.

use crate::support::{chat, facts, half, no_rules, sample, says};
use flate2::{Compression, write::GzEncoder};
use serde_json::json;
use stagegate_eval::{Captured, Half, Output, Sample};
use std::io::Write;

#[test]
fn a_compressed_answer_is_read_like_any_other() {
    let body = chat(&json!({ "role": "assistant", "content": "Grüezi" }), "stop").to_string();
    let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(body.as_bytes()).expect("in memory");
    let bytes = encoder.finish().expect("in memory");
    let response = Half { content_encoding: "gzip", ..half(&bytes, "application/json") };
    let captured = Captured { response, limit: 1 << 20, ..Captured::default() };
    let sample = Sample::of(facts(), &captured, no_rules());
    assert_eq!(sample.text(), "Grüezi");
    assert_eq!(sample.unreadable(), None);

    let captured = Captured { limit: 20, ..captured };
    let cut = Sample::of(facts(), &captured, no_rules());
    assert!(cut.truncated.response);
    assert!(cut.unreadable().expect("cut").contains("cap"));

    let response = Half { content_encoding: "lzma", ..response };
    let unknown = Sample::of(facts(), &Captured { response, ..captured }, no_rules());
    assert!(matches!(&unknown.output, Output::Opaque { why, .. } if why.contains("`lzma`")));
}

#[test]
fn bodies_of_no_protocol_are_kept_as_they_are() {
    let read = |bytes: &[u8], kind: &str| {
        let captured =
            Captured { response: half(bytes, kind), limit: 1 << 20, ..Captured::default() };
        Sample::of(facts(), &captured, no_rules()).output
    };
    assert_eq!(read(b"{\"answer\": 4}", "application/json"), Output::Json(json!({"answer": 4})));
    assert_eq!(read("Grüezi".as_bytes(), "text/plain"), Output::Text("Grüezi".to_owned()));
    assert!(matches!(read(b"\x89PNG\xff", "image/png"), Output::Opaque { bytes: 5, .. }));
    assert_eq!(
        read(b"data: hello\n\n", "text/event-stream"),
        Output::Text("data: hello\n\n".into())
    );
    let gemini = br#"[{"candidates":[{"content":{"parts":[{"text":"a"}]}}]},{"candidates":[{"content":{"parts":[{"text":"b"}]},"finishReason":"STOP"}]}]"#;
    match read(gemini, "application/json") {
        Output::Message(message) => {
            assert_eq!((message.choices[0].text.as_str(), message.complete), ("ab", true));
        }
        other => panic!("{other:?}"),
    }
}

#[test]
fn an_error_is_another_axis_business() {
    let error = json!({ "error": { "type": "server_error", "message": "no" } });
    let failed = sample(&json!({}), &error);
    assert!(failed.unreadable().expect("an error").contains("error"));
    let mut refused = says("fine");
    refused.metrics.status = Some(503);
    assert!(refused.unreadable().expect("an error").contains("503"));
}

#[test]
fn confidence_comes_from_a_header_or_from_the_body() {
    let body = json!({ "answer": "4", "sure": 0.25 }).to_string();
    let response = half(body.as_bytes(), "application/json");
    let captured =
        Captured { response, confidence_at: Some("/sure"), limit: 1 << 20, ..Captured::default() };
    assert_eq!(Sample::of(facts(), &captured, no_rules()).confidence, Some(0.25));
    let captured = Captured { confidence: Some("0.87"), ..captured };
    assert_eq!(Sample::of(facts(), &captured, no_rules()).confidence, Some(0.87));
    let captured = Captured { confidence: Some("87%"), confidence_at: None, ..captured };
    assert_eq!(Sample::of(facts(), &captured, no_rules()).confidence, None);
}

#[test]
fn the_steps_of_an_agent_begin_with_what_a_person_said_last() {
    let ask = json!({ "messages": [
        { "role": "user", "content": "book a train" },
        { "role": "assistant", "tool_calls": [{ "id": "0", "function": { "name": "old", "arguments": "{}" } }] },
        { "role": "tool", "content": "done" },
        { "role": "user", "content": "and a hotel" },
        { "role": "assistant", "tool_calls": [{ "id": "1", "function": { "name": "search", "arguments": "{}" } }] },
        { "role": "tool", "content": "three" },
    ] });
    let calls = json!({ "role": "assistant", "content": null, "tool_calls": [
        { "id": "2", "type": "function", "function": { "name": "book", "arguments": "{\"id\": 3}" } } ] });
    let openai = sample(&ask, &chat(&calls, "tool_calls"));
    assert_eq!(openai.tools_called(), ["search", "book"]);
    assert_eq!(openai.tool_calls()[0].arguments, json!({"id": 3}));

    let ask = json!({ "messages": [
        { "role": "user", "content": "a hotel" },
        { "role": "assistant", "content": [{ "type": "tool_use", "id": "1", "name": "search", "input": {} }] },
        { "role": "user", "content": [{ "type": "tool_result", "tool_use_id": "1", "content": "three" }] },
    ] });
    let answer = json!({ "type": "message", "content": [{ "type": "text", "text": "Three." }], "stop_reason": "end_turn" });
    assert_eq!(sample(&ask, &answer).tools_called(), ["search"]);
}

#[test]
fn a_sample_survives_being_written_down() {
    let mut sample = says("Grüezi");
    sample.expected = Some(json!("Grüezi"));
    sample.metadata.insert("plan".to_owned(), json!("gold"));
    let text = serde_json::to_string(&sample).expect("JSON");
    assert_eq!(serde_json::from_str::<Sample>(&text).expect("a sample"), sample);
}
