//! Flags.

use super::cx::{Cx, kind, shown};
use super::{results, rule};
use crate::file;
use crate::flag::Rule;
use crate::path::Path;
use crate::{Flag, Severity};
use serde_json::{Map, Value};
use std::collections::BTreeSet;

const MEMBERS: [&str; 6] = ["state", "variants", "defaultVariant", "targeting", "metadata", "key"];

/// Checks all flags of a file: an object by key, or a list of flags that have a `key`.
pub(super) fn flags(
    value: Option<&Value>,
    shared: &Map<String, Value>,
    of_set: &Map<String, Value>,
    used: &mut BTreeSet<String>,
    cx: &mut Cx<'_>,
) -> Vec<(Flag, u32)> {
    let top = Path::TOP;
    let path = top.member("flags");
    let mut read = Vec::new();
    match value {
        None => cx.problem(&top, "has no `flags`", r#"write {"flags": {…}}"#),
        Some(Value::Object(flags)) => {
            for (key, definition) in flags {
                let path = path.member(key);
                if key.is_empty() {
                    cx.problem(&path, "has an empty key", "give the flag a key");
                }
                read.extend(flag(key, definition, &path, (shared, of_set), used, cx));
            }
        }
        Some(Value::Array(flags)) => {
            let mut known = BTreeSet::new();
            for (number, definition) in flags.iter().enumerate() {
                let path = path.item(number);
                let key = definition.get("key").and_then(Value::as_str).unwrap_or_default();
                if definition.is_object() && key.is_empty() {
                    cx.problem(&path, "has no `key`", "a flag of a list needs a text as its `key`");
                }
                if !key.is_empty() && !known.insert(key) {
                    cx.problem(&path, format!("is the second flag `{key}`"), "keep one of them");
                }
                read.extend(flag(key, definition, &path, (shared, of_set), used, cx));
            }
        }
        Some(other) => {
            let hint = "write an object of flags by key, or a list of flags";
            cx.problem(&path, format!("is {}", kind(other)), hint);
        }
    }
    read
}

fn flag(
    key: &str,
    definition: &Value,
    path: &Path<'_>,
    (shared, of_set): (&Map<String, Value>, &Map<String, Value>),
    used: &mut BTreeSet<String>,
    cx: &mut Cx<'_>,
) -> Option<(Flag, u32)> {
    let Some(members) = definition.as_object() else {
        let hint = "write an object with state, variants and defaultVariant";
        cx.problem(path, format!("is {}", kind(definition)), hint);
        return None;
    };
    for name in members.keys().filter(|name| !MEMBERS.contains(&name.as_str())) {
        let hint = "known are state, variants, defaultVariant, targeting, metadata";
        cx.warn(&path.member(name), "has no meaning here", hint);
    }
    let errors = cx.problems.len();
    state(members.get("state"), path, cx);
    let variants = variants(members.get("variants"), path, cx);
    if let Some(default) = members.get("defaultVariant") {
        default_variant(default, variants, &path.member("defaultVariant"), cx);
    }
    if let Some(value) = members.get("metadata") {
        metadata(value, &path.member("metadata"), cx);
    }
    if let Some(value) = members.get("targeting") {
        let path = path.member("targeting");
        rule::top(value, &path, shared, cx);
        rule::references(value, used);
        if let Some(variants) = variants {
            results::check(value, variants, shared, &path, cx);
        }
    }
    let sound = cx.problems[errors..].iter().all(|problem| problem.severity != Severity::Error);
    let flag = file::flag(key, definition, shared, of_set);
    if let (true, Rule::Broken(why)) = (sound, &flag.rule) {
        cx.problem(&path.member("targeting"), format!("cannot be used: {why}"), "");
    }
    Some((flag, cx.places.line(path)))
}

fn state(value: Option<&Value>, path: &Path<'_>, cx: &mut Cx<'_>) {
    let hint = "write \"ENABLED\" or \"DISABLED\"";
    match value {
        None => cx.problem(path, "has no `state`", hint),
        Some(Value::String(state)) if state == "ENABLED" || state == "DISABLED" => {}
        Some(other) => cx.problem(&path.member("state"), format!("is {}", shown(other)), hint),
    }
}

fn variants<'v>(
    value: Option<&'v Value>,
    path: &Path<'_>,
    cx: &mut Cx<'_>,
) -> Option<&'v Map<String, Value>> {
    let hint = r#"write values by name, like {"on": true, "off": false}"#;
    let Some(value) = value else {
        cx.problem(path, "has no `variants`", hint);
        return None;
    };
    let path = path.member("variants");
    let Some(variants) = value.as_object().filter(|variants| !variants.is_empty()) else {
        cx.problem(&path, format!("is {}", shown(value)), hint);
        return None;
    };
    let first = variants.values().next().map_or("", kind);
    for (name, value) in variants {
        let path = path.member(name);
        if name.is_empty() {
            cx.problem(&path, "has an empty name", "give the variant a name");
        }
        if matches!(value, Value::Null | Value::Array(_)) {
            let hint = "write a boolean, a text, a number or an object";
            cx.problem(&path, format!("is {}", kind(value)), hint);
        } else if kind(value) != first {
            let message = format!("is {}, and another variant is {first}", kind(value));
            cx.problem(&path, message, "all variants of a flag have one type");
        }
    }
    Some(variants)
}

fn default_variant(
    value: &Value,
    variants: Option<&Map<String, Value>>,
    path: &Path<'_>,
    cx: &mut Cx<'_>,
) {
    match value {
        Value::Null => {}
        // An empty text counts as no default in flagd's implementations.
        Value::String(name) if name.is_empty() => {
            cx.warn(path, "is empty", "write null if callers are to use their own default");
        }
        Value::String(name) => {
            let Some(variants) = variants else { return };
            if !variants.contains_key(name) {
                let known: Vec<&str> = variants.keys().map(String::as_str).collect();
                let hint = format!("the variants are {}", known.join(", "));
                cx.problem(path, format!("is `{name}`, which is no variant"), hint);
            }
        }
        other => {
            cx.problem(path, format!("is {}", shown(other)), "write a variant's name, or null");
        }
    }
}

/// Metadata: booleans, texts and numbers by name.
pub(super) fn metadata<'v>(
    value: &'v Value,
    path: &Path<'_>,
    cx: &mut Cx<'_>,
) -> Option<&'v Map<String, Value>> {
    let hint = "metadata are booleans, texts and numbers by name";
    let Some(metadata) = value.as_object() else {
        cx.problem(path, format!("is {}", kind(value)), hint);
        return None;
    };
    for (name, value) in metadata {
        if !(value.is_boolean() || value.is_string() || value.is_number()) {
            cx.problem(&path.member(name), format!("is {}", kind(value)), hint);
        }
    }
    Some(metadata)
}
