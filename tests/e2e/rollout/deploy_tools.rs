//! Argo Rollouts and Flagger beside a rollout: what each of them makes of every state of it.

use super::World;
use crate::harness::tools::script;
use serde_json::json;

/// What Argo makes of the template in `deploy/argo` for a release.
async fn argo(world: &World, release: &str) -> String {
    let template = concat!(env!("CARGO_MANIFEST_DIR"), "/deploy/argo/analysis-template.yaml");
    let admin = format!("admin=http://{}", world.stagegate.admin.address);
    let release = format!("release={release}");
    let arguments = [template, "workload=agent", &release, &admin, "token=none"];
    script("argo.py", &arguments).await.trim().to_owned()
}

/// The hooks of Flagger that are answered with 200 for a release.
async fn flagger(world: &World, release: &str) -> Vec<&'static str> {
    let mut yes = Vec::new();
    for hook in [
        "confirm-rollout",
        "pre-rollout",
        "rollout",
        "confirm-traffic-increase",
        "confirm-promotion",
        "rollback",
    ] {
        let answer = call_flagger(world, hook, release, "Progressing").await;
        assert!(matches!(answer, 200 | 409), "{hook}: {answer}");
        if answer == 200 {
            yes.push(hook);
        }
    }
    yes
}

async fn call_flagger(world: &World, hook: &str, release: &str, phase: &str) -> u16 {
    let body = json!({ "name": "agent", "namespace": "agents", "phase": phase,
        "checksum": "85d557f47b", "metadata": { "release": release } });
    world.ask(&format!("POST flagger/{hook}"), body).await.status
}

const CALM: [&str; 3] = ["confirm-rollout", "pre-rollout", "rollout"];
const UNDER_WAY: [&str; 2] = ["pre-rollout", "rollout"];
const OVER: [&str; 1] = ["rollback"];

#[tokio::test]
async fn argo_and_flagger_go_on_when_a_rollout_is_completed_and_back_when_it_was_taken_out() {
    let world = World::open().await;
    assert_eq!(argo(&world, "v2").await, "Error", "nobody has started one: Argo asks again");
    assert_eq!(flagger(&world, "v2").await, CALM);

    world.begin().await;
    assert_eq!(argo(&world, "v2").await, "Inconclusive");
    assert_eq!(flagger(&world, "v2").await[..2], UNDER_WAY);
    world.ask("POST rollouts/current/pause", json!({})).await.ok();
    assert_eq!(argo(&world, "v2").await, "Inconclusive");
    assert_eq!(flagger(&world, "v2").await, UNDER_WAY, "paused: no more traffic");
    world.ask("POST rollouts/current/resume", json!({})).await.ok();
    world.until("a pass", |it| it["verdict"] == "pass").await;
    assert_eq!(argo(&world, "v2").await, "Inconclusive", "a pass of one step is no completion");
    assert_eq!(call_flagger(&world, "confirm-promotion", "v2", "Progressing").await, 409);

    world.climb(4).await;
    world.phase("completed").await;
    assert_eq!(argo(&world, "v2").await, "Successful");
    assert_eq!(argo(&world, "v3").await, "Inconclusive", "the next version has its own rollout");
    let done = ["pre-rollout", "rollout", "confirm-traffic-increase", "confirm-promotion"];
    assert_eq!(flagger(&world, "v2").await, done);
    assert_eq!(flagger(&world, "v3").await, ["confirm-rollout", "rollout"], "not registered");

    // Flagger has copied it to the primary and stops the pods of the canary.
    assert_eq!(call_flagger(&world, "post-rollout", "v2", "Succeeded").await, 200);
    assert_eq!(world.stagegate.admin.workload().await["stable"], "v1");
    assert_eq!(world.traffic.failures(), (0, 0), "nobody noticed anything");

    world.begin().await;
    world.candidate.turn_wrong();
    world.phase("rolled_back").await;
    assert_eq!(
        (argo(&world, "v2").await, flagger(&world, "v2").await),
        ("Failed".into(), OVER.to_vec())
    );
    assert_eq!(argo(&world, "v3").await, "Inconclusive", "not the fault of the next version");

    world.candidate.recover();
    world.begin().await;
    assert_eq!(argo(&world, "v2").await, "Inconclusive", "let in again by name");
    assert_eq!(call_flagger(&world, "post-rollout", "v2", "Failed").await, 200);
    assert_eq!(world.rollout().await["phase"], "aborted");
    assert_eq!(
        (argo(&world, "v2").await, flagger(&world, "v2").await),
        ("Failed".into(), OVER.to_vec())
    );
    world.traffic.end().await;
}
