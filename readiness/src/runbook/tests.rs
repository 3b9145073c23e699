use super::{TASKS, TaskEvent, TaskNote, TaskState, board, calendar, task, to_do, to_tell};

const HOUR: u64 = 3_600_000;
const BEGAN: u64 = 1_700_000_000_000;

fn note(task: &str, event: TaskEvent) -> TaskNote {
    TaskNote { task: task.into(), event, by: "ann".into(), at_ms: BEGAN }
}

fn due(notes: &[TaskNote], hour: u64) -> Vec<&'static str> {
    let board = board(notes, BEGAN, HOUR, BEGAN + hour * HOUR);
    to_do(&board).map(|(line, _)| line.task.id).collect()
}

#[test]
fn ids_are_unique_and_hours_grow() {
    for (place, one) in TASKS.iter().enumerate() {
        assert_eq!(TASKS.iter().filter(|it| it.id == one.id).count(), 1, "{}", one.id);
        assert!(TASKS[..place].iter().all(|it| it.hour <= one.hour), "{}", one.id);
    }
    assert!(task("armed-0h").is_some() && task("armed").is_none());
}

#[test]
fn automatic_tasks_are_done_once_when_their_hour_has_come() {
    assert_eq!(due(&[], 0), ["armed-0h"]);
    let armed = note("armed-0h", TaskEvent::Filed { passed: true, result: "ok".into() });
    assert_eq!(due(std::slice::from_ref(&armed), 1), ["errors-1h", "tail-1h"]);
    let failed = note("errors-1h", TaskEvent::Filed { passed: false, result: "more".into() });
    assert_eq!(due(&[armed, failed], 1), ["tail-1h"], "what failed is not tried again");
    // After a stop of a day, nothing is skipped.
    assert_eq!(due(&[], 24).len(), 10);
}

#[test]
fn what_failed_waits_for_a_person() {
    let failed = note("errors-1h", TaskEvent::Filed { passed: false, result: "more".into() });
    let state = |notes: &[TaskNote]| {
        let board = board(notes, BEGAN, HOUR, BEGAN + HOUR);
        board.iter().find(|it| it.task.id == "errors-1h").expect("there").state
    };
    assert_eq!(state(std::slice::from_ref(&failed)), TaskState::Failed);
    let done = note("errors-1h", TaskEvent::Done { result: "one bad tenant".into() });
    assert_eq!(state(&[failed, done]), TaskState::Done);
}

#[test]
fn owners_of_overdue_tasks_are_told_once() {
    let told = |notes: &[TaskNote], hour| {
        let board = board(notes, BEGAN, HOUR, BEGAN + hour * HOUR);
        to_tell(&board).map(|it| it.task.id).collect::<Vec<_>>()
    };
    assert!(told(&[], 0).is_empty());
    assert_eq!(told(&[], 1), ["told-0h"]);
    assert_eq!(told(&[note("told-0h", TaskEvent::Overdue)], 2), ["answers-1h"]);
    let done = note("told-0h", TaskEvent::Done { result: String::new() });
    assert_eq!(told(&[done], 2), ["answers-1h"]);
}

#[test]
fn tasks_are_assigned_and_commented() {
    let notes = [
        note("told-0h", TaskEvent::Assigned { owner: "bea".into() }),
        note("told-0h", TaskEvent::Comment { text: "after lunch".into() }),
    ];
    let board = board(&notes, BEGAN, HOUR, BEGAN);
    let line = board.iter().find(|it| it.task.id == "told-0h").expect("there");
    assert_eq!((line.owner.as_str(), line.comments.len()), ("bea", 1));
    assert_eq!(line.state, TaskState::Due);
}

#[test]
fn the_calendar_has_the_tasks_of_people_in_the_form_of_rfc_5545() {
    let board = board(&[], 0, HOUR, 0);
    let text = calendar("agent", "agent~v2~1", &board);
    assert!(
        text.starts_with("BEGIN:VCALENDAR\r\nVERSION:2.0\r\n")
            && text.ends_with("END:VCALENDAR\r\n")
    );
    assert!(text.contains("UID:answers-1h@agent~v2~1\r\n"), "{text}");
    assert!(text.contains("DTSTART:19700101T010000Z\r\n"), "{text}");
    assert!(!text.contains("armed-0h"), "Stagegate does that");
    assert!(text.split("\r\n").all(|line| line.len() <= 75), "{text}");
}
