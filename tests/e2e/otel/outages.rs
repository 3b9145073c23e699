//! A collector that is gone, or says no, costs traces and nothing else.

use super::Collector;
use crate::harness::{
    Backend, Setup, Stagegate, Workload, eventually, eventually_async, free_address, request,
};
use rustix::process::Signal;

#[tokio::test]
async fn traffic_does_not_notice_a_collector_that_is_away_and_traces_come_later() {
    let (collector, backend) = (Collector::start().await, Backend::start("stable"));
    collector.answer(503).await;
    let setup =
        Setup::of(Workload::new(&backend)).with("tracing", &collector.tracing("sample: 100%"));
    let stagegate = Stagegate::start(&setup).await;
    let mut wire = stagegate.connect().await;
    for _ in 0..50 {
        assert_eq!(wire.ask(&request("GET /", &[])).await.status(), 200);
    }
    eventually_async("a refusal", async || {
        collector.received().await["refused"].as_u64().is_some_and(|it| it >= 2)
    })
    .await;
    collector.answer(200).await;
    collector.spans("SPAN_KIND_SERVER", 50).await;
    let said = |text: &str| stagegate.log().matches(text).count();
    eventually("the end of the outage in the log", || said("export of traces works again") == 1)
        .await;
    assert_eq!(said("cannot export traces"), 1, "said once:\n{}", stagegate.log());
}

#[tokio::test]
async fn what_a_dead_collector_does_not_take_is_bounded_and_counted() {
    let backend = Backend::start("stable");
    backend.count_only();
    let tracing = format!("{{ endpoint: \"http://{}\", sample: 100% }}", free_address());
    let setup = Setup::of(Workload::new(&backend)).with("tracing", &tracing);
    let stagegate = Stagegate::start(&setup).await;
    let dropped = async || {
        let reason = ["reason=\"queue\""];
        stagegate.admin.metric("stagegate_trace_dropped_total", &reason).await
    };
    let clients = (0..4).map(|_| {
        let proxy = stagegate.proxy;
        tokio::spawn(async move {
            let mut wire = crate::harness::Wire::connect(proxy).await;
            for _ in 0..3_000 {
                assert_eq!(wire.ask(&request("GET /", &[])).await.status(), 200);
            }
        })
    });
    for client in clients.collect::<Vec<_>>() {
        client.await.expect("every request is answered");
    }
    eventually_async("what found no room", async || dropped().await > 0.0).await;
    // It ends in good time all the same.
    stagegate.signal(Signal::TERM);
    assert!(stagegate.ended().await.success());
}

#[tokio::test]
async fn what_waits_is_sent_before_the_process_ends() {
    let (collector, backend) = (Collector::start().await, Backend::start("stable"));
    let setup =
        Setup::of(Workload::new(&backend)).with("tracing", &collector.tracing("sample: 100%"));
    let stagegate = Stagegate::start(&setup).await;
    let mut wire = stagegate.connect().await;
    for _ in 0..20 {
        assert_eq!(wire.ask(&request("GET /", &[])).await.status(), 200);
    }
    drop(wire);
    stagegate.signal(Signal::TERM);
    assert!(stagegate.ended().await.success());
    collector.spans("SPAN_KIND_SERVER", 20).await;
}
