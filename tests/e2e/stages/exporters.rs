//! OpenTelemetry's official SDK and exporters.

use super::{section, stage, stages, workload};
use crate::harness::tools::Mock;
use crate::harness::{Setup, Stagegate, Wire, eventually_async, free_address, request_with};
use crate::otel::collector::Collector;
use serde_json::Value;
use std::net::SocketAddr;

/// SHA-256 of `sesame`.
const SESAME: &str = "sha256:d0c04f4b1951e4aeaaec8223ed2039e542f3aae805a6fa7f6d794e5afff5d272";

async fn runs(stagegate: &Stagegate, good: usize, failing: usize) {
    let mut wire = stagegate.connect().await;
    for number in 0..good + failing {
        let path = if number < good { "run" } else { "fails" };
        let fields = [("x-request-id", &*format!("run-{number}"))];
        let ask = request_with(&format!("POST /{path}"), &fields, "{}");
        assert_eq!(wire.ask(&ask).await.status(), 200);
    }
}

/// Every figure of `good` runs and `failing` ones.
fn check(of: &Value, good: u64, failing: u64) {
    let all = good + failing;
    assert_eq!((&of["exact"], &of["traced"]), (&Value::Bool(true), &Value::from(all)), "{of:#}");
    let search = stage(of, "tool:search");
    assert_eq!((search["calls"].as_u64(), search["errors"].as_u64()), (Some(all), Some(failing)));
    let llm = stage(of, "llm");
    assert_eq!(
        [&llm["calls"], &llm["input_tokens"], &llm["output_tokens"]].map(Value::as_u64),
        [Some(2 * all), Some(1500 * all), Some(150 * all)]
    );
    assert!(llm["p50_ms"].as_f64().expect("a time") >= 20.0, "{llm}");
    assert!(llm["cost_usd"].as_f64().expect("money") > 0.001, "{llm}");
    let agent = stage(of, "agent:planner");
    assert_eq!(agent["input_tokens"], 1500 * all, "with the calls in it");
    assert!(agent["p50_ms"].as_f64() > search["p50_ms"].as_f64());
    assert_eq!(stage(of, "retriever:docs")["calls"], all);
}

#[tokio::test]
async fn spans_over_http_become_stages_of_requests_and_of_their_arm() {
    let otlp = free_address();
    let agent =
        Mock::script_with("traced_agent.py", &[&format!("http://{otlp}"), "http", "gzip"]).await;
    let setup = Setup::of(workload(agent.address)).with("otlp", &section(otlp, ""));
    let stagegate = Stagegate::start(&setup).await;
    runs(&stagegate, 3, 1).await;
    check(&stages(&stagegate, 4).await, 3, 1);
    let told = stagegate.admin.get("/v1/decisions/run-3").await.ok().json;
    let search = stage(&told, "tool:search");
    assert_eq!((&search["source"], &search["errors"]), (&"trace".into(), &1.into()), "{told:#}");
    let labels = ["stage=\"tool:search\"", "arm=\"stable\""];
    let metric = async |name: &str| stagegate.admin.metric(name, &labels).await;
    assert!((metric("stagegate_stage_calls_total").await - 4.0).abs() < 0.1);
    assert!((metric("stagegate_stage_errors_total").await - 1.0).abs() < 0.1);
    assert!((metric("stagegate_stage_duration_seconds_count").await - 4.0).abs() < 0.1);
    let cli = |words: &[&str]| String::from_utf8_lossy(&stagegate.cli(words).stdout).into_owned();
    let lines = cli(&["explain", "run-3"]);
    assert!(lines.contains("tool:search: ") && lines.contains("by trace, 1 failed"), "{lines}");
    let lines = cli(&["status"]);
    assert!(lines.contains("stable: all of 4 requests"), "{lines}");
}

#[tokio::test]
async fn spans_over_grpc_with_a_token_are_joined_and_passed_on() {
    let (otlp, collector) = (free_address(), Collector::start().await);
    let sender = |token| agent_with(otlp, token);
    let (agent, stranger) = (sender("sesame").await, sender("wrong").await);
    let more = format!(
        "tokens: [{{ name: agents, hash: \"{SESAME}\" }}], forward_to: {{ endpoint: \"http://{}\", headers: {{ x-api-key: k }} }}",
        collector.http()
    );
    let known = workload(agent.address);
    let setup = Setup::of(known).with("otlp", &section(otlp, &more));
    let stagegate = Stagegate::start(&setup).await;
    runs(&stagegate, 2, 0).await;
    check(&stages(&stagegate, 2).await, 2, 0);
    // Each run: the server's span and seven below it.
    let spans = collector.spans("SPAN_KIND_SERVER", 2).await;
    assert_eq!(spans[0]["resource"]["service.name"], "agent");
    let received = collector.received().await;
    assert_eq!(received["headers"][0]["x-api-key"], "k");
    assert!(received["headers"][0].get("authorization").is_none(), "the token stays here");
    let forwarded = async |result: &str| {
        let label = format!("result=\"{result}\"");
        stagegate.admin.metric("stagegate_otlp_exports_total", &[&label]).await
    };
    assert!(forwarded("forwarded").await >= 1.0);
    let ask = request_with("POST /run", &[], "{}");
    assert_eq!(Wire::connect(stranger.address).await.ask(&ask).await.status(), 200);
    eventually_async("a refusal", async || forwarded("denied").await >= 1.0).await;
}

async fn agent_with(otlp: SocketAddr, token: &str) -> Mock {
    Mock::script_with("traced_agent.py", &[&otlp.to_string(), "grpc", "gzip", token]).await
}
