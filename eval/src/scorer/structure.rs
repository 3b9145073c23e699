//! Checks on the form of an answer.

use super::found::Found;
use super::text::shown;
use crate::{Finish, Sample};
use jsonschema::Validator;
use serde_json::Value;
use std::sync::Arc;

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
                    Found::judged(pass, || format!("{written} selects nothing of the kind"))
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

/// The place and kind of the error; never the whole value.
pub(super) fn at(error: &jsonschema::ValidationError<'_>) -> String {
    let place = error.instance_path().to_string();
    let place = if place.is_empty() { "the whole".to_owned() } else { place };
    format!("{place}: {}", shown(&error.to_string()))
}

/// The most places in a text at which JSON may begin and is tried.
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
    Found::judged(pass, || format!("it ended with {said}"))
}
