//! A rollout as text.

use super::evidence;
use crate::output::table::{Table, wrapped};
use crate::output::{moment, one_line};
use stagegate_api::{MarkDetail, RolloutDetail, RolloutSummary, TransitionDetail};
use std::fmt::Write;

/// A rollout in one line, for every place that names it.
pub(crate) fn line(summary: &RolloutSummary) -> String {
    let verdict = match &summary.verdict {
        Some(verdict) if summary.active => format!(", {verdict}"),
        _ => String::new(),
    };
    if summary.aa {
        let phase = summary.phase.replace('_', " ");
        return format!("{} against itself: {phase}{verdict}", summary.to);
    }
    format!(
        "{} -> {}: {}, step {} of {}{verdict}",
        summary.from,
        summary.to,
        summary.phase.replace('_', " "),
        summary.step,
        summary.steps,
    )
}

/// A rollout in full.
pub(crate) fn rollout_text(detail: &RolloutDetail) -> String {
    let summary = &detail.summary;
    let mut text = format!(
        "{}   {}\n  weight {}, policy {}\n",
        detail.workload,
        line(summary),
        detail.weight,
        summary.policy
    );
    let mark = |what: &str, it: &MarkDetail| {
        format!("  {what} by {} at {}{}\n", one_line(&it.by), moment(it.at_ms), because(&it.reason))
    };
    let _ = writeln!(text, "  rollout {}", summary.id);
    if let Some(ticket) = &summary.ticket {
        let _ = writeln!(text, "  ticket {}", one_line(ticket));
    }
    text.push_str(&mark("started", &detail.started));
    if !summary.active {
        text.push_str(&mark("ended", &summary.since));
    }
    if !detail.waived.is_empty() {
        let _ =
            writeln!(text, "  ! not measured, waived at the start: {}", detail.waived.join(", "));
    }
    if let Some(unknown) = &detail.unknown_cost {
        text.push_str(&wrapped(&one_line(&format!("! {unknown}")), 2));
    }
    for stale in &detail.stale_checks {
        let line = format!(
            "! check {} ({}) is not met any more: {}: {}",
            stale.id, stale.owner, stale.why, stale.remedy
        );
        text.push_str(&wrapped(&one_line(&line), 2));
    }
    match &detail.analysis {
        Some(analysis) => {
            text.push_str(&evidence::text(analysis));
            let _ = writeln!(text, "  analysis {}", analysis.id);
        }
        None if summary.active => text.push_str("  nothing has been measured in this step yet\n"),
        None => text.push_str(&transitions(&detail.history)),
    }
    text
}

fn because(reason: &str) -> String {
    if reason.is_empty() { String::new() } else { format!(": {}", one_line(reason)) }
}

fn transitions(history: &[TransitionDetail]) -> String {
    let mut table = Table::new(["at", "what", "step", "weight", "by", "why"]).indented();
    for transition in history {
        table.row(vec![
            moment(transition.mark.at_ms),
            transition.turn.replace('_', " "),
            transition.step.to_string(),
            transition.weight.clone(),
            transition.mark.by.clone(),
            transition.mark.reason.clone(),
        ]);
    }
    table.or("nothing happened")
}
