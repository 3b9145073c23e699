//! The metrics table of the documentation, written from the names themselves.

use crate::names::{ALL, Metric};
use std::fmt::Write as _;

/// Every metric as a Markdown table.
#[must_use]
pub fn markdown() -> String {
    let mut text = String::from("| metric | kind | labels | what it says |\n|---|---|---|---|\n");
    for Metric { name, kind, labels, help, .. } in ALL.iter() {
        let labels: Vec<String> = labels.iter().map(|label| format!("`{label}`")).collect();
        let kind = kind.label();
        // Writing to a String cannot fail.
        let _ = writeln!(text, "| `{name}` | {kind} | {} | {help} |", labels.join(", "));
    }
    text
}
