//! Answers to standard output, everything else to standard error.

use super::{colour, escape};
use serde_json::Value;
use std::io::{IsTerminal, Write};

/// A table for people, or JSON for programs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Format {
    /// Aligned text.
    Table,
    /// The API's answer as it is.
    Json,
}

/// Writes the answer; on a terminal nothing in it can steer the terminal. A reader that went away
/// (`| head`) is not an error.
pub fn answer(text: &str) {
    if std::io::stdout().is_terminal() { write(&escape::lines(text)) } else { write(text) }
}

fn write(text: &str) {
    let mut out = std::io::stdout().lock();
    let newline = if text.ends_with('\n') { "" } else { "\n" };
    let _ = write!(out, "{text}{newline}").and_then(|()| out.flush());
}

/// Writes a remark or an error.
pub fn note(text: &str) {
    let _ = writeln!(std::io::stderr().lock(), "{}", escape::lines(text));
}

/// Writes an API answer in the wanted form.
pub(crate) fn show(format: Format, value: &Value, table: impl FnOnce() -> String) {
    match format {
        Format::Table => write(&colour::paint(&escape::lines(&table()))),
        Format::Json => write(&json(value)),
    }
}

/// Indented JSON.
pub(crate) fn json(value: &Value) -> String {
    // A `Value` has only text keys, so this cannot fail.
    escape::json(&serde_json::to_string_pretty(value).unwrap_or_default())
}

/// JSON on one line.
pub(crate) fn json_line(value: &Value) -> String {
    escape::json(&value.to_string())
}
