//! From a definition to a scorer.

use super::check::{Check, Set, Test};
use super::common::{Checked, Common};
use super::keys::{Context, Fields, Files, Keys, Spot};
use super::problem::Problems;
use super::spec::{ScorerKind, ScorerSpec};
use super::suggestion::suggestion;
use super::types::{self, Items, Make, SetKeys, Type, check_type, names, outside_type};
use super::unit::unit;
use crate::hash::{canonical, digest};
use serde_json::{Map, Value};

impl ScorerSpec {
    /// Reads a definition: an object with `name`, `type`, and the keys of the type. `files` gives
    /// the text for a value that is written as `file:name`. Secrets must be in place of their
    /// variables by now.
    ///
    /// # Errors
    /// Everything that is wrong, each with its key.
    pub fn read(
        definition: &Value,
        files: &dyn Fn(&str) -> Result<String, String>,
    ) -> Result<Self, Problems> {
        let files: Files<'_> = files;
        let mut cx = Context::new(files);
        let read = scorer(definition, &mut cx);
        match read {
            Some(spec) if cx.problems.is_empty() => Ok(spec),
            _ => Err(Problems(cx.problems)),
        }
    }
}

fn scorer(definition: &Value, cx: &mut Context<'_>) -> Option<ScorerSpec> {
    let fields = Fields::open(definition, String::new(), cx)?;
    let common = Common::read(&fields, cx);
    let (idle_ms, ends) = (common.idle.map(|it| it.0), common.ends.map(|it| it.0));
    let unit = common.unit.map(|it| unit(&it, idle_ms, ends, &fields, cx));
    let kind = kind(&fields, cx);
    let definition = without_secrets(definition.as_object()?);
    let version = common
        .version
        .map_or_else(|| digest(&canonical(&definition))[..12].to_owned(), |version| version.0);
    let (name, gate) = (common.name?.0, common.gate?.0);
    Some(ScorerSpec { name, gate, version, unit: unit?, kind: kind?, definition })
}

fn without_secrets(map: &Map<String, Value>) -> Value {
    let kept = map.iter().filter(|(key, _)| !matches!(key.as_str(), "secret" | "api_key"));
    Value::Object(kept.map(|(key, value)| (key.clone(), value.clone())).collect())
}

fn kind(fields: &Fields<'_>, cx: &mut Context<'_>) -> Option<ScorerKind> {
    let own = fields.get("type").and_then(Value::as_str).and_then(outside_type);
    match own {
        Some(kind) => {
            let Make::Outside(make) = kind.make else { return None };
            fields.refuse_others(kind.name, &names(&kind.keys()), cx);
            make(fields, cx)
        }
        None => check(fields, cx).map(ScorerKind::Check),
    }
}

/// Reads the keys that every check has, and those of its type.
fn check(fields: &Fields<'_>, cx: &mut Context<'_>) -> Option<Check> {
    let Checked { not, weight } = Checked::read(fields, cx);
    let (negated, kind) = written_type(fields, cx)?;
    let known = if cx.depth == 0 { kind.keys() } else { kind.keys_in_set() };
    fields.refuse_others(kind.name, &names(&known), cx);
    let test = match kind.make {
        Make::Check(make) => make(fields, cx),
        Make::Set => set(fields, cx).map(Test::Set),
        Make::Outside(_) => None,
    };
    let not = not?.0;
    if not && negated {
        let message = "negates a type that begins with `not-`";
        fields.problem("not", message, "leave one of them out", cx);
    }
    Some(Check { kind: kind.name, negated: negated || not, weight: weight?.0, test: test? })
}

/// Reads the keys of a set, and each of its checks.
fn set(fields: &Fields<'_>, cx: &mut Context<'_>) -> Option<Set> {
    let SetKeys { assert, threshold } = SetKeys::read(fields, cx);
    let Items { list, path } = assert?;
    cx.depth += 1;
    let mut checks = Vec::new();
    for (n, item) in list.iter().enumerate() {
        let fields = Fields::open(item, format!("{path}/{n}"), cx);
        checks.extend(fields.and_then(|fields| check(&fields, cx)));
    }
    cx.depth -= 1;
    if checks.len() < list.len() {
        return None;
    }
    if checks.iter().map(|check| check.weight).sum::<f64>() <= 0.0 {
        let hint = "give one check a `weight` over 0".to_owned();
        Spot { path, hint }.problem("has no weight at all", cx);
        return None;
    }
    Some(Set { checks, threshold: threshold.map(|threshold| threshold.0) })
}

/// The type that `type` names, and whether it is turned around.
fn written_type(fields: &Fields<'_>, cx: &mut Context<'_>) -> Option<(bool, &'static Type)> {
    let Some(value) = fields.get("type") else {
        let hint = "add `type`: the type of the scorer, like `contains`";
        fields.problem("type", "is missing", hint, cx);
        return None;
    };
    let written = value.as_str().unwrap_or_default();
    let (negated, bare) = match written.strip_prefix("not-") {
        Some(bare) => (true, bare),
        None => (false, written),
    };
    let found = check_type(bare);
    if found.is_none() {
        let known: Vec<&str> = types::all(cx.depth > 0).map(|kind| kind.name).collect();
        let all = format!("one of {}; `not-` before a check turns it around", known.join(", "));
        let hint = suggestion(bare, &known).map_or_else(
            || format!("write {all}"),
            |near| format!("did you mean `{near}`? ({all})"),
        );
        fields.wrong("type", "is not a type of scorer".to_owned(), hint, cx);
    }
    found.map(|kind| (negated, kind))
}
