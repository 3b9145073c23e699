//! Both answers to a copied request, judged as a pair.

use super::{shadowed, start};
use crate::harness::{Backend, Exchange, eventually_async, request_with};
use serde_json::json;

/// An agent that answers in JSON; with `wrong`, in prose where it is about a refund.
fn agent(name: &str, wrong: bool) -> Backend {
    Backend::with(name, async move |exchange: &mut Exchange| {
        let body = exchange.body().await;
        let asked = String::from_utf8_lossy(&body.bytes).into_owned();
        let text = if wrong && asked.contains("refund") { "who knows" } else { "{\"ok\":true}" };
        exchange.reply("200 OK", &[("content-type", "text/plain")], text.as_bytes()).await;
    })
}

#[tokio::test]
async fn both_answers_to_a_request_are_judged_as_a_pair_that_no_gate_counts() {
    let (stable, shadow) = (agent("stable", false), agent("shadow", true));
    let workload = shadowed(&stable, &shadow, ", in_flight: 100")
        .with("sampling", "{ stable: 0%, candidate: 0% }")
        .with("scorers", "[{ name: in-json, type: is-json, gate: true }]");
    let stagegate = start(workload).await;
    let mut wire = stagegate.connect().await;
    for n in 0..12 {
        let text = if n % 3 == 0 { "a refund" } else { "the time" };
        let (id, body) = (format!("req-{n}"), json!({ "asked": text }).to_string());
        let fields = [("content-type", "application/json"), ("x-request-id", id.as_str())];
        assert_eq!(wire.ask(&request_with("POST /v1/chat", &fields, &body)).await.arm(), "stable");
    }
    let report = async || stagegate.admin.get("/v1/workloads/agent/shadow").await.ok().json;
    eventually_async("twelve pairs", async || {
        let pairs = &report().await["pairs"][0];
        pairs["both_pass"] == 8 && pairs["only_stable"] == 4
    })
    .await;
    let shown = report().await;
    assert_eq!((&shown["active"], &shown["settings"]["scored"]), (&json!(true), &json!(true)));
    let pairs = &shown["pairs"][0];
    assert_eq!(pairs["only_shadow"], 0);
    assert_eq!((&pairs["stable_release"], &pairs["shadow_release"]), (&json!("v1"), &json!("v2")));
    assert_eq!(pairs["lost"]["estimate"], 1.0, "with bounds: {pairs}");
    // The two halves name each other, and both say what they are.
    let lost = &shown["lost"][0];
    let half = async |id: &serde_json::Value| {
        let id = id.as_str().expect("an id").to_owned();
        stagegate.admin.get(&format!("/v1/samples/{id}")).await.ok().json
    };
    let (served, copied) = (half(&lost["stable"]).await, half(&lost["shadow"]).await);
    assert_eq!(
        (&served["sample"]["pair"], &copied["sample"]["pair"]),
        (&lost["shadow"], &lost["stable"])
    );
    assert_eq!(served["sample"]["input"], copied["sample"]["input"]);
    assert_eq!(
        (&served["summary"]["pass"], &copied["summary"]["pass"]),
        (&json!(true), &json!(false))
    );
    assert_eq!(
        (&served["summary"]["reason"], &copied["summary"]["release"]),
        (&json!("shadow"), &json!("v2"))
    );
    // Nothing of it is live.
    let metric =
        async |name: &str, labels: &[&str]| stagegate.admin.metric(name, labels).await as u64;
    assert_eq!(metric("stagegate_shadow_pairs_total", &["result=\"only_stable\""]).await, 4);
    assert_eq!(metric("stagegate_eval_results_total", &[]).await, 0);
    assert_eq!(metric("stagegate_eval_accuracy_ratio", &[]).await, 0);
    let text = stagegate.cli(&["shadow", "agent"]);
    let text = String::from_utf8_lossy(&text.stdout).into_owned();
    assert!(text.contains("8 both pass, 4 only v1"), "{text}");
    stagegate.admin.kill().await;
    assert_eq!(report().await["why_not"], "the workload is killed");
}
