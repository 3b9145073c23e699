//! The top of a file: flags, shared rules, metadata.

use super::cx::{Cx, kind, shown};
use super::{flags, rule};
use crate::expand::{self, ExpandError};
use crate::path::Path;
use crate::{Bucketing, FlagFile, Problem, Severity};
use serde_json::{Map, Value};
use std::collections::BTreeSet;

/// Checks a whole file. The result is of use only if no error was reported.
pub(super) fn document(value: &Value, cx: &mut Cx<'_>) -> FlagFile {
    let top = Path::TOP;
    for (path, line) in std::mem::take(&mut cx.places.twice) {
        cx.problems.push(Problem {
            severity: Severity::Error,
            file: cx.file.to_owned(),
            line,
            path,
            message: "is there twice".into(),
            hint: "keep one of them".into(),
        });
    }
    let Some(members) = value.as_object() else {
        cx.problem(&top, format!("is {}", kind(value)), r#"write {"flags": {…}}"#);
        return FlagFile::default();
    };
    for name in members.keys() {
        if !["flags", "$evaluators", "metadata", "$schema"].contains(&name.as_str()) {
            let path = top.member(name);
            cx.warn(
                &path,
                "has no meaning here",
                "known are flags, $evaluators, metadata, $schema",
            );
        }
    }
    let nothing = Map::new();
    let shared = shared_rules(members.get("$evaluators"), &top, cx).unwrap_or(&nothing);
    let metadata = members.get("metadata");
    let metadata = metadata.and_then(|value| set_metadata(value, &top.member("metadata"), cx));
    let metadata = metadata.cloned().unwrap_or_default();
    let bucketing = bucketing(&metadata, &top, cx);
    let mut used = BTreeSet::new();
    let flags = flags::flags(members.get("flags"), shared, &metadata, &mut used, cx);
    for rule in shared.values() {
        rule::references(rule, &mut used);
    }
    for name in shared.keys().filter(|name| !used.contains(*name)) {
        cx.warn(&top.member("$evaluators").member(name), "is used by no flag", "remove it");
    }
    FlagFile { flags, metadata, bucketing, ..FlagFile::default() }
}

fn shared_rules<'v>(
    value: Option<&'v Value>,
    top: &Path<'_>,
    cx: &mut Cx<'_>,
) -> Option<&'v Map<String, Value>> {
    let path = top.member("$evaluators");
    let value = value?;
    let Some(rules) = value.as_object() else {
        cx.problem(&path, format!("is {}", kind(value)), "write an object of rules by name");
        return None;
    };
    for (name, own) in rules {
        let path = path.member(name);
        if name.is_empty() {
            cx.problem(&path, "has an empty name", "give the rule a name");
        }
        rule::top(own, &path, rules, cx);
        if let Err(ExpandError::Circle(name)) = expand::expand(own, rules) {
            cx.problem(&path, format!("leads back to `{name}` by its `$ref`"), "cut the circle");
        }
    }
    Some(rules)
}

/// The metadata of the set: as those of a flag, and two names have a type.
fn set_metadata<'v>(
    value: &'v Value,
    path: &Path<'_>,
    cx: &mut Cx<'_>,
) -> Option<&'v Map<String, Value>> {
    let metadata = flags::metadata(value, path, cx)?;
    for name in ["flagSetId", "version"] {
        if let Some(value) = metadata.get(name).filter(|value| !value.is_string()) {
            let path = path.member(name);
            cx.problem(&path, format!("is {}", shown(value)), "write a text");
        }
    }
    Some(metadata)
}

fn bucketing(metadata: &Map<String, Value>, top: &Path<'_>, cx: &mut Cx<'_>) -> Option<Bucketing> {
    let value = metadata.get("bucketing")?;
    let parsed = value.as_str().map(str::parse::<Bucketing>);
    if let Some(Ok(bucketing)) = parsed {
        return Some(bucketing);
    }
    let path = top.member("metadata");
    cx.problem(&path.member("bucketing"), format!("is {}", shown(value)), "write v1, v2 or v3");
    None
}
