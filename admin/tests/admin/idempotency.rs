//! Asking twice with the same key does it once.

use crate::world::World;
use http::Method;
use serde_json::{Value, json};

async fn rollback(world: &World, key: &str, reason: &str) -> crate::world::Reply {
    let call = world.call(Method::POST, "/v1/workloads/agent/rollback");
    call.json(&json!({ "reason": reason })).header("idempotency-key", key).send().await
}

#[tokio::test]
async fn a_repeated_request_gets_the_first_answer() {
    let world = World::open().await;
    let first = rollback(&world, "k-1", "bad").await;
    assert_eq!(first.header("idempotent-replayed"), "");
    world.set_weight("5%").await.ok();
    let plans = world.plans();
    let second = rollback(&world, "k-1", "bad").await;
    assert_eq!(second.header("idempotent-replayed"), "true");
    assert_eq!(second.ok(), first.ok(), "timing and audit number included");
    assert_eq!(world.plans(), plans);
    assert_eq!(world.agent().await["weight"], "5%", "the rollback was not done again");

    let numbered: Value = world.get("/v1/audit").await.ok();
    let rollbacks: Vec<&Value> = numbered["entries"]
        .as_array()
        .unwrap()
        .iter()
        .filter(|entry| entry["action"] == "rollback")
        .collect();
    assert_eq!(rollbacks.len(), 1);
    assert_eq!(rollbacks[0]["seq"], first.ok()["audit_seq"]);
}

#[tokio::test]
async fn the_answer_outlives_a_restart() {
    let world = World::open().await;
    let first = rollback(&world, "k-1", "bad").await.ok();
    let world = world.restart().await;
    let second = rollback(&world, "k-1", "bad").await;
    assert_eq!(second.header("idempotent-replayed"), "true");
    assert_eq!(second.ok(), first);
}

#[tokio::test]
async fn a_key_is_good_for_one_request() {
    let world = World::open().await;
    rollback(&world, "k-1", "bad").await.ok();
    rollback(&world, "k-1", "worse").await.problem(422, "key-reused");
    let other = world.call(Method::POST, "/v1/workloads/agent/kill");
    let other = other.json(&json!({ "reason": "bad" })).header("idempotency-key", "k-1");
    other.send().await.problem(422, "key-reused");
    assert!(world.agent().await.get("killed").is_none());
}

#[tokio::test]
async fn a_refused_request_does_not_use_its_key_up() {
    let world = World::open().await;
    let enable = |cohort: &str| {
        let path = format!("/v1/workloads/agent/cohorts/{cohort}/enable");
        world.call(Method::POST, &path).header("idempotency-key", "k-2").send()
    };
    enable("rest").await.problem(409, "refused");
    world.post("/v1/workloads/agent/cohorts/pilots/enable", json!({})).await.ok();
    world
        .post("/v1/workloads/agent/exclusions/initech/opt-in", json!({ "reason": "x" }))
        .await
        .ok();
    enable("rest").await.ok();
}

#[tokio::test]
async fn twenty_at_once_are_done_once() {
    let world = World::open().await;
    let tasks: Vec<_> = (0..20)
        .map(|_| {
            let call = world.call(Method::PUT, "/v1/workloads/agent/weight");
            let body = json!({ "weight": "33%", "reason": "x" });
            tokio::spawn(call.json(&body).header("idempotency-key", "same").send())
        })
        .collect();
    let mut done = 0;
    for task in tasks {
        let reply = task.await.unwrap();
        assert_eq!(reply.ok()["epoch"], 2);
        done += u32::from(reply.header("idempotent-replayed") != "true");
    }
    assert_eq!(done, 1);
    assert_eq!(world.last_plan().0, 2);
}

#[tokio::test]
async fn malformed_keys_are_refused() {
    let world = World::open().await;
    for key in ["", "has space", &"x".repeat(129)] {
        let problem = rollback(&world, key, "bad").await.problem(400, "bad-request");
        assert_eq!(problem["fields"][0]["field"], "Idempotency-Key");
    }
}
