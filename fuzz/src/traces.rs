//! Exports of agents' traces.

use crate::Target;
use stagegate_spans::{
    Joiner, Limits, Malformed, Rejected, Request, Span, read_json, read_protobuf,
};

type Read = Result<Rejected, Malformed>;

/// The same bytes give the same spans, no more of them than the bytes have room for, and joining them
/// holds no more than it may.
fn joined(body: &[u8], read: fn(&[u8], &mut Vec<Span>) -> Read) {
    let (mut spans, mut again) = (Vec::new(), Vec::new());
    let told = read(body, &mut spans);
    assert_eq!((read(body, &mut again), &again), (told, &spans));
    assert!(spans.len() <= body.len(), "a span takes more than a byte");
    let limits = Limits { traces: 4, spans: 16, bytes: 8 << 10, wait_ms: 1 };
    let mut joiner = Joiner::new(limits);
    for (at, span) in spans.into_iter().enumerate() {
        let request = Request {
            id: String::new(),
            trace: span.trace,
            spans: vec![span.parent],
            client: None,
            key: stagegate_rollout::SeriesKey {
                workload: "w".into(),
                release: "v".into(),
                arm: stagegate_rollout::Arm::Stable,
            },
            counts: true,
            is_drawn: true,
            ended_ms: at as u64,
            stated: Vec::new(),
        };
        if at % 3 == 0 {
            joiner.request(request, at as u64);
        }
        joiner.span(span, at as u64);
        let (traces, spans, bytes) = joiner.held();
        assert!(traces <= limits.traces && spans <= limits.spans && bytes <= limits.bytes);
    }
    let _ = joiner.finish(&mut |_, _| None);
    assert_eq!(joiner.held(), (0, 0, 0));
}

pub(crate) const PROTOBUF: Target = Target {
    name: "otlp_protobuf",
    run: |body| joined(body, |body, spans| read_protobuf(body, |span| spans.push(span))),
    seeds: &[
        b"\x0a\x3e\x12\x3c\x12\x3a\x0a\x1011111111111111112222\x12\x0822222222*\x04chat9\0\0\0\0\0\0\0\0",
        b"\x0a\x04\x12\x02\x12\x00",
        b"\x0a\x55\x12\x53\x12\x51\x0a\x101111111111111111\x12\x08\x02\x02\x02\x02\x02\x02\x02\x02\x22\x08\x03\x03\x03\x03\x03\x03\x03\x03*\x04toolJ\x25\x0a\x17openinference.span.kind\x12\x06\x0a\x04TOOLz\x02\x18\x02",
    ],
    dictionary: &[
        b"\x0a", b"\x12", b"\x22", b"\x4a", b"\x7a", b"\x18\x02", b"\x39", b"\x41",
        b"gen_ai.operation.name", b"chat", b"openinference.span.kind", b"LLM", b"TOOL",
        b"gen_ai.usage.input_tokens", b"llm.cost.total", b"\x18\x0c", b"\xff\xff\xff\xff\x0f",
    ],
};

pub(crate) const JSON: Target = Target {
    name: "otlp_json",
    run: |body| joined(body, |body, spans| read_json(body, |span| spans.push(span))),
    seeds: &[
        br#"{"resourceSpans":[{"scopeSpans":[{"spans":[{"traceId":"5b8efff798038103d269b633813fc60c","spanId":"eee19b7ec3c1b174","parentSpanId":"eee19b7ec3c1b173","name":"x","startTimeUnixNano":"1","endTimeUnixNano":2,"attributes":[{"key":"gen_ai.operation.name","value":{"stringValue":"chat"}},{"key":"gen_ai.usage.input_tokens","value":{"intValue":"12"}}],"status":{"code":2}}]}]}]}"#,
        br#"{"resourceSpans":null}"#,
    ],
    dictionary: &[
        b"\"resourceSpans\":", b"\"scopeSpans\":", b"\"spans\":", b"\"traceId\":", b"\"status\":",
        b"\"attributes\":", b"\"key\":", b"\"value\":", b"\"intValue\":", b"\"doubleValue\":1e999",
        b"null", b"[", b"{", b"}", b"]", b",", b"\\u0000", b"STATUS_CODE_ERROR",
    ],
};
