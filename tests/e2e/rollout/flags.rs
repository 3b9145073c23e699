//! A rollout whose arms are two variants of a flag on one deployment.

use super::agent::Agent;
use super::hook::Hook;
use super::traffic::Traffic;
use super::{FAST, World};
use crate::harness::{Setup, Stagegate, Workload, free_address};
use serde_json::json;
use std::time::Duration;

const FILE: &str = r#"{"flags": {"new-prompt": {
    "state": "ENABLED", "variants": {"on": true, "off": false}, "defaultVariant": "off"}}}"#;

/// As [`World::begin`], of a variant instead of a release.
async fn begin(world: &World) {
    world.stagegate.admin.change("POST drill", json!({})).await;
    let start = ["rollout", "start", "agent", "--flag", "new-prompt", "--to", "on"];
    let started = world.stagegate.cli(&start);
    let said = String::from_utf8_lossy(&started.stdout).into_owned()
        + &String::from_utf8_lossy(&started.stderr);
    assert!(started.status.success() && said.contains("v1.new-prompt.on"), "{said}");
}

#[tokio::test]
async fn a_variant_is_rolled_out_by_its_name_and_a_bad_one_rolled_back() {
    let dir = tempfile::tempdir().expect("a directory");
    let file = dir.path().join("flags.json");
    std::fs::write(&file, FILE).expect("written");
    let (stable, candidate, hook) = (Agent::start("stable"), Agent::start("idle"), Hook::start());
    let workload = Workload::new(&stable.backend)
        .with("exclusions", "{ high_value: [initech] }")
        .with("policy", "fast");
    let notify =
        format!("[{{ name: hook, type: webhook, url: \"http://{}/\" }}]", hook.backend.address);
    let flags = format!("{{ listen: \"{}\", files: [\"{}\"] }}", free_address(), file.display());
    let setup = Setup::of(workload).with("policies", FAST).with("notify", &notify);
    let stagegate = Stagegate::start(&setup.with("flags", &flags)).await;
    let traffic = Traffic::of(stagegate.proxy, Duration::MAX);
    let world = World { stable, candidate, hook, stagegate, traffic };
    for (body, status, wanted) in [
        (json!({ "flag": "nobody", "to": "on" }), 404, "there is no flag `nobody`"),
        (json!({ "flag": "new-prompt", "to": "blue" }), 404, "it has off, on"),
        (json!({ "flag": "new-prompt", "to": "off" }), 409, "already"),
    ] {
        let refused = world.ask("POST rollouts", body).await;
        assert_eq!(refused.status, status, "{}", refused.json);
        assert!(
            refused.json["detail"].as_str().expect("a detail").contains(wanted),
            "{}",
            refused.json
        );
    }
    begin(&world).await;
    world.climb(2).await;
    world.stable.spoil_the_new_prompt();
    world.rolled_back_on("error").await;
    let rollout = world.rollout().await;
    assert_eq!((&rollout["from"], &rollout["to"]), (&json!("v1"), &json!("v1.new-prompt.on")));
    let release =
        world.stagegate.admin.get("/v1/workloads/agent/releases/v1.new-prompt.on").await.ok().json;
    assert_eq!(release["artifact"]["request"], r#"{"flags":{"new-prompt":"on"}}"#);
    let history = world.stagegate.cli(&["rollout", "history", "agent"]);
    assert!(String::from_utf8_lossy(&history.stdout).contains("v1.new-prompt.on"));
    let report = world.stagegate.cli(&["report", "-w", "agent"]);
    assert!(String::from_utf8_lossy(&report.stdout).contains("v1.new-prompt.on"));
    let decisions = ["decisions", "ls", "--flag", "new-prompt=on", "-o", "json"];
    let decisions = world.stagegate.cli(&decisions);
    let decisions = String::from_utf8_lossy(&decisions.stdout).into_owned();
    assert!(decisions.contains("v1.new-prompt.on"), "{decisions}");
    world.traffic.end().await;
}

#[tokio::test]
async fn a_bad_variant_is_rolled_back_by_its_gates_alone() {
    let dir = tempfile::tempdir().expect("a directory");
    let file = dir.path().join("flags.json");
    std::fs::write(&file, FILE).expect("written");
    let (stable, candidate, hook) = (Agent::start("stable"), Agent::start("idle"), Hook::start());
    let workload = Workload::new(&stable.backend)
        .release("v2", stable.backend.address)
        .pinned("v1", "flags: { new-prompt: \"off\" }")
        .pinned("v2", "flags: { new-prompt: \"on\" }")
        .with("exclusions", "{ high_value: [initech] }")
        .with("policy", "fast");
    let notify =
        format!("[{{ name: hook, type: webhook, url: \"http://{}/\" }}]", hook.backend.address);
    let flags = format!("{{ listen: \"{}\", files: [\"{}\"] }}", free_address(), file.display());
    let setup = Setup::of(workload).with("policies", FAST).with("notify", &notify);
    let stagegate = Stagegate::start(&setup.with("flags", &flags)).await;
    let traffic = Traffic::of(stagegate.proxy, Duration::MAX);
    let world = World { stable, candidate, hook, stagegate, traffic };
    world.begin().await;
    world.climb(2).await;
    world.stable.spoil_the_new_prompt();
    world.rolled_back_on("error").await;
    assert_eq!(world.candidate.backend.arrivals(), 0, "both arms are one deployment");
    world.traffic.end().await;
}
