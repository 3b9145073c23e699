//! Scoring of live answers: what the gates make of it, and what it must never do to traffic.

use crate::harness::{
    Backend, Exchange, Setup, Stagegate, Workload, eventually, eventually_async, free_address,
    request_with,
};
use serde_json::{Value, json};
use std::collections::HashMap;
use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

/// One step at half of the traffic, and one gate of every axis; wide where nothing goes wrong.
pub(crate) const FAST: &str = "{ fast: { \
    steps: [ { weight: 50%, hold: 2s, requests: 100 }, { weight: 100%, watch: 2s } ], \
    gates: [ \
        { axis: eval, measure: accuracy, against: stable, margin: 10pp, scored: 40, for: 1s, owner: quality }, \
        { axis: latency, measure: p95, max: 5s, for: 1s, requests: 10, owner: oncall }, \
        { axis: error, class: permanent, max: 30%, for: 1s, requests: 10, owner: oncall } ], \
    drill_within: off, offline_report: optional, on_no_data: { alert_after: 1h } } }";

/// An agent that answers chat completions in JSON; `wrong` in prose where it is about a refund.
pub(crate) fn agent(name: &str, wrong: bool) -> Backend {
    Backend::with(name, async move |exchange: &mut Exchange| {
        let body = exchange.body().await;
        let asked = String::from_utf8_lossy(&body.bytes).into_owned();
        let text =
            if wrong && asked.contains("refund") { "I do not know." } else { r#"{"ok":true}"# };
        let answer = json!({
            "id": "c-1", "object": "chat.completion", "model": "m",
            "choices": [{ "index": 0, "finish_reason": "stop",
                          "message": { "role": "assistant", "content": text } }],
            "usage": { "prompt_tokens": 7, "completion_tokens": 3 },
        });
        let fields = [("content-type", "application/json"), ("agent-confidence", "0.87")];
        exchange.reply("200 OK", &fields, answer.to_string().as_bytes()).await;
    })
}

pub(crate) fn question(n: u64, text: &str) -> String {
    let user = format!("user-{n}");
    let id = format!("req-{n}");
    let body = json!({ "model": "m", "messages": [{ "role": "user", "content": text }] });
    let fields = [
        ("content-type", "application/json"),
        ("x-user-id", user.as_str()),
        ("x-request-id", id.as_str()),
        ("authorization", "Bearer hdr-0123456789-never-kept"),
    ];
    request_with("POST /v1/chat/completions", &fields, &body.to_string())
}

/// Users who ask one thing after another until this is dropped; every third is about a refund.
pub(crate) struct Users {
    stop: Arc<AtomicBool>,
    pub(crate) failed: Arc<AtomicU64>,
    pub(crate) answered: Arc<AtomicU64>,
}

impl Users {
    pub(crate) fn start(stagegate: &Stagegate) -> Self {
        let (stop, failed) = (Arc::<AtomicBool>::default(), Arc::<AtomicU64>::default());
        let answered = Arc::<AtomicU64>::default();
        let numbers = Arc::new(AtomicU64::new(0));
        for _ in 0..4 {
            let (stop, failed, numbers) =
                (Arc::clone(&stop), Arc::clone(&failed), Arc::clone(&numbers));
            let answered = Arc::clone(&answered);
            let proxy = stagegate.proxy;
            tokio::spawn(async move {
                let mut wire = crate::harness::Wire::connect(proxy).await;
                while !stop.load(Ordering::SeqCst) {
                    let n = numbers.fetch_add(1, Ordering::SeqCst);
                    let text = if n % 3 == 0 { "a refund, please" } else { "the time, please" };
                    if wire.try_send(&question(n, text)).await.is_err() {
                        break;
                    }
                    let Ok(response) = wire.try_response("POST").await else { break };
                    if response.status() != 200 {
                        failed.fetch_add(1, Ordering::SeqCst);
                    }
                    answered.fetch_add(1, Ordering::SeqCst);
                    // Enough for a verdict, and little enough for a machine that does other things.
                    tokio::time::sleep(Duration::from_millis(5)).await;
                }
            });
        }
        Self { stop, failed, answered }
    }
}

impl Drop for Users {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::SeqCst);
    }
}

pub(crate) fn workload(stable: &Backend, candidate: &Backend, scorers: &str) -> Workload {
    Workload::new(stable)
        .release("v2", candidate.address)
        .with("sampling", "{ stable: 100%, candidate: 100% }")
        .with("scorers", scorers)
        .with("policy", "fast")
        .with("exclusions", "{ high_value: [] }")
}

pub(crate) async fn rollout(stagegate: &Stagegate) -> Value {
    stagegate.admin.get("/v1/workloads/agent/rollouts/current").await.ok().json
}

#[tokio::test]
async fn a_candidate_that_is_wrong_about_one_thing_is_rolled_back_on_eval_alone() {
    let (stable, candidate) = (agent("stable", false), agent("candidate", true));
    let scorers = "[{ name: in-json, type: is-json, gate: true }]";
    let setup = Setup::of(workload(&stable, &candidate, scorers)).with("policies", FAST);
    let stagegate = Stagegate::start(&setup).await;
    let users = Users::start(&stagegate);
    stagegate.admin.change("POST rollouts", json!({ "to": "v2" })).await;
    eventually_async("a rollback by itself", async || {
        rollout(&stagegate).await["phase"] == "rolled_back"
    })
    .await;
    let ended = rollout(&stagegate).await;
    let reason = ended["since"]["reason"].as_str().expect("a reason");
    assert!(reason.starts_with("eval axis"), "{reason}");
    let id = ended["history"].as_array().expect("a history").last().expect("a turn")["analysis"]
        .as_str()
        .expect("an analysis")
        .to_owned();
    let analysis =
        stagegate.admin.get(&format!("/v1/workloads/agent/analyses/{id}")).await.ok().json;
    for gate in analysis["gates"].as_array().expect("gates") {
        let violated = gate["state"] == "violated";
        assert_eq!(violated, gate["axis"] == "eval", "{gate}");
    }
    assert_eq!(users.failed.load(Ordering::SeqCst), 0, "nobody noticed");
    drop(users);
    // About a third of the candidate's answers is wrong, and none of stable's.
    let accuracy = |arm: &'static str| {
        let labels = [format!("arm=\"{arm}\""), "bound=\"estimate\"".to_owned()];
        let admin = &stagegate.admin;
        async move {
            let labels: Vec<&str> = labels.iter().map(String::as_str).collect();
            admin.metric("stagegate_eval_accuracy_ratio", &labels).await
        }
    };
    assert!((accuracy("stable").await - 1.0).abs() < 1e-9);
    let wrong = accuracy("candidate").await;
    assert!((0.3..0.95).contains(&wrong), "{wrong}");
    // What failed can be looked at, and becomes cases that nobody took for right.
    let failed = stagegate.admin.get("/v1/samples?failed=true&limit=5").await.ok().json;
    let first = &failed["samples"][0];
    assert_eq!((&first["arm"], &first["release"]), (&json!("candidate"), &json!("v2")), "{failed}");
    let path = format!("/v1/samples/{}", first["id"].as_str().expect("an id"));
    let detail = stagegate.admin.get(&path).await.ok().json;
    let message = &detail["sample"]["output"]["value"];
    assert!(message.to_string().contains("I do not know."), "{detail}");
    assert_eq!(detail["scores"][0]["name"], "in-json");
    assert_eq!(detail["sample"]["confidence"], 0.87);
    assert_eq!(detail["sample"]["metrics"]["tokens_in"], 7);
    let output = stagegate.cli(&["dataset", "export", "--failed", "--since", "1h", "-n", "3"]);
    assert!(output.status.success(), "{output:?}");
    let text = String::from_utf8(output.stdout).expect("text");
    let cases: Vec<Value> =
        text.lines().map(|line| serde_json::from_str(line).expect("a case")).collect();
    assert_eq!(cases.len(), 3, "{text}");
    for case in cases {
        assert_eq!((&case["expected"], &case["split"]), (&Value::Null, &json!("regression")));
        assert!(case["input"].to_string().contains("refund"), "{case}");
    }
}

#[tokio::test]
async fn a_scorer_that_is_down_leaves_traffic_alone_and_the_verdict_open() {
    let (stable, candidate) = (agent("stable", false), agent("candidate", false));
    let scorers = format!(
        "[{{ name: judge, type: http, url: \"http://{}/score\", timeout: 1s, gate: true }}]",
        free_address()
    );
    let setup = Setup::of(workload(&stable, &candidate, &scorers)).with("policies", FAST);
    let stagegate = Stagegate::start(&setup).await;
    let users = Users::start(&stagegate);
    stagegate.admin.change("POST rollouts", json!({ "to": "v2" })).await;
    eventually_async("unscored samples", async || {
        let labels = ["scorer=\"judge\"", "label=\"unscored\""];
        stagegate.admin.metric("stagegate_eval_results_total", &labels).await > 50.0
    })
    .await;
    let current = rollout(&stagegate).await;
    assert_eq!(current["analysis"]["verdict"], "inconclusive", "{current}");
    assert_eq!((&current["phase"], &current["step"]), (&json!("progressing"), &json!(1)));
    assert_eq!(users.failed.load(Ordering::SeqCst), 0);
    let failed = stagegate.admin.get("/v1/samples?failed=true").await.ok().json;
    assert_eq!(failed["samples"], json!([]), "who cannot be judged has not failed");
}

/// A scorer of `score/1` that passes everything it is asked about, once it may.
fn judge(asked: &Arc<Mutex<HashMap<String, u32>>>, open: &Arc<AtomicBool>) -> Backend {
    let (asked, open) = (Arc::clone(asked), Arc::clone(open));
    Backend::with("judge", async move |exchange: &mut Exchange| {
        let body: Value = serde_json::from_slice(&exchange.body().await.bytes).expect("JSON");
        let items = body["items"].as_array().expect("items").clone();
        assert!(!body.to_string().contains("\"arm\""), "the arm is withheld: {body}");
        for item in &items {
            let id = item["id"].as_str().expect("an id").to_owned();
            *asked.lock().expect("asked").entry(id).or_default() += 1;
        }
        if !open.load(Ordering::SeqCst) {
            return exchange.reply("503 Service Unavailable", &[], b"").await;
        }
        let results: Vec<Value> = items
            .iter()
            .map(|item| json!({ "id": item["id"], "scores": [{ "value": true }] }))
            .collect();
        let answer = json!({ "results": results }).to_string();
        let fields = [("content-type", "application/json")];
        exchange.reply("200 OK", &fields, answer.as_bytes()).await;
    })
}

#[tokio::test]
async fn samples_that_were_accepted_survive_a_kill_and_are_concluded_once() {
    let (asked, open) = (Arc::<Mutex<HashMap<String, u32>>>::default(), Arc::default());
    let (stable, judge) = (agent("stable", false), judge(&asked, &open));
    let scorers = format!(
        "[{{ name: judge, type: http, url: \"http://{}/score\", gate: true }}]",
        judge.address
    );
    let setup = Setup::of(
        Workload::new(&stable).with("sampling", "{ stable: 100% }").with("scorers", &scorers),
    );
    let stagegate = Stagegate::start(&setup).await;
    let mut wire = stagegate.connect().await;
    for n in 0..10 {
        assert_eq!(wire.ask(&question(n, "the time")).await.status(), 200);
    }
    // Asked, and not answered: they are on the disk by now.
    eventually("ten questions", || asked.lock().expect("asked").len() == 10).await;
    stagegate.kill_hard();
    open.store(true, Ordering::SeqCst);
    stagegate.restart().await;
    let passed = async || {
        let samples = stagegate.admin.get("/v1/samples?limit=100").await.ok().json;
        let samples = samples["samples"].as_array().expect("a list").clone();
        assert_eq!(samples.len(), 10, "none is lost and none came twice");
        samples.iter().all(|sample| sample["pass"] == true && sample["open"] == false)
    };
    eventually_async("ten passes", passed).await;
    let results = stagegate.admin.metric("stagegate_eval_results_total", &["label=\"pass\""]).await;
    assert!((results - 10.0).abs() < 1e-9, "each was judged once: {results}");
    let before = asked.lock().expect("asked").clone();
    stagegate.kill_hard();
    stagegate.restart().await;
    assert_eq!(wire_of(&stagegate).await, 200);
    eventually("the new one", || asked.lock().expect("asked").len() == 11).await;
    let after = asked.lock().expect("asked").clone();
    assert!(before.iter().all(|(id, times)| after[id] == *times), "nobody is asked again");
    // A person's word counts once, and apart.
    let say = |pass: &'static str| stagegate.cli(&["scores", "add", "req-3", pass]);
    assert!(say("--fail").status.success());
    assert!(!say("--pass").status.success(), "the first stands");
    let shown = stagegate.cli(&["samples", "ls", "--failed"]);
    assert!(String::from_utf8_lossy(&shown.stdout).contains("req-3"), "{shown:?}");
}

async fn wire_of(stagegate: &Stagegate) -> u16 {
    stagegate.connect().await.ask(&question(99, "again")).await.status()
}

#[tokio::test]
async fn what_is_to_be_redacted_is_nowhere_on_the_disk() {
    let stable = Backend::with("stable", async |exchange: &mut Exchange| {
        exchange.body().await;
        let answer = json!({
            "object": "chat.completion",
            "choices": [{ "index": 0, "finish_reason": "stop", "message": {
                "role": "assistant", "content": "kept-marker and 123-45-6789" } }],
            "vault": "by-pointer-7f3a",
        });
        let fields = [("content-type", "application/json"), ("set-cookie", "sid=hdr-cookie-41")];
        exchange.reply("200 OK", &fields, answer.to_string().as_bytes()).await;
    });
    let workload = Workload::new(&stable)
        .with("sampling", "{ stable: 100% }")
        .with("scorers", "[{ name: says, type: contains, value: kept-marker, gate: true }]")
        .with("redact", "[{ pattern: '\\b[0-9]{3}-[0-9]{2}-[0-9]{4}\\b' }, { pointer: /vault }]");
    let stagegate = Stagegate::start(&Setup::of(workload)).await;
    let asked = "my key is sk-abcdefghijklmnopqrstuvwx0123 and my number 987-65-4321";
    assert_eq!(stagegate.connect().await.ask(&question(1, asked)).await.status(), 200);
    eventually_async("the sample", async || {
        let sample = stagegate.admin.get("/v1/samples?limit=1").await.ok().json;
        sample["samples"][0]["pass"] == true
    })
    .await;
    let data = stagegate.config_path().parent().expect("a directory").join("data");
    let mut bytes = stagegate.log().into_bytes();
    gather(&data, &mut bytes);
    let holds = |text: &str| bytes.windows(text.len()).any(|window| window == text.as_bytes());
    assert!(holds("kept-marker"), "the sample itself is there");
    for secret in [
        "123-45-6789",
        "987-65-4321",
        "by-pointer-7f3a",
        "sk-abcdefghijklmnopqrstuvwx0123",
        "hdr-0123456789-never-kept",
        "hdr-cookie-41",
    ] {
        assert!(!holds(secret), "`{secret}` was kept");
    }
}

/// Every file's bytes.
pub(crate) fn gather(dir: &Path, into: &mut Vec<u8>) {
    for entry in std::fs::read_dir(dir).expect("a directory") {
        let path = entry.expect("an entry").path();
        if path.is_dir() {
            gather(&path, into);
        } else if path.is_file() {
            into.extend(std::fs::read(&path).expect("a file"));
        }
    }
}

/// Customers with three turns each, one after the other. `done` says how many.
async fn customers(stagegate: &Stagegate, count: u64) {
    let mut wire = crate::harness::Wire::connect(stagegate.proxy).await;
    for n in 0..count {
        for (turn, text) in ["hello", "my money, please", "a refund, please"].iter().enumerate() {
            let (id, conversation) = (format!("req-{n}-{turn}"), format!("c-{n}"));
            let body = json!({ "model": "m", "messages": [{ "role": "user", "content": text }] });
            let fields = [
                ("content-type", "application/json"),
                ("x-conversation-id", conversation.as_str()),
                ("x-request-id", id.as_str()),
            ];
            let request = request_with("POST /v1/chat/completions", &fields, &body.to_string());
            wire.send(&request).await;
            assert_eq!(wire.response("POST").await.status(), 200);
        }
    }
}

#[tokio::test]
async fn a_conversation_is_judged_once_it_is_over_and_is_one_unit() {
    let (stable, candidate) = (agent("stable", false), agent("candidate", true));
    // No turn fails by itself; what matters is that the refund is answered in the end.
    let scorers = "[{ name: settled, type: not-contains, value: I do not know, gate: true, \
                      unit: conversation, idle: 1s }]";
    let workload = workload(&stable, &candidate, scorers)
        .with("sticky", "conversation")
        .with("identity", "{ from: anyone, conversation: [{ header: x-conversation-id }] }");
    let setup = Setup::of(workload).with("policies", FAST);
    let stagegate = Stagegate::start(&setup).await;
    stagegate.admin.change("POST rollouts", json!({ "to": "v2" })).await;
    customers(&stagegate, 40).await;
    let counted = async |label: &'static str| {
        let labels = ["scorer=\"settled\"", label];
        stagegate.admin.metric("stagegate_eval_results_total", &labels).await
    };
    eventually_async("every conversation to be judged", async || {
        counted("label=\"pass\"").await + counted("label=\"fail\"").await >= 40.0
    })
    .await;
    let passed = counted("label=\"pass\"").await;
    assert!(passed > 0.0 && counted("label=\"fail\"").await > 0.0, "both arms had some");
    let path = "/v1/samples?workload=agent&failed=true&limit=1";
    let failed = stagegate.admin.get(path).await.ok().json;
    let id = failed["samples"][0]["id"].as_str().expect("an id").to_owned();
    assert!(id.ends_with("-0~conversation"), "under the first request: {failed}");
    let shown = stagegate.cli(&["samples", "show", &id]);
    let shown = String::from_utf8_lossy(&shown.stdout).into_owned();
    for part in ["my money, please", "a refund, please", "I do not know.", "\"turns\": 3"] {
        assert!(shown.contains(part), "{part}: {shown}");
    }
    let turn = id.replace("-0~conversation", "-2");
    let turn = stagegate.admin.get(&format!("/v1/samples/{turn}")).await.ok().json;
    assert_eq!(turn["scores"], json!([]), "no turn is judged by itself: {turn}");
}
