//! Failures become cases, and only a person makes an answer the right one.

use crate::support::says;
use serde_json::json;
use stagegate_eval::dataset::{Dataset, DatasetError, Record, Review, ReviewStatus, Split};
use stagegate_eval::{Sample, SampleReason, Score};

fn case(id: &str, answer: &str, pass: bool) -> Option<Record> {
    let sample = Sample { id: id.to_owned(), ..says(answer) };
    Record::of(&sample, &[Score::binary("tone", pass, "why")])
}

#[test]
fn a_failing_answer_is_never_what_is_expected() {
    let failed = case("r-1", "wrong", false).expect("a case");
    assert_eq!((failed.split, failed.expected.clone()), (Split::Regression, None));
    assert_eq!(
        (failed.tags.as_slice(), failed.review.status),
        (&["tone".to_owned()][..], ReviewStatus::Pending)
    );
    let mut set = Dataset::default();
    assert_eq!(set.append(vec![failed]), 1);
    set.review("r-1", ReviewStatus::Rejected, Some(json!("x")), "jo", 5).expect("there");
    assert!(set.at(2).is_empty(), "rejected");
    set.review("r-1", ReviewStatus::Approved, None, "jo", 6).expect("there");
    assert_eq!(
        set.at(3)[0].expected,
        None,
        "a rejection says nothing, and an approval without an answer neither"
    );
    set.review("r-1", ReviewStatus::Approved, Some(json!("right")), "jo", 7).expect("there");
    let now = set.at(4)[0];
    assert_eq!(
        (now.expected.clone(), now.review.by.as_deref()),
        (Some(json!("right")), Some("jo"))
    );
    assert_eq!(
        set.append(vec![case("r-1", "wrong again", false).expect("a case")]),
        0,
        "a person has looked"
    );
    assert_eq!(
        set.review("r-9", ReviewStatus::Approved, None, "jo", 8),
        Err(DatasetError::Unknown("r-9".to_owned()))
    );
}

#[test]
fn the_two_splits_are_never_mixed() {
    let random = case("r-1", "good", true).expect("a case");
    assert_eq!(random.split, Split::Representative);
    let picked = Sample { reason: SampleReason::Targeted, ..says("good") };
    assert_eq!(
        Record::of(&picked, &[Score::binary("tone", true, "")]),
        None,
        "it would bias the split"
    );
}

#[test]
fn what_was_written_stays_as_it_was() {
    let mut set = Dataset::default();
    set.append(vec![case("r-1", "wrong", false).expect("a case")]);
    let first = set.write();
    assert_eq!(set.append(vec![case("r-1", "wrong", false).expect("a case")]), 0);
    assert_eq!(set.version(), 1, "nothing new, no new version");
    assert_eq!(
        set.append(vec![
            case("r-2", "bad", false).expect("a case"),
            case("r-1", "worse", false).expect("a case")
        ]),
        2
    );
    let second = set.write();
    assert!(second.starts_with(&first));
    let read = Dataset::read(&second).expect("a set");
    assert_eq!(read, set);
    assert_eq!((read.at(1).len(), read.at(2).len(), read.version()), (1, 2, 2));

    let changed = second.replacen("well?", "ill?", 1);
    let error = Dataset::read(&changed).expect_err("changed");
    assert_eq!(error, DatasetError::Changed { line: 1, id: "r-1".to_owned() });
    let lines: Vec<&str> = second.lines().rev().collect();
    assert!(matches!(
        Dataset::read(&lines.join("\n")),
        Err(DatasetError::Version { line: 3, found: 1, before: 2 })
    ));
    assert!(matches!(Dataset::read("{}"), Err(DatasetError::Line { line: 1, .. })));
}

#[test]
fn a_review_becomes_a_version_once() {
    let case = || case("r-1", "wrong", false).expect("a case");
    let mut set = Dataset::default();
    set.append(vec![case()]);
    let first = set.write();
    let review = Review { status: ReviewStatus::Approved, by: Some("ann".to_owned()), at: Some(7) };
    let seen = || Record { expected: Some(json!("right")), ..case() }.reviewed(review.clone());
    assert_eq!(set.append(vec![seen()]), 1, "a person's look is news");
    assert_eq!(set.append(vec![seen(), case()]), 0, "once, and nobody takes it back");
    assert_eq!(set.write(), first + &set.write_after(1), "what was there stays, byte for byte");
    let now = set.at(2);
    assert_eq!((now.len(), now[0].expected.clone()), (1, Some(json!("right"))));
    assert_eq!(now[0].review, review);
}
