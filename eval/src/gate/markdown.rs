//! The report as Markdown.

use super::{Became, GateVerdict, Report};
use std::fmt::Write;

/// Rows of a table that a person still reads.
const MOST: usize = 100;

pub(super) fn write(report: &Report) -> String {
    let (before, after) = report.passing();
    let all = report.cases.len();
    let fell: Vec<_> = report.that(Became::Fell).collect();
    let verdict = match report.verdict {
        GateVerdict::Held => "held: no case fell",
        GateVerdict::Fell => "fell: cases that passed fail now",
        GateVerdict::Incomparable => "cannot be compared",
    };
    let mut out = format!(
        "# Eval gate: {verdict}\n\n| | {} | {} |\n|---|---|---|\n| passing | {before} of {all} | \
         {after} of {all} |\n\n{} fell, {} gained, {} fail in both.\n",
        cell(&report.baseline),
        cell(&report.candidate),
        fell.len(),
        report.that(Became::Gained).count(),
        report.that(Became::StillFailing).count(),
    );
    let rows = fell.iter().map(|case| (case.id.as_str(), case.why.as_deref().unwrap_or("")));
    table(&mut out, "Fallen", fell.len(), rows);
    let rows = report.incomparable.iter().map(|case| (case.id.as_str(), case.why.as_str()));
    table(&mut out, "Not comparable", report.incomparable.len(), rows);
    out
}

fn table<'a>(
    out: &mut String,
    title: &str,
    count: usize,
    rows: impl Iterator<Item = (&'a str, &'a str)>,
) {
    if count == 0 {
        return;
    }
    // Writing to a text cannot fail.
    let _ = write!(out, "\n## {title}\n\n| case | why |\n|---|---|\n");
    for (id, why) in rows.take(MOST) {
        let _ = writeln!(out, "| {} | {} |", cell(id), cell(why));
    }
    if count > MOST {
        let _ = writeln!(out, "\n… and {} more.", count - MOST);
    }
}

/// A text that cannot leave its cell, nor become markup.
fn cell(text: &str) -> String {
    let mut out = String::new();
    for c in text.chars().take(300) {
        match c {
            '\n' | '\r' => out.push(' '),
            '|' | '`' | '*' | '_' | '<' | '[' | ']' | '\\' | '#' => {
                out.push('\\');
                out.push(c);
            }
            c => out.push(c),
        }
    }
    out
}
