//! Everything at once for a while: nobody is failed who need not be, and nothing grows.
//!
//! Two workloads. The backends of `agent` are sound, so its clients must never see an error,
//! whatever is changed, reloaded and aborted around them. Those of `flaky` are killed and started
//! again; its clients may see an error while one is down, and must not see one otherwise. All the
//! while there are ever new tenants, users and conversations.
//!
//! The short form runs in the suite; `cargo xtask soak` makes it a long one, by
//! `STAGEGATE_SOAK_SECONDS`.

mod clients;
mod flat;
mod trouble;

use crate::harness::{Backend, Setup, Stagegate, Workload, eventually};
use clients::Clients;
use flat::{Flatness, Sample};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};
use trouble::{Outages, Trouble};

/// A tenant, a user, a conversation, a session and an id of its own.
const IDS_PER_REQUEST: usize = 5;
/// It lasts until there were this many, however slow the machine.
const DISTINCT_IDS: usize = 100_000;
/// What the process may have open beside connections: the decision log's files come and go.
const OTHER_FILES: usize = 16;

/// What clients and troublemakers share.
#[derive(Default)]
pub(super) struct Shared {
    stop: AtomicBool,
    /// Requests that brought new ids.
    lookups: AtomicUsize,
    /// Requests of the other kinds.
    others: AtomicUsize,
    /// Errors that an outage explains.
    excused: AtomicUsize,
    outages: Outages,
}

impl Shared {
    fn stopped(&self) -> bool {
        self.stop.load(Ordering::SeqCst)
    }
}

fn setup(sound: [&Backend; 2], flaky: [&Backend; 3]) -> Setup {
    let identity = "{ tenant: [{ header: x-tenant-id }], user: [{ header: x-user-id }], \
                    conversation: [{ header: x-session-id }, learned] }";
    let common = |workload: Workload| {
        workload
            .with("sticky", "conversation")
            .with("identity", identity)
            .with("timeouts", "{ pool_idle: 1s }")
    };
    let agent = common(Workload::canary(sound[0], sound[1]))
        .with("limits", "{ tenant: { rate: 100000/s, in_flight: 1000 } }");
    let other = common(Workload::new(flaky[0]).replica(flaky[1].address))
        .release("v2", flaky[2].address)
        .named("flaky")
        .with("match", "[{ path_prefix: /flaky }]")
        .with("candidate", "v2")
        // A backend that is away refuses at once; a check that waits tells of a busy machine only.
        .with("health", "{ tcp: true, every: 100ms, timeout: 5s, healthy: 1 }");
    Setup::of(agent).and(other)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nobody_is_failed_and_nothing_grows() {
    let seconds =
        std::env::var("STAGEGATE_SOAK_SECONDS").map_or(20, |s| s.parse().expect("seconds"));
    let wanted = Duration::from_secs(seconds);
    let backend = |name: &'static str| {
        let backend = Backend::with(name, trouble::answer);
        backend.count_only();
        backend
    };
    let sound = ["stable", "candidate"].map(backend);
    let flaky = ["one", "two", "new"].map(backend);
    let setup = setup(sound.each_ref(), flaky.each_ref());
    let stagegate = Arc::new(Stagegate::start(&setup).await);
    let files_before = stagegate.open_files();

    let shared = Arc::<Shared>::default();
    let trouble = Trouble::start(&stagegate, setup, flaky, &shared);
    let mut clients = Clients::start(stagegate.proxy, &shared);
    let ids = || shared.lookups.load(Ordering::SeqCst) * IDS_PER_REQUEST;
    let (started, mut told) = (Instant::now(), Duration::ZERO);
    let mut flatness = Flatness::default();
    loop {
        // A sample now and then is what this test is made of.
        tokio::time::sleep(Duration::from_millis(100)).await;
        let passed = started.elapsed();
        let progress = passed.div_duration_f64(wanted).min(ids() as f64 / DISTINCT_IDS as f64);
        flatness.add(Sample {
            progress,
            kib: stagegate.resident_kib(),
            files: stagegate.open_files(),
            learned: shared.lookups.load(Ordering::SeqCst),
        });
        if progress >= 1.0 || clients.any_ended() || trouble.ended() {
            break;
        }
        assert!(passed < wanted * 6, "too slow to tell: {} ids", ids());
        if passed - told >= Duration::from_secs(60) {
            told = passed;
            println!("{:>5} s: {}", passed.as_secs(), flatness.latest());
        }
    }
    shared.stop.store(true, Ordering::SeqCst);
    clients.join().await;
    let told = trouble.join().await;
    println!(
        "{:.0?}: {} requests, {} distinct ids, {told}; {} errors while a backend was down",
        started.elapsed(),
        shared.lookups.load(Ordering::SeqCst) + shared.others.load(Ordering::SeqCst),
        ids(),
        shared.excused.load(Ordering::SeqCst),
    );
    println!("{}", flatness.verdict());
    let open = || stagegate.open_files();
    eventually("every connection to be closed", || open() <= files_before + OTHER_FILES).await;
    assert_eq!(stagegate.admin.metric("stagegate_decision_log_dropped_total", &[]).await, 0.0);
}
