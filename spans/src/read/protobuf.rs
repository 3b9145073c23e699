//! `ExportTraceServiceRequest` in protobuf
//! (<https://github.com/open-telemetry/opentelemetry-proto>, `trace/v1/trace.proto`).

use super::wire::{Fields, Value};
use super::{Malformed, Raw, Rejected, Taking};
use crate::facts::Attribute;
use crate::span::Span;

/// Status of a span that failed.
const ERROR: u64 = 2;

/// Reads an export, and gives the spans that cannot be used.
///
/// # Errors
/// When the body is no such message; spans before the broken place have been taken.
pub fn read_protobuf(body: &[u8], mut take: impl FnMut(Span)) -> Result<Rejected, Malformed> {
    let mut taking = Taking::new(&mut take);
    // resource_spans = 1 { scope_spans = 2 { spans = 2 } }
    each(body, 1, |of_resource| {
        each(of_resource, 2, |of_scope| {
            each(of_scope, 2, |message| {
                let span = if taking.is_full() { None } else { span(message)? };
                taking.span(span);
                Ok(())
            })
        })
    })?;
    Ok(taking.rejected)
}

/// Every message in a field.
fn each(
    message: &[u8],
    field: u64,
    mut with: impl FnMut(&[u8]) -> Result<(), Malformed>,
) -> Result<(), Malformed> {
    for read in Fields::of(message) {
        if let (number, Value::Bytes(inner)) = read?
            && number == field
        {
            with(inner)?;
        }
    }
    Ok(())
}

fn span(message: &[u8]) -> Result<Option<Span>, Malformed> {
    let mut raw = Raw::default();
    let mut name = "";
    for read in Fields::of(message) {
        match read? {
            (1, Value::Bytes(id)) => raw.trace = id.try_into().ok(),
            (2, Value::Bytes(id)) => raw.id = id.try_into().ok(),
            (4, Value::Bytes(id)) => raw.parent = id.try_into().unwrap_or_default(),
            (5, Value::Bytes(text)) => name = std::str::from_utf8(text).unwrap_or_default(),
            (7, Value::Fixed64(at)) => raw.start = at,
            (8, Value::Fixed64(at)) => raw.end = at,
            (9, Value::Bytes(pair)) => attribute(pair, &mut raw)?,
            (15, Value::Bytes(status)) => {
                for read in Fields::of(status) {
                    if let (3, Value::Varint(code)) = read? {
                        raw.failed = code == ERROR;
                    }
                }
            }
            _ => {}
        }
    }
    Ok(raw.span(name))
}

/// A `KeyValue`. Lists and maps are passed over.
fn attribute(pair: &[u8], raw: &mut Raw) -> Result<(), Malformed> {
    let (mut key, mut value) = ("", None);
    for read in Fields::of(pair) {
        match read? {
            (1, Value::Bytes(text)) => key = std::str::from_utf8(text).unwrap_or_default(),
            (2, Value::Bytes(any)) => {
                for read in Fields::of(any) {
                    value = match read? {
                        (1, Value::Bytes(text)) => {
                            std::str::from_utf8(text).ok().map(Attribute::Text)
                        }
                        (3, Value::Varint(number)) => Some(Attribute::Int(number as i64)),
                        (4, Value::Fixed64(bits)) => Some(Attribute::Float(f64::from_bits(bits))),
                        _ => None,
                    };
                }
            }
            _ => {}
        }
    }
    if let Some(value) = value {
        raw.facts.attribute(key, value);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::super::MAX_SPANS;
    use super::read_protobuf;
    use crate::span::Span;
    use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
    use opentelemetry_proto::tonic::common::v1::any_value::Value;
    use opentelemetry_proto::tonic::common::v1::{AnyValue, KeyValue};
    use opentelemetry_proto::tonic::trace::v1 as proto;
    use proptest::prelude::{any, prop_assert_eq, proptest};
    use prost::Message as _;

    fn export(spans: Vec<proto::Span>) -> Vec<u8> {
        let scope_spans = vec![proto::ScopeSpans { spans, ..Default::default() }];
        let of_resource = proto::ResourceSpans { scope_spans, ..Default::default() };
        ExportTraceServiceRequest { resource_spans: vec![of_resource] }.encode_to_vec()
    }

    fn pair(key: &str, value: Value) -> KeyValue {
        let value = Some(AnyValue { value: Some(value) });
        KeyValue { key: key.to_owned(), value, ..KeyValue::default() }
    }

    fn read(body: &[u8]) -> Vec<Span> {
        let mut spans = Vec::new();
        read_protobuf(body, |span| spans.push(span)).expect("a good body");
        spans
    }

    #[test]
    fn a_span_of_the_official_types_is_read() {
        let span = proto::Span {
            trace_id: vec![7; 16],
            span_id: vec![8; 8],
            parent_span_id: vec![9; 8],
            name: "ChatOpenAI".to_owned(),
            start_time_unix_nano: 1_000_000,
            end_time_unix_nano: 813_000_000,
            attributes: vec![
                pair("openinference.span.kind", Value::StringValue("LLM".to_owned())),
                pair("llm.token_count.prompt", Value::IntValue(12)),
                pair("llm.cost.total", Value::DoubleValue(0.5)),
                pair("flag", Value::BoolValue(true)),
            ],
            status: Some(proto::Status { code: 2, message: "no".to_owned() }),
            ..proto::Span::default()
        };
        let spans = read(&export(vec![span]));
        let [span] = &spans[..] else { panic!("{spans:?}") };
        assert_eq!((span.trace, span.id, span.parent), ([7; 16], [8; 8], [9; 8]));
        assert_eq!((span.micros, span.failed), (812_000, true));
        let work = span.work.as_ref().expect("a call of a model");
        assert_eq!((&*work.stage, work.nanos), ("llm", Some(500_000_000)));
        assert_eq!(work.usage.expect("tokens").input, 12);
    }

    #[test]
    fn spans_without_ids_are_rejected_one_by_one() {
        let good = proto::Span { trace_id: vec![1; 16], span_id: vec![1; 8], ..Default::default() };
        let short = proto::Span { trace_id: vec![1; 15], ..good.clone() };
        let zero = proto::Span { span_id: vec![0; 8], ..good.clone() };
        let body = export(vec![short, good, zero]);
        let mut taken = 0;
        let rejected = read_protobuf(&body, |_| taken += 1).expect("a good body");
        assert_eq!((taken, rejected.without_ids, rejected.too_many), (1, 2, 0));
    }

    #[test]
    fn a_body_of_empty_spans_takes_no_memory_and_ends() {
        let scope = b"\x12\x00".repeat(MAX_SPANS + 10);
        let nested = |inner: &[u8], tag: u8| {
            let mut outer = vec![tag];
            prost::encoding::encode_varint(inner.len() as u64, &mut outer);
            [outer, inner.to_vec()].concat()
        };
        let body = nested(&nested(&scope, 0x12), 0x0a);
        let rejected = read_protobuf(&body, |_| panic!("none is good")).expect("a good body");
        assert_eq!(rejected.without_ids + rejected.too_many, MAX_SPANS as u64 + 10);
    }

    proptest! {
        #[test]
        fn any_bytes_are_read_or_refused(body in proptest::collection::vec(any::<u8>(), 0..200)) {
            let _ = read_protobuf(&body, |_| {});
        }

        #[test]
        fn what_the_official_types_read_is_read(
            body in proptest::collection::vec(any::<u8>(), 0..60), name in "[ -~]{0,20}",
        ) {
            // Unknown fields of any kind around a good span change nothing.
            let span = proto::Span {
                trace_id: vec![1; 16], span_id: vec![2; 8], name, ..Default::default()
            };
            let good = export(vec![span]);
            let both = [&good[..], &body].concat();
            if ExportTraceServiceRequest::decode(&body[..]).is_ok_and(|it| it.resource_spans.is_empty())
                && read_protobuf(&body, |_| {}).is_ok()
            {
                prop_assert_eq!(read(&both).len(), 1);
            }
        }
    }
}
