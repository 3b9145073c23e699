//! Tests of `table`.

use super::{Seen, UnitTable};
use crate::policy::ErrorClass;
use crate::units::{Dimension, Parts, SlowTime, UnitClass};
use crate::{Arm, Outcome};

const PERMANENT: UnitClass = UnitClass::Error { class: ErrorClass::Permanent };
const ABANDONED: UnitClass = UnitClass::Error { class: ErrorClass::ClientGone };
const SLOW: UnitClass = UnitClass::Slow { of: SlowTime::Total, above_us: 8_000_000 };

fn table() -> UnitTable {
    UnitTable::new(vec![PERMANENT, ABANDONED, SLOW], 1_800_000)
}

fn seen(unit: u64, second: u64, outcome: Outcome) -> Seen {
    Seen {
        unit,
        tenant: None,
        parts: Parts::default(),
        failure: None,
        arm: Arm::Candidate,
        at_ms: second * 1000,
        body: second,
        outcome,
        rejected: false,
        duration_us: 100_000,
        first_byte_us: if outcome == Outcome::ClientGone { 0 } else { 50_000 },
        abandoned: outcome == Outcome::ClientGone,
        nanos: Some(1000),
        input: (100, 60),
    }
}

#[test]
fn a_conversation_fails_once_and_its_later_turns_are_at_no_risk() {
    let mut table = table();
    for (second, outcome) in [
        (1, Outcome::Ok),
        (2, Outcome::Ok),
        (3, Outcome::Permanent),
        (4, Outcome::Ok),
        (5, Outcome::Permanent),
    ] {
        table.add(&seen(7, second, outcome));
    }
    let [_, sums] = table.take(6000);
    let class = sums.class(PERMANENT).expect("counted");
    assert_eq!(class.turns, (5, 2));
    assert_eq!(class.first, [(1, 0), (2, 1)], "turn 1, turns 2 and 3");
    assert!(class.visits.is_empty(), "still under way");
    assert_eq!((sums.begun, table.len()), (1, 1));
    let [_, sums] = table.take(400_000);
    assert_eq!(sums.class(PERMANENT).expect("counted").visits, [(2, 5, 1)]);
    assert_eq!((sums.costs[2].count(), sums.costs[2].sum()), (1, 5000));
    let [_, sums] = table.take(900_000);
    assert!(sums.class(PERMANENT).expect("counted").visits.is_empty(), "once");
}

#[test]
fn the_next_step_knows_how_far_a_conversation_is() {
    let mut table = table();
    for (unit, outcome) in [(7, Outcome::Ok), (8, Outcome::Permanent)] {
        table.add(&seen(unit, 1, outcome));
    }
    let mut next = table.clone().next_step(table.classes.clone(), 1_800_000);
    let [_, nothing] = next.take(2000);
    assert!(nothing.classes.is_empty(), "what was counted before is of the step before");
    for unit in [7, 8, 9] {
        next.add(&seen(unit, 10, Outcome::Ok));
    }
    let [_, sums] = next.take(400_000);
    let class = sums.class(PERMANENT).expect("counted");
    assert_eq!(class.first, [(1, 0), (1, 0)], "unit 9's turn 1 and unit 7's turn 2");
    assert_eq!(
        (class.visits.clone(), class.first_visits.clone()),
        (vec![(0, 1, 3)], vec![(0, 1, 1)])
    );
    let other = next.next_step(vec![PERMANENT], 1_800_000);
    assert!(other.is_empty(), "of another policy");
}

#[test]
fn a_repeat_of_what_failed_is_no_turn() {
    let mut table = table();
    let first = seen(7, 1, Outcome::Permanent);
    table.add(&first);
    for second in 2..5 {
        table.add(&Seen { body: first.body, ..seen(7, second, Outcome::Permanent) });
    }
    // Two minutes later it is asked anew.
    table.add(&Seen { body: first.body, ..seen(7, 125, Outcome::Ok) });
    let [_, sums] = table.take(126_000);
    let class = sums.class(PERMANENT).expect("counted");
    assert_eq!((class.turns, sums.repeats), ((2, 1), 3));
    assert_eq!(class.first, [(1, 1)]);
}

#[test]
fn requests_without_a_key_are_units_of_their_own() {
    let mut table = table();
    for second in 0..5 {
        table.add(&seen(0, 1, if second == 0 { Outcome::Permanent } else { Outcome::Ok }));
    }
    let [_, sums] = table.take(1000);
    let class = sums.class(PERMANENT).expect("counted");
    assert_eq!((class.turns, class.first.clone()), ((5, 1), vec![(5, 1)]));
    assert_eq!((class.visits.len(), sums.begun, table.len()), (2, 5, 0));
    assert_eq!(sums.costs.iter().map(crate::Histogram::count).sum::<u64>(), 5);
}

#[test]
fn a_client_that_leaves_without_an_answer_is_slow_once_the_limit_is_over() {
    let mut table = table();
    let hung = seen(0, 1, Outcome::ClientGone);
    table.add(&Seen { duration_us: 5_000_000, ..hung.clone() });
    table.add(&Seen { duration_us: 9_000_000, ..hung.clone() });
    table.add(&Seen { duration_us: 9_000_000, first_byte_us: 5, ..hung });
    // A fast failure is no fast answer.
    table.add(&seen(0, 1, Outcome::Permanent));
    table.add(&seen(0, 1, Outcome::Ok));
    let [_, sums] = table.take(1000);
    assert_eq!(sums.class(ABANDONED).expect("counted").turns, (4, 2), "not who left later");
    assert_eq!(sums.class(SLOW).expect("counted").turns, (3, 2));
    assert_eq!(sums.class(PERMANENT).expect("counted").turns, (2, 1), "who left is in none");
}

#[test]
fn what_finds_no_room_is_closed_and_not_lost() {
    let mut table = table();
    table.most = 64;
    for unit in 1..=200 {
        table.add(&Seen { at_ms: unit * 10, ..seen(unit, 1, Outcome::Ok) });
        assert!(table.len() <= 64);
    }
    let [_, sums] = table.take(1_000_000);
    let class = sums.class(PERMANENT).expect("counted");
    assert_eq!((class.turns.0, class.visits.clone()), (200, vec![(0, 1, 200)]));
}

#[test]
fn a_busy_unit_is_heard_of_every_twenty_turns() {
    let mut table = table();
    for second in 0..45 {
        table.add(&seen(3, second, Outcome::Ok));
    }
    let [_, sums] = table.take(46_000);
    let class = sums.class(PERMANENT).expect("counted");
    assert_eq!(
        (&class.visits[..], &class.first_visits[..]),
        (&[(0, 20, 2)][..], &[(0, 20, 1)][..])
    );
}

#[test]
fn a_key_that_changes_sides_is_another_unit() {
    let mut table = table();
    table.add(&seen(3, 1, Outcome::Permanent));
    table.add(&Seen { arm: Arm::Stable, ..seen(3, 2, Outcome::Permanent) });
    let [stable, candidate] = table.take(3000);
    for sums in [stable, candidate] {
        assert_eq!(sums.class(PERMANENT).expect("counted").first, [(1, 1)]);
    }
}

#[test]
fn parts_and_kinds_of_failure_are_counted_while_units_are_at_risk() {
    let mut table = table();
    let of = |model: Option<&str>| {
        let mut parts = Parts::default();
        parts.set(Dimension::Model, model.map(Into::into));
        parts.set(Dimension::Language, Some("de".into()));
        parts
    };
    table.add(&Seen { parts: of(Some("large")), ..seen(1, 1, Outcome::Ok) });
    // A failure names no model: that of the conversation counts.
    let failure = Some("status 500".into());
    table.add(&Seen { parts: of(None), failure, ..seen(1, 2, Outcome::Permanent) });
    table.add(&Seen { parts: of(Some("large")), ..seen(1, 3, Outcome::Ok) });
    let [_, candidate] = table.take(10_000);
    let part = |dimension: Dimension| {
        let found = candidate.parts.iter().find(|it| it.dimension == dimension);
        found.and_then(|it| Some((&*it.part, it.class(PERMANENT)?)))
    };
    assert_eq!(part(Dimension::Model), Some(("large", (2, 1))));
    assert_eq!(part(Dimension::Language), Some(("de", (2, 1))));
    assert_eq!(part(Dimension::Cohort), None);
    assert_eq!(candidate.failures.len(), 1, "{:?}", candidate.failures);
    assert_eq!(candidate.failures[0].class(PERMANENT), Some(1));
    assert!(table.take(20_000)[1].parts.is_empty(), "taken once");
}

#[test]
fn parts_and_kinds_of_failure_have_a_cap() {
    let mut table = table();
    for number in 0..100_u64 {
        let mut parts = Parts::default();
        parts.set(Dimension::Model, Some(format!("m-{number}").into()));
        let failure = Some(format!("status {number}").into());
        table.add(&Seen { parts, failure, ..seen(number + 1, number, Outcome::Permanent) });
    }
    let [_, candidate] = table.take(200_000);
    assert_eq!(candidate.parts.len(), 8);
    assert_eq!(candidate.failures.len(), 32);
    let other = candidate.failures.iter().find(|it| &*it.failure == "other").expect("the rest");
    assert_eq!(other.class(PERMANENT), Some(69));
    // Sums of ticks and replicas are those of all together.
    let mut both = candidate.clone();
    both.merge(&candidate);
    assert_eq!(both.parts[0].class(PERMANENT), Some((2, 2)));
    assert_eq!(both.failures[31].class(PERMANENT), Some(138));
}
