//! Backends that fail, are full or are gone for a moment: who is spared, who is asked again, who
//! waits.

use crate::harness::{
    Backend, Setup, Stagegate, Wire, Workload, eventually, eventually_async, free_address, request,
    request_with,
};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use tokio::sync::Semaphore;

/// A backend that answers 500 while the switch is off.
fn switchable(name: &str) -> (Backend, Arc<AtomicBool>) {
    let switch = Arc::new(AtomicBool::new(true));
    let works = Arc::clone(&switch);
    let backend = Backend::with(name, async move |exchange| {
        exchange.body().await;
        let status =
            if works.load(Ordering::SeqCst) { "200 OK" } else { "500 Internal Server Error" };
        exchange.reply(status, &[], b"").await;
    });
    (backend, switch)
}

/// A backend that holds every request to `/wait` until it is let go.
fn gated(name: &str) -> (Backend, Arc<Semaphore>) {
    let finish = Arc::new(Semaphore::new(0));
    let gate = Arc::clone(&finish);
    let backend = Backend::with(name, async move |exchange| {
        exchange.body().await;
        if exchange.request.target() == "/wait" {
            gate.acquire().await.expect("open").forget();
        }
        exchange.reply("200 OK", &[], b"").await;
    });
    (backend, finish)
}

#[tokio::test]
async fn a_replica_that_fails_is_left_out_and_comes_back_by_probation() {
    let ((good, _), (ill, works)) = (switchable("good"), switchable("ill"));
    let workload =
        Workload::new(&good).replica(ill.address).with("ejection", "{ failures: 3, time: 300ms }");
    let stagegate = Stagegate::start(&Setup::of(workload).with("workers", "1")).await;
    let get = async || stagegate.get("/", &[]).await.status();
    // Both idle: with equal load the first is taken, so requests run in pairs to reach both.
    let pair = async || {
        let (mut one, mut other) = (stagegate.connect().await, stagegate.connect().await);
        one.send(request("GET /", &[])).await;
        other.send(request("GET /", &[])).await;
        [one.response("GET").await.status(), other.response("GET").await.status()]
    };
    works.store(false, Ordering::SeqCst);
    let failed = AtomicUsize::new(0);
    eventually_async("the ill one to be left out", async || {
        let now = pair().await.iter().filter(|status| **status == 500).count();
        failed.fetch_add(now, Ordering::SeqCst);
        stagegate.log().contains("is left out")
    })
    .await;
    assert!(failed.load(Ordering::SeqCst) >= 3, "three failures eject");

    works.store(true, Ordering::SeqCst);
    let before = ill.arrivals();
    eventually_async("one request to try it", async || {
        assert_eq!(get().await, 200);
        ill.arrivals() > before
    })
    .await;
    eventually_async("it to be back", async || stagegate.log().contains("is back")).await;
}

#[tokio::test]
async fn the_last_endpoint_is_never_left_out() {
    let (only, works) = switchable("only");
    let workload = Workload::new(&only).with("ejection", "{ failures: 2, time: 60s }");
    let stagegate = Stagegate::start(&Setup::of(workload).with("workers", "1")).await;
    works.store(false, Ordering::SeqCst);
    for _ in 0..10 {
        assert_eq!(stagegate.get("/", &[]).await.status(), 500, "its own answer, not ours");
    }
    assert_eq!(only.arrivals(), 10);
    works.store(true, Ordering::SeqCst);
    assert_eq!(stagegate.get("/", &[]).await.status(), 200, "at once");
}

/// A backend that answers 503 to the first `failures` requests.
fn unavailable(failures: usize, retry_after: &'static str) -> Backend {
    let seen = AtomicUsize::new(0);
    Backend::with("stable", async move |exchange| {
        exchange.body().await;
        if seen.fetch_add(1, Ordering::SeqCst) < failures {
            exchange.reply("503 Service Unavailable", &[("Retry-After", retry_after)], b"").await;
        } else {
            exchange.reply("200 OK", &[], b"").await;
        }
    })
}

async fn retrying(backend: &Backend) -> Stagegate {
    let retry = "{ unavailable: true, attempts: 2, backoff: 1ms, longest_wait: 1s }";
    let workload = Workload::new(backend).with("retry", retry).with("ejection", "off");
    Stagegate::start(&Setup::of(workload).with("workers", "1")).await
}

#[tokio::test]
async fn an_endpoint_that_is_unavailable_for_a_moment_is_asked_again() {
    let backend = unavailable(2, "0");
    let stagegate = retrying(&backend).await;
    assert_eq!(stagegate.get("/", &[]).await.status(), 200);
    assert_eq!(backend.arrivals(), 3);

    let backend = unavailable(1, "0");
    let stagegate = retrying(&backend).await;
    let put = request_with("PUT /", &[], "all of the body");
    assert_eq!(stagegate.connect().await.ask(&put).await.status(), 200);
    let bodies: Vec<_> = backend.seen().into_iter().filter_map(|seen| seen.body).collect();
    assert!(bodies.len() == 2 && bodies.iter().all(|body| body.bytes == b"all of the body"));
}

#[tokio::test]
async fn what_must_not_or_cannot_be_asked_again_goes_to_the_client() {
    let backend = unavailable(1, "0");
    let stagegate = retrying(&backend).await;
    let post = stagegate.connect().await.ask(&request_with("POST /", &[], "charge me")).await;
    assert_eq!((post.status(), backend.arrivals()), (503, 1), "a POST is sent once");

    let backend = unavailable(1, "60");
    let stagegate = retrying(&backend).await;
    let later = stagegate.get("/", &[]).await;
    assert_eq!((later.status(), later.head.get("retry-after")), (503, Some("60")));
    assert_eq!(backend.arrivals(), 1, "nobody waits a minute");

    let backend = unavailable(1, "Wed, 21 Oct 2099 07:28:00 GMT");
    let stagegate = retrying(&backend).await;
    assert_eq!(stagegate.get("/", &[]).await.status(), 503);
    assert_eq!(backend.arrivals(), 1);
}

#[tokio::test]
async fn an_outage_is_not_multiplied_by_retries() {
    let backend = unavailable(usize::MAX, "0");
    let stagegate = retrying(&backend).await;
    const REQUESTS: usize = 200;
    for _ in 0..REQUESTS {
        assert_eq!(stagegate.get("/", &[]).await.status(), 503);
    }
    let retries = backend.arrivals() - REQUESTS;
    assert!((10..=REQUESTS / 5 + 15).contains(&retries), "{retries} retries");
}

#[tokio::test]
async fn requests_wait_for_an_endpoints_turn_and_no_more_than_may() {
    let (backend, finish) = gated("stable");
    let limits = "{ endpoint: { in_flight: 1, pending: 1 } }";
    let workload = Workload::new(&backend).with("limits", limits);
    let stagegate = Stagegate::start(&Setup::of(workload).with("workers", "1")).await;
    let ask = async || {
        let mut wire = stagegate.connect().await;
        wire.send(request("GET /wait", &[])).await;
        wire
    };
    let mut first: Wire = ask().await;
    eventually("the first to arrive", || backend.arrivals() == 1).await;
    let mut others = vec![ask().await, ask().await];
    // One of the two waits, the other is told to come back.
    let refused = tokio::select! {
        refused = async { let (a, b) = others.split_at_mut(1); tokio::select! {
            () = async { assert!(a[0].readable().await) } => 0,
            () = async { assert!(b[0].readable().await) } => 1,
        }} => refused,
    };
    let mut turned_away = others.swap_remove(refused);
    let answer = turned_away.response("GET").await;
    assert_eq!((answer.status(), answer.reason()), (503, Some("endpoint_busy")));
    assert!(answer.head.get("retry-after").is_some());
    assert_eq!(backend.arrivals(), 1, "the other one waits");
    finish.add_permits(2);
    assert_eq!(first.response("GET").await.status(), 200);
    assert_eq!(others[0].response("GET").await.status(), 200, "its turn came");
}

#[tokio::test]
async fn when_there_is_too_much_the_candidate_gives_way_first() {
    let ((stable, finish), candidate) = (gated("stable"), Backend::start("candidate"));
    let workload =
        Workload::canary(&stable, &candidate).with("weight", "100%").with("deny", "{ users: [s] }");
    let setup = Setup::of(workload).with("workers", "1").with("limits", "{ in_flight: 5 }");
    let stagegate = Stagegate::start(&setup).await;
    let mut held: Vec<Wire> = Vec::new();
    for number in 1..=4 {
        let mut wire = stagegate.connect().await;
        wire.send(request("GET /wait", &[("x-user-id", "s")])).await;
        held.push(wire);
        eventually("it to arrive", || stable.arrivals() == number).await;
    }
    let refused = stagegate.get("/", &[("x-user-id", "c")]).await;
    assert_eq!(
        (refused.status(), refused.reason()),
        (503, Some("busy")),
        "the last place is stable's"
    );
    let served = stagegate.get("/", &[("x-user-id", "s")]).await;
    assert_eq!((served.status(), served.arm()), (200, "stable"));
    let mut fifth = stagegate.connect().await;
    fifth.send(request("GET /wait", &[("x-user-id", "s")])).await;
    eventually("the fifth to arrive", || stable.arrivals() == 6).await;
    let full = stagegate.get("/", &[("x-user-id", "s")]).await;
    assert_eq!((full.status(), full.reason()), (503, Some("busy")));
    finish.add_permits(5);
    for wire in held.iter_mut().chain([&mut fifth]) {
        assert_eq!(wire.response("GET").await.status(), 200);
    }
    eventually_async("room for everybody", async || {
        stagegate.get("/", &[("x-user-id", "c")]).await.status() == 200
    })
    .await;
}

#[tokio::test]
async fn a_candidate_that_takes_no_connection_leaves_its_users_to_stable_if_it_may() {
    let stable = Backend::start("stable");
    let story = async |key: &str| {
        let workload = Workload::new(&stable)
            .release("v2", free_address())
            .with("candidate", "v2")
            .with("weight", "100%")
            .with("fallback_to_stable", key);
        Stagegate::start(&Setup::of(workload)).await
    };
    let strict = story("never").await;
    let refused = strict.get("/", &[]).await;
    assert_eq!((refused.status(), refused.reason()), (502, Some("upstream_connect")));

    let lenient = story("on_connect_error").await;
    let mut wire = lenient.connect().await;
    let served = wire.ask(&request_with("POST /", &[("x-request-id", "fallen")], "hello")).await;
    assert_eq!((served.status(), served.arm()), (200, "stable"));
    assert_eq!(stable.last().body.expect("a body").bytes, b"hello");
    eventually_async("it to be recorded", async || {
        let found = lenient.admin.get("/v1/decisions/fallen").await;
        found.status == 200
            && found.json["decision"]["reason"] == "candidate_down"
            && found.json["decision"]["arm"] == "stable"
    })
    .await;
}
