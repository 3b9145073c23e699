//! The store refuses: nothing changes, and everyone can see why.

use crate::world::World;
use rusqlite::Connection;
use serde_json::json;
use stagegate_control::ports::Event;

/// Makes every write of the audit fail, as a full disk would.
fn break_store(world: &World) -> Connection {
    let db = Connection::open(world.database()).unwrap();
    db.execute_batch(
        "CREATE TRIGGER full BEFORE INSERT ON audit BEGIN SELECT RAISE(ABORT, 'disk full'); END",
    )
    .unwrap();
    db
}

#[tokio::test]
async fn a_change_that_cannot_be_recorded_is_not_made() {
    let world = World::open().await;
    world.set_weight("10%").await.ok();
    let (before, plans) = (world.agent().await, world.plans());

    let db = break_store(&world);
    for _ in 0..2 {
        let problem = world.set_weight("20%").await.problem(503, "unavailable");
        assert!(problem["detail"].as_str().unwrap().contains("disk full"), "{problem}");
    }
    assert_eq!(world.agent().await, before);
    assert_eq!(world.plans(), plans);
    let status = world.get("/v1/status").await.ok();
    assert_eq!(status["store"]["healthy"], false);
    assert_eq!(status["store"]["failures"], 2);
    assert!(status["warnings"].to_string().contains("disk full"));
    let failures = |world: &World| {
        let told = world.events.0.lock().unwrap();
        told.iter().filter(|event| matches!(event, Event::StoreFailed)).count()
    };
    assert_eq!(failures(&world), 2);

    db.execute_batch("DROP TRIGGER full").unwrap();
    let done = world.set_weight("20%").await.ok();
    assert_eq!(done["epoch"], 3, "no epoch was lost");
    assert_eq!(world.get("/v1/status").await.ok()["store"]["healthy"], true);
    assert_eq!(world.get("/v1/audit/verify").await.ok()["intact"], true);
}

#[tokio::test]
async fn a_rollback_that_cannot_be_recorded_takes_effect_and_is_recorded_later() {
    let world = World::open().await;
    world.set_weight("10%").await.ok();
    let db = break_store(&world);
    let rollback = world.post("/v1/workloads/agent/rollback", json!({ "reason": "x" })).await.ok();
    assert_eq!(rollback["recorded"], false);
    assert_eq!(rollback["workload"]["open"], false);
    assert!(!world.last_plan().1.state().is_open());
    db.execute_batch("DROP TRIGGER full").unwrap();
    world.until_recorded("rollback").await;
    assert_eq!(world.get("/v1/audit/verify").await.ok()["intact"], true);
}

#[tokio::test]
async fn a_known_state_is_served_again_although_the_start_cannot_be_recorded() {
    let world = World::open().await;
    world.set_weight("10%").await.ok();
    let db = break_store(&world);
    let world = world.restart().await;
    assert_eq!(world.last_plan().1.weight().to_string(), "10%");
    let status = world.get("/v1/status").await.ok();
    assert_eq!(status["store"]["healthy"], false);
    db.execute_batch("DROP TRIGGER full").unwrap();
    world.set_weight("11%").await.ok();
}

#[tokio::test]
async fn a_reload_that_cannot_be_recorded_is_not_made() {
    let world = World::open().await;
    let _db = break_store(&world);
    let plans = world.plans();
    world.post("/v1/reload", json!({})).await.problem(503, "unavailable");
    assert_eq!(world.plans(), plans);
    assert_eq!(world.get("/v1/status").await.ok()["reload"]["ok"], false);
}
