//! One file of definitions.

use crate::cost;
use crate::expand::{self, ExpandError};
use crate::flag::Rule;
use crate::operators::{NAMES, engine};
use crate::{Bucketing, Flag, Problem, Variant};
use datalogic_rs::datavalue::OwnedDataValue;
use serde_json::{Map, Value};

/// A file that was read.
#[derive(Debug, Default)]
pub struct FlagFile {
    pub(crate) name: String,
    /// Flags, each with its line.
    pub(crate) flags: Vec<(Flag, u32)>,
    pub(crate) metadata: Map<String, Value>,
    pub(crate) bucketing: Option<Bucketing>,
    pub(crate) warnings: Vec<Problem>,
}

impl FlagFile {
    /// What somebody should look at.
    #[must_use]
    pub fn warnings(&self) -> &[Problem] {
        &self.warnings
    }

    /// The number of flags.
    #[must_use]
    pub fn len(&self) -> usize {
        self.flags.len()
    }

    /// True without a flag.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.flags.is_empty()
    }
}

/// A flag from its definition. What is missing or of a wrong type counts as absent: `check` has
/// reported it. A rule that cannot be compiled is kept as broken.
pub(crate) fn flag(
    key: &str,
    definition: &Value,
    shared: &Map<String, Value>,
    of_set: &Map<String, Value>,
) -> Flag {
    let member = |name: &str| definition.get(name);
    let object = |name: &str| member(name).and_then(Value::as_object);
    let variants = object("variants").into_iter().flatten();
    let variants: Vec<Variant> = variants
        .map(|(name, value)| Variant { name: name.clone(), value: value.clone() })
        .collect();
    let default = member("defaultVariant").and_then(Value::as_str);
    let default = default.filter(|name| !name.is_empty());
    let mut metadata = of_set.clone();
    metadata.extend(object("metadata").into_iter().flatten().map(|(n, v)| (n.clone(), v.clone())));
    let mut written_out = None;
    let rule = match member("targeting").filter(|rule| object_with_members(rule)) {
        None => Rule::Static,
        Some(rule) => match compile(rule, shared) {
            Ok((logic, plain)) => {
                written_out = (plain != *rule).then_some(plain);
                Rule::Logic(Box::new(logic))
            }
            Err(why) => Rule::Broken(why),
        },
    };
    Flag {
        key: key.to_owned(),
        enabled: member("state").and_then(Value::as_str) == Some("ENABLED"),
        default: default.and_then(|name| variants.iter().position(|own| own.name == name)),
        variants,
        rule,
        metadata,
        definition: definition.clone(),
        written_out,
    }
}

fn object_with_members(value: &Value) -> bool {
    value.as_object().is_some_and(|members| !members.is_empty())
}

/// Compiles a rule, within the limits. Returns the rule without references too.
pub(crate) fn compile(
    rule: &Value,
    shared: &Map<String, Value>,
) -> Result<(datalogic_rs::Logic, Value), String> {
    let rule = expand::expand(rule, shared).map_err(|error: ExpandError| error.to_string())?;
    if let Some(unknown) = unknown_operator(&rule) {
        return Err(format!("`{unknown}` is no operator"));
    }
    cost::check(&rule).map_err(|error| error.to_string())?;
    let logic = engine(Bucketing::V2).compile(owned(&rule)).map_err(|error| error.to_string())?;
    Ok((logic, rule))
}

fn unknown_operator(rule: &Value) -> Option<&str> {
    match rule {
        Value::Array(items) => items.iter().find_map(unknown_operator),
        Value::Object(members) => members.iter().find_map(|(name, args)| {
            if NAMES.contains(&name.as_str()) { unknown_operator(args) } else { Some(name) }
        }),
        _ => None,
    }
}

/// A comparison that is false where the engine gives up: `"abc" > 18` compares with NaN, and nothing is greater or
/// less than NaN (JsonLogic, which is JavaScript in this). A context that nobody foresaw must not make a flag fail.
fn or_false(comparison: OwnedDataValue) -> OwnedDataValue {
    let tried = OwnedDataValue::Array(vec![comparison, OwnedDataValue::Bool(false)]);
    OwnedDataValue::Object(vec![("try".to_owned(), tried)])
}

/// A rule as the engine takes it.
fn owned(value: &Value) -> OwnedDataValue {
    match value {
        Value::Null => OwnedDataValue::Null,
        Value::Bool(value) => OwnedDataValue::Bool(*value),
        Value::Number(number) => OwnedDataValue::Number(match number.as_i64() {
            Some(number) => datalogic_rs::datavalue::NumberValue::from_i64(number),
            None => {
                let number = number.as_f64().unwrap_or_default();
                datalogic_rs::datavalue::NumberValue::from_f64(number)
            }
        }),
        Value::String(text) => OwnedDataValue::String(text.clone()),
        Value::Array(items) => OwnedDataValue::Array(items.iter().map(owned).collect()),
        Value::Object(members) => {
            let rule = members.iter().map(|(name, value)| (name.clone(), owned(value))).collect();
            let compares =
                members.keys().any(|name| [">", ">=", "<", "<="].contains(&name.as_str()));
            if compares {
                or_false(OwnedDataValue::Object(rule))
            } else {
                OwnedDataValue::Object(rule)
            }
        }
    }
}
