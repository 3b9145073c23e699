//! Plans, and replays of what was recorded.

use crate::world::{CONFIG, World};
use serde_json::json;

/// `agent` with steps of a second and one gate.
fn config() -> String {
    let policies = "policies:\n  fast:\n    steps: [{ weight: 10%, hold: 1s, requests: 20 }, { weight: 100%, watch: 1s }]\n    gates: [{ axis: error, class: permanent, against: stable, margin: 20pp, for: 1s, requests: 10 }]\n    drill_within: off\n";
    let config = CONFIG.replace("    candidate: v2\n    weight: 1%\n", "    policy: fast\n");
    format!("{config}{policies}")
}

#[tokio::test]
async fn a_plan_says_how_long_it_takes_and_a_replay_what_would_have_been() {
    let world = World::with(&config()).await;
    let plan = world.get("/v1/workloads/agent/plan?rps=100").await.ok();
    assert_eq!((&plan["rps_from"], plan["steps"].as_array().unwrap().len()), (&json!("given"), 2));
    assert!(plan["steps"][0]["takes_ms"].as_u64() >= Some(1000), "{plan}");
    // Left out, rate and price are what was counted: 110 requests in 50 s, two dollars for 1,000.
    let measured = world.get("/v1/workloads/agent/plan").await.ok();
    assert_eq!((&measured["rps"], &measured["rps_from"]), (&json!(2.2), &json!("measured")));
    let usd = measured["steps"][0]["usd"].as_f64().expect("dollars");
    let requests = measured["steps"][0]["requests"].as_f64().expect("requests");
    assert!((usd / requests - 0.002).abs() < 1e-9, "{usd} for {requests}");
    world.get("/v1/workloads/agent/plan?rps=-1").await.problem(400, "bad-request");
    let body = |text: &str| json!({ "text": text, "since_ms": 0 });
    let strict = "policies:\n  strict:\n    gates: [{ axis: error, class: permanent, max: 1% }]\n";
    let replay = world.post("/v1/workloads/agent/gates/replay", body(strict)).await.ok();
    assert_eq!(replay, json!({ "policy": "strict", "rollouts": [] }));
    let bad = strict.replace("max: 1%", "max: 1s");
    let reply = world.post("/v1/workloads/agent/gates/replay", body(&bad)).await;
    let problem = reply.problem(422, "invalid-config");
    assert_eq!(problem["config"][0]["line"], 3, "{problem}");
}
