//! The JSON Schema of the file, for editors.

use crate::raw::RawConfig;
use crate::read::{Field, Json, Need, Read, Shape, TypeForm};
use serde_json::{Map, Value, json};

/// The JSON Schema (2020-12) of the configuration file, made from the types that read it. A value
/// of any kind may also be a text with `${NAME}` in it.
#[must_use]
pub fn schema() -> Value {
    let root = RawConfig::shape();
    let mut definitions = Map::new();
    define(&root, &mut definitions);
    let mut schema = value(&root);
    schema["$defs"] = Value::Object(definitions);
    schema["$schema"] = json!("https://json-schema.org/draft/2020-12/schema");
    schema["title"] = json!("Stagegate configuration");
    schema
}

fn value(shape: &Shape) -> Value {
    match shape {
        Shape::Scalar(scalar) => scalar_value(scalar.json),
        Shape::Typed { name, .. } | Shape::Again(name) => {
            json!({ "$ref": format!("#/$defs/{name}") })
        }
        Shape::Foreign { schema, example, .. } => foreign(schema, example),
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

/// Collects the definitions of mappings whose keys follow from their `type`: they may hold themselves.
fn define(shape: &Shape, definitions: &mut Map<String, Value>) {
    match shape {
        Shape::Struct { fields, .. } | Shape::Choice { keys: fields, .. } => {
            fields.iter().for_each(|field| define(&field.shape, definitions));
        }
        Shape::List { item, .. } => define(item, definitions),
        Shape::Map { value, .. } => define(value, definitions),
        Shape::Either(shapes) => shapes.iter().for_each(|shape| define(shape, definitions)),
        Shape::Typed { name, doc, types } if !definitions.contains_key(*name) => {
            definitions.insert((*name).to_owned(), typed(doc, types));
            let fields = types.iter().flat_map(|kind| &kind.fields);
            fields.for_each(|field| define(&field.shape, definitions));
        }
        _ => {}
    }
}

/// A mapping whose keys follow from its `type`: the keys of every type at the top, and a branch for
/// each type, which editors take by its name.
fn typed(doc: &str, types: &[TypeForm]) -> Value {
    let in_all = |key: &str| types.iter().all(|kind| kind.fields.iter().any(|it| it.key == key));
    let fields = types.first().map_or(&[][..], |kind| &kind.fields);
    let mut properties = Map::new();
    for field in fields.iter().filter(|field| in_all(field.key)) {
        properties.insert(field.key.to_owned(), property(field));
    }
    let mut words: Vec<Value> = Vec::new();
    for kind in types {
        words.push(json!({ "const": kind.name, "description": kind.doc }));
        if kind.negatable {
            let doc = format!("`{}` turned around: what passes there fails.", kind.name);
            words.push(json!({ "const": format!("not-{}", kind.name), "description": doc }));
        }
    }
    words.push(from_env());
    properties.insert("type".to_owned(), json!({ "anyOf": words }));
    json!({
        "type": "object",
        "description": doc,
        "properties": properties,
        "required": ["type"],
        "allOf": types.iter().map(branch).collect::<Vec<_>>(),
    })
}

fn branch(kind: &TypeForm) -> Value {
    let mut words = vec![json!(kind.name)];
    if kind.negatable {
        words.push(json!(format!("not-{}", kind.name)));
    }
    let mut then = object(kind.doc, &kind.fields);
    then["properties"]["type"] = json!({ "enum": words, "description": kind.doc });
    let when = json!({ "properties": { "type": { "enum": words } }, "required": ["type"] });
    json!({ "if": when, "then": then })
}

/// A value of another crate's schema, or a text with a variable in it, with a valid value.
fn foreign(schema: &Value, example: &str) -> Value {
    let free =
        schema.as_object().is_some_and(Map::is_empty) || *schema == json!({"type": "string"});
    let mut schema = if free { schema.clone() } else { json!({ "anyOf": [schema, from_env()] }) };
    schema["examples"] = json!([default_value(example)]);
    schema
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
        properties.insert(field.key.to_owned(), property(field));
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

fn property(field: &Field) -> Value {
    let mut property = value(&field.shape);
    property["description"] = json!(field.doc);
    if let Need::Default(text) = field.need {
        property["default"] = default_value(text);
    }
    property
}

/// A default is YAML; what is not also JSON is a text.
fn default_value(text: &str) -> Value {
    serde_json::from_str(text).unwrap_or_else(|_| json!(text.trim_matches('\'')))
}
