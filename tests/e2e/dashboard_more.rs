//! More of the dashboard in a browser: a lost connection, ten thousand samples, three days of minutes, the texts of
//! strangers on every page, and what the first look costs.

use crate::eval::question;
use crate::harness::tools::in_browser;
use crate::harness::{
    Backend, Setup, Stagegate, Workload, eventually_async, free_address, request_with,
};
use serde_json::{Value, json};
use stagegate_rollout::{Series, Tick, Weight};
use stagegate_store::{Concluded, NewSample, RecordedWindow, SampleStore, Store};
use std::time::{SystemTime, UNIX_EPOCH};

const OPERATOR: &str = "sgt_dashboard_operator";
const TOKENS: &str = r#"[{ name: ann, role: operator, hash: "sha256:bb43877548d202aa7377e715ae875c5f38716db466ed80723ac156db205fa9f4" }]"#;
/// Samples of which only a page is shown.
const SAMPLES: usize = 10_000;
/// Minutes of three days.
const MINUTES: u64 = 72 * 60;
/// Markup, and characters that turn the text around them.
const HOSTILE: &str =
    "<script>hit=1</script> <img src=x onerror=hit=1> \u{202e}gnp.exe\u{202c} \u{2066}x";

async fn tell(story: &str, stagegate: &Stagegate) {
    let url = format!("http://{}", stagegate.admin.address);
    let printed = in_browser("dashboard_more.mjs", &[story, &url, OPERATOR]).await;
    if let Some(printed) = printed {
        println!("{printed}");
        assert!(printed.contains(&format!("ok {story}")), "{printed}");
    }
}

fn now_ms() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |it| it.as_millis() as u64)
}

/// A workload with a candidate at 50%.
async fn plain(backends: &[Backend; 2]) -> Stagegate {
    let workload = Workload::canary(&backends[0], &backends[1]).with("weight", "50%");
    Stagegate::start(&Setup::of(workload).with_admin("tokens", TOKENS)).await
}

fn backends() -> [Backend; 2] {
    [Backend::start("stable"), Backend::start("candidate")]
}

/// A workload all of whose answers are sampled.
fn sampled(backends: &[Backend; 2]) -> Workload {
    Workload::new(&backends[0])
        .release("v2", backends[1].address)
        .with("sampling", "{ stable: 100%, candidate: 100% }")
        .with("scorers", "[{ name: in-json, type: is-json, gate: true }]")
}

/// Asks once and waits for the sample.
async fn one_sample(stagegate: &Stagegate, text: &str) -> Value {
    assert_eq!(stagegate.connect().await.ask(&question(1, text)).await.status(), 200);
    let admin = stagegate.admin.with_token(OPERATOR);
    let mut found = Value::Null;
    eventually_async("a sample", async || {
        let samples = admin.get("/v1/samples?limit=1").await.ok().json;
        found = samples["samples"][0].clone();
        found["open"] == false
    })
    .await;
    found
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lost_connection_is_said_and_recovers_by_itself() {
    let backends = backends();
    let stagegate = plain(&backends).await;
    tell("lost", &stagegate).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_first_look_costs_few_bytes() {
    let backends = backends();
    let stagegate = plain(&backends).await;
    tell("budget", &stagegate).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn ten_thousand_samples_are_paged() {
    let backends = backends();
    let setup = Setup::of(sampled(&backends)).with_admin("tokens", TOKENS);
    let stagegate = Stagegate::start(&setup).await;
    let sample = one_sample(&stagegate, "سلام, wo ist die Größe? <b>").await;
    let id = sample["id"].as_str().expect("an id").to_owned();
    stagegate.kill_hard();
    // The others are copies of the one that came, a second apart.
    let mut store = SampleStore::open(&stagegate.data_dir()).expect("opened");
    let (kept, _) = store.get(&id).expect("read").expect("a sample");
    let ids: Vec<String> = (1..SAMPLES).map(|n| format!("copy-{n:05}")).collect();
    for part in ids.chunks(1000) {
        let new = part.iter().enumerate().map(|(n, id)| NewSample {
            id,
            at_ms: kept.at_ms - 1000 * n as u64,
            workload: "agent",
            release: "v1",
            arm: stagegate_rollout::Arm::Stable,
            reason: "random",
            tenant: None,
            body: &kept.body,
        });
        store.accept(&new.collect::<Vec<_>>()).expect("accepted");
        let closed = part.iter().map(|id| Concluded {
            id: id.clone(),
            pass: Some(true),
            label: None,
            doubt: None,
            scores: Vec::new(),
        });
        store.conclude(&closed.collect::<Vec<_>>(), now_ms()).expect("concluded");
    }
    drop(store);
    stagegate.restart().await;
    tell("samples", &stagegate).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn three_days_of_minutes_are_few_points() {
    let backends = backends();
    let stagegate = plain(&backends).await;
    stagegate.kill_hard();
    let mut store = Store::open(&stagegate.data_dir()).expect("opened");
    let until = now_ms();
    let windows: Vec<RecordedWindow> = (0..MINUTES)
        .map(|minute| {
            let at_ms = until - (MINUTES - minute) * 60_000;
            let series = |requests: u64, failed: u64| {
                let mut series = Series::default();
                series.outcomes[0] = requests - failed;
                series.outcomes[2] = failed;
                (0..requests).for_each(|n| series.duration_us.record(900 + (minute + n) % 300));
                series
            };
            let tick = Tick {
                at_ms,
                observed_ms: 60_000,
                weight: Weight::percent(50),
                stable: series(40, minute % 3),
                candidate: series(40, minute % 5),
                ..Tick::default()
            };
            RecordedWindow {
                workload: "agent".parse().expect("a name"),
                at_ms,
                stable: "v1".parse().expect("a name"),
                candidate: Some("v2".parse().expect("a name")),
                body: json!(tick).to_string(),
            }
        })
        .collect();
    for part in windows.chunks(500) {
        store.record_windows(part).expect("recorded");
    }
    drop(store);
    stagegate.restart().await;
    tell("history", &stagegate).await;
}

/// A release with all traffic, and people and clients who write whatever they like.
async fn with_strangers(backends: &[Backend; 2], dir: &tempfile::TempDir) -> Stagegate {
    let file = dir.path().join("flags.json");
    let flag = json!({ "flags": { "<script>hit=1</script>": { "state": "ENABLED",
        "variants": { "on": true, "off": false }, "defaultVariant": "on" } } });
    std::fs::write(&file, flag.to_string()).expect("written");
    let policies = "{ default: { drill_within: off, \
        steps: [ { weight: 100%, watch: 1h } ], \
        gates: [ { axis: error, class: permanent, max: 20%, for: 1s, requests: 10 } ], \
        readiness: { runbook_hour: 50ms } } }";
    let flags = format!("{{ listen: \"{}\", files: [\"{}\"] }}", free_address(), file.display());
    let setup = Setup::of(sampled(backends)).with_admin("tokens", TOKENS);
    let stagegate = Stagegate::start(&setup.with("policies", policies).with("flags", &flags)).await;
    let admin = stagegate.admin.with_token(OPERATOR);
    let post = async |line: &str, body: Value| admin.call(line, &[], Some(&body)).await.ok();
    let at = |rest: &str| format!("POST /v1/workloads/agent/{rest}");
    let start = json!({ "to": "v2", "override": true, "reason": HOSTILE, "ticket": "AG-118" });
    post(&at("rollouts"), start).await;
    let say = |kind: &str| json!({ "kind": kind, "release": "v2", "reason": HOSTILE });
    post(&at("checklist/F28"), say("sign")).await;
    post(&at("runbook/told-0h"), json!({ "act": "comment", "text": HOSTILE })).await;
    post(&at("runbook/told-0h"), json!({ "act": "assign", "text": HOSTILE })).await;
    post(
        &at("handoff"),
        json!({ "act": "tell", "part": "owners", "text": format!("ann, {HOSTILE}") }),
    )
    .await;
    let listed = "PUT /v1/workloads/agent/deny/tenant/%3Cscript%3Ehit%3D1%3C%2Fscript%3E";
    post(listed, json!({ "reason": HOSTILE })).await;
    let release = json!({ "name": "v9", "endpoints": ["http://127.0.0.1:9"],
        "artifact": { "model": "<script>hit=1</script>", "notes": HOSTILE }, "reason": HOSTILE });
    post(&at("releases"), release).await;
    let flag = "POST /v1/flags/%3Cscript%3Ehit%3D1%3C%2Fscript%3E";
    post(flag, json!({ "action": "deny", "tenant": HOSTILE, "reason": HOSTILE })).await;
    // A client: its tenant, its path and its body. ANSI sequences come in JSON only.
    let body = json!({ "model": "m", "messages": [{ "role": "user",
        "content": format!("{HOSTILE} \u{1b}[31mred\u{1b}[0m \u{7}") }] });
    let fields = [
        ("content-type", "application/json"),
        ("x-user-id", "<script>hit=1</script>"),
        ("x-tenant-id", "<img src=x onerror=hit=1>"),
    ];
    let text = request_with("POST /v1/<script>hit=1</script>", &fields, &body.to_string());
    assert_eq!(stagegate.connect().await.ask(&text).await.status(), 200);
    eventually_async("a sample", async || {
        let samples = admin.get("/v1/samples?limit=1").await.ok().json;
        samples["samples"][0]["open"] == false
    })
    .await;
    stagegate
}

#[tokio::test(flavor = "multi_thread")]
async fn hostile_texts_are_harmless_on_every_page() {
    let (backends, dir) = (backends(), tempfile::tempdir().expect("a directory"));
    let stagegate = with_strangers(&backends, &dir).await;
    tell("hostile", &stagegate).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_report_is_printed() {
    let (backends, dir) = (backends(), tempfile::tempdir().expect("a directory"));
    let stagegate = with_strangers(&backends, &dir).await;
    tell("print", &stagegate).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn flags_are_set_and_samples_scored_on_their_pages() {
    let (backends, dir) = (backends(), tempfile::tempdir().expect("a directory"));
    let file = dir.path().join("flags.json");
    let flag = r#"{"flags": {"new-prompt": {"state": "ENABLED", "variants": {"on": true, "off": false}, "defaultVariant": "on"}}}"#;
    std::fs::write(&file, flag).expect("written");
    let flags = format!("{{ listen: \"{}\", files: [\"{}\"] }}", free_address(), file.display());
    let setup = Setup::of(sampled(&backends)).with_admin("tokens", TOKENS).with("flags", &flags);
    let stagegate = Stagegate::start(&setup).await;
    one_sample(&stagegate, "the time, please").await;
    tell("more", &stagegate).await;
}
