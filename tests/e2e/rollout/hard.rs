//! Candidates and moments that are hard to judge: who hangs, who has a worse provider, silence, an
//! outage without stable beside, cold caches, and a difference inside the margin.

use super::World;
use super::traffic::Traffic;
use crate::harness::eventually_async;
use serde_json::json;
use std::time::Duration;

/// Users who leave after this time.
const PATIENCE: Duration = Duration::from_millis(400);

/// One step with half of the traffic, then the watch.
fn policy(step: &str, gates: &str) -> String {
    format!(
        "{{ fast: {{ steps: [ {step}, {{ weight: 100%, watch: 20s }} ], gates: [ {gates} ], \
           on_no_data: {{ alert_after: 60s }} }} }}"
    )
}

const HALF: &str = "{ weight: 50%, hold: 60s, requests: 100 }";

/// The gate that rolled back, from the reason of the end.
async fn rolled_back_by(world: &World, gate: &str) {
    world.rolled_back_on("error").await;
    let rollout = world.rollout().await;
    let reason = rollout["since"]["reason"].as_str().expect("a reason");
    assert!(reason.contains(gate), "{reason}");
}

#[tokio::test]
async fn requests_that_hang_until_clients_leave_roll_back() {
    let gates = "{ axis: error, class: permanent, margin: 5pp, requests: 10 }, \
                 { axis: error, class: client_gone, margin: 5pp, for: 1s, requests: 10 }";
    let world = World::with(&policy(HALF, gates), PATIENCE).await;
    world.begin().await;
    world.candidate.hang_once_in(3);
    rolled_back_by(&world, "error/client_gone/against-stable").await;
    world.traffic.end().await;
}

#[tokio::test]
async fn a_worse_provider_behind_the_candidate_alone_rolls_back() {
    let gates = "{ axis: error, class: external, max: 5%, then: alert }, \
                 { axis: error, class: external, margin: 5pp, for: 1s, requests: 10 }";
    let world = World::with(&policy(HALF, gates), Duration::MAX).await;
    world.begin().await;
    world.candidate.lose_its_provider();
    rolled_back_by(&world, "error/external/against-stable").await;
    assert_eq!(world.traffic.failures().0, 0, "stable was well all the time");
    world.traffic.end().await;
}

#[tokio::test]
async fn one_tenant_of_twenty_that_is_refused_rolls_back_and_is_named() {
    let gates = "{ axis: error, class: rejected, margin: 20pp, for: 1s, requests: 10 }";
    let world = World::with(&policy(HALF, gates), Duration::MAX).await;
    world.begin().await;
    world.candidate.refuse_a_tenant();
    rolled_back_by(&world, "error/rejected/against-stable for tenant tenant-3").await;
    let rollout = world.rollout().await;
    let history = rollout["history"].as_array().expect("a history");
    let id = history.last().expect("a turn")["analysis"].as_str().expect("an analysis");
    let path = format!("/v1/workloads/agent/analyses/{id}");
    let decisive = world.stagegate.admin.get(&path).await.ok().json;
    let worst = &decisive["gates"][0]["slices"][0];
    assert_eq!(worst["slice"], "tenant tenant-3", "{decisive}");
    assert_eq!(worst["stable_failed"], 0, "{decisive}");
    let shown = world.stagegate.cli(&["analysis", "show", id]);
    let shown = String::from_utf8_lossy(&shown.stdout).into_owned();
    assert!(shown.contains("worst for tenant tenant-3"), "{shown}");
    world.traffic.end().await;
}

#[tokio::test]
async fn when_the_traffic_ends_nothing_passes_any_more() {
    let gates = "{ axis: error, class: permanent, margin: 20pp, for: 1s, requests: 10 }";
    let step = "{ weight: 50%, hold: 6s, requests: 40 }";
    let mut world = World::with(&policy(step, gates), Duration::MAX).await;
    world.begin().await;
    world.until("a pass", |it| it["analysis"]["verdict"] == "pass").await;
    std::mem::replace(&mut world.traffic, Traffic::idle()).end().await;
    let silent =
        world.until("the silence to count", |it| it["analysis"]["verdict"] == "inconclusive").await;
    let why = silent["analysis"]["blocks"].to_string();
    assert!(why.contains("the candidate has had no traffic for"), "{silent}");
    let refused = world.ask("POST rollouts/current/promote", json!({})).await;
    assert_eq!(refused.status, 409, "{}", refused.json);
}

#[tokio::test]
async fn a_short_outage_at_the_end_rolls_nothing_back() {
    let gates = "{ axis: error, class: external, max: 5%, for: 40s, requests: 10 }, \
                 { axis: error, class: permanent, margin: 20pp, for: 1s, requests: 10 }";
    let step = "{ weight: 50%, hold: 1s, requests: 40 }";
    let world = World::with(&policy(step, gates), Duration::MAX).await;
    world.begin().await;
    world.climb(2).await;
    world.candidate.lose_its_provider();
    tokio::time::sleep(Duration::from_secs(3)).await;
    assert_eq!(world.rollout().await["phase"], "watching");
    world.candidate.recover();
    world.phase("completed").await;
    world.traffic.end().await;
}

#[tokio::test]
async fn an_outage_of_the_provider_at_the_end_freezes_and_names_who_is_held_back() {
    let gates = "{ axis: error, class: external, max: 5%, for: 3s, requests: 10 }, \
                 { axis: error, class: permanent, margin: 20pp, for: 1s, requests: 10 }";
    let step = "{ weight: 50%, hold: 1s, requests: 40 }";
    let world = World::with(&policy(step, gates), Duration::MAX).await;
    world.begin().await;
    world.climb(2).await;
    assert_eq!(world.rollout().await["weight"], "99%");
    let held = "/v1/decisions?workload=agent&arm=stable&limit=500";
    let is_held = |it: &serde_json::Value| it["detail"] == "holdback" && it["reason"] == "default";
    eventually_async("a request that is held back", async || {
        let found = world.stagegate.admin.get(held).await.ok().json;
        found["decisions"].as_array().is_some_and(|all| all.iter().any(is_held))
    })
    .await;
    // Three times as long as the gate waits.
    world.stable.lose_its_provider();
    world.candidate.lose_its_provider();
    tokio::time::sleep(Duration::from_secs(9)).await;
    let frozen = world.rollout().await;
    assert_eq!(frozen["phase"], "watching", "{frozen}");
    assert_eq!(frozen["analysis"]["outage"], true, "{frozen}");
    world.stable.recover();
    world.candidate.recover();
    world.until("the outage to end", |it| it["analysis"]["outage"] == false).await;
    // The candidate's own failures are no outage.
    world.candidate.lose_its_provider();
    rolled_back_by(&world, "error/external/max").await;
    world.traffic.end().await;
}

#[tokio::test]
async fn a_cold_start_is_no_evidence_and_a_slow_candidate_is() {
    let gates = "{ axis: latency, measure: p95, max: 250ms, for: 1s, requests: 50 }";
    // A fifteenth of the step: caches may be cold for six seconds.
    let step = "{ weight: 50%, hold: 90s, requests: 100 }";
    let world = World::with(&policy(step, gates), Duration::MAX).await;
    world.candidate.turn_slow();
    world.begin().await;
    tokio::time::sleep(Duration::from_secs(3)).await;
    world.candidate.recover();
    let observed = |rollout: &serde_json::Value| rollout["analysis"]["observed_ms"].as_u64();
    let later = world.until("12 s observed", |it| observed(it) >= Some(12_000)).await;
    assert_eq!(later["phase"], "progressing", "{later}");
    world.candidate.turn_slow();
    world.rolled_back_on("latency").await;
    world.traffic.end().await;
}

#[tokio::test]
async fn a_candidate_inside_the_margin_stays_however_certain_it_is() {
    let gates = "{ axis: error, class: permanent, margin: 15pp, for: 1s, requests: 10 }";
    let world = World::with(&policy(HALF, gates), Duration::MAX).await;
    world.candidate.turn_wrong_once_in(12);
    world.begin().await;
    eventually_async("thousands of requests", async || {
        world.rollout().await["analysis"]["requests"].as_u64() >= Some(4000)
    })
    .await;
    assert_eq!(world.rollout().await["phase"], "progressing");
    world.candidate.turn_wrong_once_in(3);
    rolled_back_by(&world, "error/permanent/against-stable").await;
    world.traffic.end().await;
}
