//! Contexts of traces: from clients, on to endpoints, and who is sampled.

use super::{Collector, PARENT, TRACE, agent};
use crate::harness::tools::script;
use crate::harness::{Backend, Head, Setup, Stagegate, Workload, request};
use serde_json::Value;

/// Asks once and gives what the endpoint got.
async fn passed(stagegate: &Stagegate, backend: &Backend, fields: &[(&str, &str)]) -> Head {
    assert_eq!(stagegate.get("/", fields).await.status(), 200);
    backend.last().head
}

/// The parts of the one `traceparent` that the endpoint got.
fn parts(head: &Head) -> (String, String, String) {
    let fields = head.all("traceparent");
    let [one] = fields[..] else { panic!("not one traceparent: {fields:?}") };
    let parts: Vec<&str> = one.split('-').collect();
    let [version, trace, span, flags] = parts[..] else { panic!("not a traceparent: {one}") };
    assert_eq!((version, trace.len(), span.len()), ("00", 32, 16));
    (trace.to_owned(), span.to_owned(), flags.to_owned())
}

#[tokio::test]
async fn a_clients_trace_goes_on_and_its_word_on_sampling_counts() {
    let (collector, backend) = (Collector::start().await, Backend::start("stable"));
    let tracing = collector.tracing("sample: 0%");
    let setup = Setup::of(Workload::new(&backend)).with("tracing", &tracing);
    let stagegate = Stagegate::start(&setup).await;
    let ask = async |fields: &[(&str, &str)]| passed(&stagegate, &backend, fields).await;
    // Sampled: goes on, with what belongs to it, and is kept.
    let parent = format!("00-{TRACE}-{PARENT}-01");
    let head = ask(&[
        ("traceparent", &parent),
        ("tracestate", "v=1"),
        ("tracestate", "w=2"),
        ("baggage", "a=1, stagegate.arm=x"),
    ])
    .await;
    let (trace, span, flags) = parts(&head);
    assert_eq!((&*trace, &*flags), (TRACE, "01"));
    assert_ne!(span, PARENT, "the endpoint's work is part of this proxy's");
    assert_eq!(head.all("tracestate"), ["v=1", "w=2"]);
    assert_eq!(head.all("baggage"), ["a=1,stagegate.arm=stable,stagegate.release=v1"]);
    // Not sampled: goes on, and is not kept.
    let (trace, _, flags) =
        parts(&ask(&[("traceparent", &format!("00-{TRACE}-{PARENT}-00"))]).await);
    assert_eq!((&*trace, &*flags), (TRACE, "00"));
    // Wrong, or two: another trace, without the state of the one before; none of them sampled.
    let zero = format!("00-{}-{PARENT}-01", "0".repeat(32));
    for wrong in [vec!["nonsense"], vec![&zero], vec![&parent, &parent], vec![]] {
        let mut fields: Vec<(&str, &str)> = wrong.iter().map(|it| ("traceparent", *it)).collect();
        fields.push(("tracestate", "v=1"));
        let head = ask(&fields).await;
        let (trace, _, flags) = parts(&head);
        assert_ne!(trace, TRACE);
        assert_eq!(flags, "02");
        assert!(head.all("tracestate").is_empty());
    }
    // The last one again: the way to the collector is in order, so the others would be there.
    ask(&[("traceparent", &parent)]).await;
    for span in collector.spans("SPAN_KIND_SERVER", 2).await {
        assert_eq!(
            (span["trace_id"].as_str(), span["parent_span_id"].as_str()),
            (Some(TRACE), Some(PARENT))
        );
    }
}

#[tokio::test]
async fn traces_of_the_official_sdk_go_on() {
    let (collector, backend) = (Collector::start().await, Backend::start("stable"));
    let setup =
        Setup::of(Workload::new(&backend)).with("tracing", &collector.tracing("sample: 100%"));
    let stagegate = Stagegate::start(&setup).await;
    let told = script("otel_client.py", &[&format!("http://{}", stagegate.proxy)]).await;
    let line = |line: &str| line.split(' ').map(str::to_owned).collect::<Vec<_>>();
    let told: Vec<Vec<String>> = told.lines().map(line).collect();
    assert_eq!(told.len(), 6);
    // Those the SDK dropped are not kept, although everything that begins here is.
    let spans = collector.spans("SPAN_KIND_SERVER", 3).await;
    let text = |of: &Value| of.as_str().expect("digits").to_owned();
    let mut kept: Vec<_> =
        spans.iter().map(|it| (text(&it["trace_id"]), text(&it["parent_span_id"]))).collect();
    let sampled = told.iter().filter(|it| it[0] == "sampled");
    let mut wanted: Vec<_> = sampled.map(|it| (it[1].clone(), it[2].clone())).collect();
    kept.sort();
    wanted.sort();
    assert_eq!(kept, wanted);
    let baggage = backend.last().head.get("baggage").expect("baggage").to_owned();
    assert!(baggage.starts_with("session.id=s%C3%A9ance"), "{baggage}");
    assert!(baggage.ends_with(",stagegate.arm=stable,stagegate.release=v1"), "{baggage}");
}

#[tokio::test]
async fn nobodys_traces_go_on_where_nobody_is_trusted() {
    let (collector, backend) = (Collector::start().await, Backend::start("stable"));
    let parent = format!("00-{TRACE}-{PARENT}-01");
    let mut setup = Setup::of(Workload::new(&backend))
        .with("tracing", &collector.tracing("sample: 0%, parents: trusted"));
    let stagegate = Stagegate::start(&setup).await;
    let (trace, _, flags) = parts(&passed(&stagegate, &backend, &[("traceparent", &parent)]).await);
    assert_eq!((trace == TRACE, &*flags), (false, "02"));
    setup.set("trusted_proxies", "[127.0.0.0/8]");
    let trusting = Stagegate::start(&setup).await;
    let (trace, _, flags) = parts(&passed(&trusting, &backend, &[("traceparent", &parent)]).await);
    assert_eq!((&*trace, &*flags), (TRACE, "01"));
}

#[tokio::test]
async fn off_is_the_default_and_can_be_switched_while_it_runs() {
    let (collector, backend) = (Collector::start().await, agent());
    let mut setup = Setup::of(Workload::new(&backend));
    let stagegate = Stagegate::start(&setup).await;
    let given =
        [("traceparent", "as it came"), ("TraceState", "v = 1"), ("baggage", " stagegate.arm=x ")];
    let untouched = async || {
        let head = passed(&stagegate, &backend, &given).await;
        assert_eq!(head.all("traceparent"), ["as it came"]);
        assert_eq!(
            (head.all("tracestate"), head.all("baggage")),
            (vec!["v = 1"], vec!["stagegate.arm=x"])
        );
    };
    untouched().await;
    assert!(passed(&stagegate, &backend, &[]).await.get("traceparent").is_none());
    let reload = async |setup: &Setup| {
        stagegate.rewrite(setup);
        let told = stagegate.admin.call("POST /v1/reload", &[], None).await;
        assert_eq!(told.status, 200, "{}", told.json);
    };
    setup.set("tracing", &collector.tracing("sample: 100%"));
    reload(&setup).await;
    stagegate.get("/on", &[]).await;
    collector.spans("SPAN_KIND_SERVER", 1).await;
    // Another collector takes over; the one before gets nothing more.
    let other = Collector::start().await;
    setup.set("tracing", &other.tracing("sample: 100%"));
    reload(&setup).await;
    stagegate.get("/elsewhere", &[]).await;
    assert_eq!(other.spans("SPAN_KIND_SERVER", 1).await[0]["attributes"]["url.path"], "/elsewhere");
    setup = Setup::of(Workload::new(&backend));
    reload(&setup).await;
    untouched().await;
    let mut wrong = setup.clone();
    wrong.set("tracing", "{ endpoint: \"http://a/x\", protocol: grpc }");
    stagegate.rewrite(&wrong);
    let told = stagegate.admin.call("POST /v1/reload", &[], None).await;
    assert!(
        told.status >= 400 && told.json.to_string().contains("tracing.endpoint"),
        "{}",
        told.json
    );
    untouched().await;
    collector.spans("SPAN_KIND_SERVER", 1).await;
    other.spans("SPAN_KIND_SERVER", 1).await;
}

#[tokio::test]
async fn a_share_of_the_traces_that_begin_here_is_kept() {
    let (collector, backend) = (Collector::start().await, Backend::start("stable"));
    let setup =
        Setup::of(Workload::new(&backend)).with("tracing", &collector.tracing("sample: 25%"));
    let stagegate = Stagegate::start(&setup).await;
    let mut wire = stagegate.connect().await;
    for _ in 0..400 {
        assert_eq!(wire.ask(&request("GET /", &[])).await.status(), 200);
    }
    let seen = backend.seen();
    let sampled: Vec<String> = seen
        .iter()
        .map(|it| parts(&it.head))
        .filter(|(_, _, flags)| flags == "03")
        .map(|(trace, _, _)| trace)
        .collect();
    // Five standard deviations around a hundred.
    assert!((57..=143).contains(&sampled.len()), "{} of 400", sampled.len());
    let spans = collector.spans("SPAN_KIND_SERVER", sampled.len()).await;
    assert!(spans.iter().all(|it| sampled.iter().any(|trace| it["trace_id"] == **trace)));
}
