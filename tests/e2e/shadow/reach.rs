//! Copies to endpoints of every kind, through a take-over, and where there is no room for them.

use super::{dropped, shadowed, start, until_sent};
use crate::harness::backend::echo;
use crate::harness::{
    Authority, Backend, Bridge, Exchange, Setup, Stagegate, Workload, eventually, eventually_async,
    request, request_with,
};
use std::sync::Arc;
use tokio::sync::Semaphore;

#[tokio::test]
async fn copies_reach_endpoints_of_every_kind() {
    let (stable, shadow) = (Backend::with("stable", echo), Backend::with("shadow", echo));
    let dir = tempfile::TempDir::new().expect("a directory");
    let socket = dir.path().join("shadow.sock");
    let _unix = Bridge::from_unix(&socket, shadow.address);
    let authority = Authority::new();
    let server = authority.sign("server", &["shadow.internal"]);
    let tls = Bridge::from_tls(authority.server(&server, false), shadow.address).await;
    let h2 = Stagegate::start(&Setup::of(Workload::new(&shadow))).await;
    let trusted = format!("{{ ca: {}, server_name: shadow.internal }}", authority.path().display());
    for url in [
        format!("unix:{}", socket.display()),
        format!("https://{}", tls.address),
        format!("h2c://{}", h2.proxy),
    ] {
        let before = shadow.arrivals();
        let workload = Workload::new(&stable)
            .release_at("v2", &url)
            .with("upstream_tls", &trusted)
            .with("shadow", "{ release: v2, fraction: 100%, methods: [POST], paths: [/v1/chat] }");
        let stagegate = start(workload).await;
        let mut wire = stagegate.connect().await;
        for text in ["first", "second"] {
            let answer = wire.ask(&request_with("POST /v1/chat", &[], text)).await;
            assert_eq!((answer.arm(), answer.text().as_str()), ("stable", text), "{url}");
        }
        until_sent(&stagegate, "ok", 2.0).await;
        assert_eq!(shadow.arrivals(), before + 2, "{url}");
        let copy = shadow.last();
        assert_eq!(copy.head.target(), "/v1/chat", "{url}");
        assert_eq!(copy.body.expect("a body").bytes, b"second", "{url}");
    }
}

#[tokio::test]
async fn copies_go_on_through_a_takeover() {
    let (stable, shadow) = (Backend::with("stable", echo), Backend::with("shadow", echo));
    let stagegate = start(shadowed(&stable, &shadow, "")).await;
    let mut wire = stagegate.connect().await;
    assert_eq!(wire.ask(&request_with("POST /v1/chat", &[], "before")).await.arm(), "stable");
    eventually("the first copy", || shadow.arrivals() == 1).await;
    let former = stagegate.take_over().await;
    assert_eq!(wire.ask(&request_with("POST /v1/chat", &[], "after")).await.arm(), "stable");
    eventually("the second copy, whole", || shadow.arrivals() == 2 && shadow.last().body.is_some())
        .await;
    assert_eq!(shadow.last().body.expect("a body").bytes, b"after");
    assert_eq!(former.ended().await.code(), Some(0));
}

#[tokio::test]
async fn a_busy_proxy_drops_copies_before_it_refuses_anybody() {
    let open = Arc::new(Semaphore::new(0));
    let waiting = Arc::clone(&open);
    let stable = Backend::with("stable", async move |exchange: &mut Exchange| {
        if exchange.request.target() == "/v1/threads/slow" {
            waiting.acquire().await.expect("never closed").forget();
        }
        exchange.reply("200 OK", &[], b"").await;
    });
    let shadow = Backend::with("shadow", echo);
    let setup = Setup::of(shadowed(&stable, &shadow, ""))
        .with("workers", "1")
        .with("limits", "{ in_flight: 10 }");
    let stagegate = Stagegate::start(&setup).await;
    let mut slow = Vec::new();
    for n in 0..7 {
        let mut wire = stagegate.connect().await;
        wire.send(request("GET /v1/threads/slow", &[])).await;
        eventually("the request", || stable.arrivals() > n).await;
        slow.push(wire);
    }
    let before = dropped(&stagegate, "overload").await;
    // Seven of ten places are taken: there is one for a request, and none for a copy.
    let mut wire = stagegate.connect().await;
    assert_eq!(wire.ask(&request("GET /v1/chat", &[])).await.status(), 200);
    eventually_async("the copy that was not made", async || {
        dropped(&stagegate, "overload").await >= before + 1.0
    })
    .await;
    open.add_permits(7);
    for wire in &mut slow {
        assert_eq!(wire.response("GET").await.status(), 200);
    }
    let copied = shadow.arrivals();
    assert_eq!(wire.ask(&request("GET /v1/chat?again", &[])).await.status(), 200);
    eventually("a copy again", || shadow.arrivals() > copied).await;
}
