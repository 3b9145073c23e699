//! The pipelines of `docs/how-to/ci.md`: every command is run as it stands there, in order, against an instance that
//! is staging and one that is production.

use crate::harness::page::blocks;
use crate::harness::stagegate::BINARY;
use crate::harness::{Backend, Setup, Stagegate, Wire, Workload, request};
use serde_json::{Value, json};
use std::path::Path;
use std::process::Command;
use tokio::net::TcpStream;

const PAGE: &str = "how-to/ci.md";
/// Checks of production that the pipeline meets; the policy of the test drops the others.
const KEPT: [&str; 3] = ["B6", "C12", "E24"];
const IDS: &str = "A1 A2 A3 A4 A5 B6 B7 B8 B9 B10 C11 C12 C13 C14 C15 D16 D17 D18 D19 D20 \
    E21 E22 E23 E24 E25 F26 F27 F28 F29 F30";
const PINS: &str = "artifact: { model: m-2, prompt: p-2, tools: t-2, git: v2, \
    digest: \"sha256:00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff\" }";

/// The commands of a pipeline, with the job that each belongs to.
fn commands(pipeline: &str) -> Vec<(String, String)> {
    let block = blocks(PAGE).into_iter().find(|it| it.info == format!("yaml {pipeline}"));
    let block = block.unwrap_or_else(|| panic!("docs/{PAGE} has no pipeline for {pipeline}"));
    let (mut job, mut found) = (String::new(), Vec::new());
    for line in block.text.lines() {
        let words = line.trim_start();
        let words =
            words.strip_prefix("- run: ").or_else(|| words.strip_prefix("- ")).unwrap_or(words);
        if let Some(environment) = words.strip_prefix("environment: ") {
            environment.clone_into(&mut job);
        } else if words.starts_with("stagegate ") {
            found.push((job.clone(), words.to_owned()));
        }
    }
    found
}

/// An instance with these settings, and a policy that is over in seconds.
async fn instance(backends: &[Backend; 2], environment: &str, readiness: &str) -> Stagegate {
    let policies = format!(
        "{{ default: {{ drill_within: off, \
            steps: [ {{ weight: 50%, hold: 1s, requests: 20 }}, {{ weight: 100%, watch: 1h }} ], \
            gates: [ {{ axis: error, class: permanent, max: 20%, for: 1s, requests: 10 }} ], \
            readiness: {readiness} }} }}"
    );
    let workload = Workload::new(&backends[0])
        .release("v2", backends[1].address)
        .pinned("v2", PINS)
        .with("exclusions", "{ high_value: [initech] }");
    let setup = Setup::of(workload).with("environment", environment);
    Stagegate::start(&setup.with("policies", &policies)).await
}

fn lines(path: &Path, lines: &[Value]) {
    let text: Vec<String> = lines.iter().map(Value::to_string).collect();
    std::fs::write(path, text.join("\n")).expect("written");
}

/// The files that a repository of evaluations has.
fn files(dir: &Path) {
    let run = |release: &str| {
        ["q-1", "q-2"].map(|id| {
            json!({ "id": id, "pass": true, "release": release, "dataset_version": 4,
                "content_hash": format!("hash-of-{id}") })
        })
    };
    lines(&dir.join("base.jsonl"), &run("v1"));
    lines(&dir.join("candidate.jsonl"), &run("v2"));
    let case = json!({ "id": "q-1", "input": { "messages": [] }, "split": "regression",
        "content_hash": "hash-of-q-1", "output_observed": null, "expected": null,
        "source": { "trace_id": null, "release": "v1", "arm": "stable", "ts": 0 } });
    lines(&dir.join("set.jsonl"), &[case]);
}

#[test]
fn both_pipelines_have_the_same_commands() {
    assert!(commands("github").len() >= 9, "{:?}", commands("github"));
    assert_eq!(commands("github"), commands("gitlab"));
}

#[tokio::test(flavor = "multi_thread")]
async fn every_command_of_the_pipelines_works_over_crashes() {
    let backends = [Backend::start("stable"), Backend::start("candidate")];
    let dir = tempfile::tempdir().expect("a directory");
    files(dir.path());
    let key = dir.path().join("staging.key").display().to_string();
    let made = Command::new(BINARY).args(["key", "new", "--out", &key, "-o", "json"]).output();
    let made: Value = serde_json::from_slice(&made.expect("run").stdout).expect("a key");
    let public = made["public"].as_str().expect("a key");
    let there = format!("{{ name: staging, key: \"{key}\" }}");
    let staging = instance(&backends, &there, "{ demand: advisory }").await;
    let dropped = IDS.split_whitespace().filter(|id| !KEPT.contains(id));
    let dropped: Vec<String> = dropped.map(|id| format!("{id}: not of this test")).collect();
    let readiness = format!(
        "{{ demand: required, passport: {{ from: staging, max_age: 7d, checks: [A4] }}, drop: {{ {} }} }}",
        dropped.join(", ")
    );
    let trusting = format!("{{ name: production, trusted: {{ staging: [\"{public}\"] }} }}");
    let production = instance(&backends, &trusting, &readiness).await;

    std::os::unix::fs::symlink(BINARY, dir.path().join("stagegate")).expect("a link");
    let path = format!("{}:{}", dir.path().display(), std::env::var("PATH").unwrap_or_default());
    let proxy = production.proxy;
    let users = tokio::spawn(async move {
        for user in 0_u64.. {
            let id = format!("user-{user}");
            // The proxy is killed again and again.
            let Ok(stream) = TcpStream::connect(proxy).await else { continue };
            let mut wire = Wire::new(stream);
            if wire.try_send(&request("GET /", &[("x-user-id", &id)])).await.is_ok() {
                let _ = wire.try_response("").await;
            }
        }
    });
    for (job, command) in commands("github") {
        let at = if job == "staging" { &staging } else { &production };
        // Whatever was done before is there after a crash. A promotion rests on a measurement of this process.
        if !command.contains("promote") {
            at.kill_hard();
            at.restart().await;
        }
        // An hour of trial takes its hour.
        let command =
            command.replace("support-agent", "agent").replace("--during 1h", "--during 0");
        let shell = Command::new("sh")
            .args(["-e", "-c", &command])
            .env("PATH", &path)
            .env("STAGEGATE_ADMIN", format!("http://{}", at.admin.address))
            .env("RELEASE", "v2")
            .env("TICKET", "AG-118")
            .current_dir(dir.path())
            .output()
            .expect("a shell");
        let said = String::from_utf8_lossy(&[shell.stdout, shell.stderr].concat()).into_owned();
        assert!(shell.status.success(), "{job}: {command}: {said}");
    }
    users.abort();
    let rollout = production.admin.get("/v1/workloads/agent/rollouts/current").await.ok().json;
    // The policy holds one in a hundred back at the last step.
    assert_eq!((&rollout["weight"], &rollout["step"]), (&json!("99%"), &json!(2)));
    assert_eq!(rollout["ticket"], "AG-118");
    for instance in [&staging, &production] {
        let audit = instance.cli(&["audit", "verify"]);
        let said = String::from_utf8_lossy(&audit.stdout).into_owned();
        assert!(audit.status.success() && said.starts_with("audit is whole"), "{said}");
    }
}
