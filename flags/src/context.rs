//! What a flag is evaluated for.

use crate::limits::{CONTEXT_BYTES, CONTEXT_DEPTH, CONTEXT_ITEMS, CONTEXT_VALUES};
use datalogic_rs::DataValue;
use datalogic_rs::bumpalo::Bump;
use serde_json::{Map, Value};
use thiserror::Error;

/// The name of what is injected before an evaluation.
pub(crate) const INJECTED: &str = "$flagd";
/// The name of what Stagegate injects: `{"excluded": true}` for excluded tenants, else nothing.
pub(crate) const OWN: &str = "$stagegate";

/// Memory for one context and its evaluations. Reused, it allocates nothing after the first rounds.
#[derive(Debug, Default)]
pub struct Scratch {
    arena: Bump,
}

/// The fields of a context, in the memory of a [`Scratch`].
#[derive(Clone, Copy, Debug)]
pub struct Context<'a> {
    pub(crate) arena: &'a Bump,
    pub(crate) fields: &'a [(&'a str, DataValue<'a>)],
    pub(crate) excluded: bool,
}

/// A context that is larger than any evaluation may be asked for.
#[derive(Clone, Copy, Debug, Error, PartialEq, Eq)]
pub enum ContextError {
    /// Too many levels.
    #[error("the context is nested deeper than {CONTEXT_DEPTH} levels")]
    Depth,
    /// Too many values.
    #[error("the context has more than {CONTEXT_VALUES} values")]
    Values,
    /// A list or an object with too many items.
    #[error("a list or an object of the context has more than {CONTEXT_ITEMS} items")]
    Items,
    /// Too many bytes.
    #[error("the texts of the context have more than {CONTEXT_BYTES} bytes")]
    Bytes,
}

impl Scratch {
    /// Nothing yet.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// A context of texts. A `$flagd` and a `$stagegate` of the caller are dropped.
    pub fn of_fields<'s>(&'s mut self, fields: &[(&str, &str)]) -> Context<'s> {
        self.arena.reset();
        let arena = &self.arena;
        let known = fields.iter().filter(|(name, _)| !is_injected(name));
        let mut list =
            datalogic_rs::bumpalo::collections::Vec::with_capacity_in(fields.len(), arena);
        for (name, value) in known {
            let value = DataValue::String(arena.alloc_str(value));
            list.push((&*arena.alloc_str(name), value));
        }
        Context { arena, fields: list.into_bump_slice(), excluded: false }
    }

    /// A context as a client sends it. A `$flagd` and a `$stagegate` of the client are dropped.
    ///
    /// # Errors
    /// When it exceeds a limit.
    pub fn of_json<'s>(
        &'s mut self,
        object: &Map<String, Value>,
    ) -> Result<Context<'s>, ContextError> {
        self.arena.reset();
        let arena = &self.arena;
        let mut left = Left { values: CONTEXT_VALUES, bytes: CONTEXT_BYTES };
        let fields = members(object, arena, &mut left, 1, true)?;
        Ok(Context { arena, fields, excluded: false })
    }
}

fn is_injected(name: &str) -> bool {
    name == INJECTED || name == OWN
}

impl<'a> Context<'a> {
    /// The same context, of a tenant who is in an exclusion group and not opted in, or not. The caller
    /// knows the groups.
    #[must_use]
    pub const fn excluding(self, excluded: bool) -> Self {
        Self { excluded, ..self }
    }

    /// The same context with more texts. The fields that are there are not copied again.
    #[must_use]
    pub fn with(self, more: &[(&str, &str)]) -> Self {
        let room = self.fields.len() + more.len();
        let mut list = datalogic_rs::bumpalo::collections::Vec::with_capacity_in(room, self.arena);
        list.extend_from_slice(self.fields);
        for (name, value) in more.iter().filter(|(name, _)| !is_injected(name)) {
            let value = DataValue::String(self.arena.alloc_str(value));
            list.push((&*self.arena.alloc_str(name), value));
        }
        Self { fields: list.into_bump_slice(), ..self }
    }

    /// A field, if it is there.
    fn get(&self, name: &str) -> Option<&DataValue<'a>> {
        self.fields.iter().find(|(own, _)| *own == name).map(|(_, value)| value)
    }

    /// True if a field is there and counts as true in JsonLogic.
    pub(crate) fn has(&self, name: &str) -> bool {
        match self.get(name) {
            None | Some(DataValue::Null | DataValue::Bool(false)) => false,
            Some(DataValue::String(text)) => !text.is_empty(),
            Some(DataValue::Number(number)) => number.as_f64() != 0.0,
            Some(DataValue::Array(items)) => !items.is_empty(),
            Some(_) => true,
        }
    }

    /// A field as text: whole numbers in digits. Empty if it is not there, or something else.
    #[must_use]
    pub fn text(&self, name: &str) -> &'a str {
        match self.get(name) {
            Some(DataValue::String(text)) => text,
            Some(DataValue::Number(number)) => number.as_i64().map_or("", |number| {
                datalogic_rs::bumpalo::format!(in self.arena, "{}", number).into_bump_str()
            }),
            _ => "",
        }
    }
}

/// How much of the limits is left.
struct Left {
    values: usize,
    bytes: usize,
}

impl Left {
    fn take(&mut self, bytes: usize) -> Result<(), ContextError> {
        self.bytes = self.bytes.checked_sub(bytes).ok_or(ContextError::Bytes)?;
        self.values = self.values.checked_sub(1).ok_or(ContextError::Values)?;
        Ok(())
    }
}

fn members<'a>(
    object: &Map<String, Value>,
    arena: &'a Bump,
    left: &mut Left,
    depth: usize,
    top: bool,
) -> Result<&'a [(&'a str, DataValue<'a>)], ContextError> {
    if object.len() > CONTEXT_ITEMS {
        return Err(ContextError::Items);
    }
    let mut list = datalogic_rs::bumpalo::collections::Vec::with_capacity_in(object.len(), arena);
    for (name, value) in object.iter().filter(|(name, _)| !(top && is_injected(name))) {
        left.take(name.len())?;
        let value = convert(value, arena, left, depth)?;
        list.push((&*arena.alloc_str(name), value));
    }
    Ok(list.into_bump_slice())
}

fn convert<'a>(
    value: &Value,
    arena: &'a Bump,
    left: &mut Left,
    depth: usize,
) -> Result<DataValue<'a>, ContextError> {
    Ok(match value {
        Value::Null => DataValue::Null,
        Value::Bool(value) => DataValue::Bool(*value),
        Value::Number(number) => match number.as_i64() {
            Some(number) => DataValue::from_i64(number),
            None => DataValue::from_f64(number.as_f64().unwrap_or_default()),
        },
        Value::String(text) => {
            left.take(text.len())?;
            DataValue::String(arena.alloc_str(text))
        }
        Value::Array(_) | Value::Object(_) if depth >= CONTEXT_DEPTH => {
            return Err(ContextError::Depth);
        }
        Value::Array(items) => {
            if items.len() > CONTEXT_ITEMS {
                return Err(ContextError::Items);
            }
            let mut list =
                datalogic_rs::bumpalo::collections::Vec::with_capacity_in(items.len(), arena);
            for item in items {
                left.take(0)?;
                list.push(convert(item, arena, left, depth + 1)?);
            }
            DataValue::Array(list.into_bump_slice())
        }
        Value::Object(object) => DataValue::Object(members(object, arena, left, depth + 1, false)?),
    })
}

#[cfg(test)]
mod tests {
    use super::Scratch;

    #[test]
    fn a_context_with_more_has_both_and_the_one_before_stays_as_it_was() {
        let mut scratch = Scratch::new();
        let base = scratch.of_fields(&[("tenant", "acme")]).excluding(true);
        let more = base.with(&[("arm", "stable"), ("$stagegate", "x"), ("$flagd", "x")]);
        assert_eq!(
            (more.text("tenant"), more.text("arm"), more.fields.len()),
            ("acme", "stable", 2)
        );
        assert!(more.excluded);
        assert_eq!((base.text("arm"), base.fields.len()), ("", 1));
    }
}
