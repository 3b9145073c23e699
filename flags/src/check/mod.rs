//! Checks a file against flagd's JSON schema 0.2.15, and against what the schema cannot say. Every
//! problem is reported, with its line.

mod cx;
mod document;
mod flags;
mod results;
mod rule;

pub use cx::kind;

use crate::limits::FILE_BYTES;
use crate::place::Places;
use crate::{FlagFile, Problem, Severity};
use cx::Cx;
use serde_json::Value;

impl FlagFile {
    /// Reads a file: flagd's format, JSON.
    ///
    /// # Errors
    /// Every problem of the file, warnings among them.
    pub fn read(name: &str, text: &str) -> Result<Self, Vec<Problem>> {
        read(name, text)
    }
}

fn read(name: &str, text: &str) -> Result<FlagFile, Vec<Problem>> {
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
