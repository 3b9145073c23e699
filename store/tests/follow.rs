//! Changes of other replicas: rehearsed, followed, refused.

#![allow(clippy::unwrap_used)]

use serde_json::json;
use stagegate_store::{
    Attachment, NewAudit, NewChange, NewIdempotency, NewMessage, Recorded, Store, StoreError,
};

fn change(summary: &str) -> NewChange {
    let entry = NewAudit {
        at_ms: 5,
        actor: "ada".to_owned(),
        workload: None,
        action: "reload".to_owned(),
        reason: String::new(),
        summary: summary.to_owned(),
        details: json!({ "audit_seq": null, "share": 0.1 }),
    };
    let message = NewMessage {
        channel: "pager".to_owned(),
        notice: format!("notice of {summary}"),
        topic: "agent".to_owned(),
        rank: 1,
        body: "{}".to_owned(),
    };
    let answer = NewIdempotency {
        key: format!("key of {summary}"),
        actor: "ada".to_owned(),
        fingerprint: "f".to_owned(),
        response: "{\"audit_seq\":null}".to_owned(),
    };
    NewChange {
        makes_a_plan: true,
        answer: Some(answer),
        attachments: vec![Attachment::Tell(message)],
        ..NewChange::entry_only(entry)
    }
}

fn record(store: &mut Store, expected: u64, change: &NewChange) -> stagegate_store::AuditEntry {
    match store.record(expected, change).unwrap() {
        Recorded::Now(entry) => entry,
        Recorded::Before(kept) => panic!("{kept:?}"),
    }
}

fn waiting(store: &Store) -> u64 {
    store.outbox().unwrap().pending().unwrap()
}

#[test]
fn a_rehearsal_says_what_would_be_recorded_and_writes_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let mut store = Store::open(dir.path()).unwrap();
    let Recorded::Now(tried) = store.rehearse(0, &change("one")).unwrap() else { panic!() };
    assert_eq!(store.head().unwrap().entries, 0);
    assert_eq!(record(&mut store, 0, &change("one")), tried);
    assert!(matches!(store.rehearse(0, &change("two")), Err(StoreError::EpochGap { last: 1, .. })));
    assert!(matches!(store.rehearse(1, &change("one")), Ok(Recorded::Before(_))));
}

#[test]
fn a_followed_change_is_the_same_entry_and_its_author_sends_the_messages() {
    let (here, there) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let mut author = Store::open(here.path()).unwrap();
    let mut other = Store::open(there.path()).unwrap();
    // As it comes over the wire.
    let sent = serde_json::to_string(&change("one")).unwrap();
    let sent: NewChange = serde_json::from_str(&sent).unwrap();
    assert_eq!(sent, change("one"));
    let entry = record(&mut author, 0, &change("one"));
    assert_eq!(other.follow(0, &sent, &entry.hash, false).unwrap(), entry);
    assert_eq!(other.head().unwrap(), author.head().unwrap());
    let kept = other.idempotent("key of one", 5).unwrap().unwrap();
    assert_eq!(kept.response, "{\"audit_seq\":1}");
    assert!(other.verify_audit().is_ok());
    assert_eq!((waiting(&author), waiting(&other)), (1, 0));
    // The author itself follows what it heard of late, and sends the messages.
    let entry = record(&mut other, 1, &change("two"));
    author.follow(1, &change("two"), &entry.hash, true).unwrap();
    assert_eq!(waiting(&author), 2);
}

#[test]
fn a_change_of_another_history_is_refused_and_nothing_is_written() {
    let dir = tempfile::tempdir().unwrap();
    let mut store = Store::open(dir.path()).unwrap();
    record(&mut store, 0, &change("one"));
    let head = store.head().unwrap();
    let refused = store.follow(1, &change("two"), "00", false).unwrap_err();
    assert!(matches!(refused, StoreError::Forked { seq: 2 }), "{refused}");
    let late = store.follow(0, &change("two"), "00", false).unwrap_err();
    assert!(matches!(late, StoreError::EpochGap { .. }), "{late}");
    assert_eq!(store.head().unwrap(), head);
    assert!(store.idempotent("key of two", 5).unwrap().is_none());
}
