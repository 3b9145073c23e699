//! The state store remembers what it acknowledged, and nothing else.
#![allow(clippy::unwrap_used)]

mod support;

use rusqlite::Connection;
use stagegate_store::{
    AuditFilter, LockError, NewAudit, NewIdempotency, NewRelease, Saved, Store, StoreError,
};
use support::{at_weight, child, child_dir, entry, initial, say};
use tempfile::TempDir;

#[test]
fn a_change_comes_back_after_a_restart() {
    let dir = TempDir::new().unwrap();
    let mut store = Store::open(dir.path()).unwrap();
    assert_eq!(store.load().unwrap(), Saved::default());
    store.commit(&entry("start"), &[initial("agent"), initial("other")], 1, None).unwrap();
    store.commit(&entry("10%"), &[at_weight("agent", 10_000)], 2, None).unwrap();
    drop(store);

    let saved = Store::open(dir.path()).unwrap().load().unwrap();
    assert_eq!(saved.epoch, 2);
    assert_eq!(saved.workloads, [at_weight("agent", 10_000), initial("other")].into());
}

#[test]
fn an_epoch_that_does_not_follow_changes_nothing() {
    let dir = TempDir::new().unwrap();
    let mut store = Store::open(dir.path()).unwrap();
    store.commit(&entry("start"), &[initial("agent")], 1, None).unwrap();
    let before = store.load().unwrap();
    for wrong in [0, 1, 3, u64::MAX] {
        let refused = store.commit(&entry("x"), &[at_weight("agent", 5)], wrong, None);
        let Err(StoreError::EpochGap { last: 1, given }) = refused else { panic!("{refused:?}") };
        assert_eq!(given, wrong);
    }
    let refused = store.commit(&entry("x"), &[], 3, None);
    assert!(matches!(refused, Err(StoreError::EpochGap { .. })), "{refused:?}");
    assert_eq!(store.load().unwrap(), before);
    assert_eq!(store.verify_audit().unwrap().entries, 1);
}

#[test]
fn what_makes_no_plan_is_recorded_under_the_same_epoch() {
    let dir = TempDir::new().unwrap();
    let mut store = Store::open(dir.path()).unwrap();
    store.commit(&entry("start"), &[initial("agent")], 1, None).unwrap();
    let login = NewAudit { workload: None, action: "login".to_owned(), ..entry("refused") };
    let refusal = store.commit(&login, &[], 1, None).unwrap();
    assert_eq!((refusal.epoch_before, refusal.epoch), (1, 1));
    let reload = store.commit(&entry("reloaded"), &[], 2, None).unwrap();
    assert_eq!((reload.epoch_before, reload.epoch), (1, 2));
    assert_eq!(store.load().unwrap().epoch, 2);
}

#[test]
fn the_audit_log_is_listed_newest_first_and_paged() {
    let dir = TempDir::new().unwrap();
    let mut store = Store::open(dir.path()).unwrap();
    for n in 1..=20u64 {
        let workload = Some(if n % 2 == 0 { "even" } else { "odd" }.to_owned());
        let actor = if n % 5 == 0 { "ben" } else { "ann" }.to_owned();
        store.commit(&NewAudit { workload, actor, ..entry("x") }, &[], 0, None).unwrap();
    }
    let seqs = |filter: AuditFilter, limit| -> Vec<u64> {
        store.audit(&filter, limit).unwrap().iter().map(|it| it.seq).collect()
    };
    let (even, ben) = (Some("even".to_owned()), Some("ben".to_owned()));
    let all = AuditFilter::default();
    assert_eq!(seqs(all.clone(), 3), [20, 19, 18]);
    assert_eq!(seqs(AuditFilter { before_seq: Some(18), ..all.clone() }, 2), [17, 16]);
    assert_eq!(seqs(AuditFilter { workload: even.clone(), ..all.clone() }, 3), [20, 18, 16]);
    assert_eq!(seqs(AuditFilter { actor: ben.clone(), ..all.clone() }, 9), [20, 15, 10, 5]);
    assert_eq!(seqs(AuditFilter { workload: even, actor: ben, before_seq: Some(20) }, 9), [10]);
    assert_eq!(seqs(AuditFilter { actor: Some("nobody".to_owned()), ..all }, 9), [0; 0]);
}

#[test]
fn details_are_shown_as_the_json_they_are() {
    let dir = TempDir::new().unwrap();
    let mut store = Store::open(dir.path()).unwrap();
    let recorded = store.commit(&entry("x"), &[], 0, None).unwrap();
    let shown = serde_json::to_value(&recorded).unwrap();
    assert_eq!(shown["details"]["weight"], "10%");
}

#[test]
fn a_repeated_request_finds_its_answer_for_a_day() {
    const DAY: u64 = 24 * 60 * 60 * 1000;
    let dir = TempDir::new().unwrap();
    let mut store = Store::open(dir.path()).unwrap();
    let answer = NewIdempotency {
        key: "k1".to_owned(),
        actor: "ann".to_owned(),
        fingerprint: "f1".to_owned(),
        response: "{}".to_owned(),
    };
    let at = entry("x").at_ms;
    assert_eq!(store.idempotent("k1", at).unwrap(), None);
    store.commit(&entry("x"), &[initial("agent")], 1, Some(&answer)).unwrap();
    let kept = store.idempotent("k1", at + DAY - 1).unwrap().unwrap();
    assert_eq!(
        (kept.actor, kept.fingerprint, kept.response),
        ("ann".into(), "f1".into(), "{}".into())
    );

    let again = store.commit(&entry("x"), &[at_weight("agent", 1)], 2, Some(&answer));
    assert!(matches!(again, Err(StoreError::IdempotencyKeyTaken { .. })), "{again:?}");
    assert_eq!(store.load().unwrap().epoch, 1, "the refused change left nothing behind");

    store.replace_response("k1", r#"{"ms":3}"#).unwrap();
    assert_eq!(store.idempotent("k1", at).unwrap().unwrap().response, r#"{"ms":3}"#);

    assert_eq!(store.idempotent("k1", at + DAY).unwrap(), None, "expired");
    let next_day = NewAudit { at_ms: at + DAY, ..entry("x") };
    store.commit(&next_day, &[], 1, Some(&answer)).unwrap();
    assert!(store.idempotent("k1", at + DAY).unwrap().is_some(), "and free to be used again");
}

fn release(name: &str, fingerprint: &str, endpoint: &str) -> NewRelease {
    NewRelease {
        workload: "agent".parse().unwrap(),
        release: name.parse().unwrap(),
        fingerprint: fingerprint.to_owned(),
        artifact: serde_json::json!({ "model": fingerprint }),
        endpoints: vec![endpoint.to_owned()],
    }
}

#[test]
fn a_used_release_cannot_become_another() {
    let dir = TempDir::new().unwrap();
    let mut store = Store::open(dir.path()).unwrap();
    let first = [
        release("v1", "a", "http://1"),
        release("v2", "b", "http://2"),
        release("v3", "c", "http://3"),
    ];
    store.register_releases(&first, 1, "config").unwrap();
    store.register_releases(&[release("v3", "cc", "http://3")], 2, "config").unwrap();
    store.commit(&entry("start"), &[initial("agent")], 1, None).unwrap();

    let changed = [
        release("v3", "ccc", "http://3"),
        release("v1", "A", "http://1"),
        release("v2", "B", "http://2"),
    ];
    let refused = store.register_releases(&changed, 3, "config").unwrap_err();
    let why = refused.to_string();
    assert!(why.contains("release `v1`") && why.contains("release `v2`"), "{why}");
    assert!(!why.contains("`v3`") && why.contains("new release name"), "{why}");
    assert!(store.check_releases(&changed).is_err());

    let moved = [release("v1", "a", "http://elsewhere")];
    store.check_releases(&moved).unwrap();
    store.register_releases(&moved, 4, "ann").unwrap();
    let known = store.releases("agent").unwrap();
    let facts: Vec<_> = known
        .iter()
        .map(|it| {
            (
                &*it.release,
                &*it.fingerprint,
                &*it.endpoints[0],
                it.registered_ms,
                it.used_ms.is_some(),
            )
        })
        .collect();
    assert_eq!(
        facts,
        [
            ("v1", "a", "http://elsewhere", 1, true),
            ("v2", "b", "http://2", 1, true),
            ("v3", "cc", "http://3", 2, false),
        ]
    );
    assert_eq!(known[2].artifact, serde_json::json!({ "model": "cc" }));
    assert!(store.releases("unknown").unwrap().is_empty());
}

#[test]
fn a_later_schema_is_refused_and_left_alone() {
    let dir = TempDir::new().unwrap();
    drop(Store::open(dir.path()).unwrap());
    let file = dir.path().join("state.db");
    Connection::open(&file).unwrap().pragma_update(None, "user_version", 99).unwrap();
    let refused = Store::open(dir.path()).unwrap_err();
    assert!(matches!(refused, StoreError::NewerSchema { found: 99, .. }), "{refused}");
}

#[test]
fn a_damaged_file_is_an_error_and_no_panic() {
    let dir = TempDir::new().unwrap();
    let file = dir.path().join("state.db");
    std::fs::write(&file, b"this is no database, and long enough to be seen as one".repeat(200))
        .unwrap();
    let refused = Store::open(dir.path()).unwrap_err();
    assert!(matches!(refused, StoreError::Open { .. }), "{refused}");

    std::fs::remove_file(&file).unwrap();
    let mut store = Store::open(dir.path()).unwrap();
    store.commit(&entry("start"), &[initial("agent")], 1, None).unwrap();
    let outside = Connection::open(&file).unwrap();
    outside.execute("UPDATE workload SET state = '{}'", []).unwrap();
    let refused = store.load().unwrap_err();
    assert!(
        matches!(&refused, StoreError::Damaged { what, .. } if what.contains("agent")),
        "{refused}"
    );
}

#[test]
fn a_second_process_is_told_who_has_the_directory() {
    let dir = TempDir::new().unwrap();
    let store = Store::open(dir.path()).unwrap();
    let (mut second, mut said) = child(&[], "open_as_second", dir.path());
    let why = said.next().unwrap();
    assert!(why.contains(&format!("in use by process {}:", std::process::id())), "{why}");
    assert!(second.wait().unwrap().success());
    drop(store);
    Store::open(dir.path()).unwrap();
}

#[test]
#[ignore = "runs as a child of another test"]
fn open_as_second() {
    let refused = Store::open(&child_dir()).unwrap_err();
    assert!(matches!(refused, StoreError::Lock(LockError::Held { .. })));
    say(refused);
}
