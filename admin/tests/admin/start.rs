//! Starting: from nothing, from a stored past, and from a damaged one.

use crate::world::{CONFIG, World, database};
use serde_json::json;
use stagegate_control::StartError;

#[tokio::test]
async fn the_first_start_takes_the_configured_weight() {
    let world = World::open().await;
    assert_eq!(world.agent().await["weight"], "1%");
    assert_eq!(world.agent().await["epoch"], 1);
    let published = world.plane.published.lock().unwrap();
    assert_eq!(published.len(), 1);
    assert!(published[0].prepared);
    assert_eq!(published[0].splits.len(), 2);
}

#[tokio::test]
async fn a_restart_brings_the_last_acknowledged_state_back() {
    let world = World::open().await;
    world.set_weight("37.5%").await.ok();
    world.post("/v1/workloads/agent/cohorts/pilots/enable", json!({})).await.ok();
    world.post("/v1/workloads/batch/kill", json!({ "reason": "night" })).await.ok();
    let before = world.get("/v1/workloads").await.ok();
    let world = world.restart().await;
    assert_eq!(world.get("/v1/workloads").await.ok(), before, "epochs included");
    let world = world.restart().await;
    assert_eq!(world.get("/v1/workloads").await.ok(), before);
    assert_eq!(world.last_plan().0, 4, "restarts make no plans of their own");
    let audit = world.get("/v1/audit").await.ok();
    assert_eq!(audit["entries"][0]["action"], "start");
}

#[tokio::test]
async fn a_rollback_outlives_a_restart() {
    let world = World::open().await;
    world.set_weight("90%").await.ok();
    world.post("/v1/workloads/agent/rollback", json!({ "reason": "bad" })).await.ok();
    let world = world.restart().await;
    assert!(!world.last_plan().1.state().is_open());
    assert_eq!(world.agent().await["closed"]["reason"], "bad");
}

#[tokio::test]
async fn a_new_candidate_in_the_file_begins_closed_to_everyone() {
    let world = World::open().await;
    world.set_weight("50%").await.ok();
    let next = CONFIG
        .replace(
            "    stable: v1\n",
            "      v3: { endpoints: [\"http://127.0.0.1:9004\"] }\n    stable: v1\n",
        )
        .replace("candidate: v2", "candidate: v3");
    let world = World::try_in(world.stop(), &next, false).await.map_err(|it| it.0).unwrap();
    let agent = world.agent().await;
    assert_eq!(agent["candidate"], "v3");
    assert_eq!(agent["weight"], "0%");
    assert_eq!(agent["epoch"], 3);
}

#[tokio::test]
async fn a_used_release_cannot_change_under_its_name() {
    let world = World::open().await;
    let changed = CONFIG.replace("model: m-2", "model: m-3");
    let (error, dir) = World::try_in(world.stop(), &changed, false).await.err().unwrap();
    let text = error.to_string();
    assert!(text.contains("`v2`") && text.contains("new release name"), "{text}");
    World::try_in(dir, CONFIG, false).await.map_err(|it| it.0).unwrap();
}

fn spoil(dir: &std::path::Path) {
    std::fs::create_dir_all(dir.join("data")).unwrap();
    std::fs::write(database(dir), vec![0x5a; 8192]).unwrap();
}

#[tokio::test]
async fn an_unreadable_store_is_no_reason_to_guess_a_weight() {
    let dir = tempfile::tempdir().unwrap();
    spoil(dir.path());
    let (error, dir) = World::try_in(dir, CONFIG, false).await.err().unwrap();
    assert!(matches!(error, StartError::UnreadableStore { .. }), "{error}");
    assert!(error.to_string().contains("--safe-start"), "{error}");

    let world = World::try_in(dir, CONFIG, true).await.map_err(|it| it.0).unwrap();
    let (_, split) = world.last_plan();
    assert!(!split.state().is_open());
    assert_eq!(split.state().stable.as_str(), "v1");
    let status = world.get("/v1/status").await.ok();
    assert_eq!(status["safe_start"], true);
    assert!(status["warnings"].to_string().contains("nothing can be changed"));
    world.set_weight("1%").await.problem(503, "read-only");
    world.post("/v1/reload", json!({})).await.problem(503, "read-only");
    world.get("/v1/audit").await.problem(503, "read-only");
    assert_eq!(world.get("/readyz").await.status, 200);
}

#[tokio::test]
async fn without_any_candidate_an_unreadable_store_is_survived() {
    let dir = tempfile::tempdir().unwrap();
    spoil(dir.path());
    let plain = CONFIG.replace("    candidate: v2\n    weight: 1%\n", "");
    let world = World::try_in(dir, &plain, false).await.map_err(|it| it.0).unwrap();
    assert_eq!(world.get("/v1/status").await.ok()["safe_start"], true);
}

#[tokio::test]
async fn a_safe_start_sends_everyone_to_stable_and_forgets_nothing() {
    let world = World::open().await;
    world.set_weight("80%").await.ok();
    world.post("/v1/workloads/batch/kill", json!({ "reason": "night" })).await.ok();
    let world = World::try_in(world.stop(), CONFIG, true).await.map_err(|it| it.0).unwrap();
    assert!(!world.last_plan().1.state().is_open());
    let batch = world.get("/v1/workloads/batch").await.ok();
    assert_eq!(batch["killed"]["reason"], "night", "a kill that was acknowledged stays");
    world.set_weight("1%").await.problem(503, "read-only");
    assert_eq!(world.get("/v1/audit").await.ok()["entries"][0]["action"], "kill");
    let world = World::try_in(world.stop(), CONFIG, false).await.map_err(|it| it.0).unwrap();
    assert_eq!(world.agent().await["weight"], "80%");
}

#[tokio::test]
async fn two_processes_cannot_share_a_directory() {
    let first = World::open().await;
    let plain = CONFIG.replace("    candidate: v2\n    weight: 1%\n", "");
    for config in [CONFIG, &plain] {
        let second = first.second_start(config).await.err().unwrap();
        assert!(matches!(second, StartError::InUse(_)), "{second}");
        assert!(second.to_string().contains("in use by process"), "{second}");
    }
}
