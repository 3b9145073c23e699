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

/// What a flood of large answers does to the process's memory, in KiB.
struct Flooded {
    /// Once queues are full.
    filled: u64,
    /// After twice as much again.
    after: u64,
    /// Answers that were picked and dropped.
    dropped: f64,
}

impl Flooded {
    /// Growth since the start; `share` of the answers is picked for scorers of which one hangs.
    async fn of(share: &str, stable: &Backend, hangs: &Backend) -> Self {
        let scorers = format!(
            "[{{ name: mine, type: http, url: \"http://{}/\", timeout: 600s, gate: true }}, \
              {{ name: in-json, type: is-json, gate: true }}]",
            hangs.address
        );
        let workload = Workload::new(stable)
            .with("sampling", &format!("{{ stable: {share}, max_rate: 100000/s }}"))
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
            stagegate.resident_kib()
        };
        let before = stagegate.resident_kib();
        let filled = flood(0, 200).await.saturating_sub(before);
        let after = flood(10_000, 400).await.saturating_sub(before);
        let dropped = stagegate.admin.metric("stagegate_eval_dropped_total", &[]).await;
        println!("{share} sampled: grew by {filled} KiB, then {after} KiB; {dropped} dropped");
        Self { filled, after, dropped }
    }
}

#[tokio::test]
async fn a_flood_at_full_sampling_stays_within_its_memory() {
    const MEMORY: u64 = 16 << 10;
    /// Samples in the making, the store's caches, and what the allocator rounds up.
    const AT_WORK: u64 = 20 << 10;
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
    let without = Flooded::of("0%", &stable, &hangs).await;
    let with = Flooded::of("100%", &stable, &hangs).await;
    assert!(with.dropped > 1000.0 && without.dropped < 0.5, "{} dropped", with.dropped);
    // Copies and samples share the cap.
    let more = with.after.saturating_sub(without.after);
    assert!(more < MEMORY + AT_WORK, "sampling takes {more} KiB");
    assert!(with.after < with.filled + (24 << 10), "it goes on growing: {} KiB", with.after);
}
