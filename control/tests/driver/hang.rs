//! A ledger that does not answer: the way back does not wait for it, and everything else says so.

use crate::memory::Memory;
use crate::plane::CONFIG;
use crate::world::World;
use serde_json::{Value, json};
use stagegate_control::ports::Ledger;
use stagegate_control::{
    Answer, Changed, ExecuteError, IdempotencyKey, StartError, StoreAccessError,
};
use stagegate_rollout::Command;
use std::sync::Arc;
use std::time::Duration;
use tokio::time::Instant;

const FILE: &str = "unrecorded.json";
/// Longest time until a change that takes traffic away is in force and answered.
const BOUND: Duration = Duration::from_millis(1000);

fn weight(share: &str) -> Command {
    Command::SetWeight { weight: share.parse().unwrap() }
}

/// `agent` at 10 %, over a ledger that hangs.
async fn hanging() -> (Memory, World) {
    let memory = Memory::new();
    let ledger = memory.clone();
    let world = World::over(CONFIG, move |_| Arc::new(ledger) as Arc<dyn Ledger>).await;
    world.execute(weight("10%"), None).await.unwrap();
    memory.hang(true);
    (memory, world)
}

async fn in_time(world: &World, command: Command) -> Changed {
    let begun = Instant::now();
    let answer = world.execute(command, None).await.unwrap();
    assert!(begun.elapsed() < BOUND, "{:?}", begun.elapsed());
    let Answer::New(changed) = answer else { panic!("it has no key") };
    changed
}

/// Waits until the ledger has as many changes.
async fn recorded(memory: &Memory, wanted: usize) -> Vec<String> {
    memory.until(|changes| changes.len() >= wanted).await;
    memory.changes().into_iter().map(|it| it.entry.action).collect()
}

/// Waits until nothing is left to record. A file tells nobody that it goes.
async fn note_is_gone(world: &World) {
    let path = world.dir.path().join("data").join(FILE);
    let deadline = std::time::Instant::now() + Duration::from_secs(60);
    while path.exists() {
        assert!(std::time::Instant::now() < deadline, "the file stays");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

#[tokio::test(start_paused = true)]
async fn rollback_and_kill_are_in_force_before_they_are_recorded() {
    let (memory, world) = hanging().await;
    let before = memory.changes().len();
    let lower = in_time(&world, weight("5%")).await;
    assert!(lower.changed && !lower.recorded && lower.audit_seq == 0);
    assert_eq!(world.last_plan().1.weight().to_string(), "5%");
    let rollback = in_time(&world, Command::Rollback).await;
    assert!(rollback.changed && !rollback.recorded);
    assert!(rollback.rollback.unwrap().settled, "every worker follows");
    assert!(!world.last_plan().1.state().is_open());
    assert!(rollback.workload.epoch > lower.workload.epoch, "each has a tag of its own");
    in_time(&world, Command::Kill).await;
    assert!(world.last_plan().1.state().killed.is_some());
    assert_eq!(memory.changes().len(), before);

    memory.hang(false);
    let actions = recorded(&memory, before + 3).await;
    assert_eq!(actions[before..], ["set_weight", "rollback", "kill"], "in order");
    let state = world.state();
    assert!(state.closed.is_some() && state.killed.is_some());
    let saved = memory.latest().await.unwrap();
    assert_eq!(saved.epoch, world.last_plan().0);
    assert_eq!(saved.workloads["agent"], state, "store and plan agree");
    // All is well again.
    let revived = in_time(&world, Command::Revive).await;
    assert!(revived.recorded && revived.audit_seq > 0);
    note_is_gone(&world).await;
}

#[tokio::test(start_paused = true)]
async fn a_change_that_gives_traffic_is_told_what_is_in_force() {
    let (memory, world) = hanging().await;
    let (plans, before) = (world.plans(), memory.changes().len());
    let begun = Instant::now();
    let on_its_way = world.execute(weight("20%"), None);
    let waits = async {
        tokio::time::sleep(Duration::from_millis(100)).await;
        world.execute(weight("30%"), None).await
    };
    let (on_its_way, waits) = tokio::join!(on_its_way, waits);
    assert!(begun.elapsed() < Duration::from_secs(3));
    let ExecuteError::Store(error @ StoreAccessError::Slow { begun: true, .. }) =
        on_its_way.unwrap_err()
    else {
        panic!("the store does not answer")
    };
    let said = error.to_string();
    assert!(said.contains("weight 10%") && said.contains("may still take effect"), "{said}");
    let ExecuteError::Store(error @ StoreAccessError::Slow { begun: false, .. }) =
        waits.unwrap_err()
    else {
        panic!("another one is before it")
    };
    assert!(error.to_string().contains("will not take effect"), "{error}");
    assert_eq!(world.plans(), plans);

    memory.hang(false);
    recorded(&memory, before + 1).await;
    world.plane.until("20%", async || world.last_plan().1.weight().to_string() == "20%").await;
    assert_eq!(memory.changes().len(), before + 1, "the other one was refused for good");
}

#[tokio::test(start_paused = true)]
async fn a_late_commit_opens_nothing_that_was_taken_out() {
    let (memory, world) = hanging().await;
    let before = memory.changes().len();
    world.execute(weight("50%"), None).await.unwrap_err();
    in_time(&world, Command::Rollback).await;
    let plans = world.plans();

    memory.hang(false);
    let actions = recorded(&memory, before + 2).await;
    assert_eq!(actions[before..], ["set_weight", "rollback"]);
    let epoch = memory.latest().await.unwrap().epoch;
    world.plane.until("the last plan", async || world.last_plan().0 == epoch).await;
    let published = world.plane.published.lock().unwrap();
    let after = &published[plans - 1..];
    assert!(after.len() > 1, "the records are plans of their own");
    assert!(after.iter().all(|plan| !plan.splits[0].state().is_open()), "no plan opens it");
    drop(published);
    assert!(world.state().closed.is_some());
}

#[tokio::test(start_paused = true)]
async fn an_order_that_changes_nothing_now_holds_against_a_late_commit() {
    let (memory, world) = hanging().await;
    let before = memory.changes().len();
    in_time(&world, Command::Rollback).await;
    for _ in 0..5 {
        let again = in_time(&world, Command::Rollback).await;
        assert!(!again.changed);
    }
    memory.hang(false);
    recorded(&memory, before + 1).await;
    tokio::time::sleep(Duration::from_secs(1)).await;
    assert_eq!(memory.changes().len(), before + 1, "repeats do not pile up");
    note_is_gone(&world).await;
}

fn key(fingerprint: &str) -> IdempotencyKey<Changed> {
    let write = |it: &Changed| json!({ "audit_seq": it.audit_seq, "recorded": it.recorded });
    IdempotencyKey { key: "k-1".to_owned(), fingerprint: fingerprint.to_owned(), write }
}

#[tokio::test(start_paused = true)]
async fn a_repeated_request_gets_the_same_answer_before_and_after_the_record() {
    let (memory, world) = hanging().await;
    let before = memory.changes().len();
    world.execute(Command::Rollback, Some(key("a"))).await.unwrap();
    let again = world.execute(Command::Rollback, Some(key("a"))).await.unwrap();
    assert!(matches!(again, Answer::Kept(_)));
    let reused = world.execute(Command::Kill, Some(key("b"))).await.unwrap_err();
    assert!(matches!(reused, ExecuteError::KeyReused), "{reused}");
    memory.hang(false);
    recorded(&memory, before + 1).await;
    let kept = memory.changes()[before].answer.clone().unwrap();
    let kept: Value = serde_json::from_str(&kept.response).unwrap();
    assert_eq!(kept["audit_seq"], Value::Null, "the number is left open");
    assert_ne!(kept["recorded"], false, "by then it is recorded");
}

#[tokio::test]
async fn what_was_not_recorded_outlives_the_process() {
    let (memory, world) = hanging().await;
    in_time(&world, Command::Rollback).await;
    let path = world.dir.path().join("data").join(FILE);
    let text = std::fs::read_to_string(&path).unwrap();
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
    }
    drop((memory, world));

    // Another process over another store that knows nothing of it.
    let world = World::beside(CONFIG, FILE, &text).await.unwrap();
    assert!(
        !world.plane.published.lock().unwrap()[0].splits[0].state().is_open(),
        "from the start"
    );
    let is_recorded = async || world.newest("ada").await.is_some_and(|it| it.action == "rollback");
    world.plane.until("the record", is_recorded).await;
    note_is_gone(&world).await;
    let path = world.dir.path().join("data").join(FILE);
    // One that was recorded, and whose file stayed, is not recorded again.
    std::fs::write(&path, &text).unwrap();
    world.execute(weight("10%"), None).await.unwrap();
    let world = world.restart().await;
    assert!(world.last_plan().1.state().is_open(), "a person has opened it since");
}

#[tokio::test]
async fn a_damaged_file_keeps_the_process_from_starting() {
    let refused = World::beside(CONFIG, FILE, "{ \"checksum\": \"0\"").await.err().unwrap();
    assert!(matches!(refused, StartError::DamagedUnrecorded(_)), "{refused}");
    assert!(refused.to_string().contains("--safe-start"), "{refused}");
}

#[tokio::test(start_paused = true)]
async fn a_store_that_fails_at_once_does_not_keep_the_candidate_in() {
    let memory = Memory::new();
    let ledger = memory.clone();
    let world = World::over(CONFIG, move |_| Arc::new(ledger) as Arc<dyn Ledger>).await;
    world.execute(weight("10%"), None).await.unwrap();
    let before = memory.changes().len();
    memory.break_down(Some("the disk is full"));
    let rollback = in_time(&world, Command::Rollback).await;
    assert!(rollback.changed && !rollback.recorded, "it is in force");
    assert!(!world.last_plan().1.state().is_open());
    in_time(&world, Command::Kill).await;
    // What gives traffic is refused as before.
    let refused = world.execute(weight("20%"), None).await.unwrap_err();
    assert!(matches!(refused, ExecuteError::Store(_) | ExecuteError::Refused(_)), "{refused}");
    assert!(!world.control.store_status().healthy);
    assert!(world.dir.path().join("data").join(FILE).exists(), "noted beside the store");

    memory.break_down(None);
    let actions = recorded(&memory, before + 2).await;
    assert_eq!(actions[before..], ["rollback", "kill"], "recorded late, in order");
}

#[tokio::test]
async fn a_directory_that_is_taken_away_is_noticed_and_the_way_back_stays_open() {
    let world = World::with(CONFIG).await;
    world.execute(weight("10%"), None).await.unwrap();
    let data = world.dir.path().join("data");
    std::fs::remove_dir_all(&data).unwrap();
    let status = world.control.store_status();
    assert!(!status.healthy && status.last_error.unwrap().contains("data_dir"));
    let refused = world.execute(weight("20%"), None).await.unwrap_err();
    assert!(refused.to_string().contains("removed"), "{refused}");
    let rollback = in_time(&world, Command::Rollback).await;
    assert!(!rollback.recorded);
    assert!(!world.last_plan().1.state().is_open());
    // The next process finds the note, and nothing else.
    let text = std::fs::read_to_string(data.join(FILE)).unwrap();
    drop(world);
    let world = World::beside(CONFIG, FILE, &text).await.unwrap();
    assert!(!world.plane.published.lock().unwrap()[0].splits[0].state().is_open());
}
