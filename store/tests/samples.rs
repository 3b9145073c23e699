//! Samples: accepted once, concluded once, forgotten in order.

use stagegate_rollout::Arm;
use stagegate_store::{Concluded, NewSample, NewScore, SampleFilter, SampleStore, Scored};
use tempfile::TempDir;

fn sample(id: &str, at_ms: u64) -> NewSample<'_> {
    NewSample {
        id,
        at_ms,
        workload: "agent",
        release: "v2",
        arm: Arm::Candidate,
        reason: "random",
        body: "{}",
    }
}

fn score(name: &str, by: &str) -> NewScore {
    NewScore { name: name.into(), by: by.into(), body: "{}".into() }
}

fn concluded(id: &str, pass: Option<bool>) -> Concluded {
    Concluded { id: id.into(), pass, scores: vec![score("json", "scorer")] }
}

fn ids(store: &SampleStore, failed: bool) -> Vec<String> {
    let filter = SampleFilter { failed, ..SampleFilter::default() };
    store.list(&filter, 100).expect("a list").into_iter().map(|it| it.id).collect()
}

#[test]
fn what_was_accepted_is_open_after_a_restart_and_concluded_once() {
    let dir = TempDir::new().expect("a directory");
    let mut store = SampleStore::open(dir.path()).expect("a store");
    let new = store.accept(&[sample("a", 1), sample("b", 2), sample("a", 3)]).expect("accepted");
    assert_eq!(new, [true, true, false], "a request counts once");
    assert_eq!(store.conclude(&[concluded("a", Some(false))], 5).expect("kept"), [true]);
    drop(store);
    let mut store = SampleStore::open(dir.path()).expect("the same store");
    let open = store.open_samples(10).expect("open ones");
    assert_eq!(open.iter().map(|it| &*it.id).collect::<Vec<_>>(), ["b"]);
    assert_eq!(store.conclude(&[concluded("a", Some(true))], 6).expect("kept"), [false]);
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
