//! Another process has the store for a while.

use crate::world::{CONFIG, World};
use serde_json::json;
use stagegate_rollout::Weight;
use stagegate_store::Store;

#[tokio::test]
async fn while_another_process_has_the_store_nothing_changes_and_what_it_did_counts() {
    let world = World::open().await;
    world.set_weight("10%").await.ok();
    let plans = world.plans();
    world.control.release().await.unwrap();
    for _ in 0..2 {
        let problem = world.set_weight("20%").await.problem(503, "unavailable");
        assert!(problem["detail"].as_str().unwrap().contains("handing over"), "{problem}");
    }
    let rollback = world.post("/v1/workloads/agent/rollback", json!({ "reason": "x" })).await;
    rollback.problem(503, "unavailable");
    let status = world.get("/v1/status").await.ok();
    assert!(status["warnings"].to_string().contains("handing over"), "{status}");
    assert_eq!(status["store"]["failures"], 0, "the store did nothing wrong");
    assert_eq!(world.plans(), plans, "traffic goes on under the plan in force");
    assert_eq!(world.last_plan().1.weight().to_string(), "10%");

    // The other one comes up without a candidate, which is recorded, and dies.
    let plain = CONFIG.replace("    candidate: v2\n    weight: 1%\n", "");
    let other = world.second_start(&plain).await.unwrap();
    let epoch = other.view().epoch;
    assert!(epoch > world.last_plan().0);
    drop(other);

    let data = world.database().parent().unwrap().to_owned();
    world.control.resume(Store::open(&data).unwrap()).await.unwrap();
    assert!(world.last_plan().0 >= epoch, "no epoch is used twice");
    assert_eq!(world.last_plan().1.weight(), Weight::ZERO, "what was closed stays so");
    let done = world.set_weight("20%").await.ok();
    assert!(done["epoch"].as_u64().unwrap() > epoch);
    assert_eq!(world.get("/v1/status").await.ok()["store"]["healthy"], true);
    assert_eq!(world.get("/v1/audit/verify").await.ok()["intact"], true);
}

#[tokio::test]
async fn what_the_store_has_not_taken_keeps_the_process() {
    let world = World::open().await;
    let db = rusqlite::Connection::open(world.database()).unwrap();
    db.execute_batch(
        "CREATE TRIGGER full BEFORE INSERT ON audit BEGIN SELECT RAISE(ABORT, 'disk full'); END",
    )
    .unwrap();
    world.set_weight("20%").await.problem(503, "unavailable");
    let refused = world.control.release().await.unwrap_err();
    assert!(refused.to_string().contains("disk full"), "{refused}");
    db.execute_batch("DROP TRIGGER full").unwrap();
    world.set_weight("20%").await.ok();
    world.control.release().await.unwrap();
}

#[tokio::test]
async fn a_process_that_has_left_has_no_candidates() {
    let world = World::open().await;
    world.set_weight("10%").await.ok();
    world.control.release().await.unwrap();
    assert!(world.control.leave_to_stable().await);
    assert_eq!(world.last_plan().1.weight(), Weight::ZERO);
    assert_eq!(world.last_plan().1.state().candidate, None);
}
