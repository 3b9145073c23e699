//! The decision log finds every request it took, keeps what it shall, and survives damage.
#![allow(clippy::unwrap_used)]

mod support;

use proptest::prelude::*;
use stagegate_rollout::{Arm, Reason, Record};
use stagegate_store::{DecisionLog, Filter, LockError, LogError, Retention, Spool};
use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::LazyLock;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::thread;
use std::time::Duration;
use support::{batch, now_ms, own_id, record};
use tempfile::TempDir;

const DAY: Duration = Duration::from_secs(24 * 60 * 60);
const PLENTY: Retention = Retention { max_age: DAY, max_bytes: 1 << 30 };
/// So small that segments end after some thousand records.
const SMALL: Retention = Retention { max_age: DAY, max_bytes: 6 << 20 };

/// The ids of `count` requests from `first` on, one a millisecond.
fn ids(first: u64, count: u64) -> Vec<(String, u64)> {
    let start = now_ms() / 10_000_000 * 10_000_000 - 1_000_000;
    (first..first + count).map(|n| (own_id(start + n, n), start + n)).collect()
}

fn append(log: &DecisionLog, ids: &[(String, u64)]) {
    for some in ids.chunks(2000) {
        let records = some.iter().map(|(id, at_ms)| record(id, *at_ms, "acme"));
        assert!(log.writer().try_append(batch(records)));
        log.flush();
    }
}

fn files(dir: &Path, kind: &str) -> Vec<PathBuf> {
    let all = fs::read_dir(dir).unwrap().map(|it| it.unwrap().path());
    let mut files: Vec<_> = all.filter(|it| it.extension().is_some_and(|it| it == kind)).collect();
    files.sort();
    files
}

#[test]
fn a_request_is_found_at_once_and_after_a_restart() {
    let dir = TempDir::new().unwrap();
    let log = DecisionLog::open(dir.path(), PLENTY).unwrap();
    let (id, at_ms) = &ids(0, 1)[0];
    let full = Record {
        arm: Arm::Candidate,
        reason: Reason::Cohort,
        detail: "pilots",
        bucket: None,
        conversation: "c-1",
        ..record(id, *at_ms, "acme")
    };
    assert!(log.writer().try_append(batch([full])));
    let found = log.get(id).unwrap().unwrap();
    assert_eq!(log.status().written, 0, "it is found before it is written");
    log.flush();
    assert_eq!(log.get(id).unwrap().as_ref(), Some(&found));
    drop(log);
    let log = DecisionLog::open(dir.path(), PLENTY).unwrap();
    assert_eq!(log.get(id).unwrap().as_ref(), Some(&found));

    let shown = serde_json::to_value(&found).unwrap();
    let expected = serde_json::json!({
        "request_id": id, "at_ms": at_ms, "workload": "agent", "release": "v1",
        "arm": "candidate", "reason": "cohort", "detail": "pilots", "epoch": 7, "key": "user",
        "bucket": null, "weight": "10%", "tenant": "acme", "user": "someone",
        "conversation": "c-1", "status": 200, "outcome": "ok", "duration_us": found.duration_us,
        "first_byte_us": found.first_byte_us, "retries": 0, "shadowed": false, "spent": null,
    });
    assert_eq!(shown, expected);
}

#[test]
fn closing_writes_what_was_accepted() {
    let dir = TempDir::new().unwrap();
    let log = DecisionLog::open(dir.path(), PLENTY).unwrap();
    let writer = log.writer();
    let requests = ids(0, 10);
    assert!(writer.try_append(batch(requests.iter().map(|(id, at)| record(id, *at, "acme")))));
    drop(log);
    assert!(!writer.try_append(batch([record("late", now_ms(), "acme")])));
    let log = DecisionLog::open(dir.path(), PLENTY).unwrap();
    assert!(requests.iter().all(|(id, _)| log.get(id).unwrap().is_some()));
    assert_eq!(log.get("late").unwrap(), None);
}

#[test]
fn every_id_is_found_among_many_segments() {
    let dir = TempDir::new().unwrap();
    let log = DecisionLog::open(dir.path(), SMALL).unwrap();
    let own = ids(0, 35_000);
    let foreign: Vec<_> =
        (0..35_000u64).map(|n| (format!("client:{n}.{}", n * 7919), own[n as usize].1)).collect();
    append(&log, &own);
    append(&log, &foreign);
    assert!(log.status().segments > 3, "{:?}", log.status());
    let all_there = |log: &DecisionLog| {
        for (id, at_ms) in own.iter().chain(&foreign).step_by(97) {
            assert_eq!(log.get(id).unwrap().map(|it| it.at_ms), Some(*at_ms), "{id}");
        }
        for absent in ["client:0.1", "x", &own_id(now_ms(), 5), &own_id(own[77].1, 99_999)] {
            assert_eq!(log.get(absent).unwrap(), None, "{absent}");
        }
    };
    all_there(&log);
    drop(log);
    all_there(&DecisionLog::open(dir.path(), SMALL).unwrap());
}

#[test]
fn of_records_with_one_id_the_newest_wins() {
    let dir = TempDir::new().unwrap();
    let log = DecisionLog::open(dir.path(), SMALL).unwrap();
    let newest = || log.get("retried").unwrap().unwrap().tenant.unwrap();
    let now = now_ms();
    let say = |tenants: &[&str]| {
        let records = tenants.iter().map(|tenant| record("retried", now, tenant));
        assert!(log.writer().try_append(batch(records)));
    };
    say(&["first", "second"]);
    assert_eq!(newest(), "second", "in one batch");
    say(&["third"]);
    assert_eq!(newest(), "third", "in two batches that wait");
    log.flush();
    assert_eq!(newest(), "third", "in one segment");
    say(&["fourth"]);
    assert_eq!(newest(), "fourth", "waiting before written");
    append(&log, &ids(0, 40_000));
    assert!(log.status().segments > 1);
    assert_eq!(newest(), "fourth", "in a complete segment");
    say(&["fifth"]);
    log.flush();
    assert_eq!(newest(), "fifth", "across segments");
}

#[test]
fn the_newest_that_match_are_listed() {
    let dir = TempDir::new().unwrap();
    let log = DecisionLog::open(dir.path(), SMALL).unwrap();
    let requests = ids(0, 30_000);
    let tenants = ["acme", "globex", "initech"];
    for (n, some) in requests.chunks(1500).enumerate() {
        let records = some.iter().zip((0..).map(|n| tenants[n % 3])).map(|((id, at), tenant)| {
            let (arm, reason) = match tenant {
                "globex" => (Arm::Candidate, Reason::Weight),
                _ => (Arm::Stable, Reason::Default),
            };
            Record { arm, reason, ..record(id, *at, tenant) }
        });
        assert!(log.writer().try_append(batch(records)));
        if n < 19 {
            log.flush();
        }
    }
    let listed = |filter: Filter, limit| -> Vec<String> {
        let found = log.recent(&filter, limit).unwrap();
        assert!(!found.more && found.damaged_blocks == 0);
        found.records.into_iter().map(|it| it.request_id).collect()
    };
    let newest: Vec<_> = requests.iter().rev().map(|it| it.0.clone()).collect();
    assert_eq!(listed(Filter::default(), 5000), newest[..5000]);
    assert_eq!(listed(Filter::default(), usize::MAX), newest);
    let of_tenant = |tenant: &str| Filter { tenant: Some(tenant.to_owned()), ..Filter::default() };
    let every_third: Vec<_> = newest.iter().skip(1).step_by(3).cloned().collect();
    assert_eq!(listed(of_tenant("globex"), 10_000), every_third);
    let candidate = Filter { arm: Some(Arm::Candidate), ..Filter::default() };
    assert_eq!(listed(candidate, 100), every_third[..100]);
    let by_weight = Filter { reason: Some(Reason::Weight), ..of_tenant("globex") };
    assert_eq!(listed(by_weight, 7), every_third[..7]);
    assert_eq!(listed(of_tenant("nobody"), 10), [""; 0]);
    let other = Filter { workload: Some("other".to_owned()), ..Filter::default() };
    assert_eq!(listed(other, 10), [""; 0]);
}

#[test]
fn whoever_reads_while_it_is_written_sees_every_record_once() {
    let dir = TempDir::new().unwrap();
    let log = DecisionLog::open(dir.path(), SMALL).unwrap();
    let accepted = AtomicUsize::new(0);
    let requests = ids(0, 60_000);
    thread::scope(|scope| {
        scope.spawn(|| {
            for some in requests.chunks(300) {
                let records = some.iter().map(|(id, at_ms)| record(id, *at_ms, "acme"));
                assert!(log.writer().try_append(batch(records)));
                accepted.fetch_add(some.len(), SeqCst);
            }
        });
        loop {
            let before = accepted.load(SeqCst);
            let found = log.recent(&Filter::default(), 3000).unwrap().records;
            let from =
                requests.iter().position(|it| found.last().is_some_and(|f| f.request_id == it.0));
            let expected = requests[from.unwrap_or(0)..].iter().take(found.len()).rev();
            assert!(found.iter().map(|it| &it.request_id).eq(expected.map(|it| &it.0)));
            assert!(found.len() >= before.min(3000));
            if let Some((last, _)) = before.checked_sub(1).map(|last| &requests[last]) {
                assert!(log.get(last).unwrap().is_some(), "accepted, so it is found");
            }
            if before == requests.len() {
                return;
            }
        }
    });
    log.flush();
    assert!(log.status().segments > 1);
}

#[test]
fn the_oldest_go_when_there_is_too_much() {
    let dir = TempDir::new().unwrap();
    let small = Retention { max_bytes: 2 << 20, ..SMALL };
    let log = DecisionLog::open(dir.path(), small).unwrap();
    let requests = ids(0, 150_000);
    for some in requests.chunks(10_000) {
        append(&log, some);
        assert!(log.status().bytes <= small.max_bytes, "{:?}", log.status());
    }
    let on_disk: u64 =
        fs::read_dir(dir.path()).unwrap().map(|file| file.unwrap().metadata().unwrap().len()).sum();
    assert!(on_disk <= small.max_bytes, "{on_disk} bytes");
    let there = |(id, _): &(String, u64)| log.get(id).unwrap().is_some();
    assert!(!there(&requests[0]) && there(&requests[149_999]));
    let first = requests.partition_point(|it| !there(it));
    assert!((1..145_000).contains(&first), "from {first} on");
    assert_eq!(log.status().oldest_ms, Some(requests[first].1));
    assert_eq!(log.dropped().total(), 0);

    log.set_retention(Retention { max_bytes: 0, ..small });
    log.flush();
    assert!(log.status().segments <= 1, "{:?}", log.status());
}

#[test]
fn the_oldest_go_when_they_are_too_old() {
    let dir = TempDir::new().unwrap();
    let log = DecisionLog::open(dir.path(), PLENTY).unwrap();
    let (now, day) = (now_ms(), DAY.as_millis() as u64);
    let say = |id: &str, at_ms| {
        assert!(log.writer().try_append(batch([record(id, at_ms, "acme")])));
        log.flush();
    };
    say("long-ago", now - 2 * day);
    assert_eq!(log.get("long-ago").unwrap(), None);
    say("an-hour-ago", now - day / 24);
    assert!(log.get("an-hour-ago").unwrap().is_some());
    assert_eq!(log.status().oldest_ms, Some(now - day / 24));

    log.set_retention(Retention { max_age: DAY / 48, ..PLENTY });
    log.flush();
    assert_eq!(log.get("an-hour-ago").unwrap(), None);
    assert_eq!(log.status().segments, 0);
    assert!(files(dir.path(), "log").is_empty() && files(dir.path(), "idx").is_empty());
}

#[test]
fn too_much_at_once_is_dropped_and_counted() {
    let dir = TempDir::new().unwrap();
    let log = DecisionLog::open(dir.path(), PLENTY).unwrap();
    let mut large = stagegate_rollout::RecordBatch::default();
    for (id, at_ms) in ids(0, 100_000) {
        large.push(&record(&id, at_ms, "acme"));
    }
    // The writer takes longer for one of these than we for all of them.
    let batches = vec![large; 20];
    let writer = log.writer();
    let taken = batches.into_iter().filter(|batch| writer.try_append(batch.clone())).count() as u64;
    assert!(taken < 20 && !log.healthy(), "{taken}");
    log.flush();
    let status = log.status();
    assert_eq!(
        (status.written, status.dropped.queue_full),
        (taken * 100_000, (20 - taken) * 100_000)
    );
    assert!(status.healthy, "{status:?}");
    assert!(status.last_error.unwrap().contains("wait for the disk"));
}

#[test]
fn a_log_has_one_owner() {
    let dir = TempDir::new().unwrap();
    let log = DecisionLog::open(dir.path(), PLENTY).unwrap();
    let refused = DecisionLog::open(dir.path(), PLENTY).unwrap_err();
    assert!(matches!(refused, LogError::Lock(LockError::Held { .. })), "{refused}");
    drop(log);
    DecisionLog::open(dir.path(), PLENTY).unwrap();
}

#[test]
fn an_index_that_is_lost_or_damaged_is_made_again() {
    let dir = TempDir::new().unwrap();
    let log = DecisionLog::open(dir.path(), SMALL).unwrap();
    let requests = ids(0, 60_000);
    append(&log, &requests);
    drop(log);
    let indexes = files(dir.path(), "idx");
    let [lost, cut, altered, ..] = &indexes[..] else { panic!("{indexes:?}") };
    fs::remove_file(lost).unwrap();
    fs::write(cut, &fs::read(cut).unwrap()[..100]).unwrap();
    let mut bytes = fs::read(altered).unwrap();
    bytes[70] ^= 1;
    fs::write(altered, bytes).unwrap();
    fs::write(indexes[0].with_file_name("00000000000000999999.idx"), b"of no segment").unwrap();
    fs::write(indexes[0].with_file_name("00000000000000000001.draft"), b"torn").unwrap();

    let log = DecisionLog::open(dir.path(), SMALL).unwrap();
    assert!(requests.iter().step_by(11).all(|(id, _)| log.get(id).unwrap().is_some()));
    assert_eq!(files(dir.path(), "idx"), indexes);
    assert!(files(dir.path(), "draft").is_empty());
    assert_eq!(log.status().set_aside, 0);
}

#[test]
fn a_damaged_block_is_named_and_passed_over() {
    let dir = TempDir::new().unwrap();
    let log = DecisionLog::open(dir.path(), SMALL).unwrap();
    let requests = ids(0, 30_000);
    append(&log, &requests);
    let first = &files(dir.path(), "log")[0];
    let mut bytes = fs::read(first).unwrap();
    bytes[200] ^= 1;
    fs::write(first, bytes).unwrap();
    let refused = log.get(&requests[0].0).unwrap_err();
    assert!(matches!(&refused, LogError::Damaged { path, offset: 32, .. } if path == first));
    assert!(log.get(&requests[29_999].0).unwrap().is_some());
    let found = log.recent(&Filter::default(), usize::MAX).unwrap();
    assert_eq!(found.damaged_blocks, 1);
    assert!((28_000..30_000).contains(&found.records.len()));
}

#[test]
fn a_file_that_makes_no_sense_is_set_aside() {
    let dir = TempDir::new().unwrap();
    fs::write(dir.path().join("00000000000000000007.log"), [b'?'; 500]).unwrap();
    fs::write(dir.path().join("00000000000000000008.log"), b"SG").unwrap();
    let log = DecisionLog::open(dir.path(), PLENTY).unwrap();
    assert_eq!((log.status().set_aside, log.status().segments), (1, 0));
    assert_eq!(files(dir.path(), "damaged").len(), 1);
    append(&log, &ids(0, 10));
    assert!(log.get(&ids(0, 1)[0].0).unwrap().is_some());
}

type Requests = Vec<(String, u64)>;
type Files = Vec<(OsString, Vec<u8>)>;

/// A copy of a closed log of several segments, and the requests in it.
fn copy_of_filled() -> (TempDir, &'static Requests) {
    static FILLED: LazyLock<(Requests, Files)> = LazyLock::new(|| {
        let dir = TempDir::new().unwrap();
        let requests = ids(0, 40_000);
        append(&DecisionLog::open(dir.path(), SMALL).unwrap(), &requests);
        let all = fs::read_dir(dir.path()).unwrap().map(|file| {
            let file = file.unwrap();
            (file.file_name(), fs::read(file.path()).unwrap())
        });
        (requests, all.collect())
    });
    let dir = TempDir::new().unwrap();
    let (requests, files) = &*FILLED;
    files.iter().for_each(|(name, bytes)| fs::write(dir.path().join(name), bytes).unwrap());
    (dir, requests)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 40, ..ProptestConfig::default() })]

    #[test]
    fn damage_anywhere_is_no_panic_and_never_a_wrong_record(
        hits in prop::collection::vec((any::<prop::sample::Index>(), any::<prop::sample::Index>(), 1u8..), 1..4),
        cut: Option<prop::sample::Index>,
    ) {
        let (dir, requests) = copy_of_filled();
        let all = [files(dir.path(), "log"), files(dir.path(), "idx")].concat();
        for (file, at, flip) in hits {
            let file = &all[file.index(all.len())];
            let mut bytes = fs::read(file).unwrap();
            let at = at.index(bytes.len());
            bytes[at] ^= flip;
            fs::write(file, bytes).unwrap();
        }
        if let Some(cut) = cut {
            let last = files(dir.path(), "log").pop().unwrap();
            let file = fs::OpenOptions::new().write(true).open(&last).unwrap();
            file.set_len(cut.index(file.metadata().unwrap().len() as usize + 1) as u64).unwrap();
        }
        let log = DecisionLog::open(dir.path(), SMALL).unwrap();
        for (id, at_ms) in requests.iter().step_by(401) {
            if let Ok(Some(found)) = log.get(id) {
                prop_assert_eq!((&found.request_id, found.at_ms), (id, *at_ms));
            }
        }
        prop_assert!(log.recent(&Filter::default(), 100).is_ok());
        prop_assert!(files(dir.path(), "idx").len() > 1, "there was an index to damage");
        let again = ids(1_000_000, 10);
        append(&log, &again);
        prop_assert!(log.get(&again[0].0).unwrap().is_some());
    }
}

#[test]
fn what_another_process_finished_is_taken_over_once_it_has_ended() {
    let dir = TempDir::new().unwrap();
    let log = DecisionLog::open(dir.path(), PLENTY).unwrap();
    let late = ids(0, 3000);
    let spool = Spool::create(dir.path()).unwrap();
    for some in late.chunks(700) {
        let records = some.iter().map(|(id, at_ms)| record(id, *at_ms, "acme"));
        assert!(spool.try_append(batch(records)));
    }
    spool.flusher().unwrap().wait();
    assert_eq!(log.take_over(dir.path()).unwrap(), 0, "it is still being written");
    assert_eq!(log.get(&late[0].0).unwrap(), None);
    drop(spool);
    // Killed while it wrote: the last record is half there.
    let file = files(dir.path(), "records").pop().unwrap();
    let length = fs::metadata(&file).unwrap().len();
    fs::File::options().write(true).open(&file).unwrap().set_len(length - 5).unwrap();

    assert_eq!(log.take_over(dir.path()).unwrap(), 2999);
    for (id, _) in &late[..2999] {
        assert!(log.get(id).unwrap().is_some(), "{id}");
    }
    assert_eq!(log.get(&late[2999].0).unwrap(), None);
    assert_eq!(files(dir.path(), "records"), Vec::<PathBuf>::new());
    assert_eq!(log.take_over(dir.path()).unwrap(), 0, "once");
    drop(log);
    let log = DecisionLog::open(dir.path(), PLENTY).unwrap();
    assert!(log.get(&late[7].0).unwrap().is_some());
    assert_eq!(log.status().set_aside, 0);
}
