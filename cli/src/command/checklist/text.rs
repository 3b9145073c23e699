//! Checklists and statements as text.

use crate::output::table::{Table, wrapped};
use crate::output::{moment, one_line};
use stagegate_api::{CheckLine, CheckStanding, ChecklistDetail, StatementDetail, Statements};
use std::fmt::Write;

/// A checklist: one row a check, then what meets the open ones.
pub(super) fn checklist(list: &ChecklistDetail) -> String {
    let all = list.checks.len() as u64;
    let mut text = format!(
        "{}: checklist of {}, policy {} ({})\n{} of {all} met, {} waived, {} open\n",
        list.workload,
        list.release,
        list.policy,
        list.demand,
        all - list.open - list.waived,
        list.waived,
        list.open
    );
    let mut table = Table::new(["check", "state", "owner", "what"]).whole([0, 1]);
    for line in &list.checks {
        table.row(vec![line.id.clone(), line.standing.to_string(), line.owner.clone(), seen(line)]);
    }
    text.push_str(&table.to_string());
    for dropped in &list.dropped {
        let _ = writeln!(text, "dropped {}: {}", dropped.id, one_line(&dropped.reason));
    }
    let open = list.checks.iter().filter(|it| it.standing != CheckStanding::Yes);
    let open = open.filter(|it| it.standing != CheckStanding::Waived);
    for (place, line) in open.enumerate() {
        if place == 0 {
            text.push_str("\nTo meet the open checks:\n");
        }
        text.push_str(&wrapped(&format!("{}: {}", line.id, one_line(&line.remedy)), 2));
    }
    text
}

fn seen(line: &CheckLine) -> String {
    let by = || {
        let by = line.by.as_deref().unwrap_or("?");
        let until = line.until_ms.map_or_else(String::new, |it| format!(" until {}", moment(it)));
        format!("by {by}{until}")
    };
    match line.standing {
        CheckStanding::Waived => format!("{}: {} ({})", by(), line.reason, line.seen),
        CheckStanding::Yes if line.by.is_some() => format!("{}, {}", line.seen, by()),
        _ => line.seen.clone(),
    }
}

/// Statements, oldest first.
pub(super) fn history(said: &Statements) -> String {
    let mut table = Table::new(["at", "check", "what", "by", "until", "why"]).whole([0, 1]);
    for it in &said.statements {
        let file = it.file.as_ref().map(|file| file.name.clone());
        let what = file.or_else(|| it.link.clone()).unwrap_or_default();
        table.row(vec![
            moment(it.at_ms),
            it.check.clone(),
            it.kind.to_string(),
            it.by.clone(),
            moment(it.until_ms),
            if it.reason.is_empty() { what } else { it.reason.clone() },
        ]);
    }
    table.or(&format!("nothing was said about {}", said.release))
}

/// A statement that was recorded.
pub(super) fn made(it: &StatementDetail) -> String {
    let until = match it.kind {
        stagegate_api::StatementKind::Withdraw => String::new(),
        _ => format!(", until {}", moment(it.until_ms)),
    };
    format!(
        "{}: check {} of {}: {}{until}\naudit record {}, by {}\n",
        it.workload,
        it.check,
        it.release,
        it.kind,
        it.audit_seq,
        one_line(&it.by)
    )
}

#[cfg(test)]
mod tests {
    use super::checklist;
    use serde_json::json;
    use stagegate_api::ChecklistDetail;

    #[test]
    fn an_open_check_shows_the_command_that_meets_it() {
        let line = |id: &str, standing: &str, remedy: &str| {
            json!({
                "id": id, "category": "rollback", "kind": "proved", "question": "q",
                "owner": "oncall", "standing": standing, "seen": "s", "remedy": remedy,
                "reason": "tomorrow", "by": "ann", "until_ms": 86_400_000,
            })
        };
        let list: ChecklistDetail = serde_json::from_value(json!({
            "workload": "agent", "release": "v2", "policy": "default", "demand": "required",
            "at_ms": 0, "open": 1, "waived": 1, "dropped": [{ "id": "F30", "reason": "no" }],
            "checks": [
                line("C11", "no", "`stagegate drill agent`"), line("C12", "yes", ""),
                line("C13", "waived", "`not shown`"),
            ],
        }))
        .expect("the API's own shape");
        let text = checklist(&list);
        assert!(text.contains("1 of 3 met, 1 waived, 1 open"), "{text}");
        assert!(text.contains("C11: `stagegate drill agent`"), "{text}");
        assert!(text.contains("by ann until 1970-01-02"), "{text}");
        assert!(text.contains("dropped F30: no") && !text.contains("not shown"), "{text}");
    }
}
