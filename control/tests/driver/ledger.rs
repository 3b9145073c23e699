//! Tests of the ledger contract, and of the driver with a failing ledger.

use crate::contract::{change, keeps_its_word};
use crate::memory::Memory;
use crate::plane::CONFIG;
use crate::world::World;
use serde_json::{Value, json};
use stagegate_control::ports::Ledger;
use stagegate_control::{Answer, Changed, ExecuteError, IdempotencyKey, StoreAccessError};
use stagegate_rollout::Command;
use std::sync::Arc;

fn weight(share: &str) -> Command {
    Command::SetWeight { weight: share.parse().unwrap() }
}

fn written(changed: &Changed) -> Value {
    json!({ "epoch": changed.epoch, "audit_seq": changed.audit_seq })
}

fn key(fingerprint: &str) -> IdempotencyKey<Changed> {
    let fingerprint = fingerprint.to_owned();
    IdempotencyKey { key: "k-1".to_owned(), fingerprint, write: written }
}

#[tokio::test]
async fn a_ledger_appends_in_order_refuses_the_late_and_tells_who_follows() {
    keeps_its_word(Arc::new(Memory::new())).await;
    let mut sqlite = None;
    let world = World::over(CONFIG, |ledger| {
        sqlite = Some(Arc::clone(&ledger));
        ledger
    })
    .await;
    keeps_its_word(sqlite.unwrap()).await;
    let entry = world.newest("ada").await.unwrap();
    let details: Value = serde_json::from_str(&entry.details).unwrap();
    assert_eq!(details["audit_seq"], entry.seq, "the open number was filled in");
}

#[tokio::test]
async fn the_driver_writes_state_through_its_ledger_alone() {
    let memory = Memory::new();
    let ledger = memory.clone();
    let world = World::over(CONFIG, move |_| Arc::new(ledger)).await;
    world.execute(weight("10%"), None).await.unwrap();
    let changes = memory.changes();
    assert_eq!(changes.last().unwrap().entry.action, "set_weight");
    assert_eq!(memory.latest().await.unwrap().epoch, world.last_plan().0);
    assert_eq!(world.last_plan().1.weight().to_string(), "10%");
    assert!(world.newest("ada").await.is_none(), "the store beside it was left alone");
}

#[tokio::test]
async fn nothing_changes_while_the_ledger_is_down() {
    let memory = Memory::new();
    let ledger = memory.clone();
    let world = World::over(CONFIG, move |_| Arc::new(ledger)).await;
    let plans = world.plans();
    memory.break_down(Some("no leader"));
    let refused = world.execute(weight("10%"), None).await.unwrap_err();
    assert!(matches!(refused, ExecuteError::Store(_)), "{refused}");
    assert_eq!((world.plans(), world.control.store_status().failures), (plans, 1));
    memory.break_down(None);
    world.execute(weight("10%"), None).await.unwrap();
    assert!(world.control.store_status().healthy);
}

#[tokio::test]
async fn a_change_that_lost_a_race_is_refused() {
    let memory = Memory::new();
    let ledger = memory.clone();
    let world = World::over(CONFIG, move |_| Arc::new(ledger)).await;
    let epoch = memory.latest().await.unwrap().epoch;
    memory.append(epoch, change("somebody else")).await.unwrap();
    let refused = world.execute(weight("10%"), None).await.unwrap_err();
    let ExecuteError::Store(StoreAccessError::Conflict { latest, .. }) = refused else {
        panic!("{refused}")
    };
    assert_eq!(latest, epoch + 1);
}

#[tokio::test]
async fn a_key_costs_no_call_of_its_own_and_its_answer_has_its_number() {
    let world = World::with(CONFIG).await;
    let Answer::New(done) = world.execute(weight("10%"), Some(key("a"))).await.unwrap() else {
        panic!("the key is new")
    };
    // What was done stands, although by now it would change nothing.
    let Answer::Kept(kept) = world.execute(weight("10%"), Some(key("a"))).await.unwrap() else {
        panic!("the key is known")
    };
    let kept: Value = serde_json::from_str(&kept).unwrap();
    assert_eq!(kept, json!({ "epoch": done.epoch, "audit_seq": done.audit_seq }));
    assert_eq!(world.newest("ada").await.unwrap().seq, done.audit_seq);
    let reused = world.execute(weight("11%"), Some(key("b"))).await.unwrap_err();
    assert!(matches!(reused, ExecuteError::KeyReused), "{reused}");
    // A request that would be refused by now is still answered as it was.
    let refused = world.execute(Command::Resume, Some(key("a"))).await.unwrap();
    assert!(matches!(refused, Answer::Kept(_)));
}
