//! The offline gate before the canary: a comparison is attached to its release, `rollout start` asks
//! for one that held, and what was attached survives `kill -9`.

use crate::harness::{Backend, Setup, Stagegate, Workload};
use serde_json::{Value, json};
use std::path::{Path, PathBuf};

/// One step, and no drill: what is asked for is the report alone.
const POLICIES: &str = "{ asks: { \
    steps: [ { weight: 10%, requests: 10 }, { weight: 100%, watch: 1h } ], \
    gates: [ { axis: eval, measure: accuracy, against: stable, margin: 1pp }, \
             { axis: error, class: permanent, max: 30% } ], \
    drill_within: off } }";

fn run(dir: &Path, name: &str, release: &str, passes: &[(&str, bool)]) -> PathBuf {
    let lines: Vec<String> = passes
        .iter()
        .map(|(id, pass)| {
            json!({ "id": id, "pass": pass, "release": release, "dataset_version": 4,
                    "content_hash": format!("hash-of-{id}"), "reason": "not JSON" })
            .to_string()
        })
        .collect();
    let path = dir.join(name);
    std::fs::write(&path, lines.join("\n")).expect("written");
    path
}

/// Runs the gate on two files and attaches what comes of it; the exit code and what was said.
fn attach(stagegate: &Stagegate, base: &Path, candidate: &Path) -> (Option<i32>, String) {
    let (base, candidate) = (base.display().to_string(), candidate.display().to_string());
    let output = stagegate.cli(&[
        "eval",
        "gate",
        "--baseline",
        &base,
        "--candidate",
        &candidate,
        "--attach",
        "-w",
        "agent",
        "--release",
        "v2",
        "--reason",
        "nightly set",
    ]);
    let text = [output.stdout, output.stderr].concat();
    (output.status.code(), String::from_utf8(text).expect("text"))
}

async fn start(stagegate: &Stagegate, body: Value) -> (u16, Value) {
    let answer = stagegate.admin.call("POST /v1/workloads/agent/rollouts", &[], Some(&body)).await;
    (answer.status, answer.json)
}

#[tokio::test]
async fn a_rollout_starts_on_a_report_that_held_and_on_no_other() {
    let (stable, candidate) = (Backend::start("stable"), Backend::start("candidate"));
    let workload = Workload::new(&stable)
        .release("v2", candidate.address)
        .with("sampling", "{ stable: 100%, candidate: 100% }")
        .with("scorers", "[{ name: in-json, type: is-json, gate: true }]")
        .with("policy", "asks")
        .with("exclusions", "{ high_value: [] }");
    let stagegate = Stagegate::start(&Setup::of(workload).with("policies", POLICIES)).await;
    let dir = tempfile::tempdir().expect("a directory");
    let base = run(dir.path(), "base", "v1", &[("q-1", true), ("q-2", true), ("q-3", false)]);

    let (status, problem) = start(&stagegate, json!({ "to": "v2" })).await;
    let said = problem["detail"].as_str().expect("a detail").to_owned();
    assert_eq!(status, 409, "{problem}");
    assert!(said.contains("none is attached") && said.contains("--attach -w agent"), "{said}");

    let fallen = run(dir.path(), "fallen", "v2", &[("q-1", true), ("q-2", false), ("q-3", true)]);
    let (code, said) = attach(&stagegate, &base, &fallen);
    assert_eq!(code, Some(1), "{said}");
    assert!(said.contains("attached to release v2 of agent: fell"), "{said}");
    let (status, problem) = start(&stagegate, json!({ "to": "v2" })).await;
    let said = problem["detail"].as_str().expect("a detail").to_owned();
    assert!(status == 409 && said.contains("1 of 3 cases") && said.contains("q-2"), "{said}");

    let other = run(dir.path(), "other", "v3", &[("q-1", true), ("q-2", true), ("q-3", true)]);
    let (code, said) = attach(&stagegate, &base, &other);
    assert!(code == Some(1) && said.contains("`v3`, not of `v2`"), "{said}");
    let former = run(dir.path(), "former", "v0", &[("q-1", true), ("q-2", true), ("q-3", true)]);
    let held = run(dir.path(), "held", "v2", &[("q-1", true), ("q-2", true), ("q-3", true)]);
    assert_eq!(attach(&stagegate, &former, &held).0, Some(0));
    let (_, problem) = start(&stagegate, json!({ "to": "v2" })).await;
    assert!(problem.to_string().contains("compares with v0, and stable is v1"), "{problem}");

    let (code, said) = attach(&stagegate, &base, &held);
    assert_eq!(code, Some(0), "{said}");
    stagegate.kill_hard();
    stagegate.restart().await;
    let shown = stagegate.cli(&["release", "show", "agent", "v2"]);
    let shown = String::from_utf8(shown.stdout).expect("text");
    assert!(shown.contains("offline eval held: 2 of 3 passed in"), "{shown}");
    let path = "/v1/workloads/agent/releases/v2/eval-report";
    let kept = stagegate.admin.get(path).await.ok().json;
    let verdicts: Vec<&str> = kept["reports"]
        .as_array()
        .expect("a list")
        .iter()
        .filter_map(|it| it["verdict"].as_str())
        .collect();
    assert_eq!(verdicts, ["held", "held", "fell"], "nothing is replaced");
    assert_eq!(kept["reports"][0]["comparison"]["dataset_version"], 4);
    let (status, started) = start(&stagegate, json!({ "to": "v2" })).await;
    assert_eq!(status, 200, "{started}");
    let audit = stagegate.admin.get("/v1/audit?limit=50").await.ok().json.to_string();
    assert!(audit.contains("eval report of release v2: fell, 2 of 3 passed before"), "{audit}");
}

#[tokio::test]
async fn an_override_of_a_report_that_fell_is_recorded_with_the_cases() {
    let (stable, candidate) = (Backend::start("stable"), Backend::start("candidate"));
    let workload = Workload::new(&stable)
        .release("v2", candidate.address)
        .with("policy", "asks")
        .with("exclusions", "{ high_value: [] }");
    // Without scorers nothing is asked for; a report that fell stands in the way all the same.
    let policies =
        POLICIES.replace("{ axis: eval, measure: accuracy, against: stable, margin: 1pp }, ", "");
    let stagegate = Stagegate::start(&Setup::of(workload).with("policies", &policies)).await;
    let dir = tempfile::tempdir().expect("a directory");
    let base = run(dir.path(), "base", "v1", &[("q-1", true), ("q-2", true)]);
    let fallen = run(dir.path(), "fallen", "v2", &[("q-1", true), ("q-2", false)]);
    assert_eq!(attach(&stagegate, &base, &fallen).0, Some(1));
    assert_eq!(start(&stagegate, json!({ "to": "v2" })).await.0, 409);
    let insist = json!({ "to": "v2", "override": true, "reason": "q-2 is wrong in the set" });
    let (status, started) = start(&stagegate, insist).await;
    assert_eq!(status, 200, "{started}");
    let rollout = stagegate.admin.get("/v1/workloads/agent/rollouts/current").await.ok().json;
    let against = rollout["history"][0]["against"].to_string();
    assert!(against.contains("fell") && against.contains("q-2"), "{rollout}");
    let audit = stagegate.admin.get("/v1/audit?limit=1").await.ok().json;
    assert!(audit["entries"][0]["details"]["against"].to_string().contains("q-2"), "{audit}");
}
