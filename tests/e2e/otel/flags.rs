//! Flags that were evaluated for a request, as events on its trace.

use super::spans::has;
use super::{Collector, PARENT, SECRETS, TRACE, agent};
use crate::harness::{Setup, Stagegate, Workload, free_address, request};
use serde_json::json;

#[tokio::test]
async fn evaluations_are_events_on_the_trace_of_their_request() {
    let (collector, backend) = (Collector::start().await, agent());
    let dir = tempfile::tempdir().expect("a directory");
    let file = dir.path().join("flags.json");
    let text = r#"{"flags": {
        "prompt": {"state": "ENABLED", "variants": {"on": true, "off": false}, "defaultVariant": "off",
            "targeting": {"if": [{"==": [{"var": "tenant"}, "acme"]}, "on"]}},
        "away": {"state": "DISABLED", "variants": {"a": 1}, "defaultVariant": "a"}}}"#;
    std::fs::write(&file, text).expect("written");
    let flags = format!("{{ listen: \"{}\", files: [\"{}\"] }}", free_address(), file.display());
    let workload = Workload::new(&backend).with("forward_flags", "[prompt, away, nobody]");
    let setup = Setup::of(workload).with("tracing", &collector.tracing("sample: 0%"));
    let stagegate = Stagegate::start(&setup.with("flags", &flags)).await;
    let parent = format!("00-{TRACE}-{PARENT}-01");
    let fields = [
        ("traceparent", &*parent),
        ("x-tenant-id", "acme"),
        ("x-user-id", "ann-secret"),
        ("x-request-id", "req-1"),
    ];
    let answer = stagegate.connect().await.ask(&request("GET /", &fields)).await;
    assert_eq!(answer.status(), 200);
    // A request that is not traced has no events.
    assert_eq!(stagegate.get("/", &[]).await.status(), 200);
    let span = collector.spans("SPAN_KIND_SERVER", 1).await.remove(0);
    let events = collector.events(3).await;
    for (key, wanted) in [
        (
            "prompt",
            json!({
                "feature_flag.result.variant": "on", "feature_flag.result.reason": "targeting_match",
                "feature_flag.provider.name": "stagegate",
                "stagegate.flag.rule": "targeting", "stagegate.workload": "agent",
                "stagegate.request_id": "req-1", "stagegate.arm": "stable", "stagegate.release": "v1",
            }),
        ),
        ("away", json!({ "feature_flag.result.reason": "disabled" })),
        ("nobody", json!({ "feature_flag.result.reason": "error", "error.type": "general" })),
    ] {
        let named = |it: &&serde_json::Value| it["attributes"]["feature_flag.key"] == key;
        let event = events.iter().find(named).expect("one");
        assert_eq!(event["name"], "feature_flag.evaluation");
        assert_eq!((&event["trace_id"], &event["span_id"]), (&json!(TRACE), &span["span_id"]));
        has(event, &wanted);
    }
    collector.holds_none_of(&SECRETS).await;
    collector.holds_none_of(&["ann-secret"; 6]).await;
}
