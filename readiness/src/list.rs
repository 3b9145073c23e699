//! The checklist: every check judged.

use crate::{
    Category, Check, Dropped, Facts, Item, Kind, PASSPORT, Passport, PassportCheck, Proof,
    Standing, Statement, StatementKind, prove,
};
use serde::{Deserialize, Serialize};
use stagegate_timing::moment;

/// One check, judged.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Line {
    /// The check's id.
    pub id: String,
    /// The part of the deployment that it is about.
    pub category: Category,
    /// The way in which it is met.
    pub kind: Kind,
    /// The condition that must hold.
    pub question: String,
    /// The owner.
    pub owner: String,
    /// The result.
    pub standing: Standing,
    /// The evidence, or what is missing.
    pub seen: String,
    /// The command or key that meets it; empty where it is met.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub remedy: String,
    /// The actor of the signature, attachment or waiver that counts.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub by: Option<String>,
    /// Its time, in Unix milliseconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub at_ms: Option<u64>,
    /// Its end, in Unix milliseconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub until_ms: Option<u64>,
    /// Its reason.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub reason: String,
}

impl Line {
    /// The refusal of a start: the check, the owner, what is missing and what meets it.
    #[must_use]
    pub fn refusal(&self) -> String {
        format!("check {} (owner {}): {}: {}", self.id, self.owner, self.seen, self.remedy)
    }
}

/// Every check of a release, judged at one moment.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Checklist {
    /// The checks that count.
    pub lines: Vec<Line>,
    /// Those that the team dropped.
    pub dropped: Vec<Dropped>,
}

impl Checklist {
    /// The checks that stand in the way of a rollout.
    pub fn open(&self) -> impl Iterator<Item = &Line> {
        self.lines.iter().filter(|line| line.standing.is_open())
    }

    /// The number of checks with this result.
    #[must_use]
    pub fn count(&self, standing: Standing) -> usize {
        self.lines.iter().filter(|line| line.standing == standing).count()
    }
}

/// Judges every check. `said` are the statements about the release, oldest first.
#[must_use]
pub fn checklist(facts: &Facts, said: &[Statement]) -> Checklist {
    let lines = facts.settings.items().into_iter().map(|item| line(item, facts, said));
    Checklist { lines: lines.collect(), dropped: facts.settings.dropped.clone() }
}

fn line(item: Item, facts: &Facts, said: &[Statement]) -> Line {
    let about = || said.iter().filter(|it| it.check == item.id);
    let counts = about()
        .rfind(|it| it.kind != StatementKind::Waive)
        .filter(|it| it.kind != StatementKind::Withdraw);
    let waiver = about()
        .rfind(|it| matches!(it.kind, StatementKind::Waive | StatementKind::Withdraw))
        .filter(|it| it.kind == StatementKind::Waive && lapsed(it, facts).is_none());
    let (mut standing, seen, remedy) = judge(&item, counts, facts);
    let mut by = counts.filter(|_| item.kind != Kind::Proved);
    if standing.is_open()
        && let Some(waiver) = waiver
    {
        standing = Standing::Waived;
        by = Some(waiver);
    }
    Line {
        id: item.id,
        category: item.category,
        kind: item.kind,
        question: item.question,
        owner: item.owner,
        standing,
        seen,
        remedy,
        by: by.map(|it| it.by.clone()),
        at_ms: by.map(|it| it.at_ms),
        until_ms: by.map(|it| it.until_ms),
        reason: by.map(|it| it.reason.clone()).unwrap_or_default(),
    }
}

/// The reason why a statement does not count any more.
fn lapsed(statement: &Statement, facts: &Facts) -> Option<String> {
    if statement.fingerprint != facts.fingerprint {
        return Some("was given for other pins of the release".to_owned());
    }
    (statement.until_ms <= facts.now_ms).then(|| format!("expired {}", moment(statement.until_ms)))
}

fn judge(item: &Item, counts: Option<&Statement>, facts: &Facts) -> (Standing, String, String) {
    let yes = |seen: String| (Standing::Yes, seen, String::new());
    if item.id == PASSPORT {
        return match crate::admission::prove(facts) {
            Proof::Holds(seen) => yes(seen),
            Proof::Fails { why, remedy } => (Standing::No, why, remedy),
        };
    }
    if item.kind == Kind::Proved {
        return match item.check.map(|check| prove(check, facts, None)) {
            Some(Proof::Holds(seen)) => yes(seen),
            Some(Proof::Fails { why, remedy }) => (Standing::No, why, remedy),
            None => (Standing::No, "nothing proves it".to_owned(), String::new()),
        };
    }
    let remedy = remedy(item, facts);
    let Some(statement) = counts else {
        if let Some(seen) = crate::admission::brings(item, facts) {
            return yes(seen);
        }
        let what =
            if item.kind == Kind::Attached { "nothing is attached" } else { "nobody signed" };
        return (Standing::No, what.to_owned(), remedy);
    };
    let what = if item.kind == Kind::Attached { "the attachment" } else { "the signature" };
    if let Some(why) = lapsed(statement, facts) {
        return (Standing::Expired, format!("{what} of {} {why}", statement.by), remedy);
    }
    match item.check.map(|check| prove(check, facts, Some(statement))) {
        Some(Proof::Fails { why, remedy }) => (Standing::No, why, remedy),
        Some(Proof::Holds(seen)) => yes(seen),
        None => yes(crate::statement::handed_over(statement)),
    }
}

impl Passport {
    /// A passport for the release that a checklist is of.
    #[must_use]
    pub fn checks_of(list: &Checklist) -> Vec<PassportCheck> {
        let check = |line: &Line| PassportCheck {
            id: line.id.clone(),
            standing: line.standing,
            seen: line.seen.clone(),
            by: line.by.clone(),
        };
        list.lines.iter().map(check).collect()
    }
}

/// The command that meets a check of people.
fn remedy(item: &Item, facts: &Facts) -> String {
    let (workload, release, id) = (&facts.workload, &facts.release, &item.id);
    let rest = match (item.kind, item.check) {
        (_, Some(Check::A2)) => {
            return format!(
                "`stagegate eval coverage {workload} --dataset FILE --out coverage.json`, then `stagegate checklist attach {workload} A2 --release {release} --file coverage.json`"
            );
        }
        (_, Some(Check::B8)) => {
            return format!(
                "`stagegate smoke {workload} --shadow 1h --out smoke.json`, then `stagegate checklist attach {workload} B8 --release {release} --file smoke.json`"
            );
        }
        (_, Some(Check::C15)) => {
            return format!(
                "read `stagegate runbook rollback {workload}`, then `stagegate checklist sign {workload} C15 --release {release}`"
            );
        }
        (_, Some(Check::B9)) => "--file ARTIFACT",
        (_, Some(Check::F30)) => "--date YYYY-MM-DD",
        (_, Some(Check::F28)) => "--link URL, or --reason 'no visible change'",
        (Kind::Attached, _) => "--file FILE",
        _ => "--reason TEXT",
    };
    let verb = if item.kind == Kind::Attached { "attach" } else { "sign" };
    format!("`stagegate checklist {verb} {workload} {id} --release {release} {rest}`")
}
