//! Checks on the tools that an answer calls, and on the way an agent took.

use super::found::Found;
use super::structure::{at, validator};
use crate::Sample;
use crate::hash::{canonical, digest};
use jsonschema::Validator;
use serde_json::Value;
use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

#[derive(Clone, Debug)]
pub(crate) enum ToolTest {
    /// Calls are of tools that were offered, with arguments that fit.
    Valid(Schemas),
    /// All of these were called since the last message of a person.
    Used(Vec<String>),
    /// These were called in this order; nothing else in between where it is exact.
    Sequence { names: Vec<String>, exact: bool },
    /// So many calls since the last message of a person.
    Steps(u64, u64),
}

impl ToolTest {
    pub(super) fn found(&self, sample: &Sample) -> Found {
        match self {
            Self::Valid(schemas) => valid(sample, schemas),
            Self::Used(names) => {
                let called = sample.tools_called();
                match names.iter().find(|name| !called.contains(&name.as_str())) {
                    Some(missing) => Found::binary(false, format!("{missing} was not called")),
                    None => Found::binary(true, ""),
                }
            }
            Self::Sequence { names, exact } => {
                let called = sample.tools_called();
                let pass = if *exact { called == *names } else { in_order(&called, names) };
                Found::judged(pass, || format!("called: {}", called.join(", ")))
            }
            Self::Steps(min, max) => {
                let steps = sample.tools_called().len() as u64;
                let pass = (*min..=*max).contains(&steps);
                Found::judged(pass, || format!("{steps} tool calls"))
            }
        }
    }
}

fn in_order(called: &[&str], names: &[String]) -> bool {
    let mut called = called.iter();
    names.iter().all(|name| called.any(|one| one == name))
}

fn valid(sample: &Sample, schemas: &Schemas) -> Found {
    let calls = sample.tool_calls();
    if calls.is_empty() {
        return Found::binary(false, "it calls no tool");
    }
    let offered = sample.tools_offered();
    for call in calls {
        let Some(tool) = offered.iter().find(|tool| tool.name == call.name) else {
            return Found::binary(false, format!("{} is not a tool of the request", call.name));
        };
        let Some(schema) = tool.schema else { continue };
        match schemas.of(schema) {
            None => return Found::unscored(format!("the schema of {} cannot be read", call.name)),
            Some(validator) => {
                if let Err(error) = validator.validate(&call.arguments) {
                    return Found::binary(false, format!("{}: {}", call.name, at(&error)));
                }
            }
        }
    }
    Found::binary(true, "")
}

/// Schemas of tools, compiled once: an agent sends the same ones with every request.
#[derive(Clone, Debug, Default)]
pub(crate) struct Schemas(Arc<Mutex<HashMap<String, Option<Arc<Validator>>>>>);

/// More tools than an agent has; over it, everything is forgotten.
const REMEMBERED: usize = 512;

impl Schemas {
    /// The compiled schema; `None` for what is none.
    fn of(&self, schema: &Value) -> Option<Arc<Validator>> {
        let key = digest(&canonical(schema));
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if known.len() >= REMEMBERED {
            known.clear();
        }
        known.entry(key).or_insert_with(|| validator(&lowercase(schema)).ok().map(Arc::new)).clone()
    }
}

/// Gemini writes types in capitals (`OBJECT`).
fn lowercase(schema: &Value) -> Value {
    match schema {
        Value::Object(map) => map
            .iter()
            .map(|(key, value)| match value {
                Value::String(kind) if key == "type" => (key.clone(), kind.to_lowercase().into()),
                value => (key.clone(), lowercase(value)),
            })
            .collect(),
        Value::Array(items) => items.iter().map(lowercase).collect(),
        leaf => leaf.clone(),
    }
}
