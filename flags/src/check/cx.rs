//! Where the problems of a file are gathered, and how values are shown in them.

use crate::path::Path;
use crate::place::Places;
use crate::{Problem, Severity};
use serde_json::Value;

/// Where problems go.
pub(super) struct Cx<'c> {
    pub(super) file: &'c str,
    pub(super) places: Places,
    pub(super) problems: Vec<Problem>,
}

impl Cx<'_> {
    pub(super) fn problem(
        &mut self,
        path: &Path<'_>,
        message: impl Into<String>,
        hint: impl Into<String>,
    ) {
        self.push(Severity::Error, path, message.into(), hint.into());
    }

    pub(super) fn warn(
        &mut self,
        path: &Path<'_>,
        message: impl Into<String>,
        hint: impl Into<String>,
    ) {
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
#[must_use]
pub fn kind(value: &Value) -> &'static str {
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
pub(super) fn shown(value: &Value) -> String {
    let text = value.to_string();
    match text.char_indices().nth(60) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text,
    }
}
