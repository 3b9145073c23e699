//! From a definition to a scorer.

use super::fields::{Fields, Files, Problem, Problems};
use super::{Check, ScorerKind, ScorerSpec, Test, operational, set, structure, text, tools};
use crate::external::{HttpScorer, RubricScorer};
use crate::hash::{canonical, digest};
use serde_json::{Map, Value};

/// Sets may hold sets this deep.
const DEEPEST: usize = 8;

/// Types with a built-in test, for the hint of an unknown one.
const TYPES: [&[&str]; 5] =
    [text::TYPES, structure::TYPES, tools::TYPES, operational::TYPES, &["assert-set"]];

const NAME: &str =
    "write 1 to 63 letters, digits, `.`, `_` or `-`, beginning with a letter or digit";

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
        let Value::Object(map) = definition else {
            return Err(Problems(vec![not_an_object("")]));
        };
        let mut fields = Fields::new(map, "", files);
        let name = fields.needed("name", NAME);
        let gate = fields.flag("gate");
        let version = fields.text("version", "write a short text like `2`");
        if let Some(name) = &name
            && name.parse::<stagegate_rollout::WorkloadName>().is_err()
        {
            fields.problem("name", format!("`{name}` is not a name"), NAME);
        }
        let kind = match map.get("type").and_then(Value::as_str) {
            Some("http") => {
                fields.any("type");
                HttpScorer::read(&mut fields).map(ScorerKind::Http)
            }
            Some("llm-rubric") => {
                fields.any("type");
                RubricScorer::read(&mut fields).map(ScorerKind::Rubric)
            }
            _ => check(&mut fields, 0).map(ScorerKind::Check),
        };
        let problems = fields.finish();
        let (Some(name), Some(kind), true) = (name, kind, problems.is_empty()) else {
            return Err(Problems(problems));
        };
        let definition = without_secrets(map);
        let version = version.unwrap_or_else(|| digest(&canonical(&definition))[..12].to_owned());
        Ok(Self { name, gate, version, kind, definition })
    }
}

fn not_an_object(path: &str) -> Problem {
    Problem {
        key: path.to_owned(),
        message: "is not a scorer".to_owned(),
        hint: "write keys and values, `type` among them".to_owned(),
    }
}

fn without_secrets(map: &Map<String, Value>) -> Value {
    let kept = map.iter().filter(|(key, _)| !matches!(key.as_str(), "secret" | "api_key"));
    Value::Object(kept.map(|(key, value)| (key.clone(), value.clone())).collect())
}

/// Reads the keys that every check has, and those of its type.
fn check(fields: &mut Fields<'_>, depth: usize) -> Option<Check> {
    let written = fields.needed("type", "write a type like `contains`")?;
    let (negated, kind) = match written.strip_prefix("not-") {
        Some(kind) => (true, kind),
        None => (false, written.as_str()),
    };
    let not = fields.flag("not");
    if not && negated {
        fields.problem("not", "negates a type that begins with `not-`", "leave one of them out");
    }
    let weight = fields.number("weight", 0.0..=1e6, "write a weight like `2`").unwrap_or(1.0);
    let Some(kind) = TYPES.iter().copied().flatten().find(|known| **known == kind).copied() else {
        let known: Vec<&str> = TYPES.iter().copied().flatten().copied().collect();
        let hint = format!(
            "write one of {}, http, llm-rubric, or `not-` before a check",
            known.join(", ")
        );
        fields.problem("type", format!("`{written}` is not a type of scorer"), &hint);
        return None;
    };
    let test = if kind == "assert-set" {
        Test::Set(members(fields, depth)?)
    } else if text::TYPES.contains(&kind) {
        Test::Text(text::TextTest::read(kind, fields)?)
    } else if structure::TYPES.contains(&kind) {
        Test::Structure(structure::StructureTest::read(kind, fields)?)
    } else if tools::TYPES.contains(&kind) {
        Test::Tools(tools::ToolTest::read(kind, fields)?)
    } else {
        Test::Operational(operational::OperationalTest::read(kind, fields)?)
    };
    Some(Check { kind, negated: negated || not, weight, test })
}

fn members(fields: &mut Fields<'_>, depth: usize) -> Option<set::Set> {
    const HINT: &str = "write a list of checks, each with a `type`";
    let threshold = fields.number("threshold", 0.0..=1.0, "write a share from 0 to 1");
    let Some(Value::Array(list)) = fields.any("assert") else {
        fields.problem("assert", "is not a list of checks", HINT);
        return None;
    };
    if list.is_empty() || depth >= DEEPEST {
        fields.problem("assert", "is empty, or nested too deep", HINT);
        return None;
    }
    let files: Files<'_> = fields.files();
    let mut checks = Vec::new();
    for (n, item) in list.iter().enumerate() {
        let path = fields.path(&format!("assert/{n}"));
        let Value::Object(map) = item else {
            fields.note(vec![not_an_object(&path)]);
            continue;
        };
        let mut inner = Fields::new(map, &path, files);
        let read = check(&mut inner, depth + 1);
        fields.note(inner.finish());
        checks.extend(read);
    }
    if checks.iter().map(|check| check.weight).sum::<f64>() <= 0.0 && checks.len() == list.len() {
        fields.problem("assert", "has no weight at all", "give one check a `weight` over 0");
    }
    (checks.len() == list.len()).then_some(set::Set { checks, threshold })
}
