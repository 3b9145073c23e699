//! Samples: accepted once, concluded once, forgotten in order.

use stagegate_rollout::Arm;
use stagegate_store::{
    Closing, Concluded, NewReview, NewSample, NewScore, Reviewed, SampleFilter, SampleStore,
    Scored, StoredTally,
};
use tempfile::TempDir;

fn sample(id: &str, at_ms: u64) -> NewSample<'_> {
    NewSample {
        id,
        at_ms,
        workload: "agent",
        release: "v2",
        arm: Arm::Candidate,
        reason: "random",
        tenant: Some("acme"),
        body: "{}",
    }
}

fn score(name: &str, by: &str) -> NewScore {
    NewScore { name: name.into(), by: by.into(), pass: Some(false), body: "{}".into() }
}

fn concluded(id: &str, pass: Option<bool>) -> Concluded {
    let (label, doubt) = (None, pass.filter(|pass| !pass).map(|_| "failed"));
    Concluded { id: id.into(), pass, label, doubt, scores: vec![score("json", "scorer")] }
}

const NOW: Closing = Closing::Now { labelled: false };

fn listed(store: &SampleStore, filter: &SampleFilter) -> Vec<String> {
    let page = store.list(filter, 100, None).expect("a list");
    page.samples.into_iter().map(|it| it.id).collect()
}

fn ids(store: &SampleStore, failed: bool) -> Vec<String> {
    let filter = SampleFilter { failed, ..SampleFilter::default() };
    listed(store, &filter)
}

#[test]
fn what_was_accepted_is_open_after_a_restart_and_concluded_once() {
    let dir = TempDir::new().expect("a directory");
    let mut store = SampleStore::open(dir.path()).expect("a store");
    let new = store.accept(&[sample("a", 1), sample("b", 2), sample("a", 3)]).expect("accepted");
    assert_eq!(new, [true, true, false], "a request counts once");
    assert_eq!(store.conclude(&[concluded("a", Some(false))], 5).expect("kept"), [NOW]);
    drop(store);
    let mut store = SampleStore::open(dir.path()).expect("the same store");
    let open = store.open_samples(10).expect("open ones");
    assert_eq!(open.iter().map(|it| &*it.id).collect::<Vec<_>>(), ["b"]);
    assert_eq!(store.conclude(&[concluded("a", Some(true))], 6).expect("kept"), [Closing::Before]);
    let (a, scores) = store.get("a").expect("readable").expect("known");
    assert_eq!((a.pass, a.open, scores.len()), (Some(false), false, 1));
    assert_eq!(ids(&store, false), ["b", "a"]);
    assert_eq!(ids(&store, true), ["a"]);
}

#[test]
fn a_persons_first_verdict_stands() {
    let dir = TempDir::new().expect("a directory");
    let mut store = SampleStore::open(dir.path()).expect("a store");
    store.accept(&[sample("a", 1)]).expect("accepted");
    let mut say = |id: &str, name: &str, label| {
        store.add_score(id, &score(name, "ann"), label, 9).expect("kept")
    };
    assert_eq!(say("z", "human", Some(true)), Scored::Unknown);
    assert_eq!(say("a", "note", None), Scored::Kept { first: false });
    assert_eq!(say("a", "human", Some(false)), Scored::Kept { first: true });
    assert_eq!(say("a", "human", Some(true)), Scored::Repeated);
    assert_eq!(say("a", "second", Some(true)), Scored::Kept { first: false });
    assert_eq!(store.get("a").expect("readable").expect("known").0.label, Some(false));
}

#[test]
fn the_oldest_are_forgotten_first_with_what_was_said_about_them() {
    let dir = TempDir::new().expect("a directory");
    let mut store = SampleStore::open(dir.path()).expect("a store");
    let names: Vec<String> = (0..10).map(|n| format!("s{n}")).collect();
    let samples: Vec<_> = names.iter().zip(0..).map(|(id, at)| sample(id, at)).collect();
    store.accept(&samples).expect("accepted");
    store.conclude(&[concluded("s1", None)], 20).expect("kept");
    assert_eq!(store.forget(3, 100).expect("removed"), 3);
    assert_eq!(store.forget(0, 4).expect("removed"), 3);
    assert_eq!(ids(&store, false), ["s9", "s8", "s7", "s6"]);
    assert!(store.get("s1").expect("readable").is_none());
    assert_eq!(store.forget(0, 4).expect("nothing"), 0);
}

#[test]
fn samples_are_found_by_what_they_are_and_page_by_page() {
    let dir = TempDir::new().expect("a directory");
    let mut store = SampleStore::open(dir.path()).expect("a store");
    let other = NewSample { tenant: None, release: "v1", arm: Arm::Stable, ..sample("c", 30) };
    store.accept(&[sample("a", 10), sample("b", 20), other, sample("d", 40)]).expect("accepted");
    let fine = NewScore { pass: Some(true), ..score("json", "scorer") };
    let fine = Concluded { pass: Some(true), scores: vec![fine], ..concluded("b", None) };
    store.conclude(&[concluded("a", Some(false)), fine], 50).expect("kept");
    let any = SampleFilter::default;
    let some = |text: &str| Some(text.to_owned());
    let found = |filter: SampleFilter| listed(&store, &filter);
    assert_eq!(found(SampleFilter { tenant: some("acme"), ..any() }), ["d", "b", "a"]);
    assert_eq!(found(SampleFilter { release: some("v1"), ..any() }), ["c"]);
    assert_eq!(found(SampleFilter { scorer: some("json"), ..any() }), ["b", "a"]);
    assert_eq!(found(SampleFilter { scorer: some("json"), failed: true, ..any() }), ["a"]);
    assert_eq!(found(SampleFilter { scorer: some("tone"), ..any() }), Vec::<String>::new());
    assert_eq!(found(SampleFilter { since_ms: Some(20), until_ms: Some(40), ..any() }), ["c", "b"]);
    assert_eq!(found(SampleFilter { waiting: true, ..any() }), ["a"]);
    let mut seen = Vec::new();
    let mut filter = any();
    loop {
        let page = store.list(&filter, 3, None).expect("a page");
        seen.extend(page.samples.into_iter().map(|it| it.id));
        filter.before = page.next;
        if page.next.is_none() {
            break;
        }
    }
    assert_eq!(seen, ["d", "c", "b", "a"]);
    // Another connection reads while this one writes.
    let reader = store.reader().expect("a reader");
    store.accept(&[sample("e", 60)]).expect("accepted");
    assert_eq!(listed(&reader, &any()).len(), 5);
}

#[test]
fn the_first_word_on_what_is_right_stands() {
    let dir = TempDir::new().expect("a directory");
    let mut store = SampleStore::open(dir.path()).expect("a store");
    store.accept(&[sample("a", 1), sample("b", 2)]).expect("accepted");
    let review = |pass| NewReview {
        pass,
        expected: Some("42".to_owned()),
        note: None,
        by: "ann".to_owned(),
    };
    let mut say =
        |id: &str, pass| store.review(id, &review(pass), &score("review", "ann"), 7).expect("kept");
    assert_eq!(say("a", true), Reviewed::Kept { first: true });
    assert!(matches!(say("a", false), Reviewed::Before(before) if before.said == review(true)));
    assert_eq!(say("z", true), Reviewed::Unknown);
    let labelled = |id: &str| Concluded { label: Some(false), ..concluded(id, Some(false)) };
    let closed = store.conclude(&[labelled("a"), labelled("b")], 9).expect("kept");
    assert_eq!(closed, [NOW, Closing::Now { labelled: true }]);
    assert_eq!(store.get("a").expect("readable").expect("known").0.label, Some(true));
    assert_eq!(store.get("b").expect("readable").expect("known").0.label, Some(false));
    let late = store.review("b", &review(true), &score("review", "ann"), 10).expect("kept");
    assert_eq!(late, Reviewed::Kept { first: false });
    store.forget(100, 100).expect("removed");
    assert_eq!(store.review_of("a").expect("readable"), None, "reviews go with their samples");
}

#[test]
fn sums_take_the_place_of_earlier_ones() {
    let dir = TempDir::new().expect("a directory");
    let mut store = SampleStore::open(dir.path()).expect("a store");
    let sum = |rollout: &str, until_ms: u64| StoredTally {
        workload: "agent".to_owned(),
        rollout: rollout.to_owned(),
        release: "v2".to_owned(),
        arm: "candidate".to_owned(),
        kind: "whole".to_owned(),
        name: String::new(),
        since_ms: 1,
        until_ms,
        body: format!("{until_ms}"),
    };
    store.keep_tallies(&[sum("r1", 5), sum("r2", 6)]).expect("kept");
    store.keep_tallies(&[sum("r1", 9)]).expect("kept");
    assert_eq!(store.tallies("agent", "r1").expect("readable"), [sum("r1", 9)]);
    assert_eq!(store.tallies("other", "r1").expect("readable"), []);
    assert_eq!(store.forget_tallies(7).expect("removed"), 1);
    assert_eq!(store.tallies("agent", "r2").expect("readable"), []);
}

#[test]
fn a_file_of_the_first_schema_is_completed() {
    let dir = TempDir::new().expect("a directory");
    let old = rusqlite::Connection::open(dir.path().join("samples.db")).expect("a file");
    old.execute_batch(
        "CREATE TABLE sample (seq INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE, at_ms INTEGER NOT NULL,
             workload TEXT NOT NULL, release TEXT NOT NULL, arm TEXT NOT NULL, reason TEXT NOT NULL,
             open INTEGER NOT NULL, pass INTEGER, label INTEGER, body TEXT NOT NULL) STRICT;
         CREATE TABLE score (sample TEXT NOT NULL, name TEXT NOT NULL, at_ms INTEGER NOT NULL,
             by TEXT NOT NULL, body TEXT NOT NULL, PRIMARY KEY (sample, name)) STRICT, WITHOUT ROWID;
         INSERT INTO sample VALUES (1, 'a', 5, 'agent', 'v1', 'stable', 'random', 0, 0, NULL,
             '{\"tenant\":\"acme\"}');
         INSERT INTO score VALUES ('a', 'json', 6, 'scorer', '{\"pass\":false}');
         PRAGMA user_version = 1;",
    )
    .expect("the tables of version 1");
    drop(old);
    let mut store = SampleStore::open(dir.path()).expect("completed");
    let filter = SampleFilter {
        tenant: Some("acme".to_owned()),
        scorer: Some("json".to_owned()),
        failed: true,
        ..SampleFilter::default()
    };
    assert_eq!(listed(&store, &filter), ["a"]);
    store.accept(&[sample("b", 9)]).expect("accepted");
    drop(store);
    assert_eq!(ids(&SampleStore::open(dir.path()).expect("again"), false), ["b", "a"]);
}
