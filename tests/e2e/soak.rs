//! Memory stays flat however many distinct users and conversations come by.
//!
//! The short form runs in the suite; `STAGEGATE_SOAK_SECONDS=600` makes it the long one.

use crate::harness::{Backend, Setup, Stagegate, Wire, Workload, request};
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

const CLIENTS: usize = 8;
const PIPELINE: usize = 32;
const DISTINCT_IDS: usize = 200_000;
/// Learned conversations are kept up to this number; until it is reached, each may cost this much.
const PINS: usize = 1_000_000;
const BYTES_PER_PIN: u64 = 128;
/// The decision log's blocks and indexes come and go.
const SAWTOOTH_KIB: u64 = 8 << 10;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn memory_does_not_grow_with_the_number_of_users_and_conversations() {
    let seconds =
        std::env::var("STAGEGATE_SOAK_SECONDS").map_or(20, |s| s.parse().expect("seconds"));
    let script = async |exchange: &mut crate::harness::Exchange| {
        exchange.body().await;
        let arm = Rc::clone(&exchange.arm);
        // Each answer issues an id: the learned pins must be bounded too.
        let session = exchange.request.get("x-request-id").unwrap_or_default().to_owned();
        exchange.reply("200 OK", &[("mcp-session-id", &session)], arm.as_bytes()).await;
    };
    let (stable, candidate) = (Backend::with("stable", script), Backend::with("candidate", script));
    stable.count_only();
    candidate.count_only();
    let workload = Workload::canary(&stable, &candidate).with("sticky", "conversation").with(
        "identity",
        "{ tenant: [{ header: x-tenant-id }], user: [{ header: x-user-id }], \
         conversation: [{ header: x-session-id }, learned] }",
    );
    let workload = workload.with("limits", "{ tenant: { rate: 100000/s, in_flight: 1000 } }");
    let stagegate = Stagegate::start(&Setup::of(workload)).await;
    stagegate.admin.weight("50%").await;
    let (stop, answers) = (Arc::<AtomicBool>::default(), Arc::<AtomicUsize>::default());
    let proxy = stagegate.proxy;
    let clients: Vec<_> = (0..CLIENTS)
        .map(|client| {
            let (stop, answers) = (Arc::clone(&stop), Arc::clone(&answers));
            tokio::spawn(async move {
                let mut wire = Wire::connect(proxy).await;
                for round in 0_usize.. {
                    if stop.load(Ordering::SeqCst) {
                        return;
                    }
                    let one = |number: usize| {
                        let id = format!("{client}-{round}-{number}");
                        let (tenant, user) = (format!("tenant-{id}"), format!("user-{id}"));
                        let session = format!("session-{id}");
                        request(
                            "GET /",
                            &[
                                ("x-tenant-id", &tenant),
                                ("x-user-id", &user),
                                ("x-session-id", &session),
                            ],
                        )
                    };
                    wire.send((0..PIPELINE).map(one).collect::<String>()).await;
                    for _ in 0..PIPELINE {
                        assert_eq!(wire.response("GET").await.status(), 200);
                    }
                    answers.fetch_add(PIPELINE, Ordering::SeqCst);
                }
            })
        })
        .collect();

    // A request brings a tenant, a user, a conversation, a session and an id of its own.
    let ids = || answers.load(Ordering::SeqCst) * 5;
    let (started, wanted) = (Instant::now(), Duration::from_secs(seconds));
    let mut samples: Vec<(f64, u64, u64)> = Vec::new();
    loop {
        // A sample now and then is what this test is made of.
        tokio::time::sleep(Duration::from_millis(100)).await;
        let progress =
            started.elapsed().div_duration_f64(wanted).min(ids() as f64 / DISTINCT_IDS as f64);
        let pins = answers.load(Ordering::SeqCst).min(PINS) as u64;
        samples.push((progress, stagegate.resident_kib(), pins * BYTES_PER_PIN / 1024));
        if progress >= 1.0 {
            break;
        }
        assert!(started.elapsed() < wanted * 6, "too slow to tell: {} ids", ids());
    }
    stop.store(true, Ordering::SeqCst);
    for client in clients {
        client.await.expect("a client");
    }
    let mean = |from: f64, to: f64| {
        let part = samples.iter().filter(|(at, ..)| (from..=to).contains(at));
        let (mut count, mut resident, mut pinned) = (0, 0, 0);
        for (_, kib, of_pins) in part {
            (count, resident, pinned) = (count + 1, resident + kib, pinned + of_pins);
        }
        (resident / count, pinned / count)
    };
    let ((warm, warm_pins), (end, end_pins)) = (mean(0.4, 0.6), mean(0.8, 1.0));
    println!(
        "{} requests, {} distinct ids in {:.0?}: {warm} KiB resident after warm-up, {end} KiB at \
         the end; new pins account for at most {} KiB",
        answers.load(Ordering::SeqCst),
        ids(),
        started.elapsed(),
        end_pins - warm_pins,
    );
    let allowed = warm + warm / 20 + SAWTOOTH_KIB + (end_pins - warm_pins);
    assert!(end <= allowed, "grew from {warm} KiB to {end} KiB, {allowed} KiB are explained");
    assert_eq!(stagegate.admin.metric("stagegate_decision_log_dropped_total", &[]).await, 0.0);
}
