//! Plain values that a rule may return. One that is no variant makes the evaluation fail.

use super::cx::{Cx, shown};
use crate::expand::reference;
use crate::path::Path;
use serde_json::{Map, Value};

/// Warns of results that are no variant.
pub(super) fn check(
    rule: &Value,
    variants: &Map<String, Value>,
    shared: &Map<String, Value>,
    path: &Path<'_>,
    cx: &mut Cx<'_>,
) {
    if reference(rule).is_some() {
        return;
    }
    let Some(members) = rule.as_object().filter(|members| members.len() == 1) else { return };
    for (operator, args) in members {
        let path = path.member(operator);
        let items = args.as_array().map_or(std::slice::from_ref(args), Vec::as_slice);
        for (number, item) in items.iter().enumerate() {
            let path = path.item(number);
            match operator.as_str() {
                // Branches: every second one, and the last one without a condition.
                "if" if number % 2 == 1 || (number > 0 && number + 1 == items.len()) => {
                    result(item, variants, shared, &path, cx);
                }
                "fractional" => {
                    if let Some(variant) = item.as_array().and_then(|entry| entry.first()) {
                        result(variant, variants, shared, &path.item(0), cx);
                    }
                }
                _ => {}
            }
        }
    }
}

fn result(
    value: &Value,
    variants: &Map<String, Value>,
    shared: &Map<String, Value>,
    path: &Path<'_>,
    cx: &mut Cx<'_>,
) {
    let name = match value {
        Value::Object(_) => return check(value, variants, shared, path, cx),
        Value::Null | Value::Array(_) => return,
        Value::String(name) => name.clone(),
        other => other.to_string(),
    };
    if !variants.contains_key(&name) {
        let known: Vec<&str> = variants.keys().map(String::as_str).collect();
        let message =
            format!("is {}, which is no variant: it makes the evaluation fail", shown(value));
        cx.warn(path, message, format!("the variants are {}", known.join(", ")));
    }
}
