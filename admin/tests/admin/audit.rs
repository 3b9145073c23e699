//! The record of who changed what.

use crate::world::World;
use rusqlite::Connection;
use serde_json::{Value, json};

#[tokio::test]
async fn every_change_is_in_the_chain_with_actor_reason_and_epochs() {
    let world = World::open().await;
    world.set_weight("10%").await.ok();
    world.post("/v1/workloads/agent/rollback", json!({ "reason": "p99" })).await.ok();
    world.post("/v1/workloads/agent/cohorts/rest/enable", json!({})).await.problem(409, "refused");
    let audit = world.get("/v1/audit").await.ok();
    let seen: Vec<(String, String, u64, u64)> = audit["entries"]
        .as_array()
        .unwrap()
        .iter()
        .map(|entry| {
            let text = |key: &str| entry[key].as_str().unwrap().to_owned();
            let number = |key: &str| entry[key].as_u64().unwrap();
            (text("action"), text("reason"), number("epoch_before"), number("epoch_after"))
        })
        .collect();
    let wanted = [
        ("enable_cohort", "", 3, 3),
        ("rollback", "p99", 2, 3),
        ("set_weight", "test", 1, 2),
        ("start", "", 0, 1),
    ]
    .map(|(action, reason, before, after)| (action.into(), reason.into(), before, after));
    assert_eq!(seen, wanted);
    let refused = &audit["entries"][0];
    assert!(refused["summary"].as_str().unwrap().starts_with("refused: "), "{refused}");
    assert_eq!(audit["entries"][2]["details"], json!({ "command": "set_weight", "weight": "10%" }));
    assert_eq!(audit["entries"][1]["prev_hash"], audit["entries"][2]["hash"]);

    let check = world.get("/v1/audit/verify").await.ok();
    assert_eq!(check["intact"], true);
    assert_eq!(check["entries"], 4);
    assert_eq!(check["head"], audit["entries"][0]["hash"]);
}

#[tokio::test]
async fn the_audit_is_paged_and_filtered() {
    let world = World::open().await;
    for n in 1..=9 {
        world.set_weight(&format!("{n}.5%")).await.ok();
    }
    world.post("/v1/workloads/batch/kill", json!({ "reason": "x" })).await.ok();
    let mut seen: Vec<u64> = Vec::new();
    let mut path = "/v1/audit?limit=4".to_owned();
    loop {
        let page = world.get(&path).await.ok();
        let numbers = page["entries"].as_array().unwrap().iter();
        seen.extend(numbers.map(|entry| entry["seq"].as_u64().unwrap()));
        let Some(before) = page["next_before"].as_u64() else { break };
        path = format!("/v1/audit?limit=4&before={before}");
    }
    assert_eq!(seen, (1..=11).rev().collect::<Vec<u64>>());
    let count = |reply: Value| reply["entries"].as_array().unwrap().len();
    assert_eq!(count(world.get("/v1/audit?workload=batch").await.ok()), 1);
    assert_eq!(count(world.get("/v1/audit?workload=agent&actor=local").await.ok()), 9);
    assert_eq!(count(world.get("/v1/audit?actor=nobody").await.ok()), 0);
    world.get("/v1/audit?before=x").await.problem(400, "bad-request");
}

#[tokio::test]
async fn a_rewritten_record_is_found() {
    let world = World::open().await;
    world.set_weight("10%").await.ok();
    world.set_weight("20%").await.ok();
    let db = Connection::open(world.database()).unwrap();
    db.execute("UPDATE audit SET actor = 'somebody else' WHERE seq = 2", []).unwrap();
    let check = world.get("/v1/audit/verify").await.ok();
    assert_eq!(check["intact"], false);
    assert_eq!(check["broken_at"], 2);
    assert!(check["problem"].as_str().unwrap().contains("hash"), "{check}");
}
