//! HTTP/2 endpoints, and gRPC from end to end with its trailers.

use crate::harness::h2::{H2, finish, h2_request};
use crate::harness::tools::{Mock, script};
use crate::harness::{
    Authority, Backend, Bridge, Setup, Stagegate, Wire, Workload, eventually, eventually_async,
    request, within,
};
use rustls::ServerConfig;

#[tokio::test]
async fn grpc_clients_and_servers_notice_nothing() {
    let server = Mock::grpc("grpc_echo_server.py").await;
    let url = format!("h2c://{}", server.address);
    let stagegate = Stagegate::start(&Setup::of(Workload::url(&url))).await;
    let printed = script("grpc_client.py", &[&stagegate.proxy.to_string()]).await;
    assert_eq!(printed.matches("ok ").count(), 5, "{printed}");
    // Two unary calls, two streams, one refusal, thirty at once: each is one request.
    eventually_async("all to be counted", async || {
        let counted = stagegate.admin.metric("stagegate_requests_total", &["arm=\"stable\""]);
        (counted.await - 35.0).abs() < 0.5
    })
    .await;
}

#[tokio::test]
async fn grpc_works_with_tls_on_both_sides_by_negotiation() {
    let authority = Authority::new();
    let certificate = authority.sign("server", &["a.test"]);
    let server = Mock::grpc("grpc_echo_server.py").await;
    let mut config: ServerConfig = authority.server(&certificate, false);
    config.alpn_protocols = vec![b"h2".to_vec()];
    let front = Bridge::from_tls(config, server.address).await;
    let ca = authority.path().display().to_string();
    let workload = Workload::url(&format!("https://{}", front.address))
        .with("upstream_tls", &format!("{{ ca: {ca}, server_name: a.test }}"));
    let tls = format!("{{ certificates: [{}] }}", certificate.yaml());
    let stagegate = Stagegate::start(&Setup::of(workload).with_listener("tls", &tls)).await;
    let printed = script("grpc_client.py", &[&stagegate.proxy.to_string(), &ca]).await;
    assert_eq!(printed.matches("ok ").count(), 5, "{printed}");
}

/// Stagegate in front of Stagegate: the inner one is an HTTP/2 endpoint for the outer one.
async fn through_two(backend: &Backend) -> (Stagegate, Stagegate) {
    let inner = Stagegate::start(&Setup::of(Workload::new(backend))).await;
    let url = format!("h2c://{}", inner.proxy);
    let outer = Stagegate::start(&Setup::of(Workload::url(&url))).await;
    (outer, inner)
}

#[tokio::test]
async fn http1_clients_reach_http2_endpoints() {
    let backend = Backend::with("stable", async |exchange| {
        let body = exchange.body().await;
        exchange.begin_chunked("200 OK", &[("trailer", "x-sum")]).await;
        exchange.chunk(&body.bytes).await;
        exchange.end_chunked(&[("x-sum", "1")]).await;
    });
    let (outer, _inner) = through_two(&backend).await;
    let mut wire = outer.connect().await;
    for body in ["one", "two", "three"] {
        let text = crate::harness::request_with("POST /", &[("te", "trailers")], body);
        let response = wire.ask(&text).await;
        assert_eq!((response.status(), response.text().as_str()), (200, body));
        assert_eq!(response.body.trailers, [("x-sum".to_owned(), "1".to_owned())]);
    }
    let response = wire.ask(&request("HEAD /", &[])).await;
    assert_eq!(response.status(), 200);
    // Three clients at once share the connection of each worker.
    let mut others = Vec::new();
    for _ in 0..3 {
        let mut wire = Wire::connect(outer.proxy).await;
        wire.send(request("GET /", &[])).await;
        others.push(wire);
    }
    for mut wire in others {
        assert_eq!(wire.response("GET").await.status(), 200);
    }
}

#[tokio::test]
async fn leaving_and_breaking_pass_through_http2_endpoints_too() {
    let backend = Backend::with("stable", async |exchange| {
        exchange.body().await;
        exchange.begin_chunked("200 OK", &[]).await;
        exchange.chunk(b"one").await;
        if exchange.request.target() == "/break" {
            return exchange.close();
        }
        let _ = exchange.wire.ended().await;
        exchange.close();
    });
    let (outer, _inner) = through_two(&backend).await;
    let mut client = H2::connect(outer.proxy).await;
    let (answer, mut up) = client.begin(h2_request("GET /wait", &[]), true).await;
    let down = within("a head", answer).await.expect("one").into_body();
    up.send_reset(h2::Reason::CANCEL);
    drop(down);
    eventually("the backend to be told", || backend.open() == 0).await;
    let (answer, _up) = client.begin(h2_request("GET /break", &[]), true).await;
    let broken = finish(within("a head", answer).await.expect("one")).await.expect_err("a reset");
    assert_eq!(broken.reason(), Some(h2::Reason::INTERNAL_ERROR));
}

#[tokio::test]
async fn an_endpoint_that_restarts_costs_no_request() {
    let backend = Backend::start("stable");
    let (outer, inner) = through_two(&backend).await;
    let mut wire = outer.connect().await;
    assert_eq!(wire.ask(&request("GET /", &[])).await.status(), 200);
    inner.kill_hard();
    inner.restart().await;
    for _ in 0..5 {
        assert_eq!(wire.ask(&request("GET /", &[])).await.status(), 200);
    }
    assert_eq!(backend.arrivals(), 6);
}
