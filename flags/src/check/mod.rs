//! Checks a file against flagd's JSON schema 0.2.15, and against what the schema cannot say. Every
//! problem is reported, with its line.

mod document;
mod flags;
mod results;
mod rule;

use crate::limits::FILE_BYTES;
use crate::path::Path;
use crate::place::Places;
use crate::{FlagFile, Problem, Severity};
use serde_json::Value;

/// Reads and checks a file.
pub(crate) fn read(name: &str, text: &str) -> Result<FlagFile, Vec<Problem>> {
    let whole = |line: u32, message: String, hint: &str| Problem {
        severity: Severity::Error,
        file: name.to_owned(),
        line,
        path: "$".to_owned(),
        message,
        hint: hint.to_owned(),
    };
    if text.len() > FILE_BYTES {
        let message = format!("has {} bytes, more than {FILE_BYTES}", text.len());
        return Err(vec![whole(1, message, "spread the flags over several files")]);
    }
    let value: Value = match serde_json::from_str(text) {
        Ok(value) => value,
        Err(error) => {
            let line = u32::try_from(error.line()).unwrap_or(u32::MAX);
            let message = format!("is no JSON: {error}");
            return Err(vec![whole(
                line,
                message,
                "flag files are JSON; comments are not allowed",
            )]);
        }
    };
    let mut cx = Cx { file: name, places: Places::of(text), problems: Vec::new() };
    let file = document::document(&value, &mut cx);
    if cx.problems.iter().any(|problem| problem.severity == Severity::Error) {
        cx.problems.sort_by_key(|problem| problem.line);
        return Err(cx.problems);
    }
    Ok(FlagFile { name: name.to_owned(), warnings: cx.problems, ..file })
}

/// Where problems go.
struct Cx<'c> {
    file: &'c str,
    places: Places,
    problems: Vec<Problem>,
}

impl Cx<'_> {
    fn problem(&mut self, path: &Path<'_>, message: impl Into<String>, hint: impl Into<String>) {
        self.push(Severity::Error, path, message.into(), hint.into());
    }

    fn warn(&mut self, path: &Path<'_>, message: impl Into<String>, hint: impl Into<String>) {
        self.push(Severity::Warning, path, message.into(), hint.into());
    }

    fn push(&mut self, severity: Severity, path: &Path<'_>, message: String, hint: String) {
        self.problems.push(Problem {
            severity,
            file: self.file.to_owned(),
            line: self.places.line(path),
            path: path.to_string(),
            message,
            hint,
        });
    }
}

/// The JSON type of a value, with its article.
fn kind(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "a boolean",
        Value::Number(_) => "a number",
        Value::String(_) => "a text",
        Value::Array(_) => "a list",
        Value::Object(_) => "an object",
    }
}

/// A value as it stands in the file, shortened.
fn shown(value: &Value) -> String {
    let text = value.to_string();
    match text.char_indices().nth(60) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text,
    }
}
