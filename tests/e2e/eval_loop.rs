//! The whole loop: real traffic through the openai SDK, a candidate that is wrong about one thing, a
//! rollback on eval alone, and the failures back in the set that gates the next release.

use crate::eval::{agent, rollout};
use crate::harness::tools::{python, script};
use crate::harness::{Backend, Setup, Stagegate, Workload, eventually, eventually_async};
use serde_json::{Value, json};
use std::path::Path;

/// Half of the traffic, and a gate on every axis that only a wrong answer can violate.
const GATES: &str = "{ loop: { \
    steps: [ { weight: 50%, hold: 2s, requests: 100 }, { weight: 100%, watch: 2s } ], \
    gates: [ \
        { axis: eval, measure: accuracy, against: stable, margin: 1pp, scored: 40, for: 1s, owner: quality }, \
        { axis: latency, measure: p95, max: 20s, for: 1s, requests: 10, owner: oncall }, \
        { axis: cost, measure: tokens_per_request, against: stable, ratio: 1.5, for: 1s, requests: 10, owner: finance }, \
        { axis: error, class: permanent, max: 30%, for: 1s, requests: 10, owner: oncall } ], \
    drill_within: off, offline_report: optional, on_no_data: { alert_after: 1h } } }";

fn parsed(text: &str) -> Vec<Value> {
    text.lines().map(|line| serde_json::from_str(line).expect("a JSON line")).collect()
}

/// Lets a release answer the cases, and keeps the run.
async fn run(stagegate: &Stagegate, cases: &str, release: &Backend, into: &Path) -> Vec<Value> {
    let config = stagegate.config_path();
    let (url, config) = (format!("http://{}", release.address), config.to_str().expect("a path"));
    let out = into.to_str().expect("a path");
    let asked = ["eval", "rerun", "agent", "--release", "v2", "--url", &url, "--dataset", cases];
    let arguments = [&asked[..], &["--rate", "1000", "-c", config, "--out", out]].concat();
    // The backend lives in this process: it must be able to answer meanwhile.
    let output = tokio::task::block_in_place(|| stagegate.cli(&arguments));
    assert!(output.status.success(), "{output:?}");
    parsed(&std::fs::read_to_string(into).expect("written"))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn what_real_clients_saw_go_wrong_stops_the_release_the_next_time() {
    // Installing the SDK may take longer than a rollback.
    python();
    let (stable, candidate) = (agent("stable", false), agent("candidate", true));
    let workload = Workload::new(&stable)
        .release("v2", candidate.address)
        .with("sampling", "{ stable: 100%, candidate: 100% }")
        .with("scorers", "[{ name: in-json, type: is-json, gate: true }]")
        .with("policy", "loop")
        .with("exclusions", "{ high_value: [] }");
    let stagegate = Stagegate::start(&Setup::of(workload).with("policies", GATES)).await;
    let dir = tempfile::TempDir::new().expect("a directory");
    let path = |name: &str| dir.path().join(name).to_str().expect("a path").to_owned();
    let (url, stop) = (format!("http://{}/v1", stagegate.proxy), path("stop"));
    let users = tokio::spawn({
        let (url, stop) = (url.clone(), stop.clone());
        async move { script("openai_users.py", &[&url, &stop]).await }
    });
    stagegate.admin.change("POST rollouts", json!({ "to": "v2" })).await;
    eventually_async("a rollback by itself", async || {
        rollout(&stagegate).await["phase"] == "rolled_back"
    })
    .await;
    let ended = rollout(&stagegate).await;
    let reason = ended["since"]["reason"].as_str().expect("a reason");
    assert!(reason.starts_with("eval axis"), "{reason}");
    assert_eq!(ended["since"]["by"], "stagegate");
    let analysis =
        ended["history"].as_array().expect("a history").last().expect("a turn")["analysis"]
            .as_str()
            .expect("an analysis")
            .to_owned();
    let analysis = format!("/v1/workloads/agent/analyses/{analysis}");
    for gate in stagegate.admin.get(&analysis).await.ok().json["gates"].as_array().expect("gates") {
        assert_eq!(gate["state"] == "violated", gate["axis"] == "eval", "{gate}");
    }
    std::fs::write(&stop, "").expect("written");
    let printed = users.await.expect("the users");
    assert!(printed.trim_end().ends_with("failed 0"), "no client noticed: {printed}");

    // Accuracy moved in one arm only, and says how sure that is.
    let results = stagegate.admin.get("/v1/workloads/agent/eval").await.ok().json;
    let [of_stable, of_candidate] = &results["arms"].as_array().expect("arms")[..] else {
        panic!("two arms: {results}")
    };
    assert_eq!(of_stable["accuracy"]["estimate"], 1.0, "{results}");
    let estimate = of_candidate["accuracy"]["estimate"].as_f64().expect("an accuracy");
    assert!((0.5..0.98).contains(&estimate), "{results}");
    assert!(of_candidate["accuracy"]["lower"].as_f64() < Some(estimate), "{results}");
    assert!(results["difference"]["upper"].as_f64() < Some(0.0), "{results}");

    // What failed becomes cases, once.
    let cases = path("cases.jsonl");
    let export = ["dataset", "export", "--failed", "--arm", "candidate", "--into", &cases];
    assert!(stagegate.cli(&export).status.success());
    // Responses that are still being scored may add some; then there is nothing new.
    eventually("an export of nothing new", || {
        String::from_utf8_lossy(&stagegate.cli(&export).stdout).contains("nothing new")
    })
    .await;
    let text = std::fs::read_to_string(&cases).expect("cases");
    assert!(text.lines().count() >= 3, "{text}");
    for line in text.lines() {
        let case: Value = serde_json::from_str(line).expect("a case");
        assert!(case["input"].to_string().contains("refund"), "{case}");
        assert_eq!(case["expected"], Value::Null, "{case}");
        // Each export that adds cases makes a version of the dataset.
        assert!(case["dataset_version"].as_u64() >= Some(1), "{case}");
    }

    // And the cases fail the release before it sees traffic again.
    let (base, cand) = (path("base.jsonl"), path("cand.jsonl"));
    let held = run(&stagegate, &cases, &stable, Path::new(&base)).await;
    assert!(held.iter().all(|line| line["pass"] == true), "{held:?}");
    let fell = run(&stagegate, &cases, &candidate, Path::new(&cand)).await;
    assert!(fell.iter().all(|line| line["pass"] == false), "{fell:?}");
    let gate = |candidate: &str| {
        stagegate.cli(&["eval", "gate", "--baseline", &base, "--candidate", candidate])
    };
    assert_eq!(gate(&cand).status.code(), Some(1), "the release is refused");
    assert_eq!(gate(&base).status.code(), Some(0));
}
