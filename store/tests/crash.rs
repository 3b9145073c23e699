//! `kill -9` at any moment, and a disk without room: what was acknowledged is there afterwards.
#![allow(clippy::unwrap_used)]

mod support;

use stagegate_store::{DecisionLog, Filter, Retention, Store};
use std::process::Command;
use std::time::Duration;
use support::{
    any_below, at_weight, batch, child, child_dir, entry, initial, now_ms, own_id, record, say,
};
use tempfile::TempDir;

const KILLS: u64 = 25;
/// Starts a program under which no file grows over 250 KiB; writing more is an error then and not
/// the end of the process.
const NO_ROOM: [&str; 3] = ["sh", "-c", "trap '' XFSZ; ulimit -S -f 300; exec \"$0\" \"$@\""];
/// As before, with room for the empty tables.
const LITTLE_ROOM: [&str; 3] = ["sh", "-c", "trap '' XFSZ; ulimit -S -f 600; exec \"$0\" \"$@\""];
/// Small, so that segments end all the time.
const SMALL: Retention = Retention { max_age: Duration::from_secs(86_400), max_bytes: 8 << 20 };

fn weight_of(epoch: u64) -> u32 {
    (epoch * 37 % 100_000) as u32
}

#[test]
fn a_killed_store_comes_back_with_the_last_acknowledged_change() {
    let dir = TempDir::new().unwrap();
    let mut acknowledged = 0u64;
    for _ in 0..KILLS {
        let (mut process, mut said) = child(&[], "change_until_killed", dir.path());
        let last: Vec<u64> =
            said.by_ref().take(1 + any_below(30) as usize).map(|it| it.parse().unwrap()).collect();
        assert!(!last.is_empty(), "it had changed something and was killed");
        process.kill().unwrap();
        process.wait().unwrap();
        // What it had acknowledged before the kill and we had not read yet counts as well.
        acknowledged =
            said.map(|it| it.parse().unwrap()).chain(last).max().unwrap_or(0).max(acknowledged);
        let store = Store::open(dir.path()).unwrap();
        let saved = store.load().unwrap();
        assert!(
            (acknowledged..=acknowledged + 1).contains(&saved.epoch),
            "acknowledged {acknowledged}, found {}",
            saved.epoch
        );
        assert_eq!(saved.workloads, [at_weight("agent", weight_of(saved.epoch))].into());
        assert_eq!(store.verify_audit().unwrap().entries, saved.epoch);
        acknowledged = saved.epoch;
    }
    assert!(acknowledged >= KILLS);
}

#[test]
#[ignore = "runs as a child of another test"]
fn change_until_killed() {
    let mut store = Store::open(&child_dir()).unwrap();
    let last = store.load().unwrap().epoch;
    for epoch in last + 1.. {
        let state = at_weight("agent", weight_of(epoch));
        store.commit(&entry(&format!("change {epoch}")), &[state], epoch, None).unwrap();
        say(epoch);
    }
}

#[test]
fn a_killed_log_opens_again_with_all_that_was_written() {
    let dir = TempDir::new().unwrap();
    let mut written = 0u64;
    for _ in 0..KILLS {
        let (mut process, mut said) = child(&[], "log_until_killed", dir.path());
        let before = written;
        let read = said.by_ref().take(1 + any_below(12) as usize);
        written = read.map(|it| it.parse().unwrap()).max().unwrap_or(written).max(written);
        process.kill().unwrap();
        process.wait().unwrap();
        written = said.map(|it| it.parse().unwrap()).max().unwrap_or(written).max(written);
        assert!(written > before, "it had written something and was killed");
        let log = DecisionLog::open(dir.path(), SMALL).unwrap();
        for n in (before..written).step_by(53) {
            let found = log.get(&format!("request-{n}")).unwrap();
            assert_eq!(found.map(|it| it.status), Some(Some(200)), "request {n} of {written}");
        }
        let newest = log.recent(&Filter::default(), 1).unwrap().records.remove(0);
        let newest: u64 = newest.request_id["request-".len()..].parse().unwrap();
        assert!(newest + 1 >= written && newest < written + 20_000, "{newest}, {written}");
        assert_eq!(log.status().set_aside, 0);
        written = newest + 1;
    }
    assert!(written >= KILLS * 1000);
}

#[test]
#[ignore = "runs as a child of another test"]
fn log_until_killed() {
    let log = DecisionLog::open(&child_dir(), SMALL).unwrap();
    let newest = log.recent(&Filter::default(), 1).unwrap().records.pop();
    let first =
        newest.map_or(0, |it| it.request_id["request-".len()..].parse::<u64>().unwrap() + 1);
    for first in (first..).step_by(1000) {
        let ids: Vec<_> = (first..first + 1000).map(|n| format!("request-{n}")).collect();
        assert!(log.writer().try_append(batch(ids.iter().map(|id| record(id, now_ms(), "acme")))));
        log.flush();
        say(first + 1000);
    }
}

#[test]
fn without_room_a_change_is_refused_and_nothing_of_it_remains() {
    let dir = TempDir::new().unwrap();
    let (mut process, said) = child(&LITTLE_ROOM, "change_until_refused", dir.path());
    let said: Vec<String> = said.collect();
    assert!(process.wait().unwrap().success(), "{said:?}");
    let acknowledged: u64 = said.last().unwrap().parse().unwrap();
    let mut store = Store::open(dir.path()).unwrap();
    let saved = store.load().unwrap();
    assert_eq!(saved.epoch, acknowledged);
    assert_eq!(store.verify_audit().unwrap().entries, acknowledged);
    let next = at_weight("agent", 1);
    store.commit(&entry("with room again"), &[next], acknowledged + 1, None).unwrap();
}

#[test]
#[ignore = "runs as a child of another test"]
fn change_until_refused() {
    let mut store = Store::open(&child_dir()).unwrap();
    store.commit(&entry("start"), &[initial("agent")], 1, None).unwrap();
    let long = "a long story ".repeat(500);
    for epoch in 2.. {
        let state = at_weight("agent", weight_of(epoch));
        let before = store.load().unwrap();
        if let Err(refused) = store.commit(&entry(&long), &[state], epoch, None) {
            assert!(refused.to_string().contains("state store failed"), "{refused}");
            assert_eq!(store.load().unwrap(), before);
            assert_eq!(store.verify_audit().unwrap().entries, epoch - 1);
            say(epoch - 1);
            return;
        }
        assert!(epoch < 1000, "the limit does not work");
    }
}

#[test]
fn without_room_the_log_drops_counts_and_recovers() {
    let dir = TempDir::new().unwrap();
    let (mut process, said) = child(&NO_ROOM, "log_until_there_is_room", dir.path());
    let said: Vec<String> = said.collect();
    assert!(process.wait().unwrap().success(), "{said:?}");
    let log = DecisionLog::open(dir.path(), SMALL).unwrap();
    for id in &said {
        assert!(log.get(id).unwrap().is_some(), "{id}");
    }
    assert!(said.len() > 2);
}

#[test]
#[ignore = "runs as a child of another test"]
fn log_until_there_is_room() {
    let log = DecisionLog::open(&child_dir(), SMALL).unwrap();
    let now = now_ms();
    let mut written = Vec::new();
    let mut append = |first: u64| {
        let ids: Vec<_> = (first..first + 500).map(|n| own_id(now + n, n)).collect();
        assert!(log.writer().try_append(batch(ids.iter().map(|id| record(id, now, "acme")))));
        log.flush();
        let there = log.get(&ids[499]).unwrap().is_some();
        written.extend(there.then(|| ids[499].clone()));
        there
    };
    let lost = (0..1000).map(|n| n * 500).find(|first| !append(*first)).expect("no room");
    assert!(!log.healthy());
    assert!(!append(lost), "still no room");
    assert_eq!(log.dropped().write_failed, 1000);
    assert!(log.status().last_error.unwrap().contains("File too large"));
    assert!(log.get(&own_id(now, 0)).unwrap().is_some(), "reading goes on");

    let me = std::process::id().to_string();
    let room = Command::new("prlimit").args(["--pid", &me, "--fsize=unlimited:"]).status();
    assert!(room.unwrap().success());
    assert!(append(lost) && append(lost + 500));
    assert!(log.healthy());
    assert_eq!(log.dropped().write_failed, 1000);
    written.iter().for_each(say);
}
