//! Tests of `json`.

use super::Reader;
use crate::counts::Count;
use crate::found::Found;
use crate::node::Node;
use crate::tier::Tier;
use crate::usage::Part;
use proptest::prelude::*;

fn read(body: &str) -> Found {
    let (mut reader, mut found) = (Reader::default(), Found::default());
    reader.feed(body.as_bytes(), &mut found);
    reader.end(&mut found);
    found
}

#[test]
fn finds_what_matters_wherever_it_stands() {
    let found = read(
        r#" {"id":"chatcmpl-1","object":"chat.completion","model":"gpt-4o","choices":[{"index":0,
        "message":{"role":"assistant","content":"hi"},"logprobs":null}],
        "usage" : {"prompt_tokens":10, "completion_tokens":3,"total_tokens":13,
        "prompt_tokens_details":{"cached_tokens":4,"audio_tokens":0}},"service_tier":"default"}"#,
    );
    let usage = found.counts.usage();
    assert_eq!((usage.input, usage.cache_read, usage.output), (6, 4, 3));
    assert_eq!((found.model.as_str(), found.id.as_str()), ("gpt-4o", "chatcmpl-1"));
    assert_eq!(found.usage_in, Some(Node::Root));
}

#[test]
fn decoys_in_texts_arguments_and_arrays_are_not_taken() {
    let found = read(
        r#"{"choices":[{"usage":{"prompt_tokens":666}}],"tool":{"usage":{"prompt_tokens":666},"model":"x"},
        "text":"\"usage\":{\"prompt_tokens\":666}","tail":"a\\","u":"\"","usage":[{"prompt_tokens":666}],
        "metadata":{"a":{"usage":{"prompt_tokens":666}}}, "model":"gpt\/4o \u00e4"}"#,
    );
    assert!(found.counts.is_empty(), "{found:?}");
    assert_eq!(found.model.as_str(), "gpt/4o ä");
}

#[test]
fn what_is_no_document_ends_the_reading() {
    let found = read(r#"xxxx {"usage":{"output_tokens":12}}"#);
    assert!(found.counts.is_empty(), "{found:?}");
    assert_eq!(read(r#" , {"usage":{"output_tokens":12}}"#).counts.usage().output, 12);
}

#[test]
fn the_last_document_of_several_wins() {
    let stream = r#"[{"usageMetadata":{"promptTokenCount":5,"candidatesTokenCount":1}},
        {"usageMetadata":{"promptTokenCount":5,"candidatesTokenCount":8},"modelVersion":"gemini-2.5-pro"}]"#;
    let found = read(stream);
    assert_eq!(found.counts.usage().output, 8);
    assert_eq!(found.model.as_str(), "gemini-2.5-pro");
}

#[test]
fn numbers_are_whole_and_not_negative_or_they_are_none() {
    let count = |number: &str| {
        let found = read(&format!(r#"{{"usage":{{"output_tokens":{number}}}}}"#));
        found.counts.has(Count::Output).then(|| found.counts.usage().output)
    };
    assert_eq!(count("12"), Some(12));
    assert_eq!(count("12.0"), Some(12));
    assert_eq!(count("1.2e1"), Some(12));
    assert_eq!(count("1.2E+1"), Some(12));
    assert_eq!(count("\"12\""), Some(12));
    assert_eq!(count("\" 12.0 \""), Some(12));
    for wrong in ["-1", "1.5", "null", "\"twelve\"", "1e300", "nan", "true", "{}", "[12]"] {
        assert_eq!(count(wrong), None, "{wrong}");
    }
}

#[test]
fn errors_are_objects_or_texts_and_null_is_none() {
    let found = read(r#"{"error":{"message":"m","type":"server_error","code":503}}"#);
    assert!(found.has_error);
    assert_eq!((found.error.kind.as_str(), found.error.number), ("server_error", 503));
    let found = read(r#"{"error":"overloaded"}"#);
    assert_eq!((found.has_error, found.error.code.as_str()), (true, "overloaded"));
    for none in ["null", "false", "0", "\"\"", "\"none\"", "[]"] {
        let body = format!(r#"{{"error":{none},"response":{{"error":{none}}}}}"#);
        assert!(!read(&body).fails(), "{none}");
    }
    let long = format!("\"{}\"", "it broke, ".repeat(30));
    for some in ["true", "503", "\"503\"", "{}", &long] {
        assert!(read(&format!(r#"{{"error":{some}}}"#)).fails(), "{some}");
    }
    assert_eq!(read(r#"{"error":{"code":"503"}}"#).error.number, 503);
    assert_eq!(read(r#"{"error":{"code":-32603}}"#).error.number, -32_603);
}

#[test]
fn lists_of_interest_are_read_element_by_element() {
    let found = read(
        r#"{"usageMetadata":{"promptTokenCount":100,"candidatesTokenCount":50,
        "promptTokensDetails":[{"modality":"TEXT","tokenCount":60},{"modality":"AUDIO","tokenCount":40}, "x", [1], 7],
        "cacheTokensDetails":[],"candidatesTokensDetails":[{"tokenCount":30,"modality":"IMAGE"}],
        "trafficType":"ON_DEMAND_FLEX"},"candidates":[{"content":{"parts":[]},"finishReason":"STOP"}]}"#,
    );
    let usage = found.counts.usage();
    let part = |part| usage.part(part);
    assert_eq!((part(Part::AudioInput), part(Part::ImageOutput)), (40, 30));
    assert_eq!((found.tier, found.fails()), (Some(Tier::Flex), false));
    let found = read(
        r#"{"id":"resp_1","output":[{"type":"web_search_call","action":{"type":"search"}},
        {"type":"web_search_call","action":{"type":"open_page"}},{"type":"message","content":[{"type":"web_search_call"}]},
        {"type":"file_search_call"},{"type":"code_interpreter_call","code":"}]"}],
        "usage":{"input_tokens":1,"output_tokens":2},"service_tier":"priority"}"#,
    );
    let usage = found.counts.usage();
    let part = |part| usage.part(part);
    assert_eq!(
        (part(Part::WebSearches), part(Part::FileSearches), part(Part::CodeRuns)),
        (1, 1, 1)
    );
    assert_eq!((usage.total(), found.tier), (3, Some(Tier::Priority)));
}

proptest! {
    #[test]
    fn garbage_never_panics_and_leaves_nothing_behind(bytes: Vec<u8>) {
        let (mut reader, mut found) = (Reader::default(), Found::default());
        reader.feed(&bytes, &mut found);
        reader.end(&mut found);
        reader.restart();
        prop_assert!(reader.is_between());
    }

    #[test]
    fn what_serde_reads_is_what_is_found(prompt in 0u64..1 << 40, text in ".*", nested in ".{0,20}") {
        let body = serde_json::json!({
            "a": [{"usage": {"prompt_tokens": 1}}, text, [[nested]], 1.5e-3, null, true],
            text.clone(): {nested.clone(): text},
            "usage": {"x": {"prompt_tokens": 2}, "prompt_tokens": prompt},
        });
        let body = body.to_string();
        let whole = read(&body);
        prop_assert_eq!(whole.counts.usage().input, prompt);
    }
}

#[test]
fn the_words_of_an_error_are_kept_as_a_number_however_the_body_is_cut() {
    let of = |text: &str| read(text).error.message;
    let one = of(r#"{"error":{"message":"index 5 out of range","code":"x"}}"#);
    assert!(one != 0 && one == of(r#"{"error":{"message":"Index 17 out of range"}}"#));
    assert_eq!(of(r#"{"error":{"code":"x"}}"#), 0);
    // Of a long message the beginning counts.
    let long = |end: &str| format!(r#"{{"error":{{"message":"{} {end}"}}}}"#, "a b ".repeat(60));
    let whole = of(&long("one"));
    assert!(whole != 0 && whole == of(&long("other")));
    let text = long("one");
    for cut in [20, 100, 150, 200] {
        let (mut reader, mut found) = (Reader::default(), Found::default());
        for part in [&text.as_bytes()[..cut], &text.as_bytes()[cut..]] {
            reader.feed(part, &mut found);
        }
        assert_eq!(found.error.message, whole, "{cut}");
    }
}
