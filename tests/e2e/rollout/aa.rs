//! A release against itself, as a new user runs it first.

use super::World;
use serde_json::json;
use std::time::Duration;

const POLICY: &str = "{ fast: { \
    steps: [ { weight: 1%, hold: 4s, requests: 100 }, { weight: 100%, watch: 20s } ], \
    gates: [ { axis: error, class: permanent, margin: 5pp, for: 1s, requests: 10 }, \
             { axis: latency, measure: p95, max: 5s, for: 1s, requests: 10 }, \
             { axis: cost, measure: usd_per_request, against: stable, ratio: 1.5, for: 1s, requests: 10 } ] } }";

#[tokio::test]
async fn a_release_against_itself_ends_with_a_good_word() {
    let world = World::with(POLICY, Duration::MAX).await;
    // No drill, no override: nobody is at risk.
    let started = world.stagegate.cli(&["rollout", "start", "agent", "--aa", "--reason", "first"]);
    let said = String::from_utf8_lossy(&started.stdout).into_owned();
    assert!(said.contains("v1 against itself at 50%"), "{said}{started:?}");
    let under_way = world.until("an analysis", |it| it["analysis"].is_object()).await;
    assert_eq!((&under_way["aa"], &under_way["from"]), (&json!(true), &under_way["to"]));
    for body in [json!({}), json!({ "force": true, "reason": "please" })] {
        let refused = world.ask("POST rollouts/current/promote", body).await;
        assert_eq!(refused.status, 409, "{}", refused.json);
        assert!(refused.json["detail"].to_string().contains("nothing to promote"));
    }
    let ended = world.phase("completed").await;
    let reason = ended["since"]["reason"].as_str().expect("a reason");
    assert!(reason.contains("no gate tells the release from itself"), "{reason}");
    assert_eq!(world.candidate.backend.seen().len(), 0);
    let workload = world.stagegate.admin.workload().await;
    assert_eq!((&workload["stable"], &workload["candidate"]), (&json!("v1"), &json!(null)));
    assert_eq!(world.traffic.failures(), (0, 0));
    // The first real rollout follows, and goes its usual way.
    world.begin().await;
    world.until("the real one", |it| it["to"] == "v2" && it["phase"] == "progressing").await;
    let both = world.ask("POST rollouts", json!({ "aa": true, "to": "v2" })).await;
    assert_eq!(both.status, 400, "{}", both.json);
    world.traffic.end().await;
}
