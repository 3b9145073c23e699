//! The abort invariant over the wire: once a rollback is acknowledged, no new request reaches the
//! candidate, whatever stickiness, pins, cohorts, lists and force headers say.

use crate::harness::{Backend, Exchange, Setup, Stagegate, Wire, Workload, eventually, request};
use serde_json::json;
use stagegate_rollout::{Arm, ForceKey};
use std::net::SocketAddr;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

const SECRET: &str = "a force secret of some length";
const CONNECTIONS: usize = 64;
const CHANGES: usize = 50;
const REPETITIONS: usize = 13;

/// Answers, and issues a session id that only the arm that issued it knows.
async fn with_sessions(exchange: &mut Exchange) {
    exchange.body().await;
    let arm = Rc::clone(&exchange.arm);
    let session = match exchange.request.get("mcp-session-id") {
        Some(session) => session.to_owned(),
        None => format!("{arm}-{}", exchange.request.get("x-request-id").unwrap_or_default()),
    };
    exchange.reply("200 OK", &[("mcp-session-id", &session)], arm.as_bytes()).await;
}

/// One client that asks as fast as it is answered, and draws on every way to the candidate.
async fn hammer(
    number: usize,
    proxy: SocketAddr,
    force: Arc<str>,
    stop: Arc<AtomicBool>,
    answers: Arc<AtomicUsize>,
) {
    let mut wire = Wire::connect(proxy).await;
    let mut session: Option<String> = None;
    for round in 0.. {
        if stop.load(Ordering::SeqCst) {
            return;
        }
        let user = format!("user-{}", (number * 31 + round * 7) % 997);
        let conversation = format!("session-{}", (number + round) % 499);
        let tenant = format!("tenant-{}", round % 50);
        let mut fields = vec![("x-user-id", user.as_str())];
        match number % 8 {
            0 => fields.push(("stagegate-force", &force)),
            1 => fields.push(("x-tenant-id", "pilot")),
            2 => fields.push(("x-tenant-id", "allowed")),
            3 if session.is_some() => {
                fields.push(("mcp-session-id", session.as_deref().unwrap_or_default()));
            }
            4 => fields.push(("x-session-id", &conversation)),
            _ => fields.push(("x-tenant-id", &tenant)),
        }
        let response = wire.ask(&request("GET /", &fields)).await;
        assert_eq!(response.status(), 200, "{}", response.text());
        answers.fetch_add(1, Ordering::SeqCst);
        if round % 20 == 0 {
            // Every so often a new conversation begins, on a connection of its own.
            session = response.head.get("mcp-session-id").map(str::to_owned);
            wire = Wire::connect(proxy).await;
        }
    }
}

/// Has the backend count everything that reached its sockets so far: it serves them in the order
/// they become readable, and this request becomes readable last.
pub(crate) async fn flush(backend: &Backend) {
    let text = request("GET /flush", &[("connection", "close")]);
    assert_eq!(Wire::connect(backend.address).await.ask(&text).await.status(), 200);
}

/// Weight changes and rollbacks under load; milliseconds from commit to last candidate request.
async fn story(sticky: &str) -> Vec<f64> {
    let stable = Backend::with("stable", with_sessions);
    let candidate = Backend::with("candidate", with_sessions);
    stable.count_only();
    candidate.count_only();
    let workload = Workload::canary(&stable, &candidate)
        .with("sticky", sticky)
        .with("cohorts", "[{ name: pilots, tenants: [pilot] }]")
        .with("allow", "{ tenants: [allowed] }")
        .with("force", &format!("{{ secret: \"{SECRET}\" }}"))
        .with(
            "identity",
            "{ tenant: [{ header: x-tenant-id }], user: [{ header: x-user-id }], \
             conversation: [{ header: x-session-id }, learned] }",
        );
    let stagegate = Stagegate::start(&Setup::of(workload)).await;
    let key = ForceKey::new(SECRET.as_bytes()).expect("long enough");
    let force: Arc<str> =
        key.sign(&"agent".parse().expect("a name"), Arm::Candidate, u64::MAX).into();
    let (stop, answers) = (Arc::<AtomicBool>::default(), Arc::<AtomicUsize>::default());
    let clients: Vec<_> = (0..CONNECTIONS)
        .map(|number| {
            tokio::spawn(hammer(
                number,
                stagegate.proxy,
                Arc::clone(&force),
                Arc::clone(&stop),
                Arc::clone(&answers),
            ))
        })
        .collect();

    for change in 0..CHANGES {
        stagegate.admin.weight(&format!("{}.{}%", change * 37 % 100, change % 10)).await;
    }
    let mut times = Vec::new();
    for repetition in 0..REPETITIONS {
        stagegate.admin.change("POST cohorts/pilots/enable", json!({ "reason": "again" })).await;
        stagegate.admin.weight(["50%", "1%", "100%"][repetition % 3]).await;
        let before = candidate.arrivals();
        eventually("the candidate to be busy", || candidate.arrivals() > before + 50).await;

        let answer = stagegate.admin.rollback().await;
        flush(&candidate).await;
        let (arrived, answered) = (candidate.arrivals(), answers.load(Ordering::SeqCst));
        assert!(
            candidate.newest_epoch() < answer.epoch(),
            "a request was sent by the plan that forbids it"
        );
        assert_eq!(answer.json["rollback"]["settled"], true, "{}", answer.json);
        let time = answer.json["rollback"]["last_candidate_request_ms"].as_f64();
        times.push(time.unwrap_or_else(|| panic!("no time in {}", answer.json)));

        // Every connection asks several times more, by every way there is.
        eventually("more answers", || answers.load(Ordering::SeqCst) > answered + 4 * CONNECTIONS)
            .await;
        flush(&candidate).await;
        let late = candidate.arrivals() - arrived - 1;
        assert_eq!(
            late, 0,
            "{sticky}, repetition {repetition}: requests after the acknowledgement"
        );
    }
    stop.store(true, Ordering::SeqCst);
    for client in clients {
        client.await.expect("a client that got every answer");
    }
    times
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn after_an_acknowledged_rollback_nothing_new_reaches_the_candidate() {
    let mut times = Vec::new();
    for sticky in ["conversation", "user", "tenant", "request"] {
        times.extend(story(sticky).await);
    }
    times.sort_by(f64::total_cmp);
    let at = |share: f64| times[((times.len() - 1) as f64 * share).round() as usize];
    println!(
        "commit to last candidate request over {} rollbacks under {CONNECTIONS} connections: \
         p50 {:.3} ms, p99 {:.3} ms, worst {:.3} ms",
        times.len(),
        at(0.5),
        at(0.99),
        at(1.0),
    );
    assert!(times.len() >= 50);
}

/// A backend whose answers to `/stream` end when the test says so.
fn streaming(name: &str, finish: &Arc<tokio::sync::Semaphore>) -> Backend {
    let finish = Arc::clone(finish);
    Backend::with(name, async move |exchange| {
        if exchange.request.target() != "/stream" {
            return with_sessions(exchange).await;
        }
        exchange.body().await;
        exchange.begin_chunked("200 OK", &[]).await;
        exchange.chunk(b"begun").await;
        tokio::select! {
            permit = finish.acquire() => permit.expect("open").forget(),
            _ = exchange.wire.ended() => return exchange.close(),
        }
        exchange.chunk(b"finished").await;
        exchange.end_chunked(&[]).await;
    })
}

/// A conversation that began on the candidate, a stream of it that runs, and a rollback.
struct Scene {
    stable: Backend,
    candidate: Backend,
    finish: Arc<tokio::sync::Semaphore>,
    stagegate: Stagegate,
    session: String,
    running: Wire,
    /// Connections of the candidate before the rollback.
    open: usize,
}

async fn scene(policy: &str) -> Scene {
    let finish = Arc::new(tokio::sync::Semaphore::new(0));
    let (stable, candidate) = (streaming("stable", &finish), streaming("candidate", &finish));
    let workload = Workload::canary(&stable, &candidate)
        .with("sticky", "conversation")
        .with("on_rollback", policy)
        .with("identity", "{ conversation: [learned] }");
    let stagegate = Stagegate::start(&Setup::of(workload)).await;
    stagegate.admin.weight("100%").await;
    let first = stagegate.get("/", &[]).await;
    assert_eq!(first.arm(), "candidate");
    let session = first.head.get("mcp-session-id").expect("a session").to_owned();
    let mut running = stagegate.connect().await;
    running.send(request("GET /stream", &[("mcp-session-id", &session)])).await;
    assert_eq!(running.head().await.status(), 200);
    let crate::harness::Chunk::Data(_) = running.chunk().await else { panic!("no chunk") };
    let open = candidate.open();
    stagegate.admin.rollback().await;
    Scene { stable, candidate, finish, stagegate, session, running, open }
}

impl Scene {
    async fn next(&self) -> String {
        self.stagegate.get("/", &[("mcp-session-id", &self.session)]).await.arm().to_owned()
    }

    async fn running_finishes(&mut self) {
        self.finish.add_permits(1);
        let rest = self.running.chunk().await;
        assert!(matches!(rest, crate::harness::Chunk::Data(data) if data == b"finished"));
        assert!(matches!(self.running.chunk().await, crate::harness::Chunk::Last(_)));
    }
}

#[tokio::test]
async fn migrate_lets_answers_finish_and_moves_the_conversation() {
    let mut scene = scene("migrate").await;
    assert_eq!(scene.next().await, "stable");
    assert_eq!(scene.stagegate.get("/", &[]).await.arm(), "stable");
    scene.running_finishes().await;
    assert_eq!(scene.stable.arrivals(), 2);
}

#[tokio::test]
async fn finish_lets_conversations_end_where_they_began() {
    let mut scene = scene("finish").await;
    assert_eq!(scene.next().await, "candidate");
    assert_eq!(scene.stagegate.get("/", &[]).await.arm(), "stable", "new ones go to stable");
    scene.running_finishes().await;
    scene.stagegate.admin.kill().await;
    assert_eq!(scene.next().await, "stable", "the kill switch knows no exception");
    scene.stagegate.admin.revive().await;
    assert_eq!(scene.next().await, "stable", "and they do not come back with the revival");
}

#[tokio::test]
async fn cut_ends_the_candidates_answers_too() {
    let mut scene = scene("cut").await;
    let rest = scene.running.chunk().await;
    assert!(matches!(rest, crate::harness::Chunk::Cut(_)), "an abort, not a clean end");
    eventually("the candidate to be told", || scene.candidate.open() < scene.open).await;
    assert_eq!(scene.next().await, "stable");
    assert_eq!(scene.stagegate.get("/", &[]).await.arm(), "stable");
}

#[tokio::test]
async fn cut_ends_the_candidates_tunnels_and_nobody_elses() {
    let tunnel = async |exchange: &mut Exchange| {
        exchange
            .send(
                "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: echo\r\n\r\n",
            )
            .await;
        while let Ok(bytes) = exchange.wire.bytes(4).await {
            exchange.send(bytes).await;
        }
        exchange.close();
    };
    let (stable, candidate) = (Backend::with("stable", tunnel), Backend::with("candidate", tunnel));
    let workload = Workload::canary(&stable, &candidate)
        .with("on_rollback", "cut")
        .with("allow", "{ users: [tester] }");
    let stagegate = Stagegate::start(&Setup::of(workload)).await;
    let open = async |user: &str| {
        let fields = [("connection", "upgrade"), ("upgrade", "echo"), ("x-user-id", user)];
        let mut wire = stagegate.connect().await;
        wire.send(request("GET /", &fields) + "ping").await;
        assert_eq!(wire.head().await.status(), 101);
        assert_eq!(wire.bytes(4).await.expect("an echo"), b"ping");
        wire
    };
    let (mut of_stable, mut of_candidate) = (open("somebody").await, open("tester").await);
    assert_eq!((stable.arrivals(), candidate.arrivals()), (1, 1));
    stagegate.admin.rollback().await;
    of_candidate.ended().await;
    eventually("the candidate to be told", || candidate.open() == 0).await;
    of_stable.send("more").await;
    assert_eq!(of_stable.bytes(4).await.expect("an echo"), b"more", "stable's goes on");
}
