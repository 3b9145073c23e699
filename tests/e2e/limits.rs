//! Limits: of bodies, of a tenant's rate and of its requests under way, of connections.

use crate::harness::{
    Backend, End, Setup, Stagegate, Wire, Workload, eventually, request, request_with,
};
use std::sync::Arc;
use tokio::sync::Semaphore;

#[tokio::test]
async fn a_body_over_the_limit_is_refused_before_the_backend_has_it() {
    let backend = Backend::start("stable");
    let workload = Workload::new(&backend).with("limits", "{ body: 1KiB }");
    let stagegate = Stagegate::start(&Setup::of(workload)).await;
    let post = async |size: usize| {
        stagegate.connect().await.ask(&request_with("POST /", &[], &"x".repeat(size))).await
    };
    assert_eq!(post(1024).await.status(), 200);
    let refused = post(1025).await;
    assert_eq!((refused.status(), refused.reason()), (413, Some("body_too_large")));
    assert!(refused.head.lists("connection", "close"));
    assert_eq!(backend.arrivals(), 1, "a declared length is enough to know");

    let head = request("POST /", &[("transfer-encoding", "chunked")]);
    let chunk = format!("200\r\n{}\r\n", "x".repeat(512));
    let fits = format!("{head}{chunk}{chunk}0\r\n\r\n");
    assert_eq!(stagegate.connect().await.ask(&fits).await.status(), 200);
    let over = format!("{head}{chunk}{chunk}1\r\nx\r\n0\r\n\r\n");
    let refused = stagegate.connect().await.ask(&over).await;
    assert_eq!((refused.status(), refused.reason()), (413, Some("body_too_large")));
    let complete = |seen: &&crate::harness::backend::Seen| {
        seen.body.as_ref().is_some_and(|b| b.end == End::Complete)
    };
    assert_eq!(backend.seen().iter().filter(complete).count(), 2, "never as a whole");

    // A client that asks first never sends it.
    let mut wire = stagegate.connect().await;
    wire.send(request("POST /", &[("expect", "100-continue"), ("content-length", "5000")])).await;
    assert_eq!(wire.response("POST").await.status(), 413);
}

#[tokio::test]
async fn one_tenants_rate_does_not_touch_another() {
    let backend = Backend::start("stable");
    let workload = Workload::new(&backend).with("limits", "{ tenant: { rate: 10/s } }");
    let stagegate = Stagegate::start(&Setup::of(workload).with("workers", "1")).await;
    let mut wire = stagegate.connect().await;
    let greedy = request("GET /", &[("x-tenant-id", "greedy")]);
    let mut refused = None;
    // Asks until it is too much: on any machine a second holds more than ten requests.
    for _ in 0..10_000 {
        let response = wire.ask(&greedy).await;
        if response.status() != 200 {
            refused = Some(response);
            break;
        }
    }
    let refused = refused.expect("a limit that holds");
    assert_eq!((refused.status(), refused.reason()), (429, Some("rate_limited")));
    let wait: u64 =
        refused.head.get("retry-after").expect("when to come back").parse().expect("seconds");
    assert!((1..=60).contains(&wait));
    let id = refused.head.get("x-request-id").expect("an id");
    let path = format!("/v1/decisions/{id}");
    crate::harness::eventually_async("the refusal to be explained", async || {
        stagegate.admin.get(&path).await.status == 200
    })
    .await;
    let decision = stagegate.admin.get(&path).await.json["decision"].clone();
    assert_eq!(
        (&decision["reason"], &decision["detail"]),
        (&"refused".into(), &"rate_limited".into())
    );
    assert_eq!((&decision["tenant"], &decision["release"]), (&"greedy".into(), &"".into()));
    let modest = stagegate.get("/", &[("x-tenant-id", "modest")]).await;
    assert_eq!(modest.status(), 200, "another tenant is served");
    assert_eq!(stagegate.get("/", &[]).await.status(), 200, "and so is one without a tenant");
    crate::harness::eventually_async("the greedy one to be let in again", async || {
        stagegate.get("/", &[("x-tenant-id", "greedy")]).await.status() == 200
    })
    .await;
    let counted =
        async || stagegate.admin.metric("stagegate_refused_total", &["rate_limited"]).await;
    crate::harness::eventually_async("the refusals to be counted", async || counted().await >= 1.0)
        .await;
}

#[tokio::test]
async fn one_tenants_requests_under_way_do_not_touch_another() {
    let finish = Arc::new(Semaphore::new(0));
    let gate = Arc::clone(&finish);
    let backend = Backend::with("stable", async move |exchange| {
        exchange.body().await;
        if exchange.request.target() == "/wait" {
            tokio::select! {
                permit = gate.acquire() => permit.expect("open").forget(),
                _ = exchange.wire.ended() => return exchange.close(),
            }
        }
        exchange.reply("200 OK", &[], b"").await;
    });
    let workload = Workload::new(&backend).with("limits", "{ tenant: { in_flight: 3 } }");
    let stagegate = Stagegate::start(&Setup::of(workload)).await;
    let waiting: Vec<Wire> = {
        let mut waiting = Vec::new();
        for _ in 0..3 {
            let mut wire = stagegate.connect().await;
            wire.send(request("GET /wait", &[("x-tenant-id", "busy")])).await;
            waiting.push(wire);
        }
        waiting
    };
    eventually("three requests under way", || backend.arrivals() == 3).await;
    let refused = stagegate.get("/", &[("x-tenant-id", "busy")]).await;
    assert_eq!((refused.status(), refused.reason()), (429, Some("too_many_in_flight")));
    assert!(refused.head.get("retry-after").is_some());
    assert_eq!(stagegate.get("/", &[("x-tenant-id", "idle")]).await.status(), 200);
    finish.add_permits(3);
    for mut wire in waiting {
        assert_eq!(wire.response("GET").await.status(), 200);
    }
    crate::harness::eventually_async("room again", async || {
        stagegate.get("/", &[("x-tenant-id", "busy")]).await.status() == 200
    })
    .await;

    // Requests whose client went away do not stay counted.
    for _ in 0..10 {
        let before = backend.arrivals();
        let mut wire = stagegate.connect().await;
        wire.send(request("GET /wait", &[("x-tenant-id", "busy")])).await;
        eventually("the request to arrive", || backend.arrivals() > before).await;
        let open = backend.open();
        wire.reset();
        eventually("the request to be cancelled", || backend.open() < open).await;
    }
    assert_eq!(stagegate.get("/", &[("x-tenant-id", "busy")]).await.status(), 200);
}

#[tokio::test]
async fn more_connections_than_accepted_are_turned_away() {
    let backend = Backend::start("stable");
    let setup = Setup::of(Workload::new(&backend)).with("limits", "{ connections: 10 }");
    let stagegate = Stagegate::start(&setup).await;
    let mut served = Vec::new();
    for _ in 0..10 {
        let mut wire = stagegate.connect().await;
        assert_eq!(wire.ask(&request("GET /", &[])).await.status(), 200);
        served.push(wire);
    }
    let mut late = stagegate.connect().await;
    let _ = late.try_send(request("GET /", &[])).await;
    if let Ok(response) = late.try_response("GET").await {
        assert_eq!((response.status(), response.reason()), (503, Some("overloaded")));
    }
    assert_eq!(backend.arrivals(), 10);
    assert_eq!(served[0].ask(&request("GET /", &[])).await.status(), 200, "the others go on");
    drop(served);
    crate::harness::eventually_async("room again", async || {
        let mut wire = stagegate.connect().await;
        let _ = wire.try_send(request("GET /", &[])).await;
        wire.try_response("GET").await.is_ok_and(|response| response.status() == 200)
    })
    .await;
}
