//! Five hundred people watch: one event for all of them, and nobody else waits.

use crate::harness::{Backend, Setup, Stagegate, Workload, eventually, request};
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

/// Most who watch at a time.
const MOST: usize = 512;
/// Of them, so many read nothing at all.
const ASLEEP: usize = 24;

#[derive(Default)]
struct Counts {
    first: AtomicUsize,
    rolled_back: AtomicUsize,
}

async fn open(admin: SocketAddr) -> TcpStream {
    let mut stream = TcpStream::connect(admin).await.expect("connected");
    let host = format!("localhost:{}", admin.port());
    let asked = request("GET /v1/events", &[]).replacen("agents.test", &host, 1);
    stream.write_all(asked.as_bytes()).await.expect("sent");
    stream
}

/// Reads until the rollback was told.
async fn watch(mut stream: TcpStream, counts: Arc<Counts>) {
    let (mut seen, mut buffer) = (Vec::new(), [0; 16 << 10]);
    let mut is_first = true;
    loop {
        let read = stream.read(&mut buffer).await.expect("readable");
        assert!(read > 0, "the stream has ended");
        seen.extend_from_slice(&buffer[..read]);
        let text = String::from_utf8_lossy(&seen);
        if is_first && text.contains("\"open\":true") {
            counts.first.fetch_add(1, Ordering::Relaxed);
            is_first = false;
        }
        if text.contains("\"open\":false") {
            counts.rolled_back.fetch_add(1, Ordering::Relaxed);
            return;
        }
        // What was looked through stays only as far as a word may go on.
        let old = seen.len().saturating_sub(64);
        seen.drain(..old);
    }
}

#[tokio::test]
async fn everybody_sees_a_rollback_and_neither_it_nor_traffic_waits_for_them() {
    let backends = [Backend::start("stable"), Backend::start("candidate")];
    let workload = Workload::canary(&backends[0], &backends[1]).with("weight", "50%");
    let stagegate = Stagegate::start(&Setup::of(workload)).await;
    let admin = stagegate.admin.address;
    let counts = Arc::new(Counts::default());
    let mut asleep = Vec::new();
    for number in 0..MOST {
        let stream = open(admin).await;
        if number < ASLEEP {
            asleep.push(stream);
        } else {
            tokio::spawn(watch(stream, Arc::clone(&counts)));
        }
    }
    let awake = MOST - ASLEEP;
    let first = || counts.first.load(Ordering::Relaxed);
    eventually("everybody to see the status", || first() == awake).await;
    let full = stagegate.admin.get("/v1/events").await;
    assert_eq!(full.status, 503);
    assert!(full.json["detail"].to_string().contains("/v1/status"), "{}", full.json);

    // While all of them watch, requests are answered, pages too, and a rollback settles.
    for number in 0..100 {
        assert_eq!(stagegate.get("/", &[("x-user-id", &format!("u{number}"))]).await.status(), 200);
    }
    assert_eq!(stagegate.admin.get("/v1/status").await.status, 200);
    let rolled_back = stagegate.admin.rollback().await;
    assert_eq!(rolled_back.json["rollback"]["settled"], true, "{}", rolled_back.json);
    let told = || counts.rolled_back.load(Ordering::Relaxed);
    eventually("everybody to see the rollback", || told() == awake).await;
    drop(asleep);
}
