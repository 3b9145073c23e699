//! TLS on both sides: names, renewal, client certificates, and what endpoints must prove.

use crate::harness::{
    Authority, Backend, Bridge, Chunk, Setup, Stagegate, Wire, Workload, eventually, request,
};
use std::sync::Arc;
use tokio::sync::Semaphore;

fn tls(certificates: &[String], more: &str) -> String {
    format!("{{ certificates: [{}]{more} }}", certificates.join(", "))
}

#[tokio::test]
async fn each_name_gets_its_certificate_and_backends_hear_of_https() {
    let (one, other) = (Authority::new(), Authority::new());
    let first = one.sign("first", &["a.test", "127.0.0.1"]);
    let second = other.sign("second", &["*.b.test"]);
    let backend = Backend::start("stable");
    let setup = Setup::of(Workload::new(&backend))
        .with_listener("tls", &tls(&[first.yaml(), second.yaml()], ""));
    let stagegate = Stagegate::start(&setup).await;
    // Each authority signed one of the two: a handshake succeeds with the right one only.
    for (authority, name) in [(&one, "a.test"), (&other, "x.b.test"), (&one, "127.0.0.1")] {
        let bridge = Bridge::to_tls(stagegate.proxy, authority.client(None), name).await;
        let response = Wire::connect(bridge.address).await.ask(&request("GET /", &[])).await;
        assert_eq!(response.status(), 200, "{name}");
        let seen = backend.last().head;
        assert_eq!(seen.get("x-forwarded-proto"), Some("https"));
        assert!(seen.get("forwarded").expect("Forwarded").ends_with("proto=https"));
    }
    let wrong = Bridge::to_tls(stagegate.proxy, other.client(None), "a.test").await;
    Wire::connect(wrong.address).await.ended().await;
    eventually("the client to turn away", || wrong.refused() == 1).await;
    // Plain HTTP on a TLS listener ends at once and is counted.
    let mut plain = stagegate.connect().await;
    plain.send("GET / HTTP/1.1\r\nhost: a\r\n\r\n").await;
    plain.ended().await;
    assert_eq!(backend.arrivals(), 3);
}

#[tokio::test]
async fn certificates_are_renewed_while_a_stream_runs_and_bad_ones_are_refused() {
    let (old, new) = (Authority::new(), Authority::new());
    let first = old.sign("server", &["a.test"]);
    let confirmed = Arc::new(Semaphore::new(0));
    let gate = Arc::clone(&confirmed);
    let backend = Backend::with("stable", async move |exchange| {
        exchange.body().await;
        exchange.begin_chunked("200 OK", &[]).await;
        for step in 0..4 {
            exchange.chunk(format!("{step}").as_bytes()).await;
            gate.acquire().await.expect("open").forget();
        }
        exchange.end_chunked(&[]).await;
    });
    let setup = |certificate: String| {
        Setup::of(Workload::new(&backend)).with_listener("tls", &tls(&[certificate], ""))
    };
    let stagegate = Stagegate::start(&setup(first.yaml())).await;
    let before = Bridge::to_tls(stagegate.proxy, old.client(None), "a.test").await;
    let mut stream = Wire::connect(before.address).await;
    stream.send(request("GET /", &[])).await;
    assert_eq!(stream.head().await.status(), 200);
    assert!(matches!(stream.chunk().await, Chunk::Data(_)));

    // A key that does not belong to the certificate is refused by its line; nothing changes.
    let second = new.sign("server", &["a.test"]);
    let mixed = format!("{{ cert: {}, key: {} }}", second.cert.display(), first.key.display());
    stagegate.rewrite(&setup(mixed));
    let refused = stagegate.cli(&["reload"]);
    let said = String::from_utf8_lossy(&refused.stderr).into_owned();
    assert!(!refused.status.success());
    assert!(said.contains("listeners[0].tls.certificates[0].key"), "{said}");
    assert!(said.contains(":3:"), "the line is missing: {said}");
    let still = Bridge::to_tls(stagegate.proxy, old.client(None), "a.test").await;
    let mut probe = Wire::connect(still.address).await;
    probe.send(request("GET /", &[])).await;
    assert_eq!(probe.head().await.status(), 200);

    stagegate.rewrite(&setup(second.yaml()));
    let reloaded = stagegate.cli(&["reload"]);
    assert!(reloaded.status.success(), "{}", String::from_utf8_lossy(&reloaded.stderr));
    let after = Bridge::to_tls(stagegate.proxy, new.client(None), "a.test").await;
    let mut renewed = Wire::connect(after.address).await;
    renewed.send(request("GET /", &[])).await;
    assert_eq!(renewed.head().await.status(), 200);
    // The stream that began under the old certificate goes on, chunk by chunk.
    confirmed.add_permits(100);
    for step in 1..4 {
        let Chunk::Data(data) = stream.chunk().await else { panic!("the stream broke") };
        assert_eq!(data, format!("{step}").as_bytes());
    }
    assert!(matches!(stream.chunk().await, Chunk::Last(_)));
}

#[tokio::test]
async fn a_client_certificate_says_who_asks() {
    let (servers, clients, strangers) = (Authority::new(), Authority::new(), Authority::new());
    let server = servers.sign("server", &["a.test"]);
    let acme = clients.sign_uri("acme", "spiffe://example/acme");
    let other = clients.sign_uri("other", "spiffe://example/other");
    let stranger = strangers.sign_uri("acme", "spiffe://example/acme");
    let (stable, candidate) = (Backend::start("stable"), Backend::start("candidate"));
    let workload = Workload::canary(&stable, &candidate)
        .with("sticky", "tenant")
        .with("identity", "{ tenant: [{ mtls: san }] }")
        .with("cohorts", "[{ name: pilots, tenants: [\"spiffe://example/acme\"] }]");
    let more = format!(", client_ca: {}, client_auth: optional", clients.path().display());
    let setup = Setup::of(workload).with_listener("tls", &tls(&[server.yaml()], &more));
    let stagegate = Stagegate::start(&setup).await;
    stagegate.admin.change("POST cohorts/pilots/enable", serde_json::json!({})).await;
    for (certificate, arm) in
        [(Some(&acme), "candidate"), (Some(&other), "stable"), (None, "stable")]
    {
        let client = servers.client(certificate);
        let bridge = Bridge::to_tls(stagegate.proxy, client, "a.test").await;
        let response = Wire::connect(bridge.address).await.ask(&request("GET /", &[])).await;
        assert_eq!(response.text(), arm, "{certificate:?}");
    }
    // A certificate that nobody known signed is not a weaker identity: it is none at all.
    let client = servers.client(Some(&stranger));
    let bridge = Bridge::to_tls(stagegate.proxy, client, "a.test").await;
    let mut wire = Wire::connect(bridge.address).await;
    let _ = wire.try_send(request("GET /", &[])).await;
    let (_, bytes) = wire.ended().await;
    assert!(bytes.is_empty(), "{}", String::from_utf8_lossy(&bytes));
    assert_eq!((stable.arrivals(), candidate.arrivals()), (2, 1));
    crate::harness::eventually_async("the refusal to be counted", async || {
        let refused = stagegate.admin.metric("stagegate_refused_total", &["tls_handshake"]);
        (refused.await - 1.0).abs() < f64::EPSILON
    })
    .await;
}

#[tokio::test]
async fn endpoints_are_verified_and_shown_a_certificate() {
    let (authority, clients) = (Authority::new(), Authority::new());
    let server = authority.sign("server", &["agent.internal"]);
    let own = clients.sign_uri("proxy", "spiffe://example/stagegate");
    let backend = Backend::start("stable");
    // The endpoint's own server wants certificates that `clients` signed.
    let front = Bridge::from_tls(clients.server(&server, true), backend.address).await;
    let url = format!("https://{}", front.address);
    let files = format!("cert: {}, key: {}", own.cert.display(), own.key.display());
    let ca = authority.path().display().to_string();
    for (settings, status) in [
        (format!("{{ ca: {ca}, {files}, server_name: agent.internal }}"), 200),
        // Not its name; not its authority; no certificate of ours.
        (format!("{{ ca: {ca}, {files} }}"), 502),
        (format!("{{ {files}, server_name: agent.internal }}"), 502),
        (format!("{{ ca: {ca}, server_name: agent.internal }}"), 502),
        (format!("{{ verify: false, {files} }}"), 200),
    ] {
        let setup = Setup::of(Workload::url(&url).with("upstream_tls", &settings));
        let stagegate = Stagegate::start(&setup).await;
        for _ in 0..2 {
            assert_eq!(stagegate.get("/", &[]).await.status(), status, "{settings}");
        }
    }
    assert_eq!(backend.arrivals(), 4);
}

#[tokio::test]
async fn health_checks_speak_tls_too() {
    let authority = Authority::new();
    let server = authority.sign("server", &["127.0.0.1", "localhost", "agent.internal"]);
    let backend = Backend::start("stable");
    let front = Bridge::from_tls(authority.server(&server, false), backend.address).await;
    let ca = authority.path().display().to_string();
    let workload = |settings: &str| {
        Workload::url(&format!("https://{}", front.address))
            .with("upstream_tls", settings)
            .with("health", "{ http: /healthz, every: 100ms, timeout: 10s, unhealthy: 1 }")
    };
    let good = format!("{{ ca: {ca}, server_name: agent.internal }}");
    let stagegate = Stagegate::start(&Setup::of(workload(&good))).await;
    eventually("a check to arrive", || backend.arrivals() > 0).await;
    assert_eq!(stagegate.get("/", &[]).await.status(), 200);
    let bad = format!("{{ ca: {ca}, server_name: other.internal }}");
    // It never gets ready: the only endpoint is not who it should be.
    let stagegate = Stagegate::launch(&Setup::of(workload(&bad)));
    crate::harness::eventually_async("the endpoint to count as ill", async || {
        tokio::net::TcpStream::connect(stagegate.proxy).await.is_ok()
            && stagegate.get("/", &[]).await.status() == 503
    })
    .await;
}

#[tokio::test]
async fn a_handshake_that_does_not_go_on_does_not_hold_the_connection() {
    let authority = Authority::new();
    let certificate = authority.sign("server", &["a.test"]);
    let backend = Backend::start("stable");
    let setup = Setup::of(Workload::new(&backend))
        .with_listener("tls", &tls(&[certificate.yaml()], ""))
        .with("limits", "{ header_timeout: 200ms }");
    let stagegate = Stagegate::start(&setup).await;
    // Nothing at all, and the beginning of a hello that never ends.
    for bytes in [&b""[..], b"\x16\x03\x01\x02\x00\x01"] {
        let mut wire = stagegate.connect().await;
        wire.send(bytes).await;
        wire.ended().await;
    }
}
