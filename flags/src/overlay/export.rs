//! Overrides written as a definition in flagd's format.

use super::rule::{By, Override, RuntimeRule, Scope, Subject, What};
use serde_json::{Map, Value, json};
use stagegate_rollout::Weight;

/// The definition with the override in it. With `excludes`, rules that leave out excluded tenants ask
/// for `$stagegate.excluded`, which other implementations of the format do not know: nobody is excluded
/// there.
pub(crate) fn exported(definition: &Value, given: &Override, excludes: bool) -> Value {
    let mut definition = definition.clone();
    let Some(members) = definition.as_object_mut() else { return definition };
    if let Some(enabled) = given.enabled {
        members.insert("state".into(), if enabled { "ENABLED" } else { "DISABLED" }.into());
    }
    let known: Vec<String> = members
        .get("variants")
        .and_then(Value::as_object)
        .map(|variants| variants.keys().cloned().collect())
        .unwrap_or_default();
    let mut rules = given.ordered();
    rules.retain(|rule| known.contains(&rule.variant));
    if rules.is_empty() {
        return definition;
    }
    let file = members
        .get("targeting")
        .filter(|rule| rule.as_object().is_some_and(|rule| !rule.is_empty()))
        .cloned();
    members.insert("targeting".into(), chain(&rules, file.as_ref(), excludes));
    definition
}

/// `{"if": [condition, variant, …, the rule of the file]}`.
fn chain(rules: &[&RuntimeRule], file: Option<&Value>, excludes: bool) -> Value {
    let mut parts = Vec::new();
    let mut rest = rules;
    while let Some((first, after)) = rest.split_first() {
        rest = after;
        let mut conditions = places(&first.scope);
        match &first.what {
            What::Off => {}
            What::Set => conditions.extend(excludes.then(not_excluded)),
            What::Deny { subject } | What::Allow { subject } => {
                // Neighbours that differ only in the name become one list.
                let mut names = vec![name(subject)];
                while let Some((next, after)) = rest.split_first()
                    && is_alike(first, next)
                    && let Some(other) = next.what.subject()
                {
                    names.push(name(other));
                    rest = after;
                }
                conditions.push(json!({ "in": [who(subject), names] }));
            }
            What::Percent { share, by } => {
                let mut within = vec![excludes.then(not_excluded)];
                within.push(Some(json!({ "!==": [key(*by), ""] })));
                within.push(Some(in_share(*share, *by)));
                let mut inner = vec![all(within.into_iter().flatten().collect())];
                inner.push(first.variant.as_str().into());
                inner.extend(file.cloned());
                if conditions.is_empty() {
                    // Nothing comes after it.
                    parts.extend(inner);
                    return finished(parts);
                }
                parts.push(all(conditions));
                parts.push(json!({ "if": inner }));
                continue;
            }
        }
        if conditions.is_empty() && excludes_nobody(&first.what, excludes) {
            parts.push(first.variant.as_str().into());
            return finished(parts);
        }
        parts.push(all(conditions));
        parts.push(first.variant.as_str().into());
    }
    parts.extend(file.cloned());
    finished(parts)
}

fn excludes_nobody(what: &What, excludes: bool) -> bool {
    matches!(what, What::Off) || (matches!(what, What::Set) && !excludes)
}

/// An `if` with these parts. One part alone is for everybody.
fn finished(mut parts: Vec<Value>) -> Value {
    if parts.len() == 1 {
        parts.insert(0, true.into());
    }
    json!({ "if": parts })
}

fn all(mut conditions: Vec<Value>) -> Value {
    match conditions.len() {
        1 => conditions.remove(0),
        _ => json!({ "and": conditions }),
    }
}

fn is_alike(first: &RuntimeRule, next: &RuntimeRule) -> bool {
    let kinds = match (&first.what, &next.what) {
        (What::Deny { subject: one }, What::Deny { subject: other })
        | (What::Allow { subject: one }, What::Allow { subject: other }) => {
            std::mem::discriminant(one) == std::mem::discriminant(other)
        }
        _ => false,
    };
    kinds && first.scope == next.scope && first.variant == next.variant
}

fn name(subject: &Subject) -> Value {
    match subject {
        Subject::Tenant(id) | Subject::User(id) => id.as_str().into(),
    }
}

fn who(subject: &Subject) -> Value {
    key(match subject {
        Subject::Tenant(_) => By::Tenant,
        Subject::User(_) => By::User,
    })
}

/// The text of a field: an id may be a number.
fn key(by: By) -> Value {
    let of = match by {
        By::TargetingKey => json!({ "var": "targetingKey" }),
        By::Tenant => json!({ "var": "tenant" }),
        By::Conversation => json!({ "var": "conversation" }),
        By::User => {
            json!({ "if": [{ "var": "user" }, { "var": "user" }, { "var": "targetingKey" }] })
        }
    };
    json!({ "cat": [of] })
}

fn places(scope: &Scope) -> Vec<Value> {
    let place = |name: &str, wanted: &Option<String>| {
        let wanted = wanted.as_ref()?;
        Some(json!({ "in": [{ "cat": [{ "var": name }] }, [wanted]] }))
    };
    [place("workload", &scope.workload), place("stage", &scope.stage)]
        .into_iter()
        .flatten()
        .collect()
}

fn not_excluded() -> Value {
    json!({ "!": [{ "var": "$stagegate.excluded" }] })
}

fn in_share(share: Weight, by: By) -> Value {
    let (within, beside) = (share.parts(), Weight::SCALE - share.parts());
    let divided = json!({ "cat": [{ "var": "$flagd.flagKey" }, key(by)] });
    json!({ "==": [{ "fractional": [divided, ["in", within], ["out", beside]] }, "in"] })
}

/// A text of definitions with other definitions of some flags. The rest of the text stays as it is.
/// Nothing if the text is none of a file that was read.
pub(crate) fn replaced(text: &str, new: &Map<String, Value>) -> Option<String> {
    #[derive(serde::Deserialize)]
    struct File<'t> {
        #[serde(borrow)]
        flags: &'t serde_json::value::RawValue,
    }
    let file: File<'_> = serde_json::from_str(text).ok()?;
    let within = file.flags.get();
    let mut places: Vec<(String, &str)> = Vec::new();
    if within.trim_start().starts_with('[') {
        let flags: Vec<&serde_json::value::RawValue> = serde_json::from_str(within).ok()?;
        for flag in flags {
            let definition: Value = serde_json::from_str(flag.get()).ok()?;
            let key = definition.get("key").and_then(Value::as_str).unwrap_or_default();
            places.push((key.to_owned(), flag.get()));
        }
    } else {
        let flags: std::collections::BTreeMap<String, &serde_json::value::RawValue> =
            serde_json::from_str(within).ok()?;
        places.extend(flags.into_iter().map(|(key, flag)| (key, flag.get())));
    }
    let begin = text.as_ptr() as usize;
    places.sort_by_key(|(_, part)| part.as_ptr() as usize);
    let (mut out, mut copied) = (String::with_capacity(text.len()), 0);
    for (key, part) in places {
        let Some(definition) = new.get(&key) else { continue };
        let at = (part.as_ptr() as usize).checked_sub(begin)?;
        out.push_str(text.get(copied..at)?);
        out.push_str(&indented(definition, indent_at(text, at)));
        copied = at + part.len();
    }
    out.push_str(text.get(copied..)?);
    Some(out)
}

/// The spaces at the beginning of the line of a place.
fn indent_at(text: &str, at: usize) -> &str {
    let line = text[..at].rfind('\n').map_or(0, |end| end + 1);
    let spaces = text[line..at].len() - text[line..at].trim_start().len();
    &text[line..line + spaces]
}

fn indented(definition: &Value, indent: &str) -> String {
    let pretty = serde_json::to_string_pretty(definition).unwrap_or_default();
    pretty.replace('\n', &format!("\n{indent}"))
}
