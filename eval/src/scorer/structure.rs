//! Checks on the form of an answer.

use super::form::{Form, Json, Text, Texts, resolved};
use super::keys::{Context, KeyShape, Keys, Spot, keys};
use super::text::shown;
use super::types::{Make, Type};
use super::{Found, Test};
use crate::{Finish, Sample};
use jsonschema::Validator;
use serde_json::{Value, json};
use std::borrow::Cow;
use std::sync::Arc;

keys! {
    struct MaybeSchema {
        /// The JSON Schema that the JSON must have, or `file:` with a file that holds it.
        value: JsonSchema = optional, r#"{"type": "object", "required": ["answer"]}"#;
    }
}

keys! {
    struct Schema {
        /// The JSON Schema that the answer must have, or `file:` with a file that holds it.
        value: JsonSchema = required, r#"{"type": "object", "required": ["answer"]}"#;
    }
}

keys! {
    struct Selected {
        /// The path, as RFC 9535 defines it.
        path: JsonPath = required, "$.items[0].price";
        /// What one of the selected values must equal. Without it, any value will do.
        value: Json = optional, "12.5";
    }
}

keys! {
    struct Reasons {
        /// One reason or several: the protocol's own word, or `stop`, `length`, `tool_calls` or
        /// `content_filter`.
        value: Texts = required, r#"["stop", "tool_calls"]"#;
    }
}

pub(super) const TYPES: &[Type] = &[
    Type {
        name: "is-json",
        doc: "Passes when all of the answer is JSON, of the schema where there is one.",
        own: MaybeSchema::keys,
        make: Make::Check(|fields, cx| {
            let schema = MaybeSchema::read(fields, cx).value.map(|schema| schema.0);
            Some(Test::Structure(StructureTest::IsJson(schema)))
        }),
    },
    Type {
        name: "contains-json",
        doc: "Passes when JSON is somewhere in the answer, of the schema where there is one.",
        own: MaybeSchema::keys,
        make: Make::Check(|fields, cx| {
            let schema = MaybeSchema::read(fields, cx).value.map(|schema| schema.0);
            Some(Test::Structure(StructureTest::ContainsJson(schema)))
        }),
    },
    Type {
        name: "json-schema",
        doc: "Passes when the answer is JSON of the schema.",
        own: Schema::keys,
        make: Make::Check(|fields, cx| {
            let schema = Some(Schema::read(fields, cx).value?.0);
            Some(Test::Structure(StructureTest::IsJson(schema)))
        }),
    },
    Type {
        name: "json-path",
        doc: "Passes when the path selects something in the answer's JSON, or something equal to \
              `value`.",
        own: Selected::keys,
        make: Make::Check(|fields, cx| {
            let Selected { path, value } = Selected::read(fields, cx);
            let (JsonPath { path, written }, value) = (path?, value.map(|value| value.0));
            Some(Test::Structure(StructureTest::JsonPath { path, written, value }))
        }),
    },
    Type {
        name: "finish-reason",
        doc: "Passes when the answer ended for one of the reasons.",
        own: Reasons::keys,
        make: Make::Check(|fields, cx| {
            let reasons = Reasons::read(fields, cx).value?.0;
            Some(Test::Structure(StructureTest::FinishReason(reasons)))
        }),
    },
];

/// A compiled JSON Schema.
struct JsonSchema(Arc<Validator>);

impl Form for JsonSchema {
    fn name() -> String {
        "JSON Schema".into()
    }

    fn shape() -> KeyShape {
        KeyShape::Schema(json!({ "type": ["object", "boolean", "string"] }))
    }

    fn read(value: &Value, spot: &Spot, cx: &mut Context<'_>) -> Option<Self> {
        let schema = match value {
            Value::String(text) => {
                let text = resolved(value, text, spot, cx)?;
                match serde_json::from_str(&text) {
                    Ok(schema) => Cow::Owned(schema),
                    Err(error) => {
                        spot.wrong(value, format!("is not JSON: {error}"), cx);
                        return None;
                    }
                }
            }
            value => Cow::Borrowed(value),
        };
        match validator(&schema) {
            Ok(validator) => Some(Self(Arc::new(validator))),
            Err(why) => {
                spot.wrong(value, format!("is not a JSON Schema: {why}"), cx);
                None
            }
        }
    }
}

/// A path of RFC 9535.
struct JsonPath {
    path: Arc<serde_json_path::JsonPath>,
    written: String,
}

impl Form for JsonPath {
    fn name() -> String {
        "JSONPath".into()
    }

    fn shape() -> KeyShape {
        KeyShape::Schema(json!({ "type": "string" }))
    }

    fn read(value: &Value, spot: &Spot, cx: &mut Context<'_>) -> Option<Self> {
        let written = Text::read(value, spot, cx)?.0;
        match serde_json_path::JsonPath::parse(&written) {
            Ok(path) => Some(Self { path: Arc::new(path), written }),
            Err(error) => {
                spot.wrong(value, format!("is not a path: {error}"), cx);
                None
            }
        }
    }
}

#[derive(Clone, Debug)]
pub(crate) enum StructureTest {
    /// All of it is JSON, of this schema where there is one.
    IsJson(Option<Arc<Validator>>),
    /// JSON is in it, of this schema where there is one.
    ContainsJson(Option<Arc<Validator>>),
    /// RFC 9535: selects something; with a value, something equal to it.
    JsonPath { path: Arc<serde_json_path::JsonPath>, written: String, value: Option<Value> },
    /// One of these.
    FinishReason(Vec<String>),
}

impl StructureTest {
    pub(super) fn found(&self, sample: &Sample) -> Found {
        match self {
            Self::IsJson(schema) => match sample.json() {
                Some(json) => {
                    schema.as_ref().map_or_else(|| Found::binary(true, ""), |s| valid(s, &json))
                }
                None => Found::binary(false, "it is not JSON"),
            },
            Self::ContainsJson(schema) => contained(sample, schema.as_deref()),
            Self::JsonPath { path, written, value } => match sample.json() {
                Some(json) => {
                    let nodes = path.query(&json);
                    let pass = nodes.iter().any(|node| value.as_ref().is_none_or(|v| v == *node));
                    Found::binary(
                        pass,
                        if pass {
                            String::new()
                        } else {
                            format!("{written} selects nothing of the kind")
                        },
                    )
                }
                None => Found::binary(false, "it is not JSON"),
            },
            Self::FinishReason(wanted) => finish_reason(sample, wanted),
        }
    }
}

/// A validator that reads nothing from anywhere: references may only point into the schema itself.
pub(super) fn validator(schema: &Value) -> Result<Validator, String> {
    jsonschema::options().build(schema).map_err(|error| error.to_string())
}

fn valid(schema: &Validator, json: &Value) -> Found {
    match schema.validate(json) {
        Ok(()) => Found::binary(true, ""),
        Err(error) => Found::binary(false, at(&error)),
    }
}

/// Where it is wrong, and how; never the whole value.
pub(super) fn at(error: &jsonschema::ValidationError<'_>) -> String {
    let place = error.instance_path().to_string();
    let place = if place.is_empty() { "the whole".to_owned() } else { place };
    format!("{place}: {}", shown(&error.to_string()))
}

/// Where JSON may begin in a text: as often as this is tried.
const TRIES: usize = 64;

fn contained(sample: &Sample, schema: Option<&Validator>) -> Found {
    if let Some(json) = sample.json() {
        return schema.map_or_else(|| Found::binary(true, ""), |schema| valid(schema, &json));
    }
    let text = sample.text();
    for (at, _) in text.match_indices(['{', '[']).take(TRIES) {
        let mut found = serde_json::Deserializer::from_str(&text[at..]).into_iter::<Value>();
        if let Some(Ok(json)) = found.next()
            && schema.is_none_or(|schema| schema.is_valid(&json))
        {
            return Found::binary(true, "");
        }
    }
    Found::binary(false, "no such JSON is in it")
}

fn finish_reason(sample: &Sample, wanted: &[String]) -> Found {
    let Some(choice) = sample.choice() else {
        return Found::unscored("the answer is of no protocol that has a finish reason");
    };
    let Some(raw) = &choice.finish_reason else {
        return Found::binary(false, "it has no finish reason");
    };
    let common = choice.finish().map(Finish::label);
    let pass = wanted.iter().any(|word| word == raw || Some(word.as_str()) == common);
    let said = common.filter(|common| common != raw);
    let said = said.map_or_else(|| raw.clone(), |common| format!("{raw} ({common})"));
    Found::binary(pass, if pass { String::new() } else { format!("it ended with {said}") })
}
