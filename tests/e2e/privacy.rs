//! What is secret stays where it came from: not one configured or well-known secret is in the data
//! directory, in the log at its loudest, or in anything that is sent to scorers, judges and people.

use crate::eval::{FAST, gather};
use crate::harness::{
    Backend, Exchange, Setup, Stagegate, Workload, eventually_async, request_with,
};
use serde_json::{Value, json};

/// What a client or the agent says and nobody may keep.
const SECRETS: [&str; 11] = [
    // By a configured pattern, in the request and in the answer.
    "987-65-4321",
    "123-45-6789",
    // By a configured pointer, in both.
    "customer-by-pointer-51",
    "vault-by-pointer-7f3a",
    // By their shape, in bodies.
    "sk-abcdefghijklmnopqrstuvwx0123",
    "AKIAIOSFODNN7EXAMPLE",
    // In headers, which no sample has.
    "hdr-authorization-never-kept",
    "hdr-cookie-never-kept",
    "hdr-api-key-never-kept",
    "hdr-set-cookie-never-kept",
    // Inside of a text that is JSON itself.
    "pw-inside-of-json-8841",
];
/// What Stagegate has been given to sign and to ask with.
const OURS: [&str; 3] = ["scorer-secret-of-ours", "judge-key-of-ours", "hook-secret-of-ours"];

fn agent() -> Backend {
    Backend::with("agent", async |exchange: &mut Exchange| {
        exchange.body().await;
        let answer = json!({
            "object": "chat.completion", "model": "m",
            "choices": [{ "index": 0, "finish_reason": "stop", "message": {
                "role": "assistant",
                "content": "kept-marker, and 123-45-6789 and AKIAIOSFODNN7EXAMPLE" } }],
            "vault": "vault-by-pointer-7f3a",
        });
        let fields =
            [("content-type", "application/json"), ("set-cookie", "sid=hdr-set-cookie-never-kept")];
        exchange.reply("200 OK", &fields, answer.to_string().as_bytes()).await;
    })
}

/// Passes everything, as a scorer and as a model.
fn judge(name: &str) -> Backend {
    Backend::with(name, async |exchange: &mut Exchange| {
        let body: Value = serde_json::from_slice(&exchange.body().await.bytes).expect("JSON");
        let answer = match body["items"].as_array() {
            Some(items) => {
                let result =
                    |item: &Value| json!({ "id": item["id"], "scores": [{ "value": true }] });
                json!({ "results": items.iter().map(result).collect::<Vec<_>>() })
            }
            None => json!({
                "object": "chat.completion",
                "choices": [{ "index": 0, "finish_reason": "stop", "message": {
                    "role": "assistant", "content": r#"{"pass": true, "score": 1, "reason": "r"}"# } }],
            }),
        };
        exchange
            .reply("200 OK", &[("content-type", "application/json")], answer.to_string().as_bytes())
            .await;
    })
}

fn question(n: u64) -> String {
    let tool = json!({ "user": "u", "password_note": "pw-inside-of-json-8841 987-65-4321" });
    let body = json!({
        "model": "m", "metadata": { "customer": "customer-by-pointer-51" },
        "messages": [
            { "role": "user", "content": "my key is sk-abcdefghijklmnopqrstuvwx0123" },
            { "role": "tool", "content": tool.to_string() },
        ],
    });
    let (user, id) = (format!("user-{n}"), format!("req-{n}"));
    let fields = [
        ("content-type", "application/json"),
        ("x-user-id", user.as_str()),
        ("x-request-id", id.as_str()),
        ("authorization", "Bearer hdr-authorization-never-kept"),
        ("cookie", "sid=hdr-cookie-never-kept"),
        ("x-api-key", "hdr-api-key-never-kept"),
    ];
    request_with("POST /v1/chat/completions", &fields, &body.to_string())
}

/// Heads and bodies of everything that arrived there.
fn sent_to(backend: &Backend) -> Vec<u8> {
    let mut bytes = Vec::new();
    for seen in backend.seen() {
        bytes.extend(format!("{:?}\n", seen.head).into_bytes());
        bytes.extend(seen.body.map(|body| body.bytes).unwrap_or_default());
    }
    bytes
}

fn holds(bytes: &[u8], text: &str) -> bool {
    bytes.windows(text.len()).any(|window| window == text.as_bytes())
}

#[tokio::test]
async fn no_secret_reaches_disk_log_scorer_judge_or_people() {
    let (stable, candidate) = (agent(), agent());
    let (scorer, model, hook) = (judge("scorer"), judge("model"), Backend::start("hook"));
    let [scorer_secret, judge_key, hook_secret] = OURS;
    let scorers = format!(
        "[{{ name: mine, type: http, url: \"http://{}/score\", secret: {scorer_secret}, gate: true }}, \
          {{ name: rubric, type: llm-rubric, url: \"http://{}/v1\", model: m, rubric: good, \
             api_key: {judge_key}, gate: true }}]",
        scorer.address, model.address
    );
    let workload = Workload::new(&stable)
        .release("v2", candidate.address)
        .with("sampling", "{ stable: 100%, candidate: 100% }")
        .with("scorers", &scorers)
        .with("policy", "fast")
        .with("exclusions", "{ high_value: [] }")
        .with(
            "redact",
            "[{ pattern: '\\b[0-9]{3}-[0-9]{2}-[0-9]{4}\\b' }, { pattern: 'pw-[a-z0-9-]+' }, \
              { pointer: /vault }, { pointer: /metadata/customer }]",
        );
    let notify = format!(
        "[{{ name: hook, type: webhook, url: \"http://{}/\", secret: {hook_secret} }}]",
        hook.address
    );
    let setup = Setup::of(workload).with("policies", FAST).with("notify", &notify);
    let stagegate = Stagegate::start(&setup).await;
    stagegate.kill_hard();
    stagegate.restart_with(&["--log", "trace"]).await;
    stagegate.admin.change("POST rollouts", json!({ "to": "v2" })).await;
    let mut wire = stagegate.connect().await;
    for n in 0..40 {
        assert_eq!(wire.ask(&question(n)).await.status(), 200);
    }
    eventually_async("all samples to be judged", async || {
        let samples = stagegate.admin.get("/v1/samples?limit=100").await.ok().json;
        let samples = samples["samples"].as_array().expect("a list");
        samples.len() == 40 && samples.iter().all(|sample| sample["pass"] == true)
    })
    .await;
    eventually_async("somebody to be told", async || hook.arrivals() > 0).await;
    let exported = stagegate.cli(&["dataset", "export", "--since", "1h"]);

    let mut disk = Vec::new();
    gather(&stagegate.config_path().with_file_name("data"), &mut disk);
    let places = [
        ("the data directory", disk, true),
        ("the log", stagegate.log().into_bytes(), false),
        ("an exported data set", exported.stdout, true),
        ("requests to the scorer", sent_to(&scorer), true),
        ("requests to the judge", sent_to(&model), true),
        ("notices", sent_to(&hook), false),
    ];
    for (place, bytes, has_samples) in &places {
        assert_eq!(holds(bytes, "kept-marker"), *has_samples, "samples in {place}");
        for secret in SECRETS {
            assert!(!holds(bytes, secret), "`{secret}` is in {place}");
        }
        for ours in OURS {
            // The judge's key is what the judge is asked with.
            let is_its_own = *place == "requests to the judge" && ours == judge_key;
            assert_eq!(holds(bytes, ours), is_its_own, "`{ours}` in {place}");
        }
    }
    assert!(holds(&places[1].1, " DEBUG ") || holds(&places[1].1, " TRACE "), "the log is loud");
}
