//! Answers as providers send them, shortened in what does not matter.

use stagegate_signals::{Answer, End, Protocol, Scanner, Signals};

pub(crate) const JSON: &[u8] = b"application/json";
pub(crate) const SSE: &[u8] = b"text/event-stream; charset=utf-8";
pub(crate) const BINARY: &[u8] = b"application/vnd.amazon.eventstream";

pub(crate) fn answer<'a>(path: &'a str, content_type: &'a [u8]) -> Answer<'a> {
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

/// Scans pieces of a body.
pub(crate) fn scan_pieces<'a>(
    answer: &Answer<'_>,
    pieces: impl IntoIterator<Item = &'a [u8]>,
    end: End,
) -> Signals {
    let mut scanner = Scanner::new(answer).expect("a body that is understood");
    pieces.into_iter().for_each(|piece| scanner.feed(piece));
    scanner.finish(end)
}

pub(crate) fn scan(answer: &Answer<'_>, body: &[u8]) -> Signals {
    scan_pieces(answer, [body], End::Complete)
}

pub(crate) const CHAT: &str = r#"{
  "id": "chatcmpl-B9MBs8CjcvOU2jLn4n570S5qMJKcT", "object": "chat.completion", "created": 1741569952,
  "model": "gpt-4o-2024-08-06",
  "choices": [{"index": 0, "message": {"role": "assistant",
    "content": "Say \"usage\": {\"prompt_tokens\": 999999} — grüße, 日本語 \ud83d\ude00 \\",
    "refusal": null, "annotations": [],
    "tool_calls": [{"id": "call_1", "type": "function", "function": {"name": "f",
      "arguments": "{\"usage\":{\"completion_tokens\":7},\"error\":{\"type\":\"api_error\"}}"}}]},
    "logprobs": null, "finish_reason": "stop", "usage": {"prompt_tokens": 5}}],
  "usage": {"prompt_tokens": 2006, "completion_tokens": 300, "total_tokens": 2306,
    "prompt_tokens_details": {"cached_tokens": 1920, "audio_tokens": 0},
    "completion_tokens_details": {"reasoning_tokens": 192, "audio_tokens": 0,
      "accepted_prediction_tokens": 0, "rejected_prediction_tokens": 0}},
  "service_tier": "default"
}"#;

pub(crate) const CHAT_STREAM: &str = concat!(
    "data: {\"id\":\"chatcmpl-123\",\"object\":\"chat.completion.chunk\",\"created\":1694268190,\"model\":\"gpt-4o-mini\",\"system_fingerprint\":\"fp_44709d6fcb\",\"choices\":[{\"index\":0,\"delta\":{\"role\":\"assistant\",\"content\":\"\"},\"logprobs\":null,\"finish_reason\":null}],\"usage\":null}\n\n",
    "data: {\"id\":\"chatcmpl-123\",\"object\":\"chat.completion.chunk\",\"model\":\"gpt-4o-mini\",\"choices\":[{\"index\":0,\"delta\":{\"content\":\"the \\\"usage\\\": {\\\"prompt_tokens\\\": 9} ä日😀\"},\"finish_reason\":null}],\"usage\":null}\n\n",
    ": keep-alive\n\n",
    "data: {\"id\":\"chatcmpl-123\",\"object\":\"chat.completion.chunk\",\"model\":\"gpt-4o-mini\",\"choices\":[{\"index\":0,\"delta\":{},\"finish_reason\":\"stop\"}],\"usage\":null}\n\n",
    "data: {\"id\":\"chatcmpl-123\",\"object\":\"chat.completion.chunk\",\"model\":\"gpt-4o-mini\",\"choices\":[],\"usage\":{\"prompt_tokens\":19,\"completion_tokens\":10,\"total_tokens\":29,\"prompt_tokens_details\":{\"cached_tokens\":4},\"completion_tokens_details\":{\"reasoning_tokens\":3}}}\n\n",
    "data: [DONE]\n\n",
);

pub(crate) const RESPONSES: &str = r#"{"id":"resp_67ccd2bed1ec8190b14f964abc0542670bb6a6b452d3795b","object":"response",
"created_at":1741476542,"status":"completed","error":null,"incomplete_details":null,"instructions":null,
"model":"gpt-4.1-2025-04-14","output":[{"type":"message","id":"msg_1","status":"completed","role":"assistant",
"content":[{"type":"output_text","text":"In a peaceful grove","annotations":[]}]}],
"usage":{"input_tokens":36,"input_tokens_details":{"cached_tokens":12},"output_tokens":87,
"output_tokens_details":{"reasoning_tokens":20},"total_tokens":123},"user":null,"metadata":{}}"#;

pub(crate) const RESPONSES_STREAM: &str = concat!(
    "event: response.created\ndata: {\"type\":\"response.created\",\"response\":{\"id\":\"resp_1\",\"object\":\"response\",\"status\":\"in_progress\",\"error\":null,\"model\":\"gpt-4.1-2025-04-14\",\"output\":[],\"usage\":null}}\n\n",
    "event: response.output_text.delta\ndata: {\"type\":\"response.output_text.delta\",\"item_id\":\"msg_1\",\"delta\":\"Hi\"}\n\n",
    "event: response.completed\ndata: {\"type\":\"response.completed\",\"response\":{\"id\":\"resp_1\",\"object\":\"response\",\"status\":\"completed\",\"error\":null,\"model\":\"gpt-4.1-2025-04-14\",\"output\":[{\"id\":\"msg_1\",\"content\":[{\"type\":\"output_text\",\"text\":\"Hi\"}]}],\"usage\":{\"input_tokens\":37,\"input_tokens_details\":{\"cached_tokens\":30},\"output_tokens\":11,\"output_tokens_details\":{\"reasoning_tokens\":5},\"total_tokens\":48}}}\n\n",
);

pub(crate) const MESSAGES: &str = r#"{"id":"msg_013Zva2CMHLNnjNjJJKqJ2EF","type":"message","role":"assistant",
"model":"claude-sonnet-4-5-20250929","content":[{"type":"text","text":"Hi! My name is Claude."}],
"stop_reason":"end_turn","stop_sequence":null,"usage":{"input_tokens":2095,"output_tokens":503,
"cache_creation_input_tokens":400,"cache_read_input_tokens":1600,
"cache_creation":{"ephemeral_5m_input_tokens":400,"ephemeral_1h_input_tokens":0},"service_tier":"standard"}}"#;

pub(crate) const MESSAGES_STREAM: &str = concat!(
    "event: message_start\ndata: {\"type\":\"message_start\",\"message\":{\"id\":\"msg_1nZdL29xx5MUA1yADyHTEsnR8uuvGzszyY\",\"type\":\"message\",\"role\":\"assistant\",\"content\":[],\"model\":\"claude-sonnet-4-5-20250929\",\"stop_reason\":null,\"stop_sequence\":null,\"usage\":{\"input_tokens\":25,\"cache_creation_input_tokens\":8,\"cache_read_input_tokens\":100,\"output_tokens\":1}}}\n\n",
    "event: content_block_start\ndata: {\"type\":\"content_block_start\",\"index\":0,\"content_block\":{\"type\":\"text\",\"text\":\"\"}}\n\n",
    "event: ping\ndata: {\"type\": \"ping\"}\n\n",
    "event: content_block_delta\ndata: {\"type\":\"content_block_delta\",\"index\":0,\"delta\":{\"type\":\"input_json_delta\",\"partial_json\":\"{\\\"usage\\\":{\\\"output_tokens\\\":777},\\\"error\\\":{}}\"}}\n\n",
    "event: content_block_stop\ndata: {\"type\":\"content_block_stop\",\"index\":0}\n\n",
    "event: message_delta\ndata: {\"type\":\"message_delta\",\"delta\":{\"stop_reason\":\"end_turn\",\"stop_sequence\":null},\"usage\":{\"output_tokens\":15}}\n\n",
    "event: message_stop\ndata: {\"type\":\"message_stop\"}\n\n",
);

pub(crate) const GEMINI: &str = r#"{"candidates":[{"content":{"parts":[{"text":"Hello"}],"role":"model"},"finishReason":"STOP","index":0}],
"usageMetadata":{"promptTokenCount":264,"candidatesTokenCount":32,"totalTokenCount":350,"cachedContentTokenCount":200,
"promptTokensDetails":[{"modality":"TEXT","tokenCount":264}],"thoughtsTokenCount":54},
"modelVersion":"gemini-2.5-pro","responseId":"vVn-Z5j2NP-z1dkP"}"#;

pub(crate) const GEMINI_STREAM: &str = concat!(
    "data: {\"candidates\": [{\"content\": {\"parts\": [{\"text\": \"a\"}],\"role\": \"model\"}}],\"usageMetadata\": {\"promptTokenCount\": 11,\"totalTokenCount\": 11},\"modelVersion\": \"gemini-2.5-flash\",\"responseId\": \"r-9\"}\r\n\r\n",
    "data: {\"candidates\": [{\"content\": {\"parts\": [{\"text\": \"b\"}],\"role\": \"model\"}}],\"usageMetadata\": {\"promptTokenCount\": 11,\"candidatesTokenCount\": 5,\"totalTokenCount\": 20,\"thoughtsTokenCount\": 4},\"modelVersion\": \"gemini-2.5-flash\",\"responseId\": \"r-9\"}\r\n\r\n",
    "data: {\"candidates\": [{\"content\": {\"parts\": [{\"text\": \"c\"}],\"role\": \"model\"},\"finishReason\": \"STOP\"}],\"usageMetadata\": {\"promptTokenCount\": 11,\"candidatesTokenCount\": 9,\"totalTokenCount\": 27,\"thoughtsTokenCount\": 7},\"modelVersion\": \"gemini-2.5-flash\",\"responseId\": \"r-9\"}\r\n\r\n",
);

pub(crate) const CONVERSE: &str = r#"{"output":{"message":{"role":"assistant","content":[{"text":"hi"}]}},"stopReason":"end_turn",
"usage":{"inputTokens":30,"outputTokens":628,"totalTokens":758,"cacheReadInputTokens":90,"cacheWriteInputTokens":10},
"metrics":{"latencyMs":1275}}"#;

/// A message of Amazon's event stream.
pub(crate) fn frame(headers: &[(&str, &str)], payload: &str) -> Vec<u8> {
    let mut head = Vec::new();
    for (name, value) in headers {
        head.push(name.len() as u8);
        head.extend_from_slice(name.as_bytes());
        head.push(7);
        head.extend_from_slice(&(value.len() as u16).to_be_bytes());
        head.extend_from_slice(value.as_bytes());
    }
    let mut frame = Vec::new();
    frame.extend_from_slice(&((16 + head.len() + payload.len()) as u32).to_be_bytes());
    frame.extend_from_slice(&(head.len() as u32).to_be_bytes());
    frame.extend_from_slice(&crc(&frame).to_be_bytes());
    frame.extend_from_slice(&head);
    frame.extend_from_slice(payload.as_bytes());
    let whole = crc(&frame);
    frame.extend_from_slice(&whole.to_be_bytes());
    frame
}

/// An event of a Converse stream.
pub(crate) fn event(kind: &str, payload: &str) -> Vec<u8> {
    let headers =
        [(":event-type", kind), (":content-type", "application/json"), (":message-type", "event")];
    frame(&headers, payload)
}

pub(crate) fn converse_stream() -> Vec<u8> {
    [
        event("messageStart", r#"{"role":"assistant"}"#),
        event("contentBlockDelta", r#"{"contentBlockIndex":0,"delta":{"text":"x"},"usage":{"inputTokens":1}}"#),
        event("messageStop", r#"{"stopReason":"end_turn"}"#),
        event(
            "metadata",
            r#"{"metrics":{"latencyMs":500},"usage":{"inputTokens":12,"outputTokens":34,"totalTokens":46,"cacheReadInputTokens":5,"cacheWriteInputTokens":0}}"#,
        ),
    ]
    .concat()
}

/// CRC-32 (IEEE), bit by bit: slow, and independent of what is tested.
fn crc(bytes: &[u8]) -> u32 {
    let mut crc = u32::MAX;
    for byte in bytes {
        crc ^= u32::from(*byte);
        for _ in 0..8 {
            crc = if crc & 1 == 1 { crc >> 1 ^ 0xedb8_8320 } else { crc >> 1 };
        }
    }
    !crc
}

/// Every body with the head it comes with.
pub(crate) fn all() -> Vec<(&'static str, Answer<'static>, Vec<u8>)> {
    let of = |name, path, kind, body: &str| (name, answer(path, kind), body.as_bytes().to_vec());
    let bedrock = "/model/anthropic.claude-sonnet-4-5-20250929-v1%3A0/converse";
    vec![
        of("chat", "/v1/chat/completions", JSON, CHAT),
        of("chat stream", "/v1/chat/completions", SSE, CHAT_STREAM),
        of("responses", "/v1/responses", JSON, RESPONSES),
        of("responses stream", "/v1/responses", SSE, RESPONSES_STREAM),
        of("messages", "/v1/messages", JSON, MESSAGES),
        of("messages stream", "/v1/messages", SSE, MESSAGES_STREAM),
        of("gemini", "/v1beta/models/gemini-2.5-pro:generateContent", JSON, GEMINI),
        of("gemini stream", "/v1beta/models/m:streamGenerateContent?alt=sse", SSE, GEMINI_STREAM),
        of("converse", bedrock, JSON, CONVERSE),
        ("converse stream", answer(bedrock, BINARY), converse_stream()),
    ]
}
