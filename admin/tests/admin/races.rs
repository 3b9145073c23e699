//! Many people at once.

use crate::world::World;
use http::{Method, StatusCode};
use serde_json::json;

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn of_fifty_who_saw_the_same_state_exactly_one_wins_each_time() {
    let world = World::open().await;
    for round in 1..=3u64 {
        let tag = world.get("/v1/workloads/agent").await.header("etag").to_owned();
        let tasks: Vec<_> = (0..50)
            .map(|n| {
                let body = json!({ "weight": format!("{round}.{:03}%", n + 1), "reason": "race" });
                let call = world.call(Method::PUT, "/v1/workloads/agent/weight");
                tokio::spawn(call.json(&body).header("if-match", &tag).send())
            })
            .collect();
        let mut winners = Vec::new();
        for task in tasks {
            let reply = task.await.unwrap();
            match reply.status {
                StatusCode::OK if reply.ok()["changed"] == true => winners.push(reply.ok()),
                StatusCode::OK => panic!("nobody asked for what already was: {}", reply.text),
                _ => {
                    let problem = reply.problem(412, "stale");
                    assert_eq!(problem["epoch"], round + 1, "the loser sees the winner's state");
                }
            }
        }
        assert_eq!(winners.len(), 1);
        assert_eq!(winners[0]["epoch"], round + 1);
        assert_eq!(world.agent().await["weight"], winners[0]["workload"]["weight"]);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn plans_are_published_in_the_order_they_were_recorded() {
    let world = World::open().await;
    let tasks: Vec<_> = (1..=60)
        .map(|n| {
            let body = json!({ "weight": format!("{n}%"), "reason": "race" });
            let call = world.call(Method::PUT, "/v1/workloads/agent/weight");
            tokio::spawn(call.json(&body).send())
        })
        .collect();
    for task in tasks {
        task.await.unwrap().ok();
    }
    let epochs: Vec<u64> =
        world.plane.published.lock().unwrap().iter().map(|plan| plan.epoch).collect();
    let wanted: Vec<u64> = (1..=epochs.len() as u64).collect();
    assert_eq!(epochs, wanted);
    let (epoch, split) = world.last_plan();
    let audit = world.get("/v1/audit?limit=1").await.ok();
    assert_eq!(audit["entries"][0]["epoch_after"], epoch);
    assert_eq!(world.agent().await["weight"], split.weight().to_string());
    let world = world.restart().await;
    assert_eq!(world.agent().await["weight"], split.weight().to_string(), "the store agrees");
    assert_eq!(world.agent().await["epoch"], epoch);
}

#[tokio::test]
async fn a_caller_who_hangs_up_leaves_nothing_half_done() {
    let world = World::open().await;
    for n in 1..=30 {
        let body = json!({ "weight": format!("{n}%"), "reason": "impatient" });
        let call = world.call(Method::PUT, "/v1/workloads/agent/weight").json(&body);
        let task = tokio::spawn(call.send());
        // Let it get a little further each time, then drop it.
        for _ in 0..n {
            tokio::task::yield_now().await;
        }
        task.abort();
        let _ = task.await;
    }
    // Ordinary changes take their turn in order: once this one is answered, all before it are through.
    let last = json!({ "weight": "50%", "reason": "patient" });
    world.call(Method::PUT, "/v1/workloads/agent/weight").json(&last).send().await.ok();
    let shown = world.agent().await;
    let (_, split) = world.last_plan();
    assert_eq!((&shown["weight"], split.weight().to_string()), (&json!("50%"), "50%".to_owned()));
    let world = world.restart().await;
    assert_eq!(world.agent().await["weight"], shown["weight"], "state and store agree");
    assert_eq!(world.get("/v1/audit/verify").await.ok()["intact"], true);
}
