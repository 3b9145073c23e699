//! The hand-off pack as Markdown and as one page of HTML: its parts, the rollback runbook, and the deploy report.

use super::html::{Page, list};
use stagegate_api::words::harmless;
use stagegate_api::{DeployReport, HandoffDetail, HandoffPart, TimePoint};
use stagegate_timing::moment;
use std::fmt::Write;

fn heading(pack: &HandoffDetail) -> String {
    format!("Hand-off of {}: {}", pack.workload, pack.release)
}

/// The state of the pack in one sentence.
fn state(pack: &HandoffDetail) -> String {
    let missing: Vec<&str> =
        pack.parts.iter().filter(|it| !it.is_there).map(|it| it.id.as_str()).collect();
    let ticket = pack.ticket.as_ref().map(|it| format!(" Ticket {it}.")).unwrap_or_default();
    let state = match (&pack.completed_by, pack.completed_at_ms, missing.as_slice()) {
        (Some(by), Some(at_ms), _) => format!("Handed over by {by} at {}.", moment(at_ms)),
        (_, _, []) => "Every part is there; nobody has completed it yet.".to_owned(),
        (_, _, missing) => format!("NOT COMPLETE. Missing: {}.", missing.join(", ")),
    };
    format!("{state} Rollout {}.{ticket}", pack.rollout)
}

fn lines(part: &HandoffPart) -> Vec<String> {
    let mut lines = part.seen.clone();
    if let (Some(by), Some(at_ms)) = (&part.by, part.at_ms) {
        lines.push(format!("{by}, {}", moment(at_ms)));
    }
    if !part.remedy.is_empty() {
        lines.push(format!("To bring it: {}", part.remedy));
    }
    lines
}

/// The pack as Markdown.
pub(crate) fn handoff_markdown(pack: &HandoffDetail, report: &DeployReport) -> String {
    let mut text = format!("# {}\n\n{}\n", plain(&heading(pack)), plain(&state(pack)));
    for part in &pack.parts {
        let mark = if part.is_there { "" } else { " (MISSING)" };
        let _ = write!(text, "\n## {}{mark}\n\n{}\n\n", part.id, part.title);
        for line in lines(part) {
            let _ = writeln!(text, "- {}", plain(&line));
        }
    }
    let _ = write!(text, "\n{}\n{}", pack.rollback_runbook, super::markdown(report));
    text
}

/// Text of people that is no markup of Markdown.
fn plain(text: &str) -> String {
    let mut safe = String::with_capacity(text.len());
    for c in harmless(text).chars() {
        match c {
            '\n' => safe.push(' '),
            '<' | '>' | '[' | ']' | '`' | '*' | '_' | '#' | '|' | '\\' => {
                safe.push('\\');
                safe.push(c);
            }
            c => safe.push(c),
        }
    }
    safe
}

/// The pack as one page.
pub(crate) fn handoff_html(
    pack: &HandoffDetail,
    report: &DeployReport,
    points: &[TimePoint],
) -> String {
    let mut out = Page::begin(&heading(pack));
    out.raw("<main><h1>").text(&heading(pack)).raw("</h1><p class=\"note\"><strong>");
    out.text(&state(pack)).raw("</strong></p>");
    for part in &pack.parts {
        let mark = if part.is_there { "" } else { " (missing)" };
        out.section(&format!("{}{mark}", part.title));
        list(&mut out, "note", &lines(part));
    }
    out.section("How to roll back");
    out.raw("<pre tabindex=\"0\">").text(&pack.rollback_runbook).raw("</pre>");
    super::html::body(&mut out, report, points);
    out.raw("</main>");
    out.end(report.written_ms)
}

#[cfg(test)]
mod tests {
    use super::{plain, state};
    use stagegate_api::{HandoffDetail, HandoffPart, HandoffState};

    #[test]
    fn a_pack_with_a_missing_part_says_so_first() {
        let part = |id: &str, is_there| HandoffPart {
            id: id.into(),
            title: String::new(),
            is_there,
            is_told: true,
            seen: Vec::new(),
            remedy: String::new(),
            by: None,
            at_ms: None,
        };
        let mut pack = HandoffDetail {
            workload: "agent".into(),
            rollout: "agent~v2~1".into(),
            release: "v2".into(),
            ticket: Some("AG-118".into()),
            state: HandoffState::Open,
            completed_by: None,
            completed_at_ms: None,
            parts: vec![part("owners", false), part("report", true)],
            rollback_runbook: String::new(),
        };
        assert_eq!(
            state(&pack),
            "NOT COMPLETE. Missing: owners. Rollout agent~v2~1. Ticket AG-118."
        );
        (pack.completed_by, pack.completed_at_ms) = (Some("ann".into()), Some(0));
        assert!(state(&pack).starts_with("Handed over by ann at "));
        assert_eq!(plain("<b> [a](b)\n# c"), "\\<b\\> \\[a\\](b) \\# c");
    }
}
