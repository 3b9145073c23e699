//! Rules: known operators with as many arguments as they take, as flagd's `targeting.json` says.

use super::cx::{Cx, kind, shown};
use crate::expand::reference;
use crate::operators::NAMES;
use crate::path::Path;
use semver::Version;
use serde_json::{Map, Value};
use std::collections::BTreeSet;

type Shared = Map<String, Value>;

/// The whole rule of a flag or of `$evaluators`.
pub(super) fn top(value: &Value, path: &Path<'_>, shared: &Shared, cx: &mut Cx<'_>) {
    match value {
        Value::Object(members) if members.is_empty() => {}
        Value::Object(_) if reference(value).is_some() => {
            let hint = "put it into an operator, like {\"if\": [{\"$ref\": \"name\"}, \"on\"]}";
            cx.problem(path, "is a reference alone", hint);
        }
        Value::Object(_) => operation(value, path, shared, cx),
        other => cx.problem(path, format!("is {}", kind(other)), "write an object, {} for no rule"),
    }
}

/// Adds the names that a rule refers to.
pub(super) fn references(value: &Value, used: &mut BTreeSet<String>) {
    if let Some(name) = reference(value) {
        used.insert(name.to_owned());
    }
    match value {
        Value::Array(items) => items.iter().for_each(|item| references(item, used)),
        Value::Object(members) => members.values().for_each(|value| references(value, used)),
        _ => {}
    }
}

/// An argument: a value, a list, a reference, or an operation.
fn argument(value: &Value, path: &Path<'_>, shared: &Shared, cx: &mut Cx<'_>) {
    match value {
        Value::Array(items) => {
            for (number, item) in items.iter().enumerate() {
                argument(item, &path.item(number), shared, cx);
            }
        }
        Value::Object(members) if members.contains_key("$ref") => {
            referred(value, path, shared, cx);
        }
        Value::Object(_) => operation(value, path, shared, cx),
        _ => {}
    }
}

fn referred(value: &Value, path: &Path<'_>, shared: &Shared, cx: &mut Cx<'_>) {
    match reference(value) {
        None => cx.problem(path, format!("is {}", shown(value)), r#"write {"$ref": "name"}"#),
        Some(name) if !shared.contains_key(name) => {
            let message = format!("refers to `{name}`, and `$evaluators` has no such rule");
            cx.problem(path, message, known(shared));
        }
        Some(_) => {}
    }
}

fn known(shared: &Shared) -> String {
    if shared.is_empty() {
        return "there is none at all".into();
    }
    let names: Vec<&str> = shared.keys().map(String::as_str).collect();
    format!("known are {}", names.join(", "))
}

/// One operator with its arguments.
fn operation(value: &Value, path: &Path<'_>, shared: &Shared, cx: &mut Cx<'_>) {
    let Some((operator, args)) = single(value) else {
        let hint = r#"write one operator with its arguments, like {"var": "tenant"}"#;
        cx.problem(path, format!("is {}", shown(value)), hint);
        return;
    };
    let path = path.member(operator);
    if !NAMES.contains(&operator) {
        cx.problem(&path, "is no operator", format!("known are {}", NAMES.join(" ")));
        return;
    }
    match operator {
        "var" => var(args, &path, cx),
        "missing" => texts(args, &path, cx),
        "missing_some" => missing_some(args, &path, cx),
        "starts_with" | "ends_with" => compared_texts(args, &path, shared, cx),
        "sem_ver" => versions(args, &path, cx),
        "fractional" => fractional(args, &path, shared, cx),
        "!" | "!!" if !args.is_array() => argument(args, &path, shared, cx),
        _ => arguments(args, count_of(operator), &path, shared, cx),
    }
}

fn single(value: &Value) -> Option<(&str, &Value)> {
    let members = value.as_object().filter(|members| members.len() == 1)?;
    members.iter().next().map(|(name, args)| (name.as_str(), args))
}

/// Fewest and most arguments.
fn count_of(operator: &str) -> (usize, usize) {
    match operator {
        "substr" | "<" | "<=" => (2, 3),
        "*" => (2, usize::MAX),
        "!" | "!!" => (1, 1),
        "reduce" => (3, 3),
        "if" | "or" | "and" | "+" | "-" | "max" | "min" | "merge" | "cat" => (1, usize::MAX),
        _ => (2, 2),
    }
}

/// The arguments of an operator, if they are a list of a right length.
fn list<'v>(
    args: &'v Value,
    (fewest, most): (usize, usize),
    path: &Path<'_>,
    cx: &mut Cx<'_>,
) -> Option<&'v [Value]> {
    let wanted = match (fewest, most) {
        (fewest, most) if fewest == most => format!("{fewest}"),
        (fewest, usize::MAX) => format!("at least {fewest}"),
        (fewest, most) => format!("{fewest} to {most}"),
    };
    let hint = format!("write a list of {wanted}");
    let Some(items) = args.as_array() else {
        cx.problem(path, format!("has {} as its arguments", kind(args)), hint);
        return None;
    };
    if items.len() < fewest || items.len() > most {
        cx.problem(path, format!("has {} arguments", items.len()), hint);
        return None;
    }
    Some(items)
}

fn arguments(
    args: &Value,
    count: (usize, usize),
    path: &Path<'_>,
    shared: &Shared,
    cx: &mut Cx<'_>,
) {
    let Some(items) = list(args, count, path, cx) else { return };
    for (number, item) in items.iter().enumerate() {
        argument(item, &path.item(number), shared, cx);
    }
}

fn var(args: &Value, path: &Path<'_>, cx: &mut Cx<'_>) {
    let (name, rest) = match args {
        Value::Array(items) => match items.split_first() {
            Some((first, rest)) => (first, rest),
            None => return cx.problem(path, "names nothing", r#"write {"var": "tenant"}"#),
        },
        single => (single, [].as_slice()),
    };
    if let Some(name) = name.as_str().filter(|name| name.starts_with("$flagd."))
        && name != "$flagd.flagKey"
        && name != "$flagd.timestamp"
    {
        let hint = "there are $flagd.flagKey and $flagd.timestamp";
        cx.problem(path, format!("names `{name}`, which is never there"), hint);
    }
    if !name.is_string() && !name.is_number() {
        let hint = "write the name of a field of the context";
        cx.problem(path, format!("names {}", shown(name)), hint);
    }
    for (number, default) in rest.iter().enumerate() {
        if default.is_array() || default.is_object() {
            let path = path.item(number + 1);
            cx.problem(
                &path,
                format!("is {}", kind(default)),
                "a default is null or a plain value",
            );
        }
    }
}

fn texts(args: &Value, path: &Path<'_>, cx: &mut Cx<'_>) {
    let Some(items) = list(args, (0, usize::MAX), path, cx) else { return };
    for (number, item) in items.iter().enumerate().filter(|(_, item)| !item.is_string()) {
        let hint = "write the name of a field of the context";
        cx.problem(&path.item(number), format!("is {}", shown(item)), hint);
    }
}

fn missing_some(args: &Value, path: &Path<'_>, cx: &mut Cx<'_>) {
    let Some([least, names]) = list(args, (2, 2), path, cx) else { return };
    if !least.is_number() {
        cx.problem(&path.item(0), format!("is {}", shown(least)), "write a number");
    }
    texts(names, &path.item(1), cx);
}

fn compared_texts(args: &Value, path: &Path<'_>, shared: &Shared, cx: &mut Cx<'_>) {
    let Some(items) = list(args, (2, 2), path, cx) else { return };
    for (number, item) in items.iter().enumerate() {
        let path = path.item(number);
        match item {
            Value::String(_) => {}
            Value::Object(_) => operation(item, &path, shared, cx),
            other => cx.problem(&path, format!("is {}", shown(other)), "write a text or a rule"),
        }
    }
}

fn versions(args: &Value, path: &Path<'_>, cx: &mut Cx<'_>) {
    let Some([left, operator, right]) = list(args, (3, 3), path, cx) else { return };
    for (number, version) in [(0, left), (2, right)] {
        let path = path.item(number);
        match (version, single(version)) {
            (Value::String(text), _) if Version::parse(text).is_ok() => {}
            (_, Some(("var", args))) => var(args, &path.member("var"), cx),
            _ => {
                let hint = r#"write a version like "1.2.3", or {"var": "version"}"#;
                cx.problem(&path, format!("is {}", shown(version)), hint);
            }
        }
    }
    let known = ["=", "!=", ">", "<", ">=", "<=", "~", "^"];
    if !operator.as_str().is_some_and(|operator| known.contains(&operator)) {
        let hint = format!("write one of {}", known.join(" "));
        cx.problem(&path.item(1), format!("is {}", shown(operator)), hint);
    }
}

fn fractional(args: &Value, path: &Path<'_>, shared: &Shared, cx: &mut Cx<'_>) {
    let Some(items) = list(args, (1, usize::MAX), path, cx) else { return };
    let mut total: f64 = 0.0;
    for (number, item) in items.iter().enumerate() {
        let path = path.item(number);
        match item {
            Value::Object(_) if number == 0 => operation(item, &path, shared, cx),
            Value::Array(entry) if matches!(entry.len(), 1 | 2) => {
                argument(&entry[0], &path.item(0), shared, cx);
                total += entry.get(1).map_or(1.0, |own| weight(own, &path.item(1), shared, cx));
            }
            other => {
                let hint = r#"write a variant with its weight, like ["on", 10]"#;
                cx.problem(&path, format!("is {}", shown(other)), hint);
            }
        }
    }
    if total > f64::from(i32::MAX) {
        cx.problem(path, format!("has weights of {total} together"), "at most 2147483647");
    }
    if items.iter().all(|item| !item.is_array()) {
        cx.problem(path, "has no variant", r#"write variants with weights, like ["on", 10]"#);
    }
}

/// Checks a weight, and returns it if it is a plain number.
fn weight(value: &Value, path: &Path<'_>, shared: &Shared, cx: &mut Cx<'_>) -> f64 {
    let hint = "write an integer from 0, or a rule";
    match value {
        Value::Object(_) => operation(value, path, shared, cx),
        Value::Number(number) => match number.as_f64() {
            Some(number) if number >= 0.0 && number.fract() == 0.0 => return number,
            _ => cx.problem(path, format!("is {number}"), hint),
        },
        other => cx.problem(path, format!("is {}", shown(other)), hint),
    }
    0.0
}
