//! What becomes of good and of bad candidates.

use super::World;
use super::agent::Agent;
use crate::harness::{eventually, eventually_async};
use serde_json::json;
use std::time::{Duration, Instant};

/// From the moment a limit is crossed until somebody is told.
const PROMISED: Duration = Duration::from_secs(5 * 60);

#[tokio::test]
async fn a_good_candidate_goes_all_the_way_and_the_way_back_stays_open() {
    let world = World::open().await;
    let refused = world.ask("POST rollouts", json!({ "to": "v2" })).await;
    assert_eq!(refused.status, 409, "no drill was held: {}", refused.json);
    assert!(refused.json["detail"].as_str().expect("why").contains("stagegate drill agent"));
    world.begin().await;
    let early = world.ask("POST rollouts/current/promote", json!({})).await;
    assert_eq!(early.status, 409, "promoted without evidence: {}", early.json);
    let inside = world.ask("PUT weight", json!({ "weight": "30%" })).await;
    assert_eq!(inside.status, 409, "a plain weight inside a rollout: {}", inside.json);
    world.climb(4).await;
    assert_eq!(world.rollout().await["phase"], "watching");
    world.phase("completed").await;
    let workload = world.stagegate.admin.workload().await;
    assert_eq!((&workload["stable"], &workload["previous"]), (&json!("v2"), &json!("v1")));
    eventually("every step to be told", || world.hook.of_kind("promoted").len() == 3).await;
    eventually("the completion to be told", || world.hook.of_kind("completed").len() == 1).await;

    world.stagegate.admin.rollback().await;
    let workload = world.stagegate.admin.workload().await;
    assert_eq!(workload["stable"], "v1", "one step back, also after completion");
    assert_eq!(world.traffic.failures(), (0, 0), "nobody noticed anything");
    world.traffic.end().await;
}

/// Breaks the candidate at every step; each time it is rolled back by itself, on the right axis.
async fn breaks_at_every_step(axis: &str, break_it: impl Fn(&Agent)) {
    let world = World::open().await;
    for step in 1..=4 {
        world.candidate.recover();
        world.begin().await;
        world.climb(step).await;
        let broke = Instant::now();
        break_it(&world.candidate);
        world.rolled_back_on(axis).await;
        let told = broke.elapsed();
        println!(
            "{axis}, step {step}: people were told {:.1} s after it broke",
            told.as_secs_f64()
        );
        assert!(told < PROMISED, "{told:?}");
        let gate = format!("reason=\"{axis}\"");
        let counted = world.stagegate.admin.metric("stagegate_rollbacks_total", &[&gate]).await;
        assert_eq!(counted, step as f64);
    }
    let delay = world.stagegate.admin.metric("stagegate_rollback_delay_seconds", &[]).await;
    println!("{axis}: the last rollback came {:.1} ms after its counts", delay * 1e3);
    assert_eq!(world.traffic.failures(), (0, 0), "stable's users saw no error");
    world.traffic.end().await;
}

#[tokio::test]
async fn a_candidate_that_turns_slow_is_rolled_back_at_every_step() {
    breaks_at_every_step("latency", Agent::turn_slow).await;
}

#[tokio::test]
async fn a_candidate_that_turns_wrong_is_rolled_back_at_every_step() {
    breaks_at_every_step("error", Agent::turn_wrong).await;
}

#[tokio::test]
async fn a_candidate_that_turns_expensive_is_rolled_back_at_every_step() {
    breaks_at_every_step("cost", Agent::turn_expensive).await;
}

#[tokio::test]
async fn a_candidate_that_dies_is_rolled_back_at_every_step() {
    let mut world = World::open().await;
    for step in 1..=4 {
        world.begin().await;
        world.climb(step).await;
        let address = world.candidate.backend.address;
        // Takes its listener and every connection with it.
        world.candidate = Agent::start("nobody");
        world.rolled_back_on("error").await;
        world.candidate = Agent::at(address, "candidate");
        eventually_async("the candidate to be healthy again", async || {
            world.stagegate.admin.metric("stagegate_endpoint_healthy", &["release=\"v2\""]).await
                > 0.9
        })
        .await;
    }
    assert_eq!(world.traffic.failures().0, 0, "stable's users saw no error");
    world.traffic.end().await;
}

#[tokio::test]
async fn an_outage_behind_both_releases_blames_neither() {
    let world = World::open().await;
    world.begin().await;
    world.climb(2).await;
    world.stable.lose_its_provider();
    world.candidate.lose_its_provider();
    let frozen = world.until("the outage to be seen", |it| it["analysis"]["outage"] == true).await;
    let answered = world.traffic.answered();
    eventually("the outage to last", || world.traffic.answered() > answered + 3000).await;
    let later = world.rollout().await;
    assert_eq!(later["phase"], "progressing", "{later}");
    assert_eq!(later["analysis"]["observed_ms"], frozen["analysis"]["observed_ms"]);
    let refused = world.ask("POST rollouts/current/promote", json!({})).await;
    assert_eq!(refused.status, 409, "{}", refused.json);
    eventually("the outage to be told", || !world.hook.of_kind("external_outage").is_empty()).await;
    world.stable.recover();
    world.candidate.recover();
    eventually("its end to be told", || !world.hook.of_kind("recovered").is_empty()).await;
    assert!(world.hook.of_kind("rolled_back").is_empty());
    world.traffic.end().await;
}

#[tokio::test]
async fn an_approver_who_waits_gets_a_rollback_and_not_silence() {
    let world = World::open().await;
    world.begin().await;
    world.until("a pass", |it| it["analysis"]["verdict"] == "pass").await;
    let paused = world.ask("POST rollouts/current/pause", json!({ "reason": "lunch" })).await;
    assert_eq!(paused.status, 200, "{}", paused.json);
    world.candidate.turn_wrong();
    world.rolled_back_on("error").await;
    world.traffic.end().await;
}

#[tokio::test]
async fn silence_neither_promotes_nor_rolls_back_but_is_told() {
    let World { hook, stagegate, traffic, stable, candidate } = World::open().await;
    traffic.end().await;
    let world = World { traffic: super::Traffic::idle(), hook, stagegate, stable, candidate };
    world.begin().await;
    eventually("the silence to be told", || !world.hook.of_kind("no_data").is_empty()).await;
    let rollout = world.rollout().await;
    assert_eq!((&rollout["phase"], &rollout["weight"]), (&json!("progressing"), &json!("1%")));
    assert_eq!(rollout["analysis"]["verdict"], "inconclusive", "{rollout}");
    let refused = world.ask("POST rollouts/current/promote", json!({})).await;
    assert_eq!(refused.status, 409, "{}", refused.json);
}

#[tokio::test]
async fn evidence_that_changed_since_it_was_looked_at_promotes_nothing() {
    let world = World::open().await;
    world.begin().await;
    let early = world.until("an analysis", |it| it["analysis"]["id"].is_string()).await;
    world.until("a pass", |it| it["analysis"]["verdict"] == "pass").await;
    let stale = json!({ "expect": early["analysis"]["id"] });
    let refused = world.ask("POST rollouts/current/promote", stale).await;
    assert_eq!(refused.status, 409, "{}", refused.json);
    assert_eq!(refused.json["analysis"]["verdict"], "pass", "the newest comes with the refusal");
    world.traffic.end().await;
}
