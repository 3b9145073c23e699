//! The hand-off of a release to the people on call: its parts, what each still lacks, and if it is complete.
//! Pure: the state follows from the checklist, the runbook, what people said, and the time.

use crate::{Check, Checklist, TaskEvent, TaskLine, TaskState};
use serde::{Deserialize, Serialize};
use stagegate_timing::{day, moment};

/// A part of the hand-off.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part {
    /// The deploy report of three days.
    Report,
    /// Every task of the runbook is done.
    Tasks,
    /// The rollback runbook as it is now was read and signed.
    Rollback,
    /// Two people who own the workload from now on.
    Owners,
    /// What is open, each with an owner and a day.
    Issues,
    /// The limits as they were looked through, and what was changed.
    Thresholds,
    /// Kill switch, way back and incident were exercised.
    Drills,
    /// The expected spend.
    Forecast,
    /// What failed and became a case of the frozen set.
    Cases,
    /// The day on which the deployment is looked back at.
    Retrospective,
}

impl Part {
    /// Every part, in the order of the pack.
    pub const ALL: [Self; 10] = [
        Self::Report,
        Self::Tasks,
        Self::Rollback,
        Self::Owners,
        Self::Issues,
        Self::Thresholds,
        Self::Drills,
        Self::Forecast,
        Self::Cases,
        Self::Retrospective,
    ];

    /// Its id.
    #[must_use]
    pub const fn id(self) -> &'static str {
        match self {
            Self::Report => "report",
            Self::Tasks => "tasks",
            Self::Rollback => "rollback",
            Self::Owners => "owners",
            Self::Issues => "issues",
            Self::Thresholds => "thresholds",
            Self::Drills => "drills",
            Self::Forecast => "forecast",
            Self::Cases => "cases",
            Self::Retrospective => "retrospective",
        }
    }

    /// What it is.
    #[must_use]
    pub const fn title(self) -> &'static str {
        match self {
            Self::Report => "The deploy report of three days.",
            Self::Tasks => "Every task of the runbook is done.",
            Self::Rollback => "The person on call read the rollback runbook of this deployment.",
            Self::Owners => "Two people own the workload from now on.",
            Self::Issues => "What is open, each with an owner and a day.",
            Self::Thresholds => "The limits of the gates were looked through; what was changed.",
            Self::Drills => "Kill switch, way back and incident were exercised.",
            Self::Forecast => "The expected spend is known and within the budget.",
            Self::Cases => "What failed became cases of the frozen set.",
            Self::Retrospective => "The day on which the team looks back.",
        }
    }

    /// True if a person says it; else Stagegate finds it out.
    #[must_use]
    pub const fn is_told(self) -> bool {
        matches!(self, Self::Owners | Self::Issues | Self::Thresholds | Self::Retrospective)
    }

    /// The part with this id.
    #[must_use]
    pub fn from_id(id: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|part| part.id() == id)
    }

    /// The form of what a person says about it, with an example; none for the other parts.
    #[must_use]
    pub const fn form(self) -> Option<&'static str> {
        match self {
            Self::Owners => Some("two names, like `ann, bea`"),
            Self::Issues => {
                Some("`none`, or title, owner and day, like `slow refunds; bea; 2026-12-20`")
            }
            Self::Thresholds => {
                Some("what was looked through and changed, like `p99 from 8s to 6s`")
            }
            Self::Retrospective => Some("a day, like `2026-12-18`"),
            _ => None,
        }
    }

    /// Checks what a person says about it.
    ///
    /// # Errors
    /// The form that it should have, or that Stagegate finds it out.
    pub fn check(self, text: &str) -> Result<(), String> {
        let Some(form) = self.form() else {
            return Err(format!(
                "part `{}` is found out by Stagegate and cannot be told",
                self.id()
            ));
        };
        let fits = match self {
            Self::Owners => names(text).len() >= 2,
            Self::Issues => text == "none" || is_issue(text),
            Self::Retrospective => day(text).is_some(),
            _ => !text.trim().is_empty(),
        };
        if fits { Ok(()) } else { Err(format!("part `{}` wants {form}", self.id())) }
    }
}

/// Different names in a list.
fn names(text: &str) -> Vec<&str> {
    let mut names: Vec<&str> =
        text.split([',', ';', '&']).map(str::trim).filter(|it| !it.is_empty()).collect();
    names.sort_unstable();
    names.dedup();
    names
}

/// Title, owner and day.
fn is_issue(text: &str) -> bool {
    let parts: Vec<&str> = text.split(';').map(str::trim).collect();
    matches!(parts.as_slice(), [title, owner, due]
        if !title.is_empty() && !owner.is_empty() && day(due).is_some())
}

/// What happened to a hand-off.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "event")]
pub enum HandoffEvent {
    /// A person said something about a part.
    Told {
        /// The part's id.
        part: String,
        /// What was said.
        text: String,
    },
    /// The release was handed over.
    Completed,
}

/// An event as it was filed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct HandoffNote {
    /// What happened.
    #[serde(flatten)]
    pub event: HandoffEvent,
    /// The actor.
    pub by: String,
    /// The time, in Unix milliseconds.
    pub at_ms: u64,
}

/// What the parts are judged by.
#[derive(Clone, Copy, Debug)]
pub struct HandoffFacts<'a> {
    /// The workload.
    pub workload: &'a str,
    /// The tasks of the runbook.
    pub tasks: &'a [TaskLine],
    /// The checklist of the release now.
    pub checklist: &'a Checklist,
    /// What people said, oldest first.
    pub notes: &'a [HandoffNote],
}

/// A part as it stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PartLine {
    /// The part.
    pub part: Part,
    /// True if it is there.
    pub is_there: bool,
    /// What it says, or what is missing; one line each.
    pub seen: Vec<String>,
    /// The command that brings it; empty where it is there.
    pub remedy: String,
    /// Who said it last, and when.
    pub by: Option<(String, u64)>,
}

/// Every part as it stands.
#[must_use]
pub fn handoff(facts: HandoffFacts<'_>) -> Vec<PartLine> {
    Part::ALL.into_iter().map(|part| line(part, facts)).collect()
}

/// When it was completed, and by whom.
#[must_use]
pub fn completed(notes: &[HandoffNote]) -> Option<&HandoffNote> {
    notes.iter().find(|note| note.event == HandoffEvent::Completed)
}

fn line(part: Part, facts: HandoffFacts<'_>) -> PartLine {
    let workload = facts.workload;
    match part {
        Part::Report => task(part, facts, "report-72h", "report"),
        Part::Cases => task(part, facts, "cases-72h", "cases"),
        Part::Tasks => tasks(facts),
        Part::Rollback => checks(part, facts, &[Check::C15]),
        Part::Drills => checks(part, facts, &[Check::C11, Check::C13, Check::F27]),
        Part::Forecast => checks(part, facts, &[Check::F29]),
        Part::Owners | Part::Issues | Part::Thresholds | Part::Retrospective => {
            let said = said(part, facts.notes);
            let remedy = format!("stagegate handoff tell {workload} {} --text TEXT", part.id());
            PartLine {
                part,
                is_there: !said.is_empty(),
                by: said.last().map(|(_, note)| (note.by.clone(), note.at_ms)),
                remedy: if said.is_empty() { remedy } else { String::new() },
                seen: match said.is_empty() {
                    true => vec![format!("nobody said it: {}", part.form().unwrap_or_default())],
                    false => said.into_iter().map(|(text, _)| text.to_owned()).collect(),
                },
            }
        }
    }
}

/// What was said about a part: the last text, or all open issues since the last `none`.
fn said(part: Part, notes: &[HandoffNote]) -> Vec<(&str, &HandoffNote)> {
    let mut said: Vec<(&str, &HandoffNote)> = Vec::new();
    for note in notes {
        let HandoffEvent::Told { part: about, text } = &note.event else { continue };
        if about != part.id() {
            continue;
        }
        let adds =
            part == Part::Issues && text != "none" && said.last().is_some_and(|it| it.0 != "none");
        if !adds {
            said.clear();
        }
        said.push((text, note));
    }
    said
}

/// A part that is a task of the runbook.
fn task(part: Part, facts: HandoffFacts<'_>, id: &str, what: &str) -> PartLine {
    let found = facts.tasks.iter().find(|it| it.task.id == id);
    let done = found.filter(|it| it.state == TaskState::Done);
    let result = |line: &TaskLine| {
        let note = line.result.as_ref()?;
        let (TaskEvent::Filed { result: text, .. } | TaskEvent::Done { result: text }) =
            &note.event
        else {
            return None;
        };
        Some((text.clone(), (note.by.clone(), note.at_ms)))
    };
    match done.and_then(result) {
        Some((text, by)) => {
            PartLine { part, is_there: true, seen: vec![text], remedy: String::new(), by: Some(by) }
        }
        None => {
            let due = found.map_or_else(String::new, |it| format!(", due {}", moment(it.due_ms)));
            let automatic = found.is_some_and(|it| it.task.job.is_some());
            let remedy = match automatic {
                true => format!("wait until Stagegate has done task {id}"),
                false => format!("stagegate runbook done {} {id} --text RESULT", facts.workload),
            };
            let seen = vec![format!("the {what} is not there: task {id} is not done{due}")];
            PartLine { part, is_there: false, seen, remedy, by: None }
        }
    }
}

fn tasks(facts: HandoffFacts<'_>) -> PartLine {
    let open: Vec<&str> =
        facts.tasks.iter().filter(|it| it.state != TaskState::Done).map(|it| it.task.id).collect();
    let all = facts.tasks.len();
    let (seen, remedy) = match open.is_empty() {
        true => (format!("{all} of {all} tasks are done"), String::new()),
        false => (
            format!("{} of {all} tasks are not done: {}", open.len(), open.join(", ")),
            format!("stagegate runbook show {}", facts.workload),
        ),
    };
    PartLine { part: Part::Tasks, is_there: open.is_empty(), seen: vec![seen], remedy, by: None }
}

/// A part that checks of the checklist prove. A check that the policy drops is not asked for.
fn checks(part: Part, facts: HandoffFacts<'_>, checks: &[Check]) -> PartLine {
    let lines = facts.checklist.lines.iter();
    let lines: Vec<_> = lines.filter(|it| checks.iter().any(|check| check.id() == it.id)).collect();
    let open = lines.iter().find(|it| it.standing.is_open());
    let mut seen: Vec<String> = lines.iter().map(|it| format!("{}: {}", it.id, it.seen)).collect();
    if seen.is_empty() {
        seen.push("the policy drops these checks".to_owned());
    }
    PartLine {
        part,
        is_there: open.is_none(),
        seen,
        remedy: open.map(|it| it.remedy.clone()).unwrap_or_default(),
        by: None,
    }
}

#[cfg(test)]
mod tests {
    use super::{HandoffEvent, HandoffFacts, HandoffNote, Part, PartLine, handoff};
    use crate::{Checklist, TASKS, TaskEvent, TaskLine, TaskNote, board};

    fn told(part: &str, text: &str) -> HandoffNote {
        let event = HandoffEvent::Told { part: part.to_owned(), text: text.to_owned() };
        HandoffNote { event, by: "ann".to_owned(), at_ms: 7 }
    }

    fn done(except: &str) -> Vec<TaskLine> {
        let notes: Vec<TaskNote> = TASKS
            .iter()
            .filter(|task| task.id != except)
            .map(|task| TaskNote {
                task: task.id.to_owned(),
                event: TaskEvent::Done { result: format!("{} is fine", task.id) },
                by: "ann".to_owned(),
                at_ms: 5,
            })
            .collect();
        board(&notes, 0, 1, 1000)
    }

    fn of(tasks: &[TaskLine], notes: &[HandoffNote]) -> Vec<PartLine> {
        let checklist = Checklist { lines: Vec::new(), dropped: Vec::new() };
        handoff(HandoffFacts { workload: "agent", tasks, checklist: &checklist, notes })
    }

    fn missing(lines: &[PartLine]) -> Vec<&'static str> {
        lines.iter().filter(|it| !it.is_there).map(|it| it.part.id()).collect()
    }

    #[test]
    fn what_people_say_must_make_sense() {
        for (part, good, bad) in [
            (Part::Owners, "ann, bea", "ann, ann"),
            (Part::Issues, "slow refunds; bea; 2026-12-20", "slow refunds; bea; soon"),
            (Part::Issues, "none", ""),
            (Part::Thresholds, "nothing changed", " "),
            (Part::Retrospective, "2026-12-18", "next week"),
        ] {
            assert_eq!(part.check(good), Ok(()));
            let why = part.check(bad).expect_err("refused");
            assert!(why.contains(part.id()) && why.contains("wants"), "{why}");
        }
        assert!(Part::Report.check("x").is_err_and(|why| why.contains("found out")));
    }

    #[test]
    fn it_is_complete_when_every_part_is_there_and_names_what_is_missing() {
        let all = [
            told("owners", "ann, bea"),
            told("issues", "slow refunds; bea; 2026-12-20"),
            told("thresholds", "nothing changed"),
            told("retrospective", "2026-12-18"),
        ];
        assert_eq!(missing(&of(&done(""), &all)), [""; 0]);
        assert_eq!(missing(&of(&done(""), &all[1..])), ["owners"]);
        assert_eq!(missing(&of(&done("cases-72h"), &all)), ["tasks", "cases"]);
        assert_eq!(missing(&of(&done("report-72h"), &all)), ["report", "tasks"]);
        let nothing = of(&board(&[], 0, 1000, 0), &[]);
        assert_eq!(
            missing(&nothing),
            ["report", "tasks", "owners", "issues", "thresholds", "cases", "retrospective"]
        );
        assert!(nothing.iter().all(|it| it.is_there || !it.remedy.is_empty()));
    }

    #[test]
    fn issues_add_up_until_there_is_none() {
        let one = "slow refunds; bea; 2026-12-20";
        let notes =
            [told("issues", "none"), told("issues", one), told("issues", "x; ann; 2026-12-21")];
        let issues = |notes: &[HandoffNote]| {
            let lines = of(&done(""), notes);
            lines.into_iter().find(|it| it.part == Part::Issues).expect("a part").seen
        };
        assert_eq!(issues(&notes), [one, "x; ann; 2026-12-21"]);
        assert_eq!(issues(&[told("issues", one), told("issues", "none")]), ["none"]);
    }
}
