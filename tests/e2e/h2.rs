//! HTTP/2 clients: the same rules, streams that stay streams, and floods that hurt nobody else.

use crate::harness::h2::{H2, block, ended, finish, frame, h2_request, h2_websocket, hello, piece};
use crate::harness::tools::script;
use crate::harness::{
    Authority, Backend, Chunk, Setup, Stagegate, Wire, Workload, eventually, request, within,
};
use bytes::Bytes;
use rustix::process::Signal;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use tokio::sync::Semaphore;

#[tokio::test]
async fn a_request_is_routed_counted_and_recorded_like_any_other() {
    let (stable, candidate) = (
        Backend::with("stable", crate::harness::backend::echo),
        Backend::with("candidate", crate::harness::backend::echo),
    );
    let stagegate = Stagegate::start(&Setup::of(Workload::canary(&stable, &candidate))).await;
    let mut client = H2::connect(stagegate.proxy).await;
    for (weight, backend) in [("0%", &stable), ("100%", &candidate)] {
        stagegate.admin.weight(weight).await;
        let fields = [("x-user-id", "u-1"), ("cookie", "a=1"), ("cookie", "b=2")];
        let answer = client.ask(h2_request("POST /p?q=1", &fields), b"hello").await.expect("one");
        assert_eq!((answer.status(), answer.text().as_str()), (200, "hello"));
        let seen = backend.last();
        assert_eq!(seen.head.start, "POST /p?q=1 HTTP/1.1");
        assert_eq!(seen.head.get("host"), Some("agents.test"));
        assert_eq!(seen.head.get("cookie"), Some("a=1; b=2"));
        assert!(seen.head.get("via").expect("Via").starts_with("2.0 "));
        assert_eq!(seen.head.get("x-forwarded-proto"), Some("http"));
        let id = answer.get("x-request-id").expect("an id").to_owned();
        assert_eq!(seen.head.get("x-request-id"), Some(id.as_str()));
        crate::harness::eventually_async("the record", async || {
            let found = stagegate.admin.get(&format!("/v1/decisions/{id}")).await;
            found.status == 200 && found.json.to_string().contains("u-1")
        })
        .await;
    }
    let head = client.ask(h2_request("HEAD /", &[]), b"").await.expect("an answer");
    assert_eq!((head.status(), head.body.len()), (200, 0));
    assert_eq!((stable.arrivals(), candidate.arrivals()), (1, 2));
    // What the proxy says itself arrives too.
    let body = vec![b'x'; 70_000];
    let limited = Setup::of(Workload::new(&stable).with("limits", "{ body: 64KiB }"));
    let stagegate = Stagegate::start(&limited).await;
    let mut client = H2::connect(stagegate.proxy).await;
    let sized = h2_request("POST /", &[("content-length", "70000")]);
    let (answer, mut stream) = client.begin(sized, false).await;
    let _ = stream.send_data(Bytes::from(body), true);
    let answer = finish(within("an answer", answer).await.expect("one")).await.expect("whole");
    assert_eq!((answer.status(), answer.get("stagegate-reason")), (413, Some("body_too_large")));
}

#[tokio::test]
async fn streams_and_uploads_pass_piece_by_piece_with_trailers_both_ways() {
    let backend = Backend::with("stable", async |exchange| {
        exchange.begin_chunked("200 OK", &[("trailer", "x-sum")]).await;
        loop {
            match exchange.wire.chunk().await {
                Chunk::Data(data) => exchange.chunk(&data.to_ascii_uppercase()).await,
                Chunk::Last(trailers) => {
                    let sum = trailers.iter().find(|(name, _)| name == "x-count");
                    let sum = sum.map_or("none", |(_, value)| value.as_str()).to_owned();
                    return exchange.end_chunked(&[("x-sum", &sum)]).await;
                }
                Chunk::Cut(_) => return exchange.close(),
            }
        }
    });
    let stagegate = Stagegate::start(&Setup::of(Workload::new(&backend))).await;
    let mut client = H2::connect(stagegate.proxy).await;
    let (answer, mut up) = client.begin(h2_request("POST /", &[]), false).await;
    let answer = within("a head before the body has ended", answer).await.expect("one");
    assert_eq!(answer.status(), 200);
    let mut down = answer.into_body();
    for step in 0..50 {
        let text = format!("piece {step}");
        up.send_data(Bytes::from(text.clone()), false).expect("room");
        // The next piece is sent only after this one came back: nothing is held back.
        assert_eq!(piece(&mut down).await, text.to_uppercase().into_bytes());
    }
    let mut trailers = http::HeaderMap::new();
    trailers.insert("x-count", http::HeaderValue::from_static("50"));
    up.send_trailers(trailers).expect("trailers");
    ended(&mut down).await;
    let trailers = within("trailers", down.trailers()).await.expect("fine").expect("some");
    assert_eq!(trailers.get("x-sum").map(http::HeaderValue::as_bytes), Some(&b"50"[..]));
}

#[tokio::test]
async fn a_client_that_does_not_read_stops_its_backend_and_nobody_else() {
    let sent = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&sent);
    let backend = Backend::with("stable", async move |exchange| {
        exchange.body().await;
        if exchange.request.target() == "/small" {
            return exchange.reply("200 OK", &[], b"small").await;
        }
        exchange.begin_chunked("200 OK", &[]).await;
        loop {
            let chunk = exchange.wire.try_send(format!("8000\r\n{:032768}\r\n", 0));
            let Ok(Ok(())) = tokio::time::timeout(crate::harness::PATIENCE, chunk).await else {
                return exchange.close();
            };
            count.fetch_add(32768, Ordering::SeqCst);
        }
    });
    let stagegate = Stagegate::start(&Setup::of(Workload::new(&backend))).await;
    let mut client = H2::connect(stagegate.proxy).await;
    let (answer, mut up) = client.begin(h2_request("GET /endless", &[]), true).await;
    let unread = within("a head", answer).await.expect("one");
    let mut before = usize::MAX;
    // The backend's own writes come to a halt.
    while before != sent.load(Ordering::SeqCst) {
        before = sent.load(Ordering::SeqCst);
        for _ in 0..40 {
            let answer = client.ask(h2_request("GET /small", &[]), b"").await.expect("an answer");
            assert_eq!(answer.text(), "small");
        }
    }
    // Windows and the system's socket buffers, and no more.
    assert!(before < 16 << 20, "{before} bytes were taken from the backend");
    up.send_reset(h2::Reason::CANCEL);
    drop(unread);
    eventually("the backend to be let go", || backend.open() <= 1).await;
}

#[tokio::test]
async fn who_leaves_cancels_and_what_breaks_looks_broken() {
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
    let stagegate = Stagegate::start(&Setup::of(Workload::new(&backend))).await;
    let mut client = H2::connect(stagegate.proxy).await;
    let (answer, mut up) = client.begin(h2_request("GET /wait", &[]), true).await;
    let mut down = within("a head", answer).await.expect("one").into_body();
    assert_eq!(piece(&mut down).await, b"one");
    up.send_reset(h2::Reason::CANCEL);
    eventually("the backend to be told", || backend.open() == 0).await;

    let (answer, _up) = client.begin(h2_request("GET /break", &[]), true).await;
    let broken = finish(within("a head", answer).await.expect("one")).await.expect_err("a reset");
    assert_eq!(broken.reason(), Some(h2::Reason::INTERNAL_ERROR));
}

#[tokio::test]
async fn a_drain_says_goodbye_and_lets_streams_end() {
    let gate = Arc::new(Semaphore::new(0));
    let opened = Arc::clone(&gate);
    let backend = Backend::with("stable", async move |exchange| {
        exchange.body().await;
        exchange.begin_chunked("200 OK", &[]).await;
        exchange.chunk(b"one").await;
        opened.acquire().await.expect("open").forget();
        exchange.chunk(b"two").await;
        exchange.end_chunked(&[]).await;
    });
    let stagegate = Stagegate::start(&Setup::of(Workload::new(&backend))).await;
    let mut client = H2::connect(stagegate.proxy).await;
    let (answer, _up) = client.begin(h2_request("GET /", &[]), true).await;
    let mut down = within("a head", answer).await.expect("one").into_body();
    assert_eq!(piece(&mut down).await, b"one");
    stagegate.signal(Signal::TERM);
    crate::harness::eventually_async("the drain", async || {
        stagegate.admin.try_call("GET /readyz", &[], None).await.is_none_or(|it| it.status == 503)
    })
    .await;
    gate.add_permits(1);
    assert_eq!(piece(&mut down).await, b"two");
    ended(&mut down).await;
    drop(down);
    client.ended().await.expect("a goodbye, not an error");
    assert!(stagegate.ended().await.success());
}

#[tokio::test]
async fn what_would_smuggle_a_request_reaches_no_backend() {
    let backend = Backend::start("stable");
    let stagegate = Stagegate::start(&Setup::of(Workload::new(&backend))).await;
    for fields in [
        &[("connection", "close")][..],
        &[("transfer-encoding", "chunked")],
        &[("upgrade", "h2c")],
        &[("te", "trailers, chunked")],
        &[("host", "other.test")],
        &[("content-length", "1"), ("content-length", "2")],
        &[("content-length", "x")],
        &[("x-a", "b\r\nx-c: d")],
        &[("x-a", "b\0c")],
        &[("x-a", "b\nGET /admin HTTP/1.1")],
        &[("x-a: b\r\nx-c", "d")],
        &[("X-Upper", "a")],
        &[(":path", "/other")],
        &[(":status", "200")],
        &[(":unknown", "x")],
        &[("", "empty")],
    ] {
        let mut wire = stagegate.connect().await;
        let head = frame(1, 4, 1, &block("POST", fields));
        let data = frame(0, 1, 1, b"GET /smuggled HTTP/1.1\r\nhost: a\r\n\r\n");
        wire.send([hello(), head, data, frame(6, 0, 0, &[7; 8])].concat()).await;
        // The answer to the ping, or a goodbye, comes after all that was before it.
        answered(&mut wire).await;
    }
    assert_eq!(backend.arrivals(), 0, "{:?}", backend.seen());
    // A body that is longer than was said breaks off; what is too much goes nowhere.
    let mut wire = stagegate.connect().await;
    let head = frame(1, 4, 1, &block("POST", &[("content-length", "5")]));
    let data = frame(0, 1, 1, b"12345GET /smuggled HTTP/1.1\r\nhost: a\r\n\r\n");
    wire.send([hello(), head, data, frame(6, 0, 0, &[7; 8])].concat()).await;
    answered(&mut wire).await;
    // The same frames without a trap do arrive.
    let mut wire = stagegate.connect().await;
    wire.send([hello(), frame(1, 5, 1, &block("GET", &[("x-a", "b")]))].concat()).await;
    let came = || backend.seen().iter().any(|seen| seen.head.get("x-a").is_some());
    eventually("the harmless one", came).await;
    assert!(backend.seen().iter().all(|seen| seen.head.target() == "/"), "{:?}", backend.seen());
}

/// Reads frames until a ping is answered, a stream is answered or reset, or a goodbye is said.
async fn answered(wire: &mut Wire) {
    loop {
        let Ok(head) = wire.bytes(9).await else { return };
        let length = usize::from(head[0]) << 16 | usize::from(head[1]) << 8 | usize::from(head[2]);
        let Ok(_) = wire.bytes(length).await else { return };
        let acknowledged_ping = head[3] == 6 && head[4] & 1 == 1;
        if acknowledged_ping || matches!(head[3], 3 | 7) {
            return;
        }
    }
}

#[tokio::test]
async fn floods_end_their_own_connection_and_hurt_nobody_else() {
    let backend = Backend::start("stable");
    let stagegate = Stagegate::start(&Setup::of(Workload::new(&backend))).await;
    let mut bystander = H2::connect(stagegate.proxy).await;
    let resets = (0..5000).flat_map(|n| {
        let id = 2 * n + 1;
        [frame(1, 5, id, &block("GET", &[])), frame(3, 0, id, &8_u32.to_be_bytes())].concat()
    });
    let endless = (0..2000).flat_map(|_| frame(9, 0, 1, &block("GET", &[("x-a", "b")])[3..]));
    let bomb = frame(1, 0, 1, &block("GET", &[]));
    for (name, flood) in [
        ("rapid reset", resets.collect::<Vec<u8>>()),
        ("endless continuation", bomb.into_iter().chain(endless).collect()),
        ("large header list", {
            let field = ("x-filler", "y".repeat(120));
            let fields = vec![(field.0, field.1.as_str()); 110];
            frame(1, 5, 1, &block("GET", &fields))
        }),
    ] {
        let mut wire = stagegate.connect().await;
        let _ = wire.try_send([hello(), flood].concat()).await;
        let answer = bystander.ask(h2_request("GET /", &[]), b"").await.expect("an answer");
        assert_eq!(answer.text(), "stable", "{name}");
        if name != "large header list" {
            wire.ended().await;
        }
    }
    // Acknowledgements that nobody reads stop the reading, they do not pile up.
    let pings: Vec<u8> = (0..400_000).flat_map(|_| frame(6, 0, 0, &[7; 8])).collect();
    let settings: Vec<u8> = (0..400_000).flat_map(|_| frame(4, 0, 0, &[])).collect();
    let mut unread = Vec::new();
    for flood in [pings, settings] {
        let mut wire = stagegate.connect().await;
        wire.send(hello()).await;
        unread.push(tokio::spawn(async move { wire.try_send(flood).await }));
    }
    for _ in 0..50 {
        let answer = bystander.ask(h2_request("GET /", &[]), b"").await.expect("an answer");
        assert_eq!(answer.text(), "stable");
    }
    let memory = stagegate.resident_kib();
    assert!(memory < 400 * 1024, "{memory} KiB after the floods");
    unread.iter().for_each(tokio::task::JoinHandle::abort);
    assert_eq!(stagegate.get("/", &[]).await.text(), "stable");
}

#[tokio::test]
async fn a_websocket_runs_over_one_stream() {
    let backend = Backend::with("stable", async |exchange| {
        assert!(exchange.request.get("sec-websocket-key").is_some_and(|key| key.len() == 24));
        assert_eq!(exchange.request.get("upgrade"), Some("websocket"));
        exchange
            .send("HTTP/1.1 101 Switching Protocols\r\nconnection: upgrade\r\nupgrade: websocket\r\nsec-websocket-accept: x\r\n\r\nhello")
            .await;
        while exchange.wire.readable().await {
            let bytes = exchange.wire.bytes(4).await.expect("four bytes");
            exchange.send(bytes.to_ascii_uppercase()).await;
        }
        exchange.close();
    });
    let stagegate = Stagegate::start(&Setup::of(Workload::new(&backend))).await;
    let mut client = H2::connect(stagegate.proxy).await;
    eventually("the proxy's settings", || client.takes_websockets()).await;
    let (answer, mut up) = client.begin(h2_websocket("/chat"), false).await;
    let answer = within("an answer", answer).await.expect("one");
    assert_eq!(answer.status(), 200);
    assert!(answer.headers().get("sec-websocket-accept").is_none());
    let mut down = answer.into_body();
    assert_eq!(piece(&mut down).await, b"hello");
    for word in ["ping", "pong"] {
        up.send_data(Bytes::from_static(word.as_bytes()), false).expect("room");
        assert_eq!(piece(&mut down).await, word.to_uppercase().into_bytes());
    }
    up.send_data(Bytes::new(), true).expect("an end");
    ended(&mut down).await;
    // Other protocols are not tunnelled.
    let mut other = h2_request("CONNECT /", &[]);
    other.extensions_mut().insert(h2::ext::Protocol::from_static("connect-udp"));
    let answer = client.ask(other, b"").await.expect("an answer");
    assert_eq!(answer.status(), 501);
}

#[tokio::test]
async fn real_clients_agree_on_http2_or_do_without() {
    let authority = Authority::new();
    let certificate = authority.sign("server", &["127.0.0.1", "localhost"]);
    let backend = Backend::with("stable", crate::harness::backend::echo);
    let tls = format!("{{ certificates: [{}] }}", certificate.yaml());
    for (http2, version) in [("true", "HTTP/2"), ("false", "HTTP/1.1")] {
        let setup = Setup::of(Workload::new(&backend))
            .with_listener("tls", &tls)
            .with_listener("http2", http2);
        let stagegate = Stagegate::start(&setup).await;
        let port = stagegate.proxy.port().to_string();
        let ip = stagegate.proxy.ip().to_string();
        let ca = authority.path().display().to_string();
        let printed = script("http2_client.py", &[&ip, &port, &ca, version]).await;
        assert_eq!(printed.matches("ok ").count(), 3, "{printed}");
    }
    // Without the preface being allowed, it is no request at all.
    let setup = Setup::of(Workload::new(&backend)).with_listener("http2", "false");
    let stagegate = Stagegate::start(&setup).await;
    let mut wire = stagegate.connect().await;
    wire.send(hello()).await;
    assert_eq!(wire.head().await.status(), 505);
    let mut wire = stagegate.connect().await;
    assert_eq!(wire.ask(&request("GET /", &[])).await.status(), 200);
}

#[tokio::test]
async fn a_connection_that_nobody_uses_ends_with_a_goodbye() {
    let backend = Backend::start("stable");
    let setup = Setup::of(Workload::new(&backend))
        .with("limits", "{ keep_alive: 200ms, header_timeout: 200ms }");
    let stagegate = Stagegate::start(&setup).await;
    let mut client = H2::connect(stagegate.proxy).await;
    let answer = client.ask(h2_request("GET /", &[]), b"").await.expect("an answer");
    assert_eq!(answer.text(), "stable");
    within("a goodbye", client.closed()).await;
    // A preface without an end is a head without an end.
    let mut wire = stagegate.connect().await;
    wire.send("PRI * HTTP/2.0\r\n\r\nSM").await;
    assert_eq!(wire.head().await.status(), 408);
}
