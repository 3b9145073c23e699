//! Exports as they stand on the wire.

use super::{section, stage, stages, workload};
use crate::harness::{
    Backend, Setup, Stagegate, Wire, eventually_async, free_address, request_with,
};
use serde_json::json;

/// A span below the one that the endpoint was sent.
fn export(traceparent: &str, name: &str, nanos: u64) -> String {
    let parts: Vec<&str> = traceparent.split('-').collect();
    json!({ "resourceSpans": [{ "scopeSpans": [{ "spans": [{
        "traceId": parts[1], "spanId": "00000000000000aa", "parentSpanId": parts[2], "name": name,
        "startTimeUnixNano": "1000", "endTimeUnixNano": (1000 + nanos).to_string(),
        "attributes": [{ "key": "gen_ai.operation.name", "value": { "stringValue": "execute_tool" } },
                       { "key": "gen_ai.tool.name", "value": { "stringValue": name } }],
    }] }] }] })
    .to_string()
}

#[tokio::test]
async fn json_is_joined_late_spans_are_counted_and_what_cannot_be_used_is_refused() {
    let (otlp, backend) = (free_address(), Backend::start("stable"));
    let setup =
        Setup::of(workload(backend.address)).with("otlp", &section(otlp, "max_body: 64KiB"));
    let stagegate = Stagegate::start(&setup).await;
    assert_eq!(stagegate.get("/", &[]).await.status(), 200);
    let sent = backend.last().head;
    let traceparent = sent.get("traceparent").expect("a trace was begun").to_owned();
    assert!(traceparent.ends_with("-03"), "agents are asked to record: {traceparent}");
    let host = otlp.to_string();
    let ask = async |line: &str, fields: &[(&str, &str)], body: &str| {
        let asked = request_with(line, fields, body).replacen("agents.test", &host, 1);
        Wire::connect(otlp).await.ask(&asked).await
    };
    let json = ("content-type", "application/json");
    let good = export(&traceparent, "look up", 5_000_000);
    let answer = ask("POST /v1/traces", &[json], &good).await;
    assert_eq!((answer.status(), &*answer.text()), (200, "{}"));
    let of = stages(&stagegate, 1).await;
    let tool = stage(&of, "tool:look_up");
    assert!((tool["p50_ms"].as_f64().expect("a time") - 5.0).abs() < 0.2, "{of:#}");
    // Its request is done by now.
    let late = good.replace("00aa", "00ab");
    assert_eq!(ask("POST /v1/traces", &[json], &late).await.status(), 200);
    let spans = async |result: &str| {
        let label = format!("result=\"{result}\"");
        stagegate.admin.metric("stagegate_otlp_spans_total", &[&label]).await
    };
    eventually_async("the late span", async || (spans("late").await - 1.0).abs() < 0.1).await;
    assert!((spans("joined").await - 1.0).abs() < 0.1);
    let large = "x".repeat(70_000);
    for (line, fields, body, status, says) in [
        ("POST /v1/traces", &[json][..], "{", 400, "line 1"),
        ("POST /v1/traces", &[("content-type", "text/plain")], "{}", 415, "application/x-protobuf"),
        ("POST /v1/traces", &[json, ("content-encoding", "br")], "{}", 415, "gzip"),
        ("POST /v1/traces", &[json, ("content-encoding", "gzip")], "{}", 400, "compressed"),
        ("POST /v1/traces", &[json], &large, 413, "65536"),
        ("POST /v1/metrics", &[json], "{}", 404, "otlp.forward_to"),
        ("POST /v2/traces", &[json], "{}", 404, "/v1/traces"),
        ("PUT /v1/traces", &[json], "{}", 405, "POST"),
        ("POST /v1/traces", &[json, ("origin", "http://localhost")], "{}", 403, "web pages"),
    ] {
        let answer = ask(line, fields, body).await;
        let said = answer.text();
        assert!(answer.status() == status && said.contains(says), "{line} {fields:?}: {said}");
    }
    let foreign = request_with("POST /v1/traces", &[json], "{}");
    assert_eq!(Wire::connect(otlp).await.ask(&foreign).await.status(), 403);
    let ids = export(&traceparent, "x", 1).replace("00000000000000aa", "short");
    let answer = ask("POST /v1/traces", &[json], &ids).await;
    assert_eq!(answer.json()["partialSuccess"]["rejectedSpans"], "1", "{}", answer.text());
}
