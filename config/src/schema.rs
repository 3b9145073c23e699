//! The JSON Schema of the file, for editors.

use crate::raw::RawConfig;
use crate::read::{Field, Json, Need, Read, Shape};
use serde_json::{Map, Value, json};

/// The JSON Schema (2020-12) of the configuration file, made from the types that read it. A value
/// of any kind may also be a text with `${NAME}` in it.
#[must_use]
pub fn schema() -> Value {
    let mut schema = value(&RawConfig::shape());
    schema["$schema"] = json!("https://json-schema.org/draft/2020-12/schema");
    schema["title"] = json!("Stagegate configuration");
    schema
}

fn value(shape: &Shape) -> Value {
    match shape {
        Shape::Scalar(scalar) => scalar_value(scalar.json),
        Shape::Open(_) => json!({ "type": "object" }),
        Shape::Word(word) => json!({ "const": word }),
        Shape::Struct { doc, fields, .. } => object(doc, fields),
        Shape::Choice { doc, words, keys, .. } => {
            let mut forms: Vec<Value> = Vec::new();
            if !words.is_empty() {
                forms
                    .extend(words.iter().map(|f| json!({ "const": f.word, "description": f.doc })));
                forms.push(from_env());
            }
            forms.extend(keys.iter().map(|field| object(&field.doc, std::slice::from_ref(field))));
            json!({ "description": doc, "anyOf": forms })
        }
        Shape::List { item, at_least_one } => {
            let least = u8::from(*at_least_one);
            json!({ "type": "array", "items": value(item), "minItems": least })
        }
        Shape::Map { key, value: inner } => json!({
            "type": "object",
            "propertyNames": names(key),
            "additionalProperties": value(inner),
        }),
        Shape::Either(shapes) => json!({ "anyOf": shapes.iter().map(value).collect::<Vec<_>>() }),
    }
}

fn from_env() -> Value {
    json!({ "type": "string", "pattern": "\\$\\{" })
}

fn scalar_value(kind: Json) -> Value {
    match kind {
        Json::Bool => json!({ "anyOf": [{ "type": "boolean" }, from_env()] }),
        Json::Integer(from, to) => {
            json!({ "anyOf": [{ "type": "integer", "minimum": from, "maximum": to }, from_env()] })
        }
        // A version like `5` is a number to YAML and a text to us.
        Json::Text => json!({ "type": ["string", "number", "boolean"] }),
        Json::Pattern(form) => pattern(form),
        Json::Name(form) => json!({ "anyOf": [{ "type": "integer" }, pattern(form)] }),
        Json::IntegerOr(from, form) => {
            json!({ "anyOf": [{ "type": "integer", "minimum": from }, pattern(form)] })
        }
        Json::NumberOr(form) => {
            json!({ "anyOf": [{ "type": "number", "minimum": 0 }, pattern(form)] })
        }
        Json::ZeroOr(form) => json!({ "anyOf": [{ "const": 0 }, pattern(form)] }),
    }
}

/// A text of this form, or with a variable in it.
fn pattern(form: &str) -> Value {
    json!({ "type": "string", "pattern": format!("{form}|\\$\\{{") })
}

/// The names a mapping's keys may have; no variables there.
fn names(key: &Shape) -> Value {
    match key {
        Shape::Scalar(scalar) => match scalar.json {
            Json::Pattern(form) | Json::Name(form) => json!({ "pattern": form }),
            _ => json!(true),
        },
        _ => json!(true),
    }
}

fn object(doc: &str, fields: &[Field]) -> Value {
    let mut properties = Map::new();
    for field in fields {
        let mut property = value(&field.shape);
        property["description"] = json!(field.doc);
        if let Need::Default(text) = field.need {
            property["default"] = default_value(text);
        }
        properties.insert(field.key.to_owned(), property);
    }
    let required: Vec<&str> =
        fields.iter().filter(|field| field.need == Need::Required).map(|field| field.key).collect();
    json!({
        "type": "object",
        "description": doc,
        "properties": properties,
        "required": required,
        "additionalProperties": false,
    })
}

/// A default is YAML; what is not also JSON is a text.
fn default_value(text: &str) -> Value {
    serde_json::from_str(text).unwrap_or_else(|_| json!(text.trim_matches('\'')))
}
