//! Streams that fail, break off, or are compressed.

use crate::bodies::{self, BINARY, JSON, SSE, answer, event, frame, scan, scan_pieces};
use flate2::Compression;
use flate2::write::{DeflateEncoder, GzEncoder, ZlibEncoder};
use stagegate_rollout::Outcome;
use stagegate_signals::{Answer, End, Rules, Signals};
use std::io::Write as _;

fn names(signals: &Signals) -> Vec<String> {
    signals.failure.iter().flat_map(stagegate_signals::Failure::names).map(str::to_owned).collect()
}

/// Returns the outcome of a body under the default rules.
fn outcome(status: u16, signals: &Signals) -> Outcome {
    Rules::default().outcome(status, signals.failure.as_ref())
}

#[test]
fn anthropic_fails_in_the_middle_with_an_error_event() {
    let (begun, _) =
        bodies::MESSAGES_STREAM.split_once("event: content_block_stop").expect("there");
    let body = format!(
        "{begun}event: error\ndata: {{\"type\": \"error\", \"error\": {{\"type\": \"overloaded_error\", \"message\": \"Overloaded\"}}}}\n\n"
    );
    let seen = scan(&answer("/v1/messages", SSE), body.as_bytes());
    assert_eq!(names(&seen), ["overloaded_error"]);
    assert_eq!(outcome(200, &seen), Outcome::External);
    assert!(!seen.is_final, "only the opening usage was told");
    assert_eq!(seen.usage.map(|usage| usage.output), Some(1));
}

#[test]
fn responses_fail_with_an_event_of_their_own() {
    let failed = concat!(
        "event: response.failed\ndata: {\"type\":\"response.failed\",\"response\":{\"id\":\"resp_1\",\"status\":\"failed\",",
        "\"error\":{\"code\":\"server_error\",\"message\":\"m\"},\"model\":\"gpt-4o\",\"usage\":{\"input_tokens\":9,\"output_tokens\":2}}}\n\n"
    );
    let seen = scan(&answer("/v1/responses", SSE), failed.as_bytes());
    assert_eq!(
        (names(&seen), outcome(200, &seen)),
        (vec!["server_error".into()], Outcome::External)
    );
    assert_eq!(seen.usage.map(|usage| usage.total()), Some(11), "a failed response is billed too");
    let unnamed = "event: response.failed\ndata: {\"type\":\"response.failed\",\"response\":{\"error\":null}}\n\n";
    let seen = scan(&answer("/v1/responses", SSE), unnamed.as_bytes());
    assert_eq!(outcome(200, &seen), Outcome::Permanent);
    let error = "event: error\ndata: {\"type\":\"error\",\"code\":\"insufficient_quota\",\"message\":\"m\",\"param\":null}\n\n";
    let seen = scan(&answer("/v1/responses", SSE), error.as_bytes());
    assert_eq!(
        (names(&seen), outcome(200, &seen)),
        (vec!["insufficient_quota".into()], Outcome::Permanent)
    );
}

#[test]
fn an_incomplete_response_is_no_failure() {
    let body = bodies::RESPONSES_STREAM.replace("response.completed", "response.incomplete");
    let seen = scan(&answer("/v1/responses", SSE), body.as_bytes());
    assert!(seen.is_final && seen.failure.is_none());
    assert_eq!(outcome(200, &seen), Outcome::Ok);
}

#[test]
fn chat_and_gemini_put_an_error_object_where_a_chunk_was_due() {
    let (first, _) = bodies::CHAT_STREAM.split_once(": keep-alive").expect("there");
    for (error, expected) in [
        (
            r#"{"error":{"message":"m","type":"server_error","param":null,"code":null}}"#,
            Outcome::External,
        ),
        (
            r#"{"error":{"message":"m","type":"invalid_request_error","code":"context_length_exceeded"}}"#,
            Outcome::Permanent,
        ),
        (r#"{"error":{"code":503,"message":"m","status":"UNAVAILABLE"}}"#, Outcome::External),
        (r#"{"error":{"code":400,"message":"m"}}"#, Outcome::Permanent),
    ] {
        let seen = scan(&answer("/", SSE), format!("{first}data: {error}\n\n").as_bytes());
        assert_eq!(outcome(200, &seen), expected, "{error}");
        let whole = scan(&answer("/", JSON), error.as_bytes());
        assert_eq!(outcome(200, &whole), expected, "{error}");
    }
}

#[test]
fn errors_inside_messages_and_of_unknown_applications_are_none() {
    let seen = scan(&answer("/v1/messages", SSE), bodies::MESSAGES_STREAM.as_bytes());
    assert_eq!(seen.failure, None);
    let rpc = scan(
        &answer("/rpc", JSON),
        br#"{"jsonrpc":"2.0","id":1,"error":{"code":-32601,"message":"no"}}"#,
    );
    assert_eq!(outcome(200, &rpc), Outcome::Ok, "the client asked for what there is not");
}

#[test]
fn bedrock_fails_with_an_exception_message() {
    let exception = frame(
        &[
            (":exception-type", "throttlingException"),
            (":content-type", "application/json"),
            (":message-type", "exception"),
        ],
        r#"{"message":"Too many"}"#,
    );
    let body = [event("messageStart", "{}"), exception].concat();
    let seen = scan(&answer("/model/m/converse-stream", BINARY), &body);
    assert_eq!(
        (names(&seen), outcome(200, &seen)),
        (vec!["throttlingException".into()], Outcome::External)
    );
}

#[test]
fn a_stream_the_client_left_has_what_was_told_so_far() {
    let cut = |body: &'static str, at: &str, end| {
        let at = body.find(at).expect("there");
        scan_pieces(&answer("/", SSE), [&body.as_bytes()[..at]], end)
    };
    let seen = cut(bodies::MESSAGES_STREAM, "event: content_block_stop", End::ClientGone);
    assert_eq!((seen.usage.map(|u| (u.input, u.output)), seen.is_final), (Some((25, 1)), false));
    let seen = cut(bodies::MESSAGES_STREAM, "event: message_stop", End::ClientGone);
    assert_eq!((seen.usage.map(|u| u.output), seen.is_final), (Some(15), true));
    let seen = cut(
        bodies::GEMINI_STREAM,
        "data: {\"candidates\": [{\"content\": {\"parts\": [{\"text\": \"c\"",
        End::Truncated,
    );
    assert_eq!((seen.usage.map(|u| u.output), seen.is_final), (Some(9), false));
    let seen = cut(bodies::CHAT_STREAM, ": keep-alive", End::ClientGone);
    assert_eq!((seen.usage, seen.model(), seen.events), (None, Some("gpt-4o-mini"), 2));
    let seen = cut(bodies::CHAT_STREAM, "\"completion_tokens\":10", End::ClientGone);
    assert_eq!(seen.usage, None, "half a usage is a wrong usage");
    let seen = cut(bodies::CHAT_STREAM, "data: [DONE]", End::ClientGone);
    assert_eq!((seen.usage.map(|u| u.output), seen.is_final), (Some(10), false));
}

#[test]
fn events_spread_over_lines_are_read_and_line_ends_of_all_kinds_are_known() {
    let pretty = "event: x\ndata: {\ndata: \"usage\":\ndata:  {\"input_tokens\": 3, \"output_tokens\": 4}\ndata: }\n\n";
    for ends in ["\n", "\r\n", "\r"] {
        let seen = scan(&answer("/", SSE), pretty.replace('\n', ends).as_bytes());
        assert_eq!(seen.usage.map(|usage| usage.total()), Some(7), "{ends:?}");
    }
    let no_blank_line = bodies::MESSAGES_STREAM.trim_end();
    assert!(scan(&answer("/", SSE), no_blank_line.as_bytes()).is_final);
}

#[test]
fn compressed_bodies_are_read_where_the_coding_is_known() {
    let body = bodies::CHAT.as_bytes();
    let gzip = {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
        encoder.write_all(body).expect("memory");
        encoder.finish().expect("memory")
    };
    let zlib = {
        let mut encoder = ZlibEncoder::new(Vec::new(), Compression::default());
        encoder.write_all(body).expect("memory");
        encoder.finish().expect("memory")
    };
    let raw = {
        let mut encoder = DeflateEncoder::new(Vec::new(), Compression::default());
        encoder.write_all(body).expect("memory");
        encoder.finish().expect("memory")
    };
    for (coding, bytes) in
        [("gzip", &gzip), ("X-Gzip", &gzip), ("deflate", &zlib), ("deflate", &raw)]
    {
        let answer = Answer { content_encoding: coding.as_bytes(), ..answer("/", JSON) };
        for size in [1, 7, bytes.len()] {
            let seen = scan_pieces(&answer, bytes.chunks(size), End::Complete);
            assert_eq!(seen.usage.map(|usage| usage.output), Some(300), "{coding} by {size}");
            assert!(!seen.unreadable);
        }
        let mut broken = bytes.clone();
        broken.iter_mut().skip(20).for_each(|byte| *byte = !*byte);
        assert!(scan(&answer, &broken).unreadable, "{coding}");
    }
    let unknown = Answer { content_encoding: b"gzip, compress", ..answer("/", JSON) };
    let seen = scan(&unknown, b"whatever");
    assert!(seen.unreadable && seen.usage.is_none());
}

#[test]
fn codings_of_eval_are_read_in_any_cut_and_in_any_nesting() {
    let body = bodies::CHAT.as_bytes();
    let gzip = |bytes: &[u8]| {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
        encoder.write_all(bytes).expect("memory");
        encoder.finish().expect("memory")
    };
    let zstd = zstd::encode_all(body, 3).expect("memory");
    let brotli = {
        let mut encoder = brotli::CompressorWriter::new(Vec::new(), 4096, 5, 22);
        encoder.write_all(body).expect("memory");
        encoder.into_inner()
    };
    for (coding, bytes) in [
        ("br", &brotli),
        ("ZSTD", &zstd),
        ("zstd, gzip", &gzip(&zstd)),
        ("br,gzip", &gzip(&brotli)),
    ] {
        let answer = Answer { content_encoding: coding.as_bytes(), ..answer("/", JSON) };
        for size in [1, 7, bytes.len()] {
            let seen = scan_pieces(&answer, bytes.chunks(size), End::Complete);
            assert_eq!(seen.usage.map(|usage| usage.output), Some(300), "{coding} by {size}");
            assert!(!seen.unreadable, "{coding}");
        }
        let mut broken = bytes.clone();
        broken.iter_mut().skip(9).for_each(|byte| *byte = !*byte);
        assert!(scan(&answer, &broken).usage.is_none(), "{coding}");
    }
}

#[test]
fn a_body_made_to_be_large_is_given_up_and_its_usage_unknown() {
    let head = br#"{"model":"m","usage":{"prompt_tokens":1,"completion_tokens":2},"x":""#;
    let bomb = [&head[..], &vec![b'a'; 8 << 20]].concat();
    let packed = zstd::encode_all(&*bomb, 3).expect("memory");
    assert!(packed.len() < 8192, "{} bytes", packed.len());
    let answer = Answer { content_encoding: b"zstd", ..answer("/", JSON) };
    let seen = scan(&answer, &packed);
    assert!(seen.unreadable && seen.usage.is_none());
}
