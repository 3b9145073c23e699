//! What is told of a request.

use super::{Collector, PARENT, SECRETS, TRACE, agent};
use crate::harness::{Authority, Bridge, Setup, Stagegate, Workload, free_address, request_with};
use crate::harness::{Backend, Exchange, eventually_async, request};
use serde_json::{Value, json};

pub(super) fn chat(fields: &[(&str, &str)]) -> String {
    let body = json!({ "model": "gpt-4o", "messages": [
        { "role": "user", "content": "prompt-secret sk-abcdefghijklmnopqrstuvwx0123" }] });
    let secrets = [
        ("content-type", "application/json"),
        ("authorization", "Bearer hdr-0123456789-secret"),
        ("cookie", "sid=cookie-41-secret"),
        ("x-request-id", "req-1"),
        ("x-session-id", "conv-9"),
    ];
    let fields = [&secrets[..], fields].concat();
    request_with("POST /v1/chat/completions?key=query-secret", &fields, &body.to_string())
}

/// The span's attributes are at least these.
pub(super) fn has(span: &Value, wanted: &Value) {
    for (key, value) in wanted.as_object().expect("attributes") {
        assert_eq!(&span["attributes"][key], value, "{key} of {span:#}");
    }
}

#[tokio::test]
async fn a_request_is_a_span_and_each_try_one_below_it() {
    let (collector, backend) = (Collector::start().await, agent());
    let tracing = collector
        .tracing("sample: 100%, service_name: gate, resource: { deployment.environment.name: t }");
    let setup = Setup::of(Workload::new(&backend)).with("tracing", &tracing);
    let stagegate = Stagegate::start(&setup).await;
    assert_eq!(stagegate.connect().await.ask(&chat(&[])).await.status(), 200);
    let server = collector.spans("SPAN_KIND_SERVER", 1).await.remove(0);
    let client = collector.spans("SPAN_KIND_CLIENT", 1).await.remove(0);
    assert_eq!((&server["name"], &client["name"]), (&json!("POST agent"), &json!("POST")));
    assert_eq!(server["resource"]["service.name"], "gate");
    assert_eq!(server["resource"]["deployment.environment.name"], "t");
    assert_eq!(server["scope"], "stagegate");
    assert_eq!(
        (&server["parent_span_id"], &server["status"]),
        (&json!(""), &json!("STATUS_CODE_UNSET"))
    );
    has(
        &server,
        &json!({
            "http.request.method": "POST", "http.response.status_code": 200,
            "url.path": "/v1/chat/completions", "url.scheme": "http",
            "network.protocol.version": "1.1",
            "gen_ai.provider.name": "openai", "gen_ai.operation.name": "chat",
            "gen_ai.response.model": "gpt-4o-2024-08-06", "gen_ai.response.id": "chatcmpl-77",
            "gen_ai.usage.input_tokens": 1200, "gen_ai.usage.output_tokens": 30,
            "gen_ai.usage.cache_read.input_tokens": 200, "gen_ai.conversation.id": "conv-9",
            "stagegate.arm": "stable", "stagegate.release": "v1", "stagegate.workload": "agent",
            "stagegate.reason": "default", "stagegate.outcome": "ok",
            "stagegate.request_id": "req-1", "stagegate.cost.truth": "reported",
        }),
    );
    assert!(server["attributes"]["stagegate.cost.usd"].as_f64().expect("a price") > 0.001);
    assert!(server["attributes"]["stagegate.epoch"].as_u64().expect("a number") > 0);
    let names: Vec<&str> = server["events"]
        .as_array()
        .expect("a list")
        .iter()
        .filter_map(|it| it["name"].as_str())
        .collect();
    assert_eq!(names, ["stagegate.first_byte", "stagegate.stage", "stagegate.stage"]);
    assert_eq!(
        server["events"][2]["attributes"],
        json!({ "stagegate.stage.name": "llm", "stagegate.stage.duration": 0.812 })
    );
    assert_eq!(client["parent_span_id"], server["span_id"]);
    assert_eq!(client["trace_id"], server["trace_id"]);
    has(
        &client,
        &json!({ "server.address": backend.address.ip(), "server.port": backend.address.port(),
                          "http.response.status_code": 200 }),
    );
    assert!(client["nanos"].as_u64() <= server["nanos"].as_u64());
    assert!(client["start"].as_u64() >= server["start"].as_u64());
    // What the endpoint got is the try's own span.
    let head = backend.last().head;
    let text = |of: &Value| of.as_str().expect("digits").to_owned();
    let wanted = format!("00-{}-{}-03", text(&client["trace_id"]), text(&client["span_id"]));
    assert_eq!(head.get("traceparent"), Some(&*wanted));
    assert_eq!(head.get("baggage"), Some("stagegate.arm=stable,stagegate.release=v1"));
    collector.holds_none_of(&SECRETS).await;
    let exported =
        async || stagegate.admin.metric("stagegate_trace_exported_total", &["kind=\"span\""]).await;
    eventually_async("the count", async || (exported().await - 2.0).abs() < 0.1).await;
}

#[tokio::test]
async fn a_failure_and_a_second_try_are_told_apart() {
    let collector = Collector::start().await;
    let backend = Backend::with("stable", async |exchange: &mut Exchange| {
        exchange.body().await;
        let again =
            exchange.request.target() == "/twice" && exchange.request.get("traceparent").is_some();
        if !again {
            return exchange.reply("500 Internal Server Error", &[], b"").await;
        }
        exchange.reply("503 Service Unavailable", &[("retry-after", "0")], b"").await;
    });
    let workload = Workload::at(free_address()).replica(backend.address).with(
        "retry",
        "{ unavailable: true, attempts: 1, backoff: 1ms, longest_wait: 1s, budget: 100% }",
    );
    let setup = Setup::of(workload).with("tracing", &collector.tracing("sample: 100%"));
    let stagegate = Stagegate::start(&setup).await;
    let mut wire = stagegate.connect().await;
    assert_eq!(wire.ask(&request("GET /once", &[])).await.status(), 500);
    assert_eq!(wire.ask(&request("GET /twice", &[])).await.status(), 503);
    let servers = collector.spans("SPAN_KIND_SERVER", 2).await;
    let of =
        |path: &str| servers.iter().find(|it| it["attributes"]["url.path"] == path).expect("one");
    let (once, twice) = (of("/once"), of("/twice"));
    for (span, error, outcome) in [(once, "500", "permanent"), (twice, "503", "transient")] {
        assert_eq!(span["status"], "STATUS_CODE_ERROR");
        has(span, &json!({ "error.type": error, "stagegate.outcome": outcome }));
    }
    let received = collector.received().await;
    let tries = |of: &Value| {
        let spans = received["spans"].as_array().expect("a list").iter();
        spans.filter(|it| it["parent_span_id"] == of["span_id"]).cloned().collect::<Vec<_>>()
    };
    // The first endpoint takes no connection; which one is asked first is not for this test to say.
    let all = [tries(once), tries(twice)].concat();
    assert!(all.iter().all(|it| it["status"] == "STATUS_CODE_ERROR"), "{all:#?}");
    let again = tries(twice);
    let last = again.last().expect("a second try");
    has(last, &json!({ "http.request.resend_count": again.len() - 1, "error.type": "503" }));
    let refused = all.iter().any(|it| it["attributes"]["error.type"] == "upstream_connect");
    assert!(refused, "{all:#?}");
}

#[tokio::test]
async fn grpc_over_tls_takes_the_same_with_its_key() {
    let (collector, backend) = (Collector::start().await, agent());
    let authority = Authority::new();
    let mut config = authority.server(&authority.sign("server", &["a.test"]), false);
    config.alpn_protocols = vec![b"h2".to_vec()];
    let front = Bridge::from_tls(config, collector.grpc).await;
    let tracing = format!(
        "{{ endpoint: \"https://{}\", protocol: grpc, sample: 0%, headers: {{ x-api-key: collector-key }}, \
         tls: {{ ca: {}, server_name: a.test }} }}",
        front.address,
        authority.path().display()
    );
    let setup = Setup::of(Workload::new(&backend)).with("tracing", &tracing);
    let stagegate = Stagegate::start(&setup).await;
    let parent = format!("00-{TRACE}-{PARENT}-01");
    let mut wire = stagegate.connect().await;
    for _ in 0..3 {
        assert_eq!(wire.ask(&chat(&[("traceparent", &parent)])).await.status(), 200);
    }
    for span in collector.spans("SPAN_KIND_SERVER", 3).await {
        assert_eq!((&span["via"], &span["trace_id"]), (&json!("grpc"), &json!(TRACE)));
        assert_eq!(span["parent_span_id"], PARENT);
        has(&span, &json!({ "gen_ai.response.id": "chatcmpl-77" }));
    }
    let received = collector.received().await;
    assert_eq!(received["headers"][0]["x-api-key"], "collector-key");
    assert!(!stagegate.log().contains("collector-key"), "a key is not logged");
    collector.holds_none_of(&SECRETS).await;
}
