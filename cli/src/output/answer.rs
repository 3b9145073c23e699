//! What a person or a program reads: answers to standard output, everything else to standard error.

use serde_json::Value;
use std::io::Write;

/// A table for people, or JSON for programs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Format {
    /// Aligned text.
    Table,
    /// The API's answer as it is.
    Json,
}

/// Writes the answer. A reader that went away (`| head`) is not an error.
pub fn answer(text: &str) {
    let mut out = std::io::stdout().lock();
    let newline = if text.ends_with('\n') { "" } else { "\n" };
    let _ = write!(out, "{text}{newline}").and_then(|()| out.flush());
}

/// Writes a remark or an error.
pub fn note(text: &str) {
    let _ = writeln!(std::io::stderr().lock(), "{text}");
}

/// Writes an API answer in the wanted form.
pub(crate) fn show(format: Format, value: &Value, table: impl FnOnce() -> String) {
    match format {
        Format::Table => answer(&table()),
        Format::Json => answer(&json(value)),
    }
}

/// Indented JSON.
pub(crate) fn json(value: &Value) -> String {
    // A `Value` has only text keys, so this cannot fail.
    serde_json::to_string_pretty(value).unwrap_or_default()
}
