//! The tasks after a release has all traffic, at hours 0, 1, 4, 24 and 72: what is due, what was found, and
//! who has it. Pure: the state follows from the tasks, the events that were filed, and the time.

use serde::{Deserialize, Serialize};

/// How a task is done.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TaskKind {
    /// Stagegate does it and files the result.
    Automatic,
    /// Stagegate has the figures, and a person judges.
    Assisted,
    /// A person does it.
    Manual,
}

/// The work of an automatic task.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Job {
    /// A violation on a sandbox copy must lead to a rollback.
    Armed,
    /// Failures by class, against the time before.
    Errors,
    /// p99 over p50, against the time before.
    Tail,
    /// The share of each tenant in requests and failures, against the time before.
    Tenants,
    /// The expected spend against the budget, and against the forecast before all traffic.
    Spend,
    /// The deploy report of the hours so far is announced.
    Report,
}

/// One task of the runbook.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Task {
    /// Its id, which never changes.
    pub id: &'static str,
    /// The hour after all traffic at which it is due.
    pub hour: u64,
    /// The work of an automatic one; none for people's.
    pub job: Option<Job>,
    /// True if Stagegate has the figures and a person judges.
    pub assisted: bool,
    /// The owner, until it is assigned to somebody.
    pub owner: &'static str,
    /// What is to be done.
    pub title: &'static str,
    /// The command that helps, with `WORKLOAD` for the workload.
    pub command: &'static str,
}

impl Task {
    const fn automatic(
        id: &'static str,
        hour: u64,
        job: Job,
        owner: &'static str,
        title: &'static str,
        command: &'static str,
    ) -> Self {
        Self { id, hour, job: Some(job), assisted: false, owner, title, command }
    }

    const fn person(
        id: &'static str,
        hour: u64,
        assisted: bool,
        owner: &'static str,
        title: &'static str,
        command: &'static str,
    ) -> Self {
        Self { id, hour, job: None, assisted, owner, title, command }
    }

    /// How it is done.
    #[must_use]
    pub const fn kind(&self) -> TaskKind {
        match (self.job, self.assisted) {
            (Some(_), _) => TaskKind::Automatic,
            (None, true) => TaskKind::Assisted,
            (None, false) => TaskKind::Manual,
        }
    }
}

/// The built-in tasks, in the order in which they are due.
pub const TASKS: &[Task] = &[
    Task::automatic(
        "armed-0h",
        0,
        Job::Armed,
        "oncall",
        "A violation on a sandbox copy leads to a rollback.",
        "stagegate drill WORKLOAD --incident",
    ),
    Task::person(
        "told-0h",
        0,
        false,
        "oncall",
        "The people on call know that the release has all traffic, and where the rollback runbook is.",
        "stagegate runbook rollback WORKLOAD",
    ),
    Task::automatic(
        "errors-1h",
        1,
        Job::Errors,
        "oncall",
        "No class of failures is more frequent than before.",
        "stagegate status WORKLOAD",
    ),
    Task::automatic(
        "tail-1h",
        1,
        Job::Tail,
        "oncall",
        "The slowest responses are no slower against the usual ones than before.",
        "stagegate status WORKLOAD",
    ),
    Task::person(
        "answers-1h",
        1,
        true,
        "quality",
        "A person reads scored responses of this hour.",
        "stagegate eval now WORKLOAD --count 100",
    ),
    Task::automatic(
        "errors-4h",
        4,
        Job::Errors,
        "oncall",
        "No class of failures is more frequent than before.",
        "stagegate status WORKLOAD",
    ),
    Task::automatic(
        "spend-4h",
        4,
        Job::Spend,
        "finance",
        "The expected daily spend is at most 120% of the budget and of the forecast.",
        "stagegate status WORKLOAD",
    ),
    Task::automatic(
        "shares-4h",
        4,
        Job::Tenants,
        "product",
        "No tenant has more than twice its share of requests or failures before.",
        "stagegate eval results WORKLOAD",
    ),
    Task::person(
        "tenants-4h",
        4,
        true,
        "product",
        "No tenant has more than twice its usual share of failures.",
        "stagegate eval results WORKLOAD",
    ),
    Task::automatic(
        "errors-24h",
        24,
        Job::Errors,
        "oncall",
        "No class of failures is more frequent than before.",
        "stagegate status WORKLOAD",
    ),
    Task::automatic(
        "tail-24h",
        24,
        Job::Tail,
        "oncall",
        "The slowest responses are no slower against the usual ones than before.",
        "stagegate status WORKLOAD",
    ),
    Task::automatic(
        "spend-24h",
        24,
        Job::Spend,
        "finance",
        "The expected daily spend is at most 120% of the budget and of the forecast.",
        "stagegate status WORKLOAD",
    ),
    Task::person(
        "accuracy-24h",
        24,
        true,
        "quality",
        "A person compares accuracy by cohort and tenant.",
        "stagegate eval results WORKLOAD",
    ),
    Task::automatic(
        "report-24h",
        24,
        Job::Report,
        "release",
        "The report of the first day is announced.",
        "stagegate report WORKLOAD --until 24h",
    ),
    Task::automatic(
        "errors-72h",
        72,
        Job::Errors,
        "oncall",
        "No class of failures is more frequent than before.",
        "stagegate status WORKLOAD",
    ),
    Task::automatic(
        "spend-72h",
        72,
        Job::Spend,
        "finance",
        "The expected daily spend is at most 120% of the budget and of the forecast.",
        "stagegate status WORKLOAD",
    ),
    Task::person(
        "excluded-72h",
        72,
        false,
        "product",
        "It is decided which excluded tenants take part now.",
        "stagegate exclude ls WORKLOAD",
    ),
    Task::person(
        "cases-72h",
        72,
        false,
        "quality",
        "What failed became cases of the frozen set.",
        "stagegate dataset export WORKLOAD --failed",
    ),
    Task::automatic(
        "report-72h",
        72,
        Job::Report,
        "release",
        "The report of three days is announced.",
        "stagegate report WORKLOAD --until 72h",
    ),
];

/// The task with this id.
#[must_use]
pub fn task(id: &str) -> Option<&'static Task> {
    TASKS.iter().find(|task| task.id == id)
}

/// What happened to a task.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "event")]
pub enum TaskEvent {
    /// Stagegate did it.
    Filed {
        /// True if nothing is wrong.
        passed: bool,
        /// The result in a few words.
        result: String,
    },
    /// A person did it.
    Done {
        /// The result in a few words.
        result: String,
    },
    /// It has another owner.
    Assigned {
        /// The owner.
        owner: String,
    },
    /// A remark.
    Comment {
        /// The remark.
        text: String,
    },
    /// It was overdue, and its owner was told.
    Overdue,
}

/// An event as it was filed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TaskNote {
    /// The task's id.
    pub task: String,
    /// What happened.
    #[serde(flatten)]
    pub event: TaskEvent,
    /// The actor.
    pub by: String,
    /// The time, in Unix milliseconds.
    pub at_ms: u64,
}

/// The state of a task.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TaskState {
    /// Its hour has not come.
    Scheduled,
    /// Its hour has come.
    Due,
    /// It should have been done an hour ago.
    Overdue,
    /// Stagegate found something wrong: a person must look at it.
    Failed,
    /// It is done.
    Done,
}

/// One task as it stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TaskLine {
    /// The task.
    pub task: &'static Task,
    /// Its owner now.
    pub owner: String,
    /// When it is due, in Unix milliseconds.
    pub due_ms: u64,
    /// Its state.
    pub state: TaskState,
    /// The last result, with its actor and time.
    pub result: Option<TaskNote>,
    /// Remarks, oldest first.
    pub comments: Vec<TaskNote>,
    /// True if Stagegate filed a result.
    pub filed: bool,
    /// True if its owner was told that it is overdue.
    pub told: bool,
}

/// Every task of a release that got all traffic at `began_ms`. An hour is `hour_ms` long.
#[must_use]
pub fn board(notes: &[TaskNote], began_ms: u64, hour_ms: u64, now_ms: u64) -> Vec<TaskLine> {
    TASKS.iter().map(|task| line(task, notes, began_ms, hour_ms, now_ms)).collect()
}

fn line(
    task: &'static Task,
    notes: &[TaskNote],
    began_ms: u64,
    hour_ms: u64,
    now_ms: u64,
) -> TaskLine {
    let due_ms = began_ms.saturating_add(task.hour.saturating_mul(hour_ms));
    let mut line = TaskLine {
        task,
        owner: task.owner.to_owned(),
        due_ms,
        state: match now_ms {
            now if now < due_ms => TaskState::Scheduled,
            now if now < due_ms.saturating_add(hour_ms) => TaskState::Due,
            _ => TaskState::Overdue,
        },
        result: None,
        comments: Vec::new(),
        filed: false,
        told: false,
    };
    for note in notes.iter().filter(|note| note.task == task.id) {
        match &note.event {
            TaskEvent::Filed { passed, .. } => {
                line.filed = true;
                line.state = if *passed { TaskState::Done } else { TaskState::Failed };
                line.result = Some(note.clone());
            }
            TaskEvent::Done { .. } => {
                line.state = TaskState::Done;
                line.result = Some(note.clone());
            }
            TaskEvent::Assigned { owner } => line.owner.clone_from(owner),
            TaskEvent::Comment { .. } => line.comments.push(note.clone()),
            TaskEvent::Overdue => line.told = true,
        }
    }
    line
}

/// The automatic tasks that are to be done now.
pub fn to_do(board: &[TaskLine]) -> impl Iterator<Item = (&TaskLine, Job)> {
    board
        .iter()
        .filter(|line| !line.filed && matches!(line.state, TaskState::Due | TaskState::Overdue))
        .filter_map(|line| Some((line, line.task.job?)))
}

/// The tasks of people whose owners are to be told that they are overdue.
pub fn to_tell(board: &[TaskLine]) -> impl Iterator<Item = &TaskLine> {
    board
        .iter()
        .filter(|line| line.state == TaskState::Overdue && !line.told && line.task.job.is_none())
}

/// The calendar of the tasks that people do (iCalendar, RFC 5545), one event a task, half an hour long.
#[must_use]
pub fn calendar(workload: &str, rollout: &str, board: &[TaskLine]) -> String {
    let mut text =
        String::from("BEGIN:VCALENDAR\r\nVERSION:2.0\r\nPRODID:-//stagegate//runbook//EN\r\n");
    for line in board.iter().filter(|line| line.task.job.is_none()) {
        let until = line.due_ms.saturating_add(30 * 60_000);
        let command = line.task.command.replace("WORKLOAD", workload);
        for part in [
            "BEGIN:VEVENT".to_owned(),
            format!("UID:{}@{rollout}", line.task.id),
            format!("DTSTAMP:{}", stamp(line.due_ms)),
            format!("DTSTART:{}", stamp(line.due_ms)),
            format!("DTEND:{}", stamp(until)),
            format!("SUMMARY:{}", escaped(&format!("{workload}: {}", line.task.title))),
            format!("DESCRIPTION:{}", escaped(&format!("Owner {}. {command}", line.owner))),
            "END:VEVENT".to_owned(),
        ] {
            fold(&part, &mut text);
        }
    }
    text.push_str("END:VCALENDAR\r\n");
    text
}

/// A moment as `20260131T140207Z`.
fn stamp(at_ms: u64) -> String {
    let text = stagegate_timing::rfc3339(at_ms);
    let whole = text.split('.').next().unwrap_or_default();
    whole.chars().filter(|c| !matches!(c, '-' | ':')).collect::<String>() + "Z"
}

/// RFC 5545, 3.3.11.
fn escaped(text: &str) -> String {
    text.replace('\\', "\\\\").replace(';', "\\;").replace(',', "\\,").replace('\n', "\\n")
}

/// Lines have at most 75 bytes; a longer one goes on after a blank (RFC 5545, 3.1).
fn fold(line: &str, into: &mut String) {
    let mut room = 75;
    for c in line.chars() {
        if c.len_utf8() > room {
            into.push_str("\r\n ");
            room = 74;
        }
        room -= c.len_utf8();
        into.push(c);
    }
    into.push_str("\r\n");
}

#[cfg(test)]
mod tests;
