//! The report as Markdown, for a ticket or a wiki.

use super::words;
use stagegate_api::{AxisReport, DeployReport, FigureReport};
use stagegate_timing::moment;
use std::fmt::Write;

/// Cells that end a line of a table; writing to a text cannot fail.
macro_rules! line {
    ($out:expr, $($arg:tt)*) => { { let _ = writeln!($out, $($arg)*); } };
}

pub(crate) fn markdown(report: &DeployReport) -> String {
    let mut out = String::new();
    head(&mut out, report);
    for axis in &report.axes {
        axis_table(&mut out, axis);
    }
    line!(
        out,
        "\nIntervals of an arm hold with 95%, differences with 99%; shares: candidate minus stable, dollars: candidate over stable. Times differ where their intervals do not touch. Among many figures one may look different by chance: the gates decide, not this table."
    );
    failures(&mut out, report);
    gates(&mut out, report);
    history(&mut out, report);
    rest(&mut out, report);
    out
}

fn head(out: &mut String, report: &DeployReport) {
    let rollout = &report.rollout;
    line!(out, "# {}\n", text(&super::title(report)));
    line!(out, "| | |\n|---|---|");
    for (name, value) in super::facts(report) {
        line!(out, "| {name} | {} |", text(&value));
    }
    if let Some(back) = &report.rollback {
        line!(out, "\n## Taken out\n");
        line!(
            out,
            "{} after {}, by {}: {}",
            text(&rollout.to),
            words::span(back.after_ms),
            text(&back.mark.by),
            text(&back.mark.reason)
        );
        for gate in &back.violated {
            line!(out, "- {}", text(gate));
        }
        if let Some(analysis) = &back.analysis {
            line!(out, "- it rests on analysis `{analysis}`");
        }
    }
    line!(out, "\n## What is not known\n");
    if report.not_known.is_empty() {
        line!(out, "Nothing that was looked for is missing.");
    }
    for unknown in &report.not_known {
        line!(out, "- {}", text(unknown));
    }
}

fn axis_table(out: &mut String, axis: &AxisReport) {
    line!(out, "\n## {}: {}\n", super::axis_name(&axis.axis), words::verdict(&axis.verdict));
    line!(out, "| figure | candidate | of | stable | of | difference | verdict |");
    line!(out, "|---|---|---:|---|---:|---|---|");
    for figure in &axis.figures {
        let FigureReport { candidate, stable, verdict, .. } = figure;
        line!(
            out,
            "| {} | {} | {} | {} | {} | {} | {} |",
            text(&figure.figure),
            words::arm(figure, candidate.as_ref()),
            words::count(candidate.as_ref()),
            words::arm(figure, stable.as_ref()),
            words::count(stable.as_ref()),
            words::difference(figure),
            words::verdict(verdict)
        );
    }
}

fn failures(out: &mut String, report: &DeployReport) {
    line!(out, "\n## Failures by class\n");
    if report.failures.is_empty() {
        line!(out, "None was recorded.");
        return;
    }
    line!(out, "| class | candidate | stable |\n|---|---:|---:|");
    for it in &report.failures {
        let (candidate, stable) = (words::grouped(it.candidate), words::grouped(it.stable));
        line!(out, "| {} | {candidate} | {stable} |", text(&it.class));
    }
}

fn gates(out: &mut String, report: &DeployReport) {
    line!(out, "\n## The gates\n");
    let Some(analysis) = &report.last_analysis else {
        line!(out, "No analysis of this span is kept.");
        return;
    };
    line!(
        out,
        "Analysis `{}` of {}, step {}: **{}**.\n",
        analysis.id,
        moment(analysis.at_ms),
        analysis.step,
        analysis.verdict
    );
    line!(out, "| gate | axis | state |\n|---|---|---|");
    for gate in &analysis.gates {
        line!(out, "| {} | {} | {} |", text(&gate.gate), gate.axis, text(&gate.words));
    }
    for blamed in words::blamed(analysis) {
        line!(out, "\n{}", text(&blamed));
    }
    for block in &analysis.blocks {
        line!(out, "\nWaits for: {}", text(block));
    }
}

fn history(out: &mut String, report: &DeployReport) {
    line!(out, "\n## What was done\n");
    line!(
        out,
        "| at | what | step | weight | by | on analysis | why |\n|---|---|---:|---:|---|---|---|"
    );
    for it in &report.history {
        line!(
            out,
            "| {} | {} | {} | {} | {} | {} | {} |",
            moment(it.mark.at_ms),
            it.turn.replace('_', " "),
            it.step,
            it.weight,
            text(&it.mark.by),
            text(it.analysis.as_deref().unwrap_or("–")),
            text(&super::why(it))
        );
    }
}

fn rest(out: &mut String, report: &DeployReport) {
    line!(out, "\n## Waived\n");
    if report.waived.is_empty() {
        line!(out, "Nothing.");
    }
    for gate in &report.waived {
        line!(out, "- {}", text(gate));
    }
    line!(out, "\nWritten {}.", moment(report.written_ms));
}

/// A text that cannot become markup, nor leave its line.
fn text(text: &str) -> String {
    let mut out = String::new();
    for c in text.chars() {
        match c {
            c if c.is_control() => out.push(' '),
            '|' | '`' | '*' | '_' | '<' | '>' | '[' | ']' | '\\' | '#' | '&' => {
                out.push('\\');
                out.push(c);
            }
            c => out.push(c),
        }
    }
    out
}
