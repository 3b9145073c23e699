//! A state database that was lost, set back or damaged does not pass for a young one.
#![allow(clippy::unwrap_used)]

mod support;

use stagegate_store::{Store, StoreError, VerifyError};
use std::fs;
use std::path::Path;
use support::{at_weight, entry};
use tempfile::TempDir;

/// A store with some changes, closed as a process that ends closes it.
fn with_history(changes: u64) -> TempDir {
    let dir = TempDir::new().unwrap();
    let mut store = Store::open(dir.path()).unwrap();
    for epoch in 1..=changes {
        let state = at_weight("agent", epoch as u32);
        store.commit(&entry(&format!("change {epoch}")), &[state], epoch, None).unwrap();
    }
    drop(store);
    dir
}

fn lost(dir: &Path) -> String {
    match Store::open(dir) {
        Err(error @ (StoreError::Lost { .. } | StoreError::Open { .. })) => error.to_string(),
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_whole_history_opens_with_and_without_a_witness_of_it() {
    let dir = with_history(3);
    assert_eq!(Store::open(dir.path()).unwrap().load().unwrap().epoch, 3);
    let witness = dir.path().join("witness.json");
    // As an earlier version left it.
    fs::remove_file(&witness).unwrap();
    assert_eq!(Store::open(dir.path()).unwrap().load().unwrap().epoch, 3);
    assert!(witness.exists(), "it is written again");
    // A damaged one beside a whole history.
    fs::write(&witness, "{}").unwrap();
    assert_eq!(Store::open(dir.path()).unwrap().load().unwrap().epoch, 3);
}

#[test]
fn a_database_that_is_missing_or_empty_is_noticed_every_time() {
    for empty in [false, true] {
        let dir = with_history(3);
        let file = dir.path().join("state.db");
        fs::remove_file(&file).unwrap();
        if empty {
            fs::write(&file, "").unwrap();
        }
        for _ in 0..2 {
            let why = lost(dir.path());
            assert!(why.contains("epoch 3") && why.contains("missing or empty"), "{why}");
        }
    }
    // Without a witness, other files tell.
    let dir = TempDir::new().unwrap();
    fs::write(dir.path().join("samples.db"), "x").unwrap();
    assert!(lost(dir.path()).contains("samples.db is there"));
    let dir = TempDir::new().unwrap();
    fs::create_dir(dir.path().join("decisions")).unwrap();
    assert!(Store::open(dir.path()).is_ok(), "a directory without logs is new");
}

#[test]
fn a_history_that_was_set_back_is_noticed() {
    let dir = with_history(2);
    let old = fs::read(dir.path().join("state.db")).unwrap();
    let mut store = Store::open(dir.path()).unwrap();
    store.commit(&entry("change 3"), &[at_weight("agent", 3)], 3, None).unwrap();
    drop(store);
    let newest = fs::read(dir.path().join("state.db")).unwrap();
    fs::write(dir.path().join("state.db"), &old).unwrap();
    let why = lost(dir.path());
    assert!(why.contains("epoch 2") && why.contains("epoch 3"), "{why}");
    assert!(why.contains("witness.json"), "it says what to do with a backup: {why}");
    fs::write(dir.path().join("state.db"), newest).unwrap();
    assert_eq!(Store::open(dir.path()).unwrap().load().unwrap().epoch, 3);
}

#[test]
fn a_write_ahead_log_that_is_lost_takes_changes_with_it_and_is_noticed() {
    let dir = with_history(1);
    let mut store = Store::open(dir.path()).unwrap();
    store.commit(&entry("change 2"), &[at_weight("agent", 2)], 2, None).unwrap();
    // As a process that was killed leaves it.
    let killed = TempDir::new().unwrap();
    for name in ["state.db", "state.db-wal", "witness.json"] {
        fs::copy(dir.path().join(name), killed.path().join(name)).unwrap();
    }
    let wal = killed.path().join("state.db-wal");
    assert!(fs::metadata(&wal).unwrap().len() > 0);
    let whole = fs::read(&wal).unwrap();
    for damaged in [Vec::new(), whole[..whole.len() / 2].to_vec(), {
        let mut flipped = whole.clone();
        flipped[40] ^= 1;
        flipped
    }] {
        let copy = TempDir::new().unwrap();
        for name in ["state.db", "witness.json"] {
            fs::copy(killed.path().join(name), copy.path().join(name)).unwrap();
        }
        fs::write(copy.path().join("state.db-wal"), damaged).unwrap();
        lost(copy.path());
    }
    assert_eq!(Store::open(killed.path()).unwrap().load().unwrap().epoch, 2);
}

#[test]
fn a_truncated_or_altered_database_is_noticed() {
    let dir = with_history(3);
    let file = dir.path().join("state.db");
    let whole = fs::read(&file).unwrap();
    for length in [100, 4096, whole.len() / 2] {
        fs::write(&file, &whole[..length]).unwrap();
        lost(dir.path());
    }
    // One digit of a state: the page is as valid as before.
    let sign = b"\"opening\":1";
    let mut altered = whole.clone();
    for at in 0..whole.len() - sign.len() {
        if whole[at..].starts_with(sign) {
            altered[at + sign.len() - 1] = b'9';
        }
    }
    assert_ne!(altered, whole);
    fs::write(&file, altered).unwrap();
    let why = lost(dir.path());
    assert!(why.contains("states") || why.contains("damaged"), "{why}");
}

#[test]
fn a_verified_audit_has_the_end_that_this_process_has_written() {
    let dir = with_history(3);
    let store = Store::open(dir.path()).unwrap();
    assert_eq!(store.verify_audit().unwrap().entries, 3);
    let db = rusqlite::Connection::open(dir.path().join("state.db")).unwrap();
    db.execute_batch(
        "DELETE FROM audit WHERE seq = 3;
         UPDATE head SET entries = 2, epoch = 2, hash = (SELECT hash FROM audit WHERE seq = 2);",
    )
    .unwrap();
    let Err(VerifyError::Broken(broken)) = store.verify_audit() else { panic!("its end is gone") };
    assert_eq!(broken.seq, 3);
    drop((store, db));
    assert!(lost(dir.path()).contains("2 audit entries"));
}

#[test]
fn who_removes_the_lock_lets_nobody_in_and_stops_changes() {
    let dir = with_history(1);
    let mut store = Store::open(dir.path()).unwrap();
    assert_eq!(store.presence().check(), Ok(()));
    fs::remove_file(dir.path().join("lock")).unwrap();
    assert!(matches!(Store::open(dir.path()), Err(StoreError::Lock(_))), "the directory is held");
    // The second one has made a new file by now; it is not the one that was locked.
    assert!(store.presence().check().unwrap_err().contains("lock"));
    let refused = store.commit(&entry("x"), &[at_weight("agent", 9)], 2, None).unwrap_err();
    assert!(matches!(refused, StoreError::Gone(_)), "{refused}");
}

#[test]
fn a_directory_that_is_moved_or_replaced_takes_no_changes() {
    let parent = TempDir::new().unwrap();
    let (data, other) = (parent.path().join("data"), parent.path().join("other"));
    let mut store = Store::open(&data).unwrap();
    store.commit(&entry("x"), &[at_weight("agent", 1)], 1, None).unwrap();
    fs::rename(&data, &other).unwrap();
    assert!(store.presence().check().unwrap_err().contains("data_dir"));
    assert!(store.commit(&entry("x"), &[at_weight("agent", 2)], 2, None).is_err());
    fs::create_dir(&data).unwrap();
    assert!(store.presence().check().is_err(), "another directory under the same name");
    fs::remove_dir(&data).unwrap();
    fs::rename(&other, &data).unwrap();
    store.commit(&entry("x"), &[at_weight("agent", 2)], 2, None).unwrap();
}
