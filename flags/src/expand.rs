//! Shared rules: `{"$ref": "name"}` becomes the rule of that name in `$evaluators`.

use crate::limits::{RULE_DEPTH, RULE_NODES};
use serde_json::{Map, Value};
use thiserror::Error;

/// A rule that cannot be written out.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub(crate) enum ExpandError {
    #[error("`$ref` names `{0}`, and `$evaluators` has no such rule")]
    Missing(String),
    #[error("the shared rule `{0}` refers to itself")]
    Circle(String),
    #[error("the rule is nested deeper than {RULE_DEPTH} levels, shared rules included")]
    Depth,
    #[error("the rule has more than {RULE_NODES} operators and values, shared rules included")]
    Nodes,
}

/// The name in a reference, if the value is one.
pub(crate) fn reference(value: &Value) -> Option<&str> {
    let object = value.as_object().filter(|object| object.len() == 1)?;
    object.get("$ref")?.as_str()
}

/// Writes a rule out.
pub(crate) fn expand(rule: &Value, shared: &Map<String, Value>) -> Result<Value, ExpandError> {
    let mut expander = Expander { shared, open: Vec::new(), nodes: 0 };
    expander.value(rule, 0)
}

struct Expander<'v> {
    shared: &'v Map<String, Value>,
    /// Names that are being written out.
    open: Vec<&'v str>,
    nodes: usize,
}

impl<'v> Expander<'v> {
    fn value(&mut self, value: &'v Value, depth: usize) -> Result<Value, ExpandError> {
        if depth > RULE_DEPTH {
            return Err(ExpandError::Depth);
        }
        self.nodes += 1;
        if self.nodes > RULE_NODES {
            return Err(ExpandError::Nodes);
        }
        if let Some(name) = reference(value) {
            return self.reference(name, depth);
        }
        Ok(match value {
            Value::Array(items) => {
                let items = items.iter().map(|item| self.value(item, depth + 1));
                Value::Array(items.collect::<Result<_, _>>()?)
            }
            Value::Object(members) => {
                let members = members
                    .iter()
                    .map(|(name, value)| Ok((name.clone(), self.value(value, depth + 1)?)));
                Value::Object(members.collect::<Result<_, _>>()?)
            }
            other => other.clone(),
        })
    }

    fn reference(&mut self, name: &'v str, depth: usize) -> Result<Value, ExpandError> {
        let Some(rule) = self.shared.get(name) else {
            return Err(ExpandError::Missing(name.to_owned()));
        };
        if self.open.contains(&name) {
            return Err(ExpandError::Circle(name.to_owned()));
        }
        self.open.push(name);
        let rule = self.value(rule, depth + 1);
        self.open.pop();
        rule
    }
}
