//! One offline run: JSON Lines, a case each.

use serde_json::Value;
use std::collections::BTreeMap;

/// The verdicts of one run, by case.
#[derive(Clone, Debug, PartialEq)]
pub struct Run {
    pub(super) name: String,
    /// The release that every line which names one names.
    pub(super) release: Option<String>,
    /// The highest version of the set that a line names.
    pub(super) dataset_version: Option<u64>,
    cases: BTreeMap<String, RunCase>,
}

/// One line of a run.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct RunCase {
    pub(super) pass: Option<bool>,
    pub(super) why: Option<String>,
    pub(super) content_hash: Option<String>,
    pub(super) confidence: Option<f64>,
}

/// A run that cannot be read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{name}:{line}: {message}")]
pub struct RunError {
    /// Name of the run.
    pub name: String,
    /// Line, from 1; 0 for the whole.
    pub line: usize,
    /// The problem and the mend.
    pub message: String,
}

impl Run {
    /// Reads JSON Lines. Each line is an object with an `id` and either `pass` (true, false or null
    /// for unscored) or `scores`, a list of objects with a `pass` each that are AND-ed. An
    /// `explanation` or `reason` is shown for a case that fell; a `content_hash` pins the case. A
    /// `release` and a `dataset_version` say what ran, and on which set; a `confidence` from 0 to 1 how sure
    /// the release was.
    ///
    /// # Errors
    /// The first line that is not one, or is of another release than those before, with its number.
    pub fn read(name: &str, text: &str) -> Result<Self, RunError> {
        let error =
            |line: usize, message: String| RunError { name: name.to_owned(), line, message };
        let mut cases = BTreeMap::new();
        let (mut release, mut dataset_version) = (None::<String>, None);
        for (n, line) in text.lines().enumerate() {
            if line.trim().is_empty() {
                continue;
            }
            let value: Value = serde_json::from_str(line)
                .map_err(|e| error(n + 1, format!("is not JSON: {e}; write one object a line")))?;
            let (id, case) = case(&value).map_err(|message| error(n + 1, message))?;
            if cases.contains_key(&id) {
                return Err(error(n + 1, format!("id `{id}` is there twice; a case has one line")));
            }
            cases.insert(id, case);
            if let Some(named) = value.get("release").and_then(Value::as_str) {
                let first = release.get_or_insert_with(|| named.to_owned());
                if first != named {
                    let message = format!("release `{named}` is not `{first}`: a run is of one");
                    return Err(error(n + 1, message));
                }
            }
            dataset_version =
                dataset_version.max(value.get("dataset_version").and_then(Value::as_u64));
        }
        if cases.is_empty() {
            return Err(error(0, "holds no case; write one JSON object a line".to_owned()));
        }
        Ok(Self { name: name.to_owned(), release, dataset_version, cases })
    }

    pub(super) fn ids(&self) -> impl Iterator<Item = &str> {
        self.cases.keys().map(String::as_str)
    }

    pub(super) fn get(&self, id: &str) -> Option<&RunCase> {
        self.cases.get(id)
    }

    /// The number of cases it has.
    #[must_use]
    pub fn len(&self) -> usize {
        self.cases.len()
    }

    /// True if it has none; [`Run::read`] makes no such run.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.cases.is_empty()
    }
}

fn case(value: &Value) -> Result<(String, RunCase), String> {
    let id = match value.get("id") {
        Some(Value::String(id)) if !id.is_empty() => id.clone(),
        Some(Value::Number(id)) => id.to_string(),
        Some(other) => return Err(format!("id `{other}` is not a text; name the case")),
        None => return Err("`id` is missing; name the case".to_owned()),
    };
    let text = |value: &Value| {
        ["explanation", "reason"].iter().find_map(|key| Some(value.get(key)?.as_str()?.to_owned()))
    };
    let (pass, why) = match (value.get("pass"), value.get("scores")) {
        (Some(Value::Bool(pass)), _) => (Some(*pass), text(value)),
        (Some(Value::Null), _) => (None, text(value)),
        (Some(other), _) => {
            return Err(format!("pass `{other}` is no verdict; write true, false or null"));
        }
        (None, Some(Value::Array(scores))) => scored(scores)?,
        (None, Some(_)) => return Err("`scores` is not a list; write one".to_owned()),
        (None, None) => return Err("has neither `pass` nor `scores`; write one of them".to_owned()),
    };
    let content_hash = value.get("content_hash").and_then(Value::as_str).map(str::to_owned);
    let confidence = value.get("confidence").and_then(Value::as_f64);
    Ok((id, RunCase { pass, why, content_hash, confidence }))
}

/// The verdict of several scores: a failure stands, and one without a verdict leaves it open.
fn scored(scores: &[Value]) -> Result<(Option<bool>, Option<String>), String> {
    let mut pass = (!scores.is_empty()).then_some(true);
    for score in scores {
        match score.get("pass") {
            Some(Value::Bool(true)) => {}
            Some(Value::Bool(false)) => {
                let text = |key: &str| score.get(key).and_then(Value::as_str);
                let reason = text("explanation").or_else(|| text("reason"));
                let why = [text("name"), reason].into_iter().flatten().collect::<Vec<_>>();
                return Ok((Some(false), (!why.is_empty()).then(|| why.join(": "))));
            }
            Some(Value::Null) | None => pass = None,
            Some(other) => {
                return Err(format!(
                    "pass `{other}` of a score is no verdict; write true, false or null"
                ));
            }
        }
    }
    Ok((pass, None))
}
