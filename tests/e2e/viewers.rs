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

/// Requests of one round, one after the other.
const ASKED: usize = 1500;
/// Rounds without and with viewers, in turn.
const ROUNDS: usize = 6;

/// The median and the 99th percentile of a round, in microseconds.
async fn round(stagegate: &Stagegate) -> (f64, f64) {
    let mut wire = stagegate.connect().await;
    let mut took = Vec::with_capacity(ASKED);
    for number in 0..ASKED {
        let user = format!("u{number}");
        let begun = std::time::Instant::now();
        let answer = wire.ask(&request("GET /", &[("x-user-id", &user)])).await;
        took.push(begun.elapsed().as_secs_f64() * 1e6);
        assert_eq!(answer.status(), 200);
    }
    took.sort_by(f64::total_cmp);
    (took[ASKED / 2], took[ASKED * 99 / 100])
}

/// What 500 viewers cost the data plane: rounds without and with them in turn, so that a busy machine troubles both.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "a measurement: `cargo nextest run -p stagegate --test e2e viewers --run-ignored only --no-capture`"]
async fn five_hundred_viewers_against_nobody() {
    let backends = [Backend::start("stable"), Backend::start("candidate")];
    let workload = Workload::canary(&backends[0], &backends[1]).with("weight", "50%");
    let stagegate = Stagegate::start(&Setup::of(workload)).await;
    round(&stagegate).await;
    let (mut without, mut with) = (Vec::new(), Vec::new());
    for _ in 0..ROUNDS {
        without.push(round(&stagegate).await);
        let counts = Arc::new(Counts::default());
        let mut watching = Vec::new();
        for _ in 0..500 {
            watching.push(tokio::spawn(watch(
                open(stagegate.admin.address).await,
                Arc::clone(&counts),
            )));
        }
        let first = || counts.first.load(Ordering::Relaxed);
        eventually("everybody to see the status", || first() == 500).await;
        with.push(round(&stagegate).await);
        watching.iter().for_each(tokio::task::JoinHandle::abort);
        // Their places are free again when the server has seen that they left.
        tokio::time::sleep(std::time::Duration::from_secs(2)).await;
    }
    let median = |all: &[(f64, f64)], of: fn(&(f64, f64)) -> f64| {
        let mut all: Vec<f64> = all.iter().map(of).collect();
        all.sort_by(f64::total_cmp);
        all[all.len() / 2]
    };
    for (name, of) in [("p50", (|it| it.0) as fn(&(f64, f64)) -> f64), ("p99", |it| it.1)] {
        let (alone, watched) = (median(&without, of), median(&with, of));
        println!(
            "{name}: {alone:.0} us alone, {watched:.0} us with 500 viewers, ratio {:.2}",
            watched / alone
        );
    }
    println!("rounds without: {without:.0?}\nrounds with: {with:.0?}");
}
