//! The place where a value is read, and the problems found there.

use super::problem::Problem;
use serde_json::Value;

/// Reads `file:` texts; the error describes why there is none.
pub(crate) type Files<'a> = &'a dyn Fn(&str) -> Result<String, String>;

/// Collects problems, and gives the texts of files.
pub(crate) struct Context<'a> {
    pub(crate) files: Files<'a>,
    /// Number of sets around the current position.
    pub(crate) depth: usize,
    pub(crate) problems: Vec<Problem>,
}

impl<'a> Context<'a> {
    pub(crate) fn new(files: Files<'a>) -> Self {
        Self { files, depth: 0, problems: Vec::new() }
    }
}

/// The place of a value, and the form of a correct one.
pub(crate) struct Spot {
    /// JSON pointer to the value.
    pub(crate) path: String,
    /// The correction of a wrong value.
    pub(crate) hint: String,
}

impl Spot {
    /// Reports that the value here is wrong, and shows it.
    pub(crate) fn wrong(&self, value: &Value, message: impl Into<String>, cx: &mut Context<'_>) {
        self.report(Some(shown(value)), message, cx);
    }

    /// Reports a problem without showing a value.
    pub(crate) fn problem(&self, message: impl Into<String>, cx: &mut Context<'_>) {
        self.report(None, message, cx);
    }

    fn report(&self, value: Option<String>, message: impl Into<String>, cx: &mut Context<'_>) {
        let (key, hint) = (self.path.clone(), self.hint.clone());
        cx.problems.push(Problem { key, value, message: message.into(), hint });
    }
}

/// A value for a message: a text without quotes, everything else as JSON, both cut at 80 characters.
fn shown(value: &Value) -> String {
    let text = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
    match text.char_indices().nth(80) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text,
    }
}
