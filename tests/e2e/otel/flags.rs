//! Flags that were evaluated for a request, as events on its trace.

use super::spans::has;
use super::{Collector, PARENT, SECRETS, TRACE, agent};
use crate::harness::{
    Admin, Backend, Exchange, Setup, Stagegate, Workload, eventually_async, free_address, request,
};
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

#[tokio::test]
async fn what_an_agent_asks_while_it_works_is_part_of_its_requests_record_and_trace() {
    let collector = Collector::start().await;
    let flags_at = free_address();
    // An agent that asks for a flag by its request's id and by the trace that it was sent.
    let backend = Backend::with("stable", async move |exchange: &mut Exchange| {
        exchange.body().await;
        let head = &exchange.request;
        let fields: Vec<(&str, &str)> = match head.get("x-by-trace") {
            Some(_) => vec![("traceparent", head.get("traceparent").expect("a trace"))],
            None => vec![("x-request-id", head.get("x-request-id").expect("an id"))],
        };
        let context = json!({ "context": { "tenant": "acme", "workload": "agent" } });
        let line = "POST /ofrep/v1/evaluate/flags/prompt";
        Admin::new(flags_at).call(line, &fields, Some(&context)).await.ok();
        exchange.reply("200 OK", &[], b"").await;
    });
    let dir = tempfile::tempdir().expect("a directory");
    let file = dir.path().join("flags.json");
    let text = r#"{"flags": {"prompt": {"state": "ENABLED", "variants": {"on": true, "off": false},
        "defaultVariant": "off", "targeting": {"if": [{"==": [{"var": "tenant"}, "acme"]}, "on"]}}}}"#;
    std::fs::write(&file, text).expect("written");
    let flags = format!("{{ listen: \"{flags_at}\", files: [\"{}\"] }}", file.display());
    let setup =
        Setup::of(Workload::new(&backend)).with("tracing", &collector.tracing("sample: 0%"));
    let stagegate = Stagegate::start(&setup.with("flags", &flags)).await;
    let parent = format!("00-{TRACE}-{PARENT}-01");
    let by_id = [("x-request-id", "req-1")];
    let by_trace = [("x-request-id", "req-2"), ("x-by-trace", "1"), ("traceparent", &*parent)];
    for fields in [&by_id[..], &by_trace] {
        let answer = stagegate.connect().await.ask(&request("GET /", fields)).await;
        assert_eq!(answer.status(), 200);
    }
    for id in ["req-1", "req-2"] {
        let said = async || {
            let output = stagegate.cli(&["explain", id]);
            String::from_utf8_lossy(&output.stdout).into_owned()
        };
        let line = "prompt = on (targeting, asked by the agent)";
        eventually_async("the record", async || said().await.contains(line)).await;
    }
    // It is the record that says so, and not only the memory of the process.
    let found = stagegate.admin.get("/v1/decisions?flag=prompt=on").await.ok().json;
    let found = found["decisions"].as_array().expect("a list");
    assert!(
        found.len() == 2 && found.iter().all(|it| it["flags"][0]["remote"] == true),
        "{found:?}"
    );
    let events = collector.events(2).await;
    let of = |id: &str| {
        let found = events.iter().find(|it| it["attributes"]["stagegate.request_id"] == id);
        found.cloned().unwrap_or_default()
    };
    let wanted = json!({
        "feature_flag.key": "prompt", "feature_flag.result.variant": "on",
        "feature_flag.result.reason": "targeting_match", "stagegate.flag.source": "remote",
        "stagegate.workload": "agent",
    });
    has(&of("req-1"), &wanted);
    let traced = events.iter().find(|it| it["trace_id"] == TRACE).expect("an event on the trace");
    has(traced, &wanted);
}
