//! What backends say in the bodies of their answers.

use crate::Target;
use stagegate_eval::{Protocol as Spoken, assembled};
use stagegate_signals::{Answer, End, Protocol, Scanner, Signals};

const STREAMS: &[&[u8]] = &[
    b"data: {\"id\":\"c\",\"model\":\"m\",\"choices\":[{\"index\":0,\"delta\":{\"content\":\"hi\"}}]}\n\ndata: {\"choices\":[],\"usage\":{\"prompt_tokens\":9,\"completion_tokens\":3,\"prompt_tokens_details\":{\"cached_tokens\":4}}}\n\ndata: [DONE]\n\n",
    b"event: message_start\ndata: {\"type\":\"message_start\",\"message\":{\"model\":\"m\",\"usage\":{\"input_tokens\":7,\"output_tokens\":1}}}\n\nevent: content_block_start\ndata: {\"type\":\"content_block_start\",\"index\":0,\"content_block\":{\"type\":\"tool_use\",\"id\":\"t\",\"name\":\"f\",\"input\":{}}}\n\nevent: content_block_delta\ndata: {\"type\":\"content_block_delta\",\"index\":0,\"delta\":{\"type\":\"input_json_delta\",\"partial_json\":\"{\\\"a\\\":\\\"\\ud83d\\\"}\"}}\n\nevent: message_delta\ndata: {\"type\":\"message_delta\",\"delta\":{\"stop_reason\":\"tool_use\"},\"usage\":{\"output_tokens\":20}}\n\nevent: error\ndata: {\"type\":\"error\",\"error\":{\"type\":\"overloaded_error\"}}\n\n",
    b"event: response.completed\r\ndata: {\"type\":\"response.completed\",\"response\":{\"id\":\"resp_1\",\"model\":\"m\",\"output\":[],\"usage\":{\"input_tokens\":5,\"output_tokens\":6}}}\r\n\r\n",
    b"data: {\"candidates\":[{\"content\":{\"parts\":[{\"text\":\"hi\"}]},\"finishReason\":\"STOP\"}],\"usageMetadata\":{\"promptTokenCount\":3,\"candidatesTokenCount\":2,\"thoughtsTokenCount\":1}}\n\n",
    b"{\"model\":\"m\",\"choices\":[{\"message\":{\"content\":\"the \\\"usage\\\": {\\\"prompt_tokens\\\": 1}\"}}],\"usage\":{\"prompt_tokens\":9,\"completion_tokens\":3}}",
];

const WORDS: &[&[u8]] = &[
    b"data: ",
    b"event: ",
    b"\n\n",
    b"\r\n\r\n",
    b": comment\n",
    b"[DONE]",
    b"\"usage\":",
    b"\"usageMetadata\":{",
    b"\"prompt_tokens\":",
    b"\"output_tokens\":18446744073709551616",
    b"\"error\":{\"type\":\"overloaded_error\"}",
    b"\"type\":\"response.failed\"",
    b"\"status\":\"failed\"",
    b"\"error\":\"500\"",
    b"\"result\":{\"isError\":true}",
    b"\"promptTokensDetails\":[{\"modality\":\"AUDIO\",\"tokenCount\":3}]",
    b"\"output\":[{\"type\":\"web_search_call\",\"action\":{\"type\":\"search\"}}]",
    b"\"cache_creation\":{\"ephemeral_1h_input_tokens\":4}",
    b"\"12\"",
    b"\"type\":\"message_delta\"",
    b"\\\"",
    b"\\ud83d",
    b"{",
    b"}",
    b"[",
    b"]",
    b",",
    b"null",
    b"-1",
    b"1e309",
];

pub(crate) const USAGE: Target =
    Target { name: "usage", run: usage, seeds: STREAMS, dictionary: WORDS };

/// Whether every piece of JSON in the answer is one: only then is there one thing that it says.
fn is_well_formed(bytes: &[u8]) -> bool {
    let is_json = |text: &[u8]| serde_json::from_slice::<serde::de::IgnoredAny>(text).is_ok();
    let data = |line: &[u8]| {
        let text = line.strip_prefix(b"data:").map(<[u8]>::trim_ascii);
        text.is_none_or(|text| text == b"[DONE]" || is_json(text))
    };
    is_json(bytes) || (bytes.contains(&b'\n') && bytes.split(|b| *b == b'\n').all(data))
}

/// An answer says the same wherever the network cuts it.
fn usage(bytes: &[u8]) {
    const PROTOCOLS: [Protocol; 6] = [
        Protocol::Auto,
        Protocol::OpenAiChat,
        Protocol::OpenAiResponses,
        Protocol::Anthropic,
        Protocol::Gemini,
        Protocol::Bedrock,
    ];
    const TYPES: [&[u8]; 4] = [
        b"application/json",
        b"text/event-stream",
        b"application/vnd.amazon.eventstream",
        b"application/connect+json",
    ];
    let well_formed = is_well_formed(bytes);
    for protocol in PROTOCOLS {
        for content_type in TYPES {
            let answer = Answer {
                protocol,
                method: b"POST",
                path: "/v1/x",
                resumes: false,
                status: 200,
                content_type,
                content_encoding: b"",
            };
            let whole = scan(&answer, std::iter::once(bytes));
            let bytewise = scan(&answer, bytes.chunks(1));
            let pieces = scan(&answer, bytes.chunks(13));
            if well_formed {
                assert_eq!(bytewise, whole, "{protocol:?} byte by byte");
                assert_eq!(pieces, whole, "{protocol:?} in pieces");
            }
            // Whatever the bytes are, decompressing them neither panics nor fills the memory.
            for content_encoding in [&b"gzip"[..], b"deflate", b"br", b"zstd", b"zstd, br"] {
                scan(&Answer { content_encoding, ..answer }, bytes.chunks(13));
            }
        }
    }
}

fn scan<'a>(answer: &Answer<'_>, pieces: impl Iterator<Item = &'a [u8]>) -> Option<Signals> {
    let mut scanner = Scanner::new(answer)?;
    pieces.for_each(|piece| scanner.feed(piece));
    Some(scanner.finish(End::Complete))
}

pub(crate) const REASSEMBLY: Target =
    Target { name: "reassembly", run: reassembly, seeds: STREAMS, dictionary: WORDS };

/// Any stream can be put together or not; what was complete stays so when noise is put between.
fn reassembly(bytes: &[u8]) {
    for spoken in [Spoken::OpenAiChat, Spoken::OpenAiResponses, Spoken::Anthropic, Spoken::Gemini] {
        let alone = assembled(spoken, bytes);
        let kept_alive = [b": keep-alive\n\n", bytes].concat();
        assert_eq!(assembled(spoken, &kept_alive), alone, "{spoken:?} after a comment");
    }
}
