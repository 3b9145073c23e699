//! Every wait has an end, and the end says which one it was. The configured times are small; what
//! is asserted is who ends the exchange and how, never how long it took.

use crate::harness::{Backend, End, Setup, Stagegate, Workload, eventually, request};
use std::net::TcpListener;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

/// A backend that stalls or drips as its path says, and counts connections that ended under it.
fn slow(cut: &Arc<AtomicUsize>) -> Backend {
    let cut = Arc::clone(cut);
    Backend::with("stable", async move |exchange| {
        match exchange.request.target() {
            "/silent" => {}
            "/stall" => {
                exchange.begin_chunked("200 OK", &[]).await;
                exchange.chunk(b"first").await;
            }
            "/drip" => {
                exchange.begin_chunked("200 OK", &[]).await;
                while exchange.wire.is_quiet() {
                    exchange.chunk(b"drip").await;
                    tokio::time::sleep(std::time::Duration::from_millis(20)).await;
                }
            }
            _ => return crate::harness::backend::plain(exchange).await,
        }
        exchange.wire.ended().await;
        cut.fetch_add(1, Ordering::SeqCst);
        exchange.close();
    })
}

async fn with_timeouts(backend: &Backend, timeouts: &str) -> Stagegate {
    Stagegate::start(&Setup::of(Workload::new(backend).with("timeouts", timeouts))).await
}

#[tokio::test]
async fn a_backend_that_does_not_answer_is_given_up() {
    let cut = Arc::default();
    let backend = slow(&cut);
    let stagegate = with_timeouts(&backend, "{ first_byte: 1s }").await;
    let response = stagegate.get("/silent", &[]).await;
    assert_eq!((response.status(), response.reason()), (504, Some("first_byte_timeout")));
    eventually("the backend to be told", || cut.load(Ordering::SeqCst) == 1).await;
    assert_eq!(stagegate.get("/", &[]).await.status(), 200);
}

#[tokio::test]
async fn a_stream_that_stalls_is_aborted() {
    let cut = Arc::default();
    let backend = slow(&cut);
    let stagegate = with_timeouts(&backend, "{ idle: 200ms }").await;
    let response = stagegate.get("/stall", &[]).await;
    assert_eq!((response.status(), response.body.bytes.as_slice()), (200, &b"first"[..]));
    assert_ne!(response.body.end, End::Complete);
    eventually("the backend to be told", || cut.load(Ordering::SeqCst) == 1).await;
}

#[tokio::test]
async fn an_exchange_has_an_end_however_it_drips() {
    let cut = Arc::default();
    let backend = slow(&cut);
    let stagegate = with_timeouts(&backend, "{ idle: 30s, total: 2s }").await;
    let response = stagegate.get("/drip", &[]).await;
    assert_eq!(response.status(), 200);
    assert!(response.body.chunks.len() > 1, "it dripped for a while");
    assert_ne!(response.body.end, End::Complete);
    eventually("the backend to be told", || cut.load(Ordering::SeqCst) == 1).await;
    let silent = stagegate.get("/silent", &[]).await;
    assert_eq!(silent.status(), 504);
}

#[tokio::test]
async fn a_backend_that_accepts_no_connection_is_given_up() {
    // A listener whose queue is full drops further attempts without a word.
    let address = crate::harness::free_address();
    let socket = socket2::Socket::new(socket2::Domain::IPV4, socket2::Type::STREAM, None);
    let socket = socket.expect("a socket");
    socket.bind(&address.into()).expect("bind");
    socket.listen(0).expect("listen");
    let listener = TcpListener::from(socket);
    let mut queue = Vec::new();
    while let Ok(stream) =
        std::net::TcpStream::connect_timeout(&address, std::time::Duration::from_millis(200))
    {
        queue.push(stream);
        assert!(queue.len() < 100, "the queue never fills");
    }
    let workload = Workload::at(address).with("timeouts", "{ connect: 200ms }");
    let stagegate = Stagegate::start(&Setup::of(workload)).await;
    let response = stagegate.get("/", &[]).await;
    assert_eq!((response.status(), response.reason()), (504, Some("connect_timeout")));
    drop(listener);
}

#[tokio::test]
async fn a_head_that_trickles_in_is_cut_off() {
    let backend = Backend::start("stable");
    let setup = Setup::of(Workload::new(&backend)).with("limits", "{ header_timeout: 1s }");
    let stagegate = Stagegate::start(&setup).await;
    let mut wires = Vec::new();
    for _ in 0..20 {
        wires.push(stagegate.connect().await);
    }
    // One byte at a time, never finishing, for as long as the proxy puts up with it.
    let mut sent = 0;
    while !wires.is_empty() {
        let mut still_open = Vec::new();
        for mut wire in wires {
            let byte = b"GET / HTTP/1.1\r\nX-Slow: ".get(sent).unwrap_or(&b'z');
            if wire.is_quiet() && wire.try_send([*byte]).await.is_ok() {
                still_open.push(wire);
            } else if let Ok(response) = wire.try_response("GET").await {
                assert_eq!((response.status(), response.reason()), (408, Some("request_timeout")));
                let (end, rest) = wire.ended().await;
                assert!(rest.is_empty(), "{end:?} after {rest:?}");
            }
        }
        wires = still_open;
        sent += 1;
        assert!(sent < 4000, "nobody is cut off");
        tokio::time::sleep(crate::harness::POLL).await;
    }
    assert_eq!(backend.arrivals(), 0);
    assert_eq!(stagegate.get("/", &[]).await.status(), 200);
}

#[tokio::test]
async fn a_connection_that_says_nothing_is_closed() {
    let backend = Backend::start("stable");
    let setup = Setup::of(Workload::new(&backend)).with("limits", "{ keep_alive: 300ms }");
    let stagegate = Stagegate::start(&setup).await;
    let mut wire = stagegate.connect().await;
    assert_eq!(wire.ask(&request("GET /", &[])).await.status(), 200);
    assert_eq!(wire.ended().await, (End::Closed, Vec::new()), "quietly: nobody asked anything");
}

#[tokio::test]
async fn a_body_that_stops_coming_is_given_up() {
    let backend = Backend::start("stable");
    let setup = Setup::of(Workload::new(&backend)).with("limits", "{ body_idle: 300ms }");
    let stagegate = Stagegate::start(&setup).await;
    let mut wire = stagegate.connect().await;
    wire.send(request("POST /", &[("content-length", "100")]) + "only this").await;
    let response = wire.response("POST").await;
    assert_eq!((response.status(), response.reason()), (408, Some("request_timeout")));
    wire.ended().await;
    eventually("the backend's connection to be closed", || backend.open() == 0).await;
    let complete = |seen: &crate::harness::backend::Seen| {
        seen.body.as_ref().is_some_and(|b| b.end == End::Complete)
    };
    assert!(!backend.seen().iter().any(complete));
}
