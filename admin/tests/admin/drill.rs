//! The kill switch is tried before it is needed, and nobody is harmed by trying.

use crate::world::{CONFIG, World};
use http::Method;
use serde_json::json;
use stagegate_rollout::{Target, Who};

#[tokio::test]
async fn a_drill_throws_the_switch_and_throws_it_back() {
    let world = World::with(&CONFIG.replace("weight: 1%", "weight: 50%")).await;
    let before = world.agent().await;
    let plans = world.plans();
    let report = world.post("/v1/workloads/agent/drill", json!({})).await.ok();
    assert_eq!(report["passed"], true, "{report}");
    assert_eq!(report["timing"]["settled"], true);
    {
        let published = world.plane.published.lock().unwrap();
        let [.., thrown, back] = &published[plans..] else { panic!("two plans") };
        let who = Who { request: "r", user: Some("tester"), ..Who::default() };
        let choice = thrown.splits[0].choose(&who, None, None);
        assert_eq!(choice.target, Target::Arm(stagegate_rollout::Arm::Stable));
        let choice = back.splits[0].choose(&who, None, None);
        assert_eq!(choice.target, Target::Arm(stagegate_rollout::Arm::Candidate));
    }
    let after = world.agent().await;
    assert_eq!(before, after, "nothing of the workload changed, not even its epoch");
    let audit = world.get("/v1/audit?limit=2").await.ok();
    assert_eq!(audit["entries"][0]["action"], "drill");
    assert_eq!(audit["entries"][0]["seq"], report["audit_seq"]);
    assert!(audit["entries"][1]["summary"].as_str().unwrap().contains("began"));
    let kept = world.control.read(|store| {
        Ok(store.last_passed_drill(&"agent".parse().expect("a name")).expect("readable"))
    });
    assert_eq!(kept.await.unwrap().expect("kept").at_ms, report["at_ms"].as_u64().unwrap());
}

#[tokio::test]
async fn a_drill_falls_back_to_stable_even_where_a_kill_would_answer_503() {
    let config = CONFIG.replace(
        "    stable: v1\n    candidate: v2",
        "    kill_switch: { fallback: { respond: { status: 503 } } }\n    stable: v1\n    candidate: v2",
    );
    let world = World::with(&config).await;
    let plans = world.plans();
    world.post("/v1/workloads/agent/drill", json!({})).await.ok();
    let published = world.plane.published.lock().unwrap();
    let choice = published[plans].splits[0].choose(&Who::default(), None, None);
    assert_eq!(choice.target, Target::Arm(stagegate_rollout::Arm::Stable));
}

#[tokio::test]
async fn a_worker_that_does_not_follow_fails_the_drill() {
    let world = World::open().await;
    *world.plane.stuck.lock().unwrap() = 1;
    let report = world.post("/v1/workloads/agent/drill", json!({ "reason": "monthly" })).await.ok();
    assert_eq!(report["passed"], false);
    let failed: Vec<&str> = report["checks"]
        .as_array()
        .unwrap()
        .iter()
        .filter(|check| check["passed"] == false)
        .map(|check| check["check"].as_str().unwrap())
        .collect();
    assert_eq!(failed, ["every worker follows"]);
    assert!(world.agent().await["killed"].is_null(), "the switch is off again");
}

#[tokio::test]
async fn a_drill_is_refused_when_stable_is_away_or_the_switch_is_on() {
    let world = World::open().await;
    world.plane.asleep.lock().unwrap().push("127.0.0.1:9001".to_owned());
    let plans = world.plans();
    let reply = world.post("/v1/workloads/agent/drill", json!({})).await;
    let detail = reply.problem(409, "refused")["detail"].to_string();
    assert!(detail.contains("v1") && detail.contains("connection refused"), "{detail}");
    world.plane.asleep.lock().unwrap().clear();
    world.post("/v1/workloads/agent/kill", json!({ "reason": "fire" })).await.ok();
    let reply = world.post("/v1/workloads/agent/drill", json!({})).await;
    assert!(reply.problem(409, "refused")["detail"].as_str().unwrap().contains("revive"));
    assert_eq!(world.plans(), plans + 1, "only the kill was published");
    world.post("/v1/workloads/nobody/drill", json!({})).await.problem(404, "not-found");
}

#[tokio::test]
async fn a_repeated_drill_is_answered_and_not_held_again() {
    let world = World::open().await;
    let call = || {
        let call = world.call(Method::POST, "/v1/workloads/agent/drill").json(&json!({}));
        call.header("idempotency-key", "k1").send()
    };
    let first = call().await.ok();
    let plans = world.plans();
    let again = call().await;
    assert_eq!(again.header("idempotent-replayed"), "true");
    assert_eq!(again.ok(), first);
    assert_eq!(world.plans(), plans);
}

#[tokio::test]
async fn a_crash_in_the_middle_of_a_drill_leaves_the_switch_off() {
    let world = World::open().await;
    let control = world.control.clone();
    let drill = tokio::spawn(async move {
        let call = stagegate_control::DrillOrder {
            actor: "test".to_owned(),
            workload: "agent".to_owned(),
            reason: String::new(),
            precondition: stagegate_control::Precondition::None,
            idempotency: None,
        };
        control.drill(call).await
    });
    while world.agent().await["killed"].is_null() {
        tokio::task::yield_now().await;
    }
    // What a restart would find is what is on the disk now.
    let copy = tempfile::tempdir().unwrap();
    for entry in std::fs::read_dir(world.database().parent().unwrap()).unwrap() {
        let entry = entry.unwrap();
        std::fs::copy(entry.path(), copy.path().join(entry.file_name())).unwrap();
    }
    let saved = stagegate_store::Store::open(copy.path()).unwrap().load().unwrap();
    assert!(saved.workloads.values().all(|state| state.killed.is_none()));
    drill.await.unwrap().expect("held");
}
