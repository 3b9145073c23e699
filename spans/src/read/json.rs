//! `ExportTraceServiceRequest` in OTLP's JSON form: keys in lowerCamelCase, ids in hexadecimal digits,
//! 64-bit numbers as texts (<https://opentelemetry.io/docs/specs/otlp/#json-protobuf-encoding>).

use super::{Malformed, Raw, Rejected, Taking};
use crate::facts::{Attribute, Facts};
use crate::span::Span;
use serde::de::{DeserializeSeed, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, de};
use std::borrow::Cow;
use std::fmt;

/// The lists on the way to the spans.
const LISTS: [&str; 3] = ["resourceSpans", "scopeSpans", "spans"];

/// Reads an export, and gives the spans that cannot be used.
///
/// # Errors
/// When the body is no such document; spans before the broken place have been taken.
pub fn read_json(body: &[u8], mut take: impl FnMut(Span)) -> Result<Rejected, Malformed> {
    let mut taking = Taking::new(&mut take);
    let mut reader = serde_json::Deserializer::from_slice(body);
    let read = Object { depth: 0, taking: &mut taking }.deserialize(&mut reader);
    read.and_then(|()| reader.end()).map_err(|error| Malformed::Json(error.to_string()))?;
    Ok(taking.rejected)
}

/// An object that has one of [`LISTS`]; nothing else of it is looked at.
struct Object<'t, 'k> {
    depth: usize,
    taking: &'t mut Taking<'k>,
}

impl<'de> DeserializeSeed<'de> for Object<'_, '_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for Object<'_, '_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "an object with `{}`", LISTS[self.depth])
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        while let Some(Text(key)) = map.next_key()? {
            if key == LISTS[self.depth] {
                map.next_value_seed(List { depth: self.depth, taking: &mut *self.taking })?;
            } else {
                map.next_value::<IgnoredAny>()?;
            }
        }
        Ok(())
    }
}

/// One of [`LISTS`].
struct List<'t, 'k> {
    depth: usize,
    taking: &'t mut Taking<'k>,
}

impl<'de> DeserializeSeed<'de> for List<'_, '_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for List<'_, '_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "a list as `{}`", LISTS[self.depth])
    }

    fn visit_unit<E: de::Error>(self) -> Result<(), E> {
        Ok(())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<(), A::Error> {
        if self.depth + 1 < LISTS.len() {
            loop {
                let next = Object { depth: self.depth + 1, taking: &mut *self.taking };
                if list.next_element_seed(next)?.is_none() {
                    return Ok(());
                }
            }
        }
        while let Some(span) = list.next_element::<JsonSpan<'de>>()? {
            self.taking.span(span.read());
        }
        Ok(())
    }
}

/// A text, borrowed where it has no escapes.
#[derive(Debug, Default)]
struct Text<'a>(Cow<'a, str>);

impl<'de: 'a, 'a> Deserialize<'de> for Text<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Read;
        impl<'de> Visitor<'de> for Read {
            type Value = Text<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a text")
            }

            fn visit_borrowed_str<E: de::Error>(self, text: &'de str) -> Result<Text<'de>, E> {
                Ok(Text(Cow::Borrowed(text)))
            }

            fn visit_str<E: de::Error>(self, text: &str) -> Result<Text<'de>, E> {
                Ok(Text(Cow::Owned(text.to_owned())))
            }

            fn visit_unit<E: de::Error>(self) -> Result<Text<'de>, E> {
                Ok(Text(Cow::Borrowed("")))
            }
        }
        deserializer.deserialize_any(Read)
    }
}

/// A number, or a text that is one.
#[derive(Clone, Copy, Debug, Default)]
struct Number(u64);

impl<'de> Deserialize<'de> for Number {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Read;
        impl Visitor<'_> for Read {
            type Value = Number;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a whole number, or a text of one")
            }

            fn visit_u64<E: de::Error>(self, number: u64) -> Result<Number, E> {
                Ok(Number(number))
            }

            fn visit_i64<E: de::Error>(self, number: i64) -> Result<Number, E> {
                Ok(Number(number as u64))
            }

            fn visit_f64<E: de::Error>(self, number: f64) -> Result<Number, E> {
                Ok(Number(number as u64))
            }

            fn visit_str<E: de::Error>(self, text: &str) -> Result<Number, E> {
                let signed = || text.parse::<i64>().map(|number| number as u64);
                let read = text.parse().or_else(|_| signed());
                read.map(Number).map_err(|_| E::custom(format_args!("`{text:.40}` is no number")))
            }

            fn visit_unit<E: de::Error>(self) -> Result<Number, E> {
                Ok(Number(0))
            }
        }
        deserializer.deserialize_any(Read)
    }
}

/// A status code, by number or by name.
#[derive(Clone, Copy, Debug, Default)]
struct Failed(bool);

impl<'de> Deserialize<'de> for Failed {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        #[serde(untagged)]
        enum Code<'a> {
            Number(u64),
            #[serde(borrow)]
            Name(Cow<'a, str>),
            Other(IgnoredAny),
        }
        Ok(Self(match Code::deserialize(deserializer)? {
            Code::Number(code) => code == 2,
            Code::Name(name) => name == "STATUS_CODE_ERROR" || name == "2",
            Code::Other(_) => false,
        }))
    }
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct JsonStatus {
    code: Failed,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct JsonSpan<'a> {
    #[serde(borrow)]
    trace_id: Text<'a>,
    #[serde(borrow)]
    span_id: Text<'a>,
    #[serde(borrow)]
    parent_span_id: Text<'a>,
    #[serde(borrow)]
    name: Text<'a>,
    start_time_unix_nano: Number,
    end_time_unix_nano: Number,
    status: Option<JsonStatus>,
    attributes: Attributes,
}

impl JsonSpan<'_> {
    fn read(self) -> Option<Span> {
        let raw = Raw {
            trace: id(&self.trace_id.0),
            id: id(&self.span_id.0),
            parent: id(&self.parent_span_id.0).unwrap_or_default(),
            start: self.start_time_unix_nano.0,
            end: self.end_time_unix_nano.0,
            failed: self.status.is_some_and(|status| status.code.0),
            facts: self.attributes.0,
        };
        raw.span(&self.name.0)
    }
}

/// An id from hexadecimal digits.
fn id<const N: usize>(text: &str) -> Option<[u8; N]> {
    let digit = |byte: u8| char::from(byte).to_digit(16).map(|digit| digit as u8);
    let mut bytes = [0; N];
    if text.len() != N * 2 {
        return None;
    }
    for (byte, pair) in bytes.iter_mut().zip(text.as_bytes().chunks_exact(2)) {
        *byte = digit(pair[0])? << 4 | digit(pair[1])?;
    }
    Some(bytes)
}

/// Attributes, taken in one after the other.
#[derive(Debug, Default)]
struct Attributes(Facts);

#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct AnyValue<'a> {
    #[serde(borrow)]
    string_value: Option<Text<'a>>,
    int_value: Option<Number>,
    double_value: Option<f64>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Pair<'a> {
    #[serde(borrow)]
    key: Text<'a>,
    #[serde(borrow)]
    value: Option<AnyValue<'a>>,
}

impl<'de> Deserialize<'de> for Attributes {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Read;
        impl<'de> Visitor<'de> for Read {
            type Value = Attributes;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a list of attributes")
            }

            fn visit_unit<E: de::Error>(self) -> Result<Attributes, E> {
                Ok(Attributes::default())
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Attributes, A::Error> {
                let mut facts = Facts::default();
                while let Some(Pair { key, value }) = list.next_element::<Pair<'de>>()? {
                    let value = value.unwrap_or_default();
                    let text = value.string_value.as_ref().map(|text| Attribute::Text(&text.0));
                    let number = value.int_value.map(|number| Attribute::Int(number.0 as i64));
                    let known = text.or(number).or(value.double_value.map(Attribute::Float));
                    if let Some(value) = known {
                        facts.attribute(&key.0, value);
                    }
                }
                Ok(Attributes(facts))
            }
        }
        deserializer.deserialize_any(Read)
    }
}

#[cfg(test)]
mod tests {
    use super::read_json;
    use crate::span::Span;
    use proptest::prelude::proptest;

    fn read(body: &str) -> Vec<Span> {
        let mut spans = Vec::new();
        read_json(body.as_bytes(), |span| spans.push(span)).expect("a good body");
        spans
    }

    #[test]
    fn an_export_is_read_as_the_specification_writes_it() {
        let spans = read(
            r#"{"resourceSpans":[{"resource":{"attributes":[{"key":"service.name","value":{"stringValue":"my"}}]},
            "scopeSpans":[{"scope":{"name":"lib"},"spans":[{"traceId":"5B8EFFF798038103D269B633813FC60C",
            "spanId":"EEE19B7EC3C1B174","parentSpanId":"EEE19B7EC3C1B173","name":"I am a \"span\"",
            "startTimeUnixNano":"1544712660000000000","endTimeUnixNano":1544712661500000000,"kind":2,
            "attributes":[{"key":"gen_ai.operation.name","value":{"stringValue":"chat"}},
            {"key":"gen_ai.usage.input_tokens","value":{"intValue":"12"}},
            {"key":"gen_ai.usage.output_tokens","value":{"intValue":3}},
            {"key":"list","value":{"arrayValue":{"values":[{"stringValue":"x"}]}}}, {"key":"none"}],
            "status":{"code":2,"message":"no"},"unknown":[1,{"a":null}]}]}]}],"more":true}"#,
        );
        let [span] = &spans[..] else { panic!("{spans:?}") };
        assert_eq!((span.trace[0], span.id[0], span.parent[7]), (0x5b, 0xee, 0x73));
        assert_eq!((span.micros, span.failed), (1_500_000, true));
        let work = span.work.as_ref().expect("a call of a model");
        let usage = work.usage.expect("tokens");
        assert_eq!((&*work.stage, usage.input, usage.output), ("llm", 12, 3));
    }

    #[test]
    fn empty_lists_and_other_forms_of_a_status_are_good() {
        assert!(read("{}").is_empty());
        assert!(read(r#"{"resourceSpans":null}"#).is_empty());
        let span = |status: &str| {
            let ids = format!(r#""traceId":"{}","spanId":"{}""#, "1".repeat(32), "2".repeat(16));
            let spans = read(&format!(
                r#"{{"resourceSpans":[{{"scopeSpans":[{{"spans":[{{{ids},"status":{status},"parentSpanId":""}}]}}]}}]}}"#
            ));
            spans[0].failed
        };
        assert!(span(r#"{"code":"STATUS_CODE_ERROR"}"#));
        assert!(!span("{}") && !span("null") && !span(r#"{"code":1}"#));
    }

    #[test]
    fn what_is_no_export_is_refused_with_its_place() {
        for broken in ["", "[]", "{", r#"{"resourceSpans":[{"scopeSpans":3}]}"#, "{} {}", "nope"] {
            let refused = read_json(broken.as_bytes(), |_| {}).expect_err(broken);
            assert!(refused.to_string().contains("line 1"), "{refused}");
        }
    }

    proptest! {
        #[test]
        fn any_text_is_read_or_refused(body in ".{0,100}") {
            let _ = read_json(body.as_bytes(), |_| {});
        }
    }
}
