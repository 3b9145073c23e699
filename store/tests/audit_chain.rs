//! Tests that every alteration of the audit log is detected.
#![allow(clippy::unwrap_used)]

mod support;

use proptest::prelude::*;
use rusqlite::{Connection, params};
use stagegate_store::{Store, VerifyError};
use std::path::Path;
use std::sync::LazyLock;
use support::{at_weight, entry, initial};
use tempfile::TempDir;

const ENTRIES: u64 = 12;
/// Columns of the table, all of them hashed, counted or chained.
const COLUMNS: [&str; 12] = [
    "seq",
    "at_ms",
    "actor",
    "workload",
    "action",
    "reason",
    "summary",
    "epoch_before",
    "epoch",
    "details",
    "prev_hash",
    "hash",
];

fn filled(dir: &Path) -> Store {
    let mut store = Store::open(dir).unwrap();
    store.commit(&entry("start"), &[initial("agent")], 1, None).unwrap();
    for epoch in 2..=ENTRIES {
        let state = at_weight("agent", epoch as u32);
        store.commit(&entry(&format!("weight {epoch}")), &[state], epoch, None).unwrap();
    }
    store
}

/// One way to tamper, as SQL on the file.
#[derive(Clone, Debug)]
enum Tamper {
    FlipBit { seq: u64, column: usize, at: prop::sample::Index, bit: u32 },
    Remove { seq: u64 },
    Swap { a: u64, b: u64 },
    Rehash { seq: u64 },
    CutTail { keep: u64 },
    ForgetWorkload { seq: u64 },
}

fn tampers() -> impl Strategy<Value = Tamper> {
    let seq = || 1..=ENTRIES;
    prop_oneof![
        6 => (seq(), 0..COLUMNS.len(), any::<prop::sample::Index>(), 0u32..8)
            .prop_map(|(seq, column, at, bit)| Tamper::FlipBit { seq, column, at, bit }),
        1 => seq().prop_map(|seq| Tamper::Remove { seq }),
        1 => (seq(), 1..ENTRIES).prop_map(|(a, by)| Tamper::Swap { a, b: (a - 1 + by) % ENTRIES + 1 }),
        1 => seq().prop_map(|seq| Tamper::Rehash { seq }),
        1 => (0..ENTRIES).prop_map(|keep| Tamper::CutTail { keep }),
        1 => seq().prop_map(|seq| Tamper::ForgetWorkload { seq }),
    ]
}

fn apply(file: &Connection, tamper: &Tamper, store: &Store) {
    match tamper {
        Tamper::FlipBit { seq, column, at, bit } => flip(file, *seq, COLUMNS[*column], at, *bit),
        Tamper::Remove { seq } => {
            file.execute("DELETE FROM audit WHERE seq = ?1", [*seq as i64]).unwrap();
        }
        Tamper::Swap { a, b } => {
            for (from, to) in [(*a as i64, -1), (*b as i64, *a as i64), (-1, *b as i64)] {
                file.execute("UPDATE audit SET seq = ?2 WHERE seq = ?1", [from, to]).unwrap();
            }
        }
        Tamper::Rehash { seq } => {
            // A careful forger also recomputes the hash of the entry he changed.
            let mut forged = store
                .audit(&Default::default(), 100)
                .unwrap()
                .into_iter()
                .find(|it| it.seq == *seq)
                .unwrap();
            forged.summary = "nothing to see".to_owned();
            forged.hash = forged.expected_hash();
            file.execute(
                "UPDATE audit SET summary = ?2, hash = ?3 WHERE seq = ?1",
                params![*seq as i64, forged.summary, forged.hash],
            )
            .unwrap();
        }
        Tamper::CutTail { keep } => {
            file.execute("DELETE FROM audit WHERE seq > ?1", [*keep as i64]).unwrap();
        }
        Tamper::ForgetWorkload { seq } => {
            file.execute("UPDATE audit SET workload = NULL WHERE seq = ?1", [*seq as i64]).unwrap();
        }
    }
}

/// Flips one bit of the value, as it would be flipped on the disk.
fn flip(file: &Connection, seq: u64, column: &str, at: &prop::sample::Index, bit: u32) {
    let get = format!("SELECT {column} FROM audit WHERE seq = ?1");
    let set = format!("UPDATE audit SET {column} = ?2 WHERE seq = ?1");
    let value: rusqlite::types::Value =
        file.query_row(&get, [seq as i64], |row| row.get(0)).unwrap();
    match value {
        rusqlite::types::Value::Integer(number) => {
            // High bits, so that a changed number of an entry meets no other.
            let flipped = number ^ 1 << (8 + at.index(6) * 8 + bit as usize);
            file.execute(&set, params![seq as i64, flipped]).unwrap();
        }
        rusqlite::types::Value::Text(text) if text.is_empty() => {
            file.execute(&set, params![seq as i64, "x"]).unwrap();
        }
        rusqlite::types::Value::Text(text) => {
            let mut bytes = text.into_bytes();
            let at = at.index(bytes.len());
            bytes[at] ^= 1 << bit;
            // Goes in as bytes and becomes a text again, whether it is valid UTF-8 or not.
            let set = set.replace("?2", "CAST(?2 AS TEXT)");
            file.execute(&set, params![seq as i64, bytes]).unwrap();
        }
        other => panic!("{other:?}"),
    }
}

#[test]
fn an_untouched_chain_verifies_and_names_its_end() {
    let dir = TempDir::new().unwrap();
    let store = filled(dir.path());
    let verified = store.verify_audit().unwrap();
    let newest = store.audit(&Default::default(), 1).unwrap().remove(0);
    assert_eq!((verified.entries, verified.head), (ENTRIES, newest.hash));
}

#[test]
fn the_hash_can_be_recomputed_from_its_description() {
    use sha2::{Digest, Sha256};
    let dir = TempDir::new().unwrap();
    let store = filled(dir.path());
    let entry = store.audit(&Default::default(), 1).unwrap().remove(0);
    let mut text = Vec::new();
    for field in [
        &*entry.prev_hash,
        "12",
        "1700000000000",
        "ann",
        "=agent",
        "set_weight",
        "more evidence",
        "weight 12",
        "11",
        "12",
        r#"{"weight":"10%"}"#,
    ] {
        text.extend_from_slice(&(field.len() as u64).to_le_bytes());
        text.extend_from_slice(field.as_bytes());
    }
    assert_eq!(entry.hash, hex::encode(Sha256::digest(&text)));
}

#[test]
fn a_tampered_end_is_found_too() {
    for sql in [
        "UPDATE head SET entries = entries - 1",
        "UPDATE head SET entries = entries + 1",
        "UPDATE head SET hash = (SELECT hash FROM audit WHERE seq = 3)",
        "DELETE FROM audit",
    ] {
        let dir = TempDir::new().unwrap();
        let store = filled(dir.path());
        Connection::open(dir.path().join("state.db")).unwrap().execute(sql, []).unwrap();
        assert!(matches!(store.verify_audit(), Err(VerifyError::Broken(_))), "{sql}");
    }
}

/// A copy of a filled store: filling one for every case would be mostly waiting for the disk.
fn copy_of_filled() -> (TempDir, Store) {
    static FILLED: LazyLock<Vec<u8>> = LazyLock::new(|| {
        let dir = TempDir::new().unwrap();
        drop(filled(dir.path()));
        std::fs::read(dir.path().join("state.db")).unwrap()
    });
    let dir = TempDir::new().unwrap();
    std::fs::write(dir.path().join("state.db"), &*FILLED).unwrap();
    let store = Store::open(dir.path()).unwrap();
    assert_eq!(store.verify_audit().unwrap().entries, ENTRIES);
    (dir, store)
}

proptest! {

    #[test]
    fn any_alteration_is_found(tamper in tampers()) {
        let (dir, store) = copy_of_filled();
        let file = Connection::open(dir.path().join("state.db")).unwrap();
        apply(&file, &tamper, &store);
        let found = store.verify_audit();
        prop_assert!(matches!(found, Err(VerifyError::Broken(_))), "{:?}", found);
    }
}
