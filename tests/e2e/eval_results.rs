//! What is known to be right: labelled sets, reviews, and the gate that reads them.

use crate::eval::rollout;
use crate::harness::{
    Backend, Exchange, Setup, Stagegate, Wire, Workload, eventually_async, request_with,
};
use rustix::process::Signal;
use serde_json::{Value, json};
use std::path::Path;

/// A gate on the labelled sample, as one writes "below 0.92 for 15 minutes over 5,000", made small.
const LABELLED: &str = "{ labelled: { \
    steps: [ { weight: 50%, hold: 2s, requests: 100 }, { weight: 100%, watch: 2s } ], \
    gates: [ \
        { axis: eval, measure: accuracy, against: stable, margin: 10pp, scored: 40, for: 1s, owner: quality }, \
        { axis: eval, measure: labelled_accuracy, min: 0.92, scored: 50, requests: 50, for: 1s, owner: quality } ], \
    drill_within: off, offline_report: optional, on_no_data: { alert_after: 1h } } }";

/// An agent that knows sums; with `wrong`, it is off by one in every third.
fn adder(name: &str, wrong: bool) -> Backend {
    Backend::with(name, async move |exchange: &mut Exchange| {
        let body: Value = serde_json::from_slice(&exchange.body().await.bytes).expect("JSON");
        let asked = body["messages"][0]["content"].as_str().expect("a question");
        let n: u64 = asked.trim_start_matches("1 + ").parse().expect("a number");
        let sum = 1 + n + u64::from(wrong && n.is_multiple_of(3));
        let answer = json!({
            "id": "c-1", "object": "chat.completion", "model": "m",
            "choices": [{ "index": 0, "finish_reason": "stop",
                          "message": { "role": "assistant", "content": sum.to_string() } }],
        });
        let fields = [("content-type", "application/json"), ("agent-confidence", "0.4")];
        exchange.reply("200 OK", &fields, answer.to_string().as_bytes()).await;
    })
}

fn case(n: u64, expected: &str) -> Value {
    let input =
        json!({ "model": "m", "messages": [{ "role": "user", "content": format!("1 + {n}") }] });
    json!({ "input": input, "expected": expected })
}

/// Asks `1 + n` for a tenant.
fn sum(id: u64, n: u64) -> String {
    let (user, id) = (format!("user-{id}"), format!("req-{id}"));
    let fields = [
        ("content-type", "application/json"),
        ("x-user-id", user.as_str()),
        ("x-request-id", id.as_str()),
        ("x-tenant-id", if n.is_multiple_of(2) { "acme" } else { "globex" }),
    ];
    let body = case(n, "")["input"].to_string();
    request_with("POST /v1/chat/completions", &fields, &body)
}

/// A workload with a labelled set in a file beside the configuration's own directory.
fn workload(stable: &Backend, candidate: &Backend, file: &Path) -> Workload {
    Workload::new(stable)
        .release("v2", candidate.address)
        .with("sampling", "{ stable: 100%, candidate: 100%, max_rate: 10000/s }")
        .with("scorers", "[{ name: number, type: regex, value: '^[0-9]+$', gate: true }]")
        .with("labelled", &format!("{{ file: {} }}", file.display()))
        .with("cohorts", "[{ name: pilots, tenants: [acme] }]")
        .with("policy", "labelled")
        .with("exclusions", "{ high_value: [] }")
}

fn write(file: &Path, cases: &[Value]) {
    let text: String = cases.iter().map(|case| format!("{case}\n")).collect();
    std::fs::write(file, text).expect("written");
}

async fn results(stagegate: &Stagegate) -> Value {
    stagegate.admin.get("/v1/workloads/agent/eval").await.ok().json
}

/// What the labelled set says of the answer to `1 + n`, once its sample is concluded.
async fn label(stagegate: &Stagegate, wire: &mut Wire, id: u64, n: u64) -> Value {
    assert_eq!(wire.ask(&sum(id, n)).await.status(), 200);
    let path = format!("/v1/samples/req-{id}");
    let mut label = Value::Null;
    eventually_async("a verdict", async || {
        let found = stagegate.admin.get(&path).await;
        label = found.json["summary"]["label"].clone();
        found.json["summary"]["open"] == false
    })
    .await;
    label
}

#[tokio::test]
async fn a_candidate_that_is_wrong_where_it_is_known_is_rolled_back() {
    let (stable, candidate) = (adder("stable", false), adder("candidate", true));
    let dir = tempfile::TempDir::new().expect("a directory");
    let file = dir.path().join("labelled.jsonl");
    // Of the sums up to 20 it is known what is right, of those from there to 30 it is not.
    write(&file, &(0..20).map(|n| case(n, &(n + 1).to_string())).collect::<Vec<_>>());
    let setup = Setup::of(workload(&stable, &candidate, &file)).with("policies", LABELLED);
    let stagegate = Stagegate::start(&setup).await;
    stagegate.admin.change("POST rollouts", json!({ "to": "v2" })).await;
    let mut wire = stagegate.connect().await;
    let mut asked = 0;
    eventually_async("a rollback by itself", async || {
        for _ in 0..20 {
            let answered = wire.ask(&sum(asked, asked % 30)).await;
            assert_eq!(answered.status(), 200);
            asked += 1;
        }
        rollout(&stagegate).await["phase"] == "rolled_back"
    })
    .await;
    let reason = rollout(&stagegate).await["since"]["reason"].to_string();
    assert!(reason.contains("eval axis") && reason.contains("labelled"), "{reason}");

    let quiet = async || {
        let open = stagegate.admin.metric("stagegate_eval_queue_items", &[]).await;
        let shown = results(&stagegate).await;
        let count = |arm: usize| shown["arms"][arm]["passed"].as_u64().unwrap_or_default();
        open < 0.5 && count(0) + count(1) == asked
    };
    eventually_async("everything counted", quiet).await;
    let shown = results(&stagegate).await;
    let [of_stable, of_candidate] = &shown["arms"].as_array().expect("arms")[..] else {
        panic!("two arms: {shown}")
    };
    assert_eq!(of_stable["labelled"]["accuracy"]["estimate"], 1.0, "{shown}");
    let known = &of_candidate["labelled"];
    let right = known["accuracy"]["estimate"].as_f64().expect("an accuracy");
    assert!((0.4..0.9).contains(&right), "a third is wrong: {shown}");
    assert_eq!(of_candidate["accuracy"]["estimate"], 1.0, "all are numbers: {shown}");
    let labelled =
        known["passed"].as_u64().expect("a count") + known["failed"].as_u64().expect("a count");
    assert!(labelled < of_candidate["passed"].as_u64().expect("a count"), "{shown}");
    let bin = &of_candidate["calibration"]["bins"][0];
    let sure = bin["confidence"].as_f64().expect("a confidence");
    assert!((sure - 0.4).abs() < 1e-9, "{shown}");
    let names = |of: &str| -> Vec<String> {
        let slices = shown[of].as_array().expect("slices").iter();
        slices.map(|slice| slice["name"].as_str().expect("a name").to_owned()).collect()
    };
    assert_eq!(
        (names("tenants"), names("cohorts")),
        (vec!["acme".into(), "globex".into()], vec!["pilots".into()])
    );
    assert!(shown["mix"]["shift"].as_f64().expect("a mix") < 0.5, "{shown}");
    let labels = ["arm=\"candidate\"", "bound=\"estimate\""];
    let metric = stagegate.admin.metric("stagegate_eval_labelled_accuracy_ratio", &labels).await;
    assert!((metric - right).abs() < 1e-6, "{metric} is not {right}");
    let table = stagegate.cli(&["eval", "results", "-w", "agent", "--reliability"]);
    let table = String::from_utf8_lossy(&table.stdout).into_owned();
    for part in ["since rollout agent~v2~", "100.0% (", "pilots", "globex", "calibration error"] {
        assert!(table.contains(part), "{part:?} is missing in\n{table}");
    }

    // Figures are those of the rollout, whatever process counted them.
    stagegate.signal(Signal::TERM);
    stagegate.ended().await;
    stagegate.restart().await;
    assert_eq!(results(&stagegate).await, shown);
}

#[tokio::test]
async fn a_changed_set_is_taken_up_and_a_bad_one_is_refused() {
    let (stable, candidate) = (adder("stable", false), adder("candidate", false));
    let dir = tempfile::TempDir::new().expect("a directory");
    let file = dir.path().join("labelled.jsonl");
    write(&file, &[case(1, "2")]);
    let setup = Setup::of(workload(&stable, &candidate, &file)).with("policies", LABELLED);
    let stagegate = Stagegate::start(&setup).await;
    let mut wire = stagegate.connect().await;
    let mut id = 0;
    let mut labelled = async |n: u64| {
        id += 1;
        label(&stagegate, &mut wire, id, n).await
    };
    assert_eq!((labelled(1).await, labelled(2).await), (json!(true), Value::Null));
    write(&file, &[case(1, "2"), case(2, "4")]);
    eventually_async("the new set", async || labelled(2).await == false).await;
    std::fs::write(&file, format!("{}\nnot a case\n", case(2, "3"))).expect("written");
    eventually_async("a refused reload", async || {
        stagegate.admin.metric("stagegate_config_reload_success", &[]).await < 0.5
    })
    .await;
    let status = stagegate.admin.get("/v1/status").await.ok().json["reload"].to_string();
    assert!(status.contains("labelled.jsonl") && status.contains("is no JSON object"), "{status}");
    assert_eq!(labelled(2).await, json!(false), "the last good one stays");
}

#[tokio::test]
async fn a_review_makes_a_case_that_labels_the_next_answer() {
    let (stable, candidate) = (adder("stable", true), adder("candidate", false));
    let dir = tempfile::TempDir::new().expect("a directory");
    let file = dir.path().join("cases.jsonl");
    write(&file, &[case(100, "101")]);
    let mut setup = Setup::of(workload(&stable, &candidate, &file)).with("policies", LABELLED);
    let stagegate = Stagegate::start(&setup).await;
    let mut wire = stagegate.connect().await;
    assert_eq!(wire.ask(&sum(1, 3)).await.status(), 200);
    // Confidence is low: a person should look, without knowing whom at.
    let waiting = async || stagegate.admin.get("/v1/reviews?workload=agent").await.ok().json;
    eventually_async("a review to give", async || waiting().await["reviews"][0]["id"] == "req-1")
        .await;
    let item = waiting().await["reviews"][0].clone();
    assert_eq!(item["why"], "unsure");
    assert!(item["output"].to_string().contains('5'), "{item}");
    assert!(!item.to_string().contains("v1") && item.get("arm").is_none(), "{item}");
    let next = stagegate.cli(&["review", "next", "-w", "agent"]);
    assert!(String::from_utf8_lossy(&next.stdout).contains("review give req-1"), "{next:?}");
    let give = ["review", "give", "req-1", "--fail", "--expected", "4", "--note", "off by one"];
    let given = stagegate.cli(&give);
    assert!(given.status.success(), "{given:?}");
    assert!(!stagegate.cli(&give).status.success(), "a sample is reviewed once");
    assert_eq!(waiting().await["reviews"], json!([]));
    let wrong = stagegate.admin.post("/v1/reviews/req-1", json!({ "verdict": "maybe" })).await;
    assert_eq!(wrong.status, 400, "{}", wrong.json);
    let shown = results(&stagegate).await;
    assert_eq!(shown["arms"][0]["labelled"]["failed"], 1, "{shown}");
    let failed =
        stagegate.cli(&["samples", "ls", "--failed", "--text", "1 + 3", "--tenant", "globex"]);
    assert!(String::from_utf8_lossy(&failed.stdout).contains("req-1"), "{failed:?}");

    // The case goes into a set, and the set says what is right of the next answer.
    let cases = dir.path().join("reviewed.jsonl");
    let into = cases.to_str().expect("a path");
    let exported = stagegate.cli(&["dataset", "export", "--failed", "--into", into]);
    assert!(exported.status.success(), "{exported:?}");
    let case: Value =
        serde_json::from_str(&std::fs::read_to_string(&cases).expect("cases")).expect("one case");
    assert_eq!((&case["expected"], &case["review"]["status"]), (&json!(4), &json!("approved")));
    setup.workload().set("labelled", &format!("{{ file: {into} }}"));
    stagegate.rewrite(&setup);
    let mut id = 10;
    eventually_async("a labelled sample", async || {
        id += 1;
        label(&stagegate, &mut wire, id, 3).await == false
    })
    .await;
}
