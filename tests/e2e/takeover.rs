//! A new process takes the place of the old one: nobody notices, nothing is forgotten, and what
//! one has taken back the other does not give.

use crate::harness::{
    Backend, Chunk, End, Exchange, Setup, Stagegate, Wire, Workload, eventually, eventually_async,
    request, request_with,
};
use crate::rollback::flush;
use serde_json::json;
use std::net::SocketAddr;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};
use tokio::sync::Semaphore;
use tokio::task::JoinHandle;

const RESTARTS: usize = 20;
const CLIENTS: usize = 32;

/// Echoes; what is asked for at `/events` streams until the test lets it end.
fn backend(name: &str, finish: &Arc<Semaphore>) -> Backend {
    let finish = Arc::clone(finish);
    Backend::with(name, async move |exchange: &mut Exchange| {
        let body = exchange.body().await;
        if exchange.request.target() == "/events" {
            let kind = [("content-type", "text/event-stream")];
            exchange.begin_chunked("200 OK", &kind).await;
            exchange.chunk(b"data: begun\n\n").await;
            finish.acquire().await.expect("open").forget();
            exchange.chunk(b"data: finished\n\n").await;
            return exchange.end_chunked(&[]).await;
        }
        let arm = Rc::clone(&exchange.arm);
        let text = if body.bytes.is_empty() { arm.as_bytes() } else { &body.bytes };
        exchange.reply("200 OK", &[], text).await;
    })
}

#[derive(Default)]
struct Load {
    stop: AtomicBool,
    answers: AtomicUsize,
    longest_us: AtomicUsize,
}

/// Asks as fast as it is answered; whatever is not a whole and right answer fails the test.
async fn client(number: usize, proxy: SocketAddr, load: Arc<Load>) {
    let mut wire = None;
    for round in 0.. {
        if load.stop.load(Ordering::SeqCst) {
            return;
        }
        let begun = Instant::now();
        let mut open = match wire.take() {
            Some(wire) => wire,
            None => Wire::connect(proxy).await,
        };
        let user = format!("user-{}", (number * 31 + round * 7) % 997);
        let mut fields = vec![("x-user-id", user.as_str())];
        let keep = !number.is_multiple_of(4);
        if !keep {
            fields.push(("connection", "close"));
        }
        let posts = number % 4 == 1 || round % 8 == 0;
        let (method, text) = match posts {
            true => ("POST", request_with("POST /", &fields, &user)),
            false => ("GET", request("GET /", &fields)),
        };
        open.send(text).await;
        let what = format!("client {number}, {method} {round}, keep-alive {keep}");
        let response = open.try_response(method).await;
        let response = response.unwrap_or_else(|end| panic!("{what}: no answer but {end:?}"));
        assert_eq!(response.status(), 200, "{what}: {}", response.text());
        assert_eq!(response.body.end, End::Complete, "{what}");
        if posts {
            assert_eq!(response.text(), user, "{what}: another one's answer");
        }
        let micros = begun.elapsed().as_micros() as usize;
        load.longest_us.fetch_max(micros, Ordering::SeqCst);
        load.answers.fetch_add(1, Ordering::SeqCst);
        if keep && !response.head.lists("connection", "close") {
            wire = Some(open);
        }
    }
}

fn clients(proxy: SocketAddr, load: &Arc<Load>) -> Vec<JoinHandle<()>> {
    (0..CLIENTS).map(|number| tokio::spawn(client(number, proxy, Arc::clone(load)))).collect()
}

/// Waits until every client has had some answers more.
async fn a_while(load: &Load, clients: &[JoinHandle<()>]) {
    let before = load.answers.load(Ordering::SeqCst);
    eventually("more answers", || {
        assert!(clients.iter().all(|client| !client.is_finished()), "a client has given up");
        load.answers.load(Ordering::SeqCst) > before + 4 * CLIENTS
    })
    .await;
}

/// Which arm each of some users gets.
async fn arms(stagegate: &Stagegate) -> Vec<String> {
    let mut arms = Vec::new();
    for user in 0..12 {
        let user = format!("asked-{user}");
        arms.push(stagegate.get("/", &[("x-user-id", &user)]).await.arm().to_owned());
    }
    arms
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn twenty_restarts_under_load_fail_no_request() {
    let finish = Arc::new(Semaphore::new(0));
    let (stable, candidate) = (backend("stable", &finish), backend("candidate", &finish));
    stable.count_only();
    candidate.count_only();
    let workload = Workload::canary(&stable, &candidate);
    let stagegate = Stagegate::start(&Setup::of(workload).with("drain_timeout", "30s")).await;
    stagegate.admin.weight("40%").await;
    let load = Arc::new(Load::default());
    let clients = clients(stagegate.proxy, &load);
    let begun = Instant::now();
    let mut closed = false;
    for restart in 0..RESTARTS {
        let before = arms(&stagegate).await;
        let mut events = stagegate.connect().await;
        events.send(request("GET /events", &[("x-user-id", "listener")])).await;
        assert_eq!(events.head().await.status(), 200);
        assert!(matches!(events.chunk().await, Chunk::Data(_)), "the first event");

        let former = stagegate.take_over().await;
        a_while(&load, &clients).await;
        let state = stagegate.admin.workload().await;
        assert_eq!(state["weight"], if closed { "0%" } else { "40%" }, "restart {restart}");
        assert_eq!(arms(&stagegate).await, before, "restart {restart}: everyone stays");

        // The old process still holds connections: it must not send anyone to the candidate.
        if restart % 5 == 3 {
            let acknowledged = stagegate.admin.rollback().await;
            assert_eq!(acknowledged.json["rollback"]["settled"], true, "{}", acknowledged.json);
            flush(&candidate).await;
            let reached = candidate.arrivals();
            assert_eq!(former.exited(), None, "it is still there");
            a_while(&load, &clients).await;
            assert_eq!(candidate.arrivals(), reached, "restart {restart}: after the rollback");
            closed = true;
        } else if restart % 5 == 4 && restart + 1 < RESTARTS {
            stagegate.admin.weight("40%").await;
            closed = false;
        }

        assert_eq!(former.exited(), None, "it waits for its stream");
        finish.add_permits(1);
        let Chunk::Data(rest) = events.chunk().await else { panic!("the stream was cut") };
        assert_eq!(rest, b"data: finished\n\n");
        assert!(matches!(events.chunk().await, Chunk::Last(_)), "and its end");
        assert_eq!(former.ended().await.code(), Some(0), "{}", stagegate.log());
    }
    let took = begun.elapsed();
    load.stop.store(true, Ordering::SeqCst);
    for client in clients {
        client.await.expect("a client that was served");
    }
    println!(
        "{RESTARTS} restarts in {took:.1?}: {} requests, none failed; the longest took {:?}",
        load.answers.load(Ordering::SeqCst),
        Duration::from_micros(load.longest_us.load(Ordering::SeqCst) as u64)
    );
    let check = stagegate.admin.get("/v1/audit/verify").await.ok().json;
    assert_eq!(check["intact"], true, "{check}");
}

#[tokio::test]
async fn a_new_process_that_cannot_start_leaves_the_old_one_as_it_was() {
    let (stable, candidate) = (Backend::start("stable"), Backend::start("candidate"));
    let setup = Setup::of(Workload::canary(&stable, &candidate));
    let stagegate = Stagegate::start(&setup).await;
    stagegate.admin.weight("25%").await;
    let mut kept = stagegate.connect().await;
    assert_eq!(kept.ask(&request("GET /", &[])).await.status(), 200);

    // Well-formed, but an address of it belongs to somebody else: found out after asking.
    let taken = std::net::TcpListener::bind("127.0.0.1:0").expect("bound");
    let address = taken.local_addr().expect("an address");
    stagegate.rewrite(&setup.clone().and_listener(&format!("{{ address: \"{address}\" }}")));
    let second = stagegate.start_beside(&["--take-over"]);
    assert_eq!(second.ended().await.code(), Some(1));
    assert!(stagegate.log().contains(&format!("cannot listen on {address}")), "it says why");
    stagegate.rewrite(&setup);

    eventually_async("changes to be taken again", async || {
        let body = json!({ "weight": "30%", "reason": "a test" });
        let line = "PUT /v1/workloads/agent/weight";
        stagegate.admin.call(line, &[], Some(&body)).await.status == 200
    })
    .await;
    assert_eq!(kept.ask(&request("GET /", &[])).await.status(), 200, "it has noticed nothing");
    let response = stagegate.get("/", &[]).await;
    let id = response.head.get("x-request-id").expect("an id").to_owned();
    eventually_async("decisions to be recorded again", async || {
        stagegate.admin.get(&format!("/v1/decisions/{id}")).await.status == 200
    })
    .await;
    stagegate.take_over().await;
    assert_eq!(stagegate.admin.workload().await["weight"], "30%");
}

#[tokio::test]
async fn a_new_process_that_dies_on_the_way_leaves_the_old_one_as_it_was() {
    // A stable endpoint that takes connections and never answers holds the new process up.
    let silent = std::net::TcpListener::bind("127.0.0.1:0").expect("bound");
    let silent_at = silent.local_addr().expect("an address");
    let (stable, candidate) = (Backend::start("stable"), Backend::start("candidate"));
    let workload = Workload::canary(&stable, &candidate);
    let waiting = Workload::at(silent_at)
        .named("silent")
        .with("match", "[{ host: silent.test }]")
        .with("health", "{ http: /healthz, every: 60s, timeout: 4s }");
    let workload = workload.with("match", "[{ host: agents.test }]");
    let stagegate = Stagegate::start(&Setup::of(workload).and(waiting)).await;
    stagegate.admin.weight("25%").await;
    let second = stagegate.start_beside(&["--take-over"]);
    eventually_async("the old process to hand over", async || {
        let status = stagegate.admin.get("/v1/status").await.ok().json;
        status["store"]["last_error"].to_string().contains("handing over")
    })
    .await;
    let body = json!({ "weight": "30%", "reason": "a test" });
    let line = "PUT /v1/workloads/agent/weight";
    let refused = stagegate.admin.call(line, &[], Some(&body)).await;
    assert_eq!(refused.status, 503, "{}", refused.json);
    assert!(refused.json.to_string().contains("handing over"), "{}", refused.json);
    assert_eq!(stagegate.get("/", &[]).await.status(), 200, "traffic goes on");
    second.kill_hard();
    eventually_async("changes to be taken again", async || {
        stagegate.admin.call(line, &[], Some(&body)).await.status == 200
    })
    .await;
    assert_eq!(stagegate.admin.workload().await["weight"], "30%");
    assert_eq!(stagegate.exited(), None);
}

#[tokio::test]
async fn what_the_old_process_finishes_is_recorded_by_the_new_one() {
    let finish = Arc::new(Semaphore::new(0));
    let stable = backend("stable", &finish);
    let stagegate = Stagegate::start(&Setup::of(Workload::new(&stable))).await;
    let mut events = stagegate.connect().await;
    events.send(request("GET /events", &[])).await;
    let head = events.head().await;
    let id = head.get("x-request-id").expect("an id").to_owned();
    // Half a request, of which the new process gets the other half.
    let mut half = stagegate.connect().await;
    assert_eq!(half.ask(&request("GET /", &[])).await.status(), 200);
    let text = request_with("POST /", &[], "hello");
    half.send(&text[..20]).await;

    let former = stagegate.take_over().await;
    half.send(&text[20..]).await;
    assert_eq!(half.response("POST").await.text(), "hello");
    assert_eq!(stagegate.admin.get(&format!("/v1/decisions/{id}")).await.status, 404);
    finish.add_permits(1);
    assert_eq!(former.ended().await.code(), Some(0));
    eventually_async("the late decision", async || {
        stagegate.admin.get(&format!("/v1/decisions/{id}")).await.status == 200
    })
    .await;
}

#[tokio::test]
async fn a_request_that_the_old_process_has_begun_with_does_not_undo_a_rollback() {
    let (stable, candidate) = (Backend::start("stable"), Backend::start("candidate"));
    let workload = Workload::canary(&stable, &candidate)
        .with("identity", "{ user: [{ body: /user }], conversation: [] }");
    let stagegate = Stagegate::start(&Setup::of(workload)).await;
    stagegate.admin.weight("100%").await;
    let body = json!({ "user": "ada" }).to_string();
    let (kind, length) = ("application/json", body.len().to_string());
    let fields = [("content-type", kind), ("content-length", &*length), ("expect", "100-continue")];
    let head = request("POST /", &fields);
    let mut wire = stagegate.connect().await;
    assert_eq!(wire.ask(&(head.clone() + &body)).await.arm(), "candidate");
    // Who asks stands in the body: nothing is decided before it is there.
    wire.send(head).await;
    assert_eq!(wire.head().await.status(), 100);

    let former = stagegate.take_over().await;
    stagegate.admin.rollback().await;
    let reached = candidate.arrivals();
    assert_eq!(former.exited(), None, "it has a request to finish");
    wire.send(body).await;
    assert_eq!(wire.response("POST").await.arm(), "stable");
    assert_eq!(candidate.arrivals(), reached);
    assert_eq!(former.ended().await.code(), Some(0));
}

#[tokio::test]
async fn without_anybody_to_take_over_from_it_starts_as_usual() {
    let stable = Backend::start("stable");
    let stagegate = Stagegate::start(&Setup::of(Workload::new(&stable))).await;
    stagegate.kill_hard();
    stagegate.restart_with(&["--take-over"]).await;
    assert_eq!(stagegate.get("/", &[]).await.arm(), "stable");
}
