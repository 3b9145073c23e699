//! One side disappears: the other hears of it at once, and nobody mistakes it for a clean end.

use crate::harness::{
    Backend, Chunk, End, Setup, Stagegate, Workload, eventually, request, request_with,
};
use std::collections::HashSet;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

async fn behind(backend: &Backend) -> Stagegate {
    Stagegate::start(&Setup::of(Workload::new(backend))).await
}

#[tokio::test]
async fn a_client_that_goes_takes_its_request_along() {
    let gone = Arc::new(AtomicUsize::new(0));
    let counter = Arc::clone(&gone);
    let backend = Backend::with("stable", async move |exchange| {
        let target = exchange.request.target().to_owned();
        match target.as_str() {
            // Thinking, before any answer.
            "/head" => {}
            "/stream" => {
                exchange.begin_chunked("200 OK", &[]).await;
                exchange.chunk(b"first").await;
            }
            "/sized" => exchange.send("HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\nfirst").await,
            "/upload" => {}
            _ => return crate::harness::backend::plain(exchange).await,
        }
        exchange.wire.ended().await;
        counter.fetch_add(1, Ordering::SeqCst);
        exchange.close();
    });
    let stagegate = behind(&backend).await;
    let upload = request("POST /upload", &[("content-length", "100")]) + "half";
    let plans = [
        ("/head", request("GET /head", &[])),
        ("/stream", request("GET /stream", &[])),
        ("/sized", request("GET /sized", &[])),
        ("/upload", upload),
    ];
    let mut expected = 0;
    for (path, text) in plans {
        for reset in [false, true] {
            let before = backend.arrivals();
            let mut wire = stagegate.connect().await;
            wire.send(&text).await;
            eventually("the request to arrive", || backend.arrivals() > before).await;
            if matches!(path, "/stream" | "/sized") {
                wire.head().await;
            }
            if reset {
                wire.reset();
            } else {
                drop(wire);
            }
            expected += 1;
            let what = format!("the backend to hear that the client of {path} is gone ({reset})");
            eventually(&what, || gone.load(Ordering::SeqCst) == expected).await;
        }
    }
    assert_eq!(stagegate.get("/", &[]).await.status(), 200);
}

#[tokio::test]
async fn a_backend_that_goes_in_the_middle_never_looks_like_a_clean_end() {
    let backend = Backend::with("stable", async |exchange| {
        exchange.body().await;
        match exchange.request.target() {
            "/chunked" => {
                exchange.begin_chunked("200 OK", &[]).await;
                exchange.chunk(b"first").await;
            }
            "/in-a-chunk" => {
                exchange.begin_chunked("200 OK", &[]).await;
                exchange.send("10\r\nhalf").await;
            }
            "/broken-chunk" => {
                exchange.begin_chunked("200 OK", &[]).await;
                exchange.send("5\r\nfirst\r\nzz\r\nrest").await;
                exchange.wire.ended().await;
            }
            "/sized" => exchange.send("HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\nfirst").await,
            _ => return crate::harness::backend::plain(exchange).await,
        }
        exchange.close();
    });
    let stagegate = behind(&backend).await;
    for path in ["/chunked", "/in-a-chunk", "/broken-chunk", "/sized"] {
        let response = stagegate.get(path, &[]).await;
        // When nothing has gone out yet, an error is even clearer than an abort.
        let refused = response.status() == 502 && path == "/broken-chunk";
        assert!(response.status() == 200 || refused, "{path}: {}", response.status());
        let cut = matches!(response.body.end, End::Closed | End::Reset);
        assert!(cut || refused, "{path}: {:?}", response.body.end);
    }
    // For an old client the end of the connection is the end of the answer: only a reset tells.
    let mut wire = stagegate.connect().await;
    wire.send("GET /chunked HTTP/1.0\r\n\r\n").await;
    wire.head().await;
    assert_eq!(wire.ended().await.0, End::Reset);
    assert_eq!(stagegate.get("/", &[]).await.status(), 200);
}

#[tokio::test]
async fn answers_that_are_none_become_clear_errors() {
    let backend = Backend::with("stable", async |exchange| {
        exchange.body().await;
        let answer: &[u8] = match exchange.request.target() {
            "/nothing" => b"",
            "/half-a-head" => b"HTTP/1.1 200 OK\r\nContent-Le",
            "/garbage" => b"\x00\x01\x02 not http at all\r\n\r\n",
            "/two-lengths" => b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\nContent-Length: 4\r\n\r\nabc",
            "/bad-length" => b"HTTP/1.1 200 OK\r\nContent-Length: -3\r\n\r\nabc",
            "/length-and-chunked" => b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n",
            "/unknown-coding" => b"HTTP/1.1 200 OK\r\nTransfer-Encoding: xyz\r\n\r\nabc",
            "/nul-field" => b"HTTP/1.1 200 OK\r\nX-A: a\0b\r\nContent-Length: 0\r\n\r\n",
            "/status-99" => b"HTTP/1.1 99 Odd\r\nContent-Length: 0\r\n\r\n",
            "/unasked-upgrade" => b"HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: x\r\n\r\n",
            _ => return crate::harness::backend::plain(exchange).await,
        };
        exchange.send(answer).await;
        exchange.close();
    });
    let stagegate = behind(&backend).await;
    let paths = [
        "/nothing",
        "/half-a-head",
        "/garbage",
        "/two-lengths",
        "/bad-length",
        "/length-and-chunked",
        "/unknown-coding",
        "/nul-field",
        "/status-99",
        "/unasked-upgrade",
    ];
    for path in paths {
        let response = stagegate.get(path, &[]).await;
        assert_eq!(response.status(), 502, "{path}");
        let reason = response.reason().expect("a reason");
        assert!(matches!(reason, "upstream_reset" | "upstream_malformed"), "{path}: {reason}");
        let problem = response.json();
        assert_eq!((&problem["status"], response.body.end), (&502.into(), End::Complete), "{path}");
        assert_eq!(problem["request_id"].as_str(), response.head.get("x-request-id"));
    }
    assert_eq!(stagegate.get("/", &[]).await.status(), 200);
}

#[tokio::test]
async fn a_request_that_met_a_closing_connection_is_sent_again() {
    // Answers each connection's first request and drops the connection on the second: the race
    // between a backend's keep-alive timeout and the next request.
    let served = Mutex::new(HashSet::new());
    let number = Arc::new(AtomicUsize::new(0));
    let backend = Backend::with("stable", async move |exchange| {
        let request = number.fetch_add(1, Ordering::SeqCst);
        let body = exchange.body().await;
        let peer = exchange.wire.peer();
        if !served.lock().expect("set").insert(peer) {
            return exchange.close();
        }
        let text = format!("{request} {}", String::from_utf8_lossy(&body.bytes));
        exchange.reply("200 OK", &[], text.as_bytes()).await;
    });
    let stagegate =
        Stagegate::start(&Setup::of(Workload::new(&backend)).with("workers", "1")).await;
    let mut wire = stagegate.connect().await;
    for round in 0..10 {
        let response = wire.ask(&request("GET /", &[])).await;
        assert_eq!(response.status(), 200, "round {round}: {}", response.text());
    }
    assert_eq!(backend.arrivals(), 19, "every request but the first met a closing connection");

    // Possibly processed and not safe to repeat: an error, never a second time.
    let before = backend.arrivals();
    let posted = wire.ask(&request_with("POST /", &[], "pay")).await;
    assert_eq!((posted.status(), posted.reason()), (502, Some("upstream_reset")));
    assert_eq!(backend.arrivals(), before + 1);
}

#[tokio::test]
async fn a_connection_the_backend_closed_is_not_used() {
    let backend = Backend::with("stable", async |exchange| {
        exchange.body().await;
        exchange.reply("200 OK", &[], b"once").await;
        exchange.close();
    });
    let stagegate = behind(&backend).await;
    for _ in 0..20 {
        let response = stagegate.connect().await.ask(&request_with("POST /", &[], "pay")).await;
        assert_eq!((response.status(), response.text().as_str()), (200, "once"));
        eventually("the backend to close", || backend.open() == 0).await;
    }
    assert_eq!(backend.arrivals(), 20, "each was sent once");
}

#[tokio::test]
async fn a_backend_that_refuses_connections_is_a_clear_error() {
    let nobody = crate::harness::free_address();
    let stagegate = Stagegate::start(&Setup::of(Workload::at(nobody))).await;
    let mut wire = stagegate.connect().await;
    for _ in 0..3 {
        let response = wire.ask(&request_with("POST /", &[], "hello")).await;
        assert_eq!((response.status(), response.reason()), (502, Some("upstream_connect")));
        assert_eq!(response.head.get("content-type"), Some("application/problem+json"));
    }
}

#[tokio::test]
async fn a_slow_reader_holds_the_backend_back_instead_of_filling_memory() {
    let sent = Arc::new(AtomicUsize::new(0));
    let counter = Arc::clone(&sent);
    const TOTAL: usize = 64 << 20;
    let backend = Backend::with("stable", async move |exchange| {
        exchange.body().await;
        exchange.begin_chunked("200 OK", &[]).await;
        let piece = vec![b'x'; 64 << 10];
        for _ in 0..TOTAL / piece.len() {
            exchange.chunk(&piece).await;
            counter.fetch_add(piece.len(), Ordering::SeqCst);
        }
        exchange.end_chunked(&[]).await;
    });
    let stagegate = behind(&backend).await;
    let before = stagegate.resident_kib();
    let mut wire = stagegate.connect().await;
    wire.send(request("GET /", &[])).await;
    wire.head().await;
    // Nobody reads: everything between backend and client fills up, and then nothing moves.
    let mut last = usize::MAX;
    while last != sent.load(Ordering::SeqCst) {
        last = sent.load(Ordering::SeqCst);
        tokio::time::sleep(std::time::Duration::from_millis(300)).await;
    }
    assert!(last < TOTAL / 2, "{last} bytes were taken though nobody reads");
    let grown = stagegate.resident_kib().saturating_sub(before);
    assert!(grown < 16 << 10, "{grown} KiB more for one connection");
    let mut total = 0;
    loop {
        match wire.chunk().await {
            Chunk::Data(data) => total += data.len(),
            Chunk::Last(_) => break,
            Chunk::Cut(end) => panic!("cut: {end:?}"),
        }
    }
    assert_eq!(total, TOTAL);
}
