//! A rollout whose arms are two variants of a flag on one deployment.

use super::agent::Agent;
use super::hook::Hook;
use super::traffic::Traffic;
use super::{FAST, World};
use crate::harness::{Setup, Stagegate, Workload, free_address};
use std::time::Duration;

const FILE: &str = r#"{"flags": {"new-prompt": {
    "state": "ENABLED", "variants": {"on": true, "off": false}, "defaultVariant": "off"}}}"#;

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
