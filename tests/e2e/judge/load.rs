//! Nobody waits, and memory has its end, whatever scorers and disks do.

use crate::eval::{FAST, agent, question, workload};
use crate::harness::{Backend, Exchange, Setup, Stagegate, Wire, Workload, eventually};
use serde_json::json;
use std::time::Duration;

/// Keeps everybody else from writing to the samples, until it is dropped.
struct Blocked(std::process::Child);

impl Blocked {
    fn begin(stagegate: &Stagegate) -> Self {
        use std::io::BufRead as _;
        let script = "import sqlite3, sys\n\
            db = sqlite3.connect(sys.argv[1], isolation_level=None)\n\
            db.execute('PRAGMA busy_timeout = 30000')\n\
            db.execute('BEGIN IMMEDIATE')\n\
            print('held', flush=True)\n\
            sys.stdin.read()";
        let file = stagegate.config_path().with_file_name("data").join("samples.db");
        let mut python = std::process::Command::new("python3")
            .args(["-c", script])
            .arg(file)
            .stdin(std::process::Stdio::piped())
            .stdout(std::process::Stdio::piped())
            .spawn()
            .expect("python3");
        let mut line = String::new();
        let stdout = python.stdout.take().expect("piped");
        std::io::BufReader::new(stdout).read_line(&mut line).expect("a line");
        assert_eq!(line, "held\n");
        Self(python)
    }
}

impl Drop for Blocked {
    fn drop(&mut self) {
        // Its input ends with it, too.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[tokio::test]
async fn answers_do_not_wait_for_a_scorer_that_hangs_or_a_store_that_is_blocked() {
    let arms = [agent("stable", false), agent("candidate", false)];
    let hangs = Backend::with("hangs", async |exchange: &mut Exchange| {
        exchange.body().await;
        std::future::pending::<()>().await;
    });
    let scorers = format!(
        "[{{ name: mine, type: http, url: \"http://{}/\", timeout: 600s, gate: true }}]",
        hangs.address
    );
    let setup = Setup::of(
        workload(&arms[0], &arms[1], &scorers)
            .with("sampling", "{ stable: 100%, max_rate: 100000/s }"),
    )
    .with("policies", FAST)
    .with("eval", "{ memory: 1MiB }");
    let stagegate = Stagegate::start(&setup).await;
    let mut wire = stagegate.connect().await;
    assert_eq!(wire.ask(&question(1, "the time")).await.status(), 200);
    eventually("the scorer to be asked", || hangs.arrivals() > 0).await;
    let blocked = Blocked::begin(&stagegate);
    // More than all queues together hold; a write waits for five seconds before it gives up.
    let (mut slowest, mut slow) = (Duration::ZERO, 0);
    for n in 2..3002 {
        let asked = std::time::Instant::now();
        assert_eq!(wire.ask(&question(n, "the time")).await.status(), 200);
        let took = asked.elapsed();
        slowest = slowest.max(took);
        slow += usize::from(took > Duration::from_secs(2));
    }
    println!("the slowest of 3000 answers took {slowest:?}");
    // A busy machine may stand still once; answers that wait for the disk do so every few hundred.
    assert!(slow <= 2, "{slow} answers took seconds");
    // Metrics come as well, though their figures are with those who wait; then all goes on.
    drop(blocked);
    let dropped = stagegate.admin.metric("stagegate_eval_dropped_total", &[]).await;
    assert!(dropped > 100.0, "{dropped}");
}

#[tokio::test]
async fn a_flood_at_full_sampling_stays_within_its_memory() {
    const MEMORY: u64 = 16 << 10;
    let text = "y".repeat(100_000);
    let stable = Backend::with("stable", async move |exchange: &mut Exchange| {
        exchange.body().await;
        let answer = json!({ "text": text }).to_string();
        exchange.reply("200 OK", &[("content-type", "application/json")], answer.as_bytes()).await;
    });
    stable.count_only();
    let hangs = Backend::with("hangs", async |exchange: &mut Exchange| {
        exchange.body().await;
        std::future::pending::<()>().await;
    });
    let scorers = format!(
        "[{{ name: mine, type: http, url: \"http://{}/\", timeout: 600s, gate: true }}, \
          {{ name: in-json, type: is-json, gate: true }}]",
        hangs.address
    );
    let workload = Workload::new(&stable)
        .with("sampling", "{ stable: 100%, max_rate: 100000/s }")
        .with("scorers", &scorers);
    let setup = Setup::of(workload).with("eval", "{ memory: 16MiB }");
    let stagegate = Stagegate::start(&setup).await;
    let flood = async |from: u64, requests: u64| {
        let clients = (0..8).map(|client| {
            let proxy = stagegate.proxy;
            tokio::spawn(async move {
                let mut wire = Wire::connect(proxy).await;
                for n in 0..requests {
                    let question = question(from + client * requests + n, "a lot");
                    assert_eq!(wire.ask(&question).await.status(), 200);
                }
            })
        });
        for client in clients.collect::<Vec<_>>() {
            client.await.expect("every answer is a 200");
        }
    };
    let before = stagegate.resident_kib();
    flood(0, 200).await;
    let filled = stagegate.resident_kib();
    flood(10_000, 400).await;
    let after = stagegate.resident_kib();
    let dropped = stagegate.admin.metric("stagegate_eval_dropped_total", &[]).await;
    println!(
        "{before} KiB before, {filled} KiB with queues full, {after} KiB after; {dropped} dropped"
    );
    assert!(dropped > 1000.0, "{dropped}");
    // Copies and samples share the cap; the rest is what the process needs to work.
    assert!(after < before + MEMORY + (48 << 10), "{before} -> {after} KiB");
    assert!(after < filled + (24 << 10), "it goes on growing: {filled} -> {after} KiB");
}
