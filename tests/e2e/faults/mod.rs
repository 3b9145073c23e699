//! Faults of the machine, one after the other: traffic goes on, the way back works within two seconds,
//! and the time until everything works again is printed as the table of `docs/CONFORMANCE.md`.
//!
//! It needs root, a C compiler and some minutes: `cargo xtask soak --faults` runs it.

mod gates;
mod machine;
mod shim;

use crate::harness::{Backend, Exchange, Setup, Stagegate, Workload, eventually_async};
use machine::Disk;
use rustix::process::{Resource, Rlimit, Signal, getrlimit, setrlimit};
use serde_json::json;
use shim::Shim;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};
use tokio::task::JoinHandle;

/// Longest time until a rollback is in force and answered, whatever the machine does.
const BOUND: Duration = Duration::from_secs(2);
/// How long a fault lasts.
const LASTING: Duration = Duration::from_secs(10);

/// A split by request, half and half, with somebody who asks all the time.
struct Scene {
    stagegate: Arc<Stagegate>,
    stable: Backend,
    candidate: Backend,
    shim: Shim,
    over: Arc<AtomicBool>,
    asked: Arc<AtomicUsize>,
    client: JoinHandle<Vec<String>>,
}

/// A row of the table.
struct Row {
    fault: &'static str,
    rollback: Duration,
    recovered: Duration,
    failed: usize,
    asked: usize,
}

impl Scene {
    async fn open(data: Option<String>) -> Self {
        Self::limited(data, None).await
    }

    /// With so many open files at most.
    async fn limited(data: Option<String>, files: Option<u64>) -> Self {
        let shim = Shim::new();
        let (stable, candidate) = (Backend::start("stable"), Backend::start("candidate"));
        let workload =
            Workload::canary(&stable, &candidate).with("weight", "50%").with("sticky", "request");
        let setup = Setup::of(workload);
        let usual = getrlimit(Resource::Nofile);
        // A child has the limits of its parent.
        setrlimit(Resource::Nofile, Rlimit { current: files.or(usual.current), ..usual })
            .expect("a lower limit");
        let stagegate = Stagegate::start_in(&setup, data, &shim.environment()).await;
        setrlimit(Resource::Nofile, usual).expect("the usual limit");
        let stagegate = Arc::new(stagegate);
        let (over, asked) = (Arc::<AtomicBool>::default(), Arc::<AtomicUsize>::default());
        let client =
            tokio::spawn(ask(Arc::clone(&stagegate), Arc::clone(&over), Arc::clone(&asked)));
        let scene = Self { stagegate, stable, candidate, shim, over, asked, client };
        eventually_async("traffic on both arms", async || {
            scene.stable.arrivals() > 0 && scene.candidate.arrivals() > 0
        })
        .await;
        scene
    }

    /// Rolls back. After the answer nothing new reaches the candidate.
    async fn roll_back(&self) -> Duration {
        let begun = Instant::now();
        let done = self.stagegate.admin.rollback().await.ok();
        let took = begun.elapsed();
        assert!(took < BOUND, "{took:?}: {}", done.json);
        assert_eq!(done.json["rollback"]["settled"], true, "{}", done.json);
        let arrived = self.candidate.arrivals();
        let asked = self.asked.load(Ordering::SeqCst);
        eventually_async("more requests", async || self.asked.load(Ordering::SeqCst) > asked + 50)
            .await;
        assert_eq!(self.candidate.arrivals(), arrived, "nothing reaches the candidate");
        took
    }

    /// Waits until a change is taken and recorded, and all of the process says that it is well.
    async fn recover(&self) -> Duration {
        let begun = Instant::now();
        eventually_async("a change that is recorded", async || {
            let body = json!({ "weight": "50%", "reason": "all is well" });
            let line = "PUT /v1/workloads/agent/weight";
            let answer = self.stagegate.admin.try_call(line, &[], Some(&body)).await;
            answer.is_some_and(|it| it.status == 200 && it.json["recorded"] != false)
        })
        .await;
        eventually_async("a healthy store", async || {
            let status = self.stagegate.admin.get("/v1/status").await.json;
            status["store"]["healthy"] == true && status["decision_log"]["healthy"] != false
        })
        .await;
        let took = begun.elapsed();
        assert_eq!(self.stagegate.admin.get("/readyz").await.status, 200);
        let audit = self.stagegate.admin.get("/v1/audit?limit=1000").await.ok().json;
        let entries = audit["entries"].as_array().expect("entries");
        assert!(entries.iter().any(|it| it["action"] == "rollback"), "the rollback is recorded");
        took
    }

    /// Ends the scene: the audit is whole, also after `kill -9`, and the last change is in force.
    async fn close(self, fault: &'static str, rollback: Duration, recovered: Duration) -> Row {
        let verified = self.stagegate.admin.get("/v1/audit/verify").await.ok();
        assert_eq!(verified.json["intact"], true, "{}", verified.json);
        self.over.store(true, Ordering::SeqCst);
        let failures = self.client.await.expect("the client ends");
        assert!(!self.stagegate.log().contains("panicked at store"), "{}", self.stagegate.log());
        self.stagegate.kill_hard();
        self.stagegate.restart().await;
        assert_eq!(self.stagegate.admin.workload().await["weight"], "50%");
        let asked = self.asked.load(Ordering::SeqCst);
        println!("{fault}: {} of {asked} requests failed: {:?}", failures.len(), failures.first());
        Row { fault, rollback, recovered, failed: failures.len(), asked }
    }
}

/// Asks until it is over; each time on a connection of its own. Gives back what failed.
async fn ask(
    stagegate: Arc<Stagegate>,
    over: Arc<AtomicBool>,
    asked: Arc<AtomicUsize>,
) -> Vec<String> {
    let mut failures = Vec::new();
    while !over.load(Ordering::SeqCst) {
        match attempt(&stagegate).await {
            Ok(200) => {}
            Ok(status) => failures.push(format!("status {status}")),
            Err(error) => failures.push(error),
        }
        asked.fetch_add(1, Ordering::SeqCst);
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    failures
}

async fn attempt(stagegate: &Stagegate) -> Result<u16, String> {
    let connected = tokio::net::TcpStream::connect(stagegate.proxy).await;
    let mut wire = crate::harness::Wire::new(connected.map_err(|error| error.to_string())?);
    let request = crate::harness::message::request("GET /", &[("connection", "close")]);
    wire.try_send(&request).await.map_err(|error| error.to_string())?;
    let response = wire.try_response("GET").await.map_err(|end| format!("{end:?}"))?;
    Ok(response.status())
}

async fn the_store_stalls() -> Row {
    let scene = Scene::open(None).await;
    scene.shim.syncs_hang(true);
    let rollback = scene.roll_back().await;
    tokio::time::sleep(LASTING).await;
    scene.shim.syncs_hang(false);
    let recovered = scene.recover().await;
    let row = scene.close("the state store stalls for 10 s", rollback, recovered).await;
    assert_eq!(row.failed, 0);
    row
}

async fn the_disk_is_full() -> Row {
    let disk = Disk::new(16);
    let scene = Scene::open(Some(disk.data())).await;
    disk.fill();
    let rollback = scene.roll_back().await;
    tokio::time::sleep(LASTING).await;
    disk.empty();
    let recovered = scene.recover().await;
    let row = scene.close("the disk is full for 10 s", rollback, recovered).await;
    assert_eq!(row.failed, 0);
    row
}

async fn the_disk_is_read_only() -> Row {
    let disk = Disk::new(64);
    let scene = Scene::open(Some(disk.data())).await;
    scene.shim.read_only(Some(&disk.data()));
    let rollback = scene.roll_back().await;
    tokio::time::sleep(LASTING).await;
    scene.shim.read_only(None);
    let recovered = scene.recover().await;
    let row = scene.close("the disk becomes read-only for 10 s", rollback, recovered).await;
    assert_eq!(row.failed, 0);
    row
}

async fn a_worker_thread_ends() -> Row {
    let scene = Scene::open(None).await;
    let begun = Instant::now();
    scene.shim.end_worker();
    let alive = "stagegate_worker_alive";
    eventually_async("the death to be seen", async || {
        scene.stagegate.admin.metric(alive, &["worker=\"0\""]).await < 0.5
    })
    .await;
    println!("a dead worker was seen after {:.1?}", begun.elapsed());
    let rollback = scene.roll_back().await;
    let recovered = scene.recover().await;
    scene.close("a worker thread dies", rollback, recovered).await
}

/// Conversations, half of which begin on each arm, stay where they began whatever the clock says:
/// those with ids of their own, and those whose ids the backend issues. A growing weight moves none.
async fn conversations_stay(seconds: i64) {
    let backend = |name: &'static str| {
        Backend::with(name, async move |exchange: &mut Exchange| {
            let number = exchange.request.target().replace('/', "");
            let body = json!({ "thread_id": format!("{name}-{number}") });
            let fields = [("x-arm", name), ("content-type", "application/json")];
            exchange.reply("200 OK", &fields, body.to_string().as_bytes()).await;
        })
    };
    let (shim, stable, candidate) = (Shim::new(), backend("stable"), backend("candidate"));
    let workload = Workload::canary(&stable, &candidate)
        .with("weight", "50%")
        .with("sticky", "conversation")
        .with("identity", "{ from: anyone, conversation: [{ header: x-conversation }, learned] }");
    let environment = shim.environment();
    let stagegate = Stagegate::start_in(&Setup::of(workload), None, &environment).await;
    let ask = async |target: &str, fields: &[(&str, &str)]| {
        let response = stagegate.get(target, fields).await;
        (response.head.get("x-arm").expect("an arm").to_owned(), response.json())
    };
    let mut began = Vec::new();
    for number in 0..200 {
        let id = format!("c-{number}");
        let (own, _) = ask("/own", &[("x-conversation", &id)]).await;
        let (issuing, body) = ask(&format!("/{number}"), &[]).await;
        let thread = body["thread_id"].as_str().expect("an id").to_owned();
        began.push((id, own, thread, issuing));
    }
    assert!(["stable", "candidate"].iter().all(|arm| began.iter().any(|it| it.1 == *arm)));
    for (wrong, weight) in [(seconds, "50%"), (seconds, "90%"), (0, "100%")] {
        shim.clock(wrong);
        stagegate.admin.weight(weight).await.ok();
        for (id, own, thread, issuing) in &began {
            let (arm, _) = ask("/own", &[("x-conversation", id)]).await;
            assert_eq!(&arm, own, "{id} with the clock {wrong} s off at {weight}");
            let (arm, _) = ask(&format!("/threads/{thread}/runs"), &[]).await;
            assert_eq!(&arm, issuing, "{thread} with the clock {wrong} s off at {weight}");
        }
    }
    println!("{} conversations stayed with the clock {seconds} s off", began.len());
}

/// The clock of a machine is set: no conversation moves, nothing is promoted or rolled back by it.
async fn the_clock_jumps(fault: &'static str, seconds: i64) -> Row {
    let scene = Scene::open(None).await;
    scene.shim.clock(seconds);
    tokio::time::sleep(Duration::from_secs(3)).await;
    let workload = scene.stagegate.admin.workload().await;
    assert_eq!(workload["weight"], "50%", "{workload}");
    assert_eq!(scene.stagegate.admin.get("/readyz").await.status, 200);
    let arrived = scene.candidate.arrivals();
    eventually_async("traffic", async || scene.candidate.arrivals() > arrived).await;
    let rollback = scene.roll_back().await;
    let recovered = scene.recover().await;
    scene.shim.clock(0);
    scene.recover().await;
    let row = scene.close(fault, rollback, recovered).await;
    assert_eq!(row.failed, 0);
    row
}

async fn files_run_out() -> Row {
    let scene = Scene::limited(None, Some(128)).await;
    let mut idle = Vec::new();
    for _ in 0..300 {
        let connected = tokio::net::TcpStream::connect(scene.stagegate.proxy);
        if let Ok(Ok(stream)) = tokio::time::timeout(Duration::from_millis(200), connected).await {
            idle.push(stream);
        }
    }
    let begun = Instant::now();
    let answer = loop {
        let body = json!({ "reason": "a test rolls back" });
        let line = "POST /v1/workloads/agent/rollback";
        match scene.stagegate.admin.try_call(line, &[], Some(&body)).await {
            Some(answer) if answer.status == 200 => break answer,
            _ => assert!(begun.elapsed() < Duration::from_secs(60), "no way in"),
        }
    };
    let rollback = begun.elapsed();
    assert!(rollback < BOUND, "{rollback:?}: {}", answer.json);
    drop(idle);
    let recovered = scene.recover().await;
    scene.close("300 idle connections at a limit of 128 files", rollback, recovered).await
}

async fn the_process_is_stopped() -> Row {
    let scene = Scene::open(None).await;
    scene.stagegate.signal(Signal::STOP);
    tokio::time::sleep(Duration::from_secs(30)).await;
    scene.stagegate.signal(Signal::CONT);
    let rollback = scene.roll_back().await;
    let recovered = scene.recover().await;
    let row = scene.close("SIGSTOP for 30 s", rollback, recovered).await;
    assert_eq!(row.failed, 0);
    row
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs root and minutes: cargo xtask soak --faults"]
async fn every_fault_is_survived() {
    let hours = 5 * 3600;
    let rows = [
        the_store_stalls().await,
        the_disk_is_full().await,
        the_disk_is_read_only().await,
        a_worker_thread_ends().await,
        the_clock_jumps("the clock jumps 5 h ahead", hours).await,
        the_clock_jumps("the clock jumps 5 h back", -hours).await,
        files_run_out().await,
        the_process_is_stopped().await,
    ];
    conversations_stay(hours).await;
    conversations_stay(-hours).await;
    let by_gates = gates::rows().await;
    println!("| fault | a rollback is answered after | all works again after | failed requests |");
    println!("|---|---|---|---|");
    for Row { fault, rollback, recovered, failed, asked } in rows {
        let (rollback, recovered) = (rollback.as_millis(), recovered.as_millis());
        println!("| {fault} | {rollback} ms | {recovered} ms | {failed} of {asked} |");
    }
    println!("\n| fault | a gate has rolled back after | it is recorded after | failed requests |");
    println!("|---|---|---|---|");
    for Row { fault, rollback, recovered, failed, asked } in by_gates {
        let (rollback, recovered) = (rollback.as_secs_f64(), recovered.as_millis());
        println!("| {fault} | {rollback:.1} s | {recovered} ms | {failed} of {asked} |");
    }
}
