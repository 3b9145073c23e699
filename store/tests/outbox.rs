//! Tests of the outbox: a message is delivered if and only if its change was made, once, in order,
//! and for a limited time.
#![allow(clippy::unwrap_used)]

mod support;

use stagegate_store::{Attachment, Ending, NewMessage, Outbox, Store, StoreError};
use support::{any_below, at_weight, child, child_dir, entry, initial, say};
use tempfile::TempDir;

const DAY_MS: u64 = 24 * 60 * 60 * 1000;

fn to(channel: &str, notice: &str) -> NewMessage {
    NewMessage {
        channel: channel.to_owned(),
        notice: notice.to_owned(),
        topic: notice.to_owned(),
        rank: 1,
        body: format!("about {notice}"),
    }
}

fn tell(messages: &[NewMessage]) -> Vec<Attachment> {
    messages.iter().cloned().map(Attachment::Tell).collect()
}

fn open() -> (TempDir, Store, Outbox) {
    let dir = TempDir::new().unwrap();
    let store = Store::open(dir.path()).unwrap();
    let outbox = store.outbox().unwrap();
    (dir, store, outbox)
}

/// Notices that a channel would be sent, in order.
fn sent(outbox: &mut Outbox, channel: &str, now_ms: u64) -> Vec<String> {
    let mut notices = Vec::new();
    while let Some(message) = outbox.next(channel, now_ms).unwrap() {
        outbox.end(message.id, now_ms, Ending::Delivered, None).unwrap();
        notices.push(message.notice);
    }
    notices
}

#[test]
fn a_message_goes_in_with_its_change_or_not_at_all() {
    let (_dir, mut store, outbox) = open();
    let messages = [to("chat", "n-1"), to("pager", "n-1")];
    let states = [initial("agent")];
    let made = store.commit_with(&entry("start"), &states, 1, None, &tell(&messages)).unwrap();
    assert_eq!(made.epoch, 1);
    let waiting = outbox.next("pager", made.at_ms).unwrap().unwrap();
    assert_eq!((waiting.body.as_str(), waiting.attempts), ("about n-1", 0));
    assert_eq!(waiting.at_ms, made.at_ms);

    let refused = store.commit_with(&entry("x"), &[], 7, None, &tell(&[to("chat", "n-2")]));
    assert!(matches!(refused, Err(StoreError::EpochGap { .. })), "{refused:?}");
    assert_eq!(outbox.pending().unwrap(), 2, "nothing happened, so nothing is told");
}

#[test]
fn a_channel_is_told_the_same_once() {
    let (_dir, mut store, mut outbox) = open();
    assert_eq!(outbox.enqueue(&[to("chat", "n-1"), to("pager", "n-1")], 5).unwrap(), 2);
    assert_eq!(outbox.enqueue(&[to("chat", "n-1"), to("chat", "n-2")], 6).unwrap(), 1);
    assert_eq!(sent(&mut outbox, "chat", 6), ["n-1", "n-2"]);
    store.commit_with(&entry("again"), &[], 0, None, &tell(&[to("chat", "n-1")])).unwrap();
    assert_eq!(outbox.next("chat", u64::MAX >> 1).unwrap(), None, "also after it was delivered");

    outbox.forget(6).unwrap();
    assert_eq!(outbox.enqueue(&[to("chat", "n-1")], 7).unwrap(), 1, "until it is forgotten");
    assert_eq!(outbox.pending().unwrap(), 2);
}

#[test]
fn what_is_about_the_same_leaves_in_order_and_the_rest_does_not_wait_for_it() {
    let (_dir, _store, mut outbox) = open();
    let about =
        |notice: &str, topic: &str| NewMessage { topic: topic.into(), ..to("pager", notice) };
    let messages = [about("opens", "p99"), about("other", "cost"), about("closes", "p99")];
    outbox.enqueue(&messages, 10).unwrap();
    let first = outbox.next("pager", 10).unwrap().unwrap();
    assert_eq!(first.notice, "opens");
    outbox.put_off(first.id, 11, 500, "it answered 503").unwrap();
    assert_eq!(sent(&mut outbox, "pager", 12), ["other"], "the closing one must not overtake");
    assert_eq!(outbox.due_ms("pager").unwrap(), Some(500));
    assert_eq!(outbox.due_ms("chat").unwrap(), None);
    outbox.hurry("pager", 20).unwrap();
    assert_eq!(outbox.next("pager", 20).unwrap().unwrap().attempts, 1);
    assert_eq!(sent(&mut outbox, "pager", 20), ["opens", "closes"]);
}

#[test]
fn what_is_too_old_or_too_much_is_given_up_and_named() {
    let (_dir, _store, mut outbox) = open();
    outbox.enqueue(&[to("chat", "old")], 10).unwrap();
    outbox.put_off(1, 20, 30, "it answered 500").unwrap();
    outbox.enqueue(&[to("chat", "new")], DAY_MS).unwrap();
    let expired = outbox.expire(10, DAY_MS).unwrap();
    assert_eq!(expired.len(), 1);
    assert_eq!((expired[0].notice.as_str(), expired[0].channel.as_str()), ("old", "chat"));
    assert_eq!(expired[0].error.as_deref(), Some("it answered 500"));

    let ranked = |notice: &str, rank| NewMessage { rank, ..to("chat", notice) };
    outbox.enqueue(&[ranked("page", 2), ranked("gossip", 0), ranked("note", 1)], DAY_MS).unwrap();
    outbox.enqueue(&[to("pager", "alone")], DAY_MS).unwrap();
    let dropped = outbox.trim(2, DAY_MS + 1).unwrap();
    let mut names: Vec<&str> = dropped.iter().map(|lost| lost.notice.as_str()).collect();
    names.sort_unstable();
    assert_eq!(names, ["gossip", "new"], "the least important, and of equals the oldest");
    assert_eq!(outbox.trim(2, DAY_MS + 1).unwrap(), []);
    assert_eq!(sent(&mut outbox, "chat", DAY_MS + 1), ["page", "note"]);
}

#[test]
fn each_channel_has_a_record() {
    let (dir, store, mut outbox) = open();
    outbox.enqueue(&[to("chat", "a"), to("chat", "b"), to("pager", "a")], 10).unwrap();
    let first = outbox.next("chat", 10).unwrap().unwrap();
    outbox.end(first.id, 20, Ending::Delivered, None).unwrap();
    let pager = outbox.next("pager", 10).unwrap().unwrap();
    outbox.put_off(pager.id, 15, 99, "no answer in time").unwrap();
    outbox.put_off(pager.id, 25, 99, "it answered 503").unwrap();
    // It survives a restart.
    drop((store, outbox));
    let records = Store::open(dir.path()).unwrap().outbox().unwrap().channels().unwrap();
    let [chat, pager] = records.as_slice() else { panic!("{records:?}") };
    assert_eq!((chat.channel.as_str(), chat.pending), ("chat", 1));
    assert_eq!((chat.last_success_ms, chat.last_failure.as_ref()), (Some(20), None));
    assert_eq!((pager.pending, pager.oldest_pending_ms), (1, Some(10)));
    assert_eq!(pager.last_failure, Some((25, "it answered 503".to_owned())));
    assert_eq!(pager.last_success_ms, None);
}

#[test]
fn a_file_of_the_version_before_gets_an_outbox() {
    let (dir, mut store, outbox) = open();
    store.commit(&entry("start"), &[initial("agent")], 1, None).unwrap();
    drop((store, outbox));
    let db = rusqlite::Connection::open(dir.path().join("state.db")).unwrap();
    db.execute_batch(
        "DROP TABLE outbox; DROP TABLE spending; DROP TABLE eval_report; DROP TABLE flag; DROP TABLE flag_change; DROP TABLE fact; PRAGMA user_version = 2",
    )
    .unwrap();
    drop(db);
    let mut store = Store::open(dir.path()).unwrap();
    store.commit_with(&entry("x"), &[], 1, None, &tell(&[to("chat", "n-1")])).unwrap();
    assert_eq!(store.outbox().unwrap().pending().unwrap(), 1);
    assert_eq!(store.load().unwrap().epoch, 1, "nothing else changed");
}

#[test]
fn a_killed_process_has_told_exactly_what_it_had_done() {
    let dir = TempDir::new().unwrap();
    let mut acknowledged = 0u64;
    for _ in 0..10 {
        let (mut process, mut said) = child(&[], "change_and_tell_until_killed", dir.path());
        let heard = said.by_ref().take(1 + any_below(20) as usize);
        let last: u64 = heard.map(|it| it.parse().unwrap()).max().expect("it had begun");
        process.kill().unwrap();
        process.wait().unwrap();
        acknowledged =
            said.map(|it| it.parse().unwrap()).chain([last, acknowledged]).max().unwrap();
        let store = Store::open(dir.path()).unwrap();
        let (epoch, told) =
            (store.load().unwrap().epoch, store.outbox().unwrap().pending().unwrap());
        assert!(epoch >= acknowledged);
        assert_eq!(told, 2 * epoch, "two channels are told of each change");
    }
}

#[test]
#[ignore = "runs as a child of another test"]
fn change_and_tell_until_killed() {
    let mut store = Store::open(&child_dir()).unwrap();
    for epoch in store.load().unwrap().epoch + 1.. {
        let notice = format!("n-{epoch}");
        let messages = [to("chat", &notice), to("pager", &notice)];
        let state = [at_weight("agent", (epoch % 100) as u32)];
        store.commit_with(&entry("change"), &state, epoch, None, &tell(&messages)).unwrap();
        say(epoch);
    }
}

#[test]
fn the_last_message_that_a_channel_received_is_never_forgotten_nor_is_one_past_the_queue() {
    let (dir, store, mut outbox) = open();
    outbox.enqueue(&[to("chat", "n-1"), to("chat", "n-2")], 5).unwrap();
    sent(&mut outbox, "chat", 6);
    outbox.sent(&to("pager", "test-1"), 7, Ending::Delivered, None).unwrap();
    outbox.sent(&to("hook", "test-2"), 8, Ending::Refused, Some("404")).unwrap();
    drop((outbox, store));
    let store = Store::open(dir.path()).unwrap();
    let mut outbox = store.outbox().unwrap();
    outbox.forget(u64::MAX >> 1).unwrap();
    let seen: Vec<_> = outbox
        .channels()
        .unwrap()
        .into_iter()
        .map(|it| (it.channel, it.last_success_ms, it.last_failure, it.pending))
        .collect();
    let wanted = [("chat".to_owned(), Some(6), None, 0), ("pager".to_owned(), Some(7), None, 0)];
    assert_eq!(seen, wanted, "a failure is forgotten in its time");
    assert_eq!(outbox.next("pager", u64::MAX >> 1).unwrap(), None, "it is not sent again");
}
