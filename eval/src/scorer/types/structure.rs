//! Checks on the form of an answer: their types and keys.

use super::declared::checks;
use crate::scorer::form::{Form, Json, Text, Texts, resolved};
use crate::scorer::keys::{Context, KeyShape, Spot, keys};
use crate::scorer::structure::{StructureTest, validator};
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

checks! { Structure, |fields, cx|
    "is-json" "Passes when all of the answer is JSON, of the schema where there is one.",
        MaybeSchema { value } => StructureTest::IsJson(value.map(|schema| schema.0));
    "contains-json" "Passes when JSON is somewhere in the answer, of the schema where there is one.",
        MaybeSchema { value } => StructureTest::ContainsJson(value.map(|schema| schema.0));
    "json-schema" "Passes when the answer is JSON of the schema.",
        Schema { value } => StructureTest::IsJson(Some(value?.0));
    "json-path" "Passes when the path selects something in the answer's JSON, or something equal to \
                 `value`.",
        Selected { path, value } => {
            let JsonPath { path, written } = path?;
            StructureTest::JsonPath { path, written, value: value.map(|value| value.0) }
        };
    "finish-reason" "Passes when the answer ended for one of the reasons.",
        Reasons { value } => StructureTest::FinishReason(value?.0);
}

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
