//! The queue of a killed workload: requests of clients that do not know of it, `kill -9` in between, and each
//! answered once.

use crate::harness::{
    Backend, End, Exchange, PATIENCE, POLL, Response, Setup, Stagegate, Wire, Workload, eventually,
    eventually_async, request, request_with,
};
use serde_json::Value;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Instant;
use tokio::net::TcpStream;

/// Requests that are queued.
const QUEUED: usize = 1000;
/// Clients at the same time.
const CLIENTS: usize = 8;
/// Requests a second after the revival.
const RATE: u32 = 400;

/// Bodies and idempotency keys in the order in which a backend saw them, with the time.
type Seen = Arc<Mutex<Vec<(String, Instant)>>>;

/// A backend that answers with the request's body in capitals.
fn backend(name: &str) -> (Backend, Seen) {
    let seen = Seen::default();
    let kept = Arc::clone(&seen);
    let backend = Backend::with(name, async move |exchange: &mut Exchange| {
        let body = exchange.body().await;
        let text = String::from_utf8_lossy(&body.bytes).into_owned();
        kept.lock().expect("a list").push((text.clone(), std::time::Instant::now()));
        let answer = text.to_uppercase();
        exchange
            .reply(
                "201 Created",
                &[("content-type", "text/plain"), ("x-made-by", "agent")],
                answer.as_bytes(),
            )
            .await;
    });
    backend.count_only();
    (backend, seen)
}

fn setup(stable: &Backend, candidate: &Backend, more: &str) -> Setup {
    let queue = format!(
        "{{ fallback: {{ queue: {{ key: \"${{QUEUE_KEY}}\", paths: [/v1/tasks], rate: {RATE}{more} }} }} }}"
    );
    Setup::of(Workload::canary(stable, candidate).with("kill_switch", &queue))
}

async fn start(setup: &Setup) -> Stagegate {
    Stagegate::start_with_secrets(setup, &[("QUEUE_KEY", &"5a".repeat(32))]).await
}

fn task(number: usize) -> String {
    let key = format!("key-{number}");
    let user = format!("user-{number}");
    let fields = [("idempotency-key", key.as_str()), ("x-user-id", user.as_str())];
    request_with("POST /v1/tasks?from=test", &fields, &format!("task {number}"))
}

/// Asks until there is an answer: the process is killed meanwhile.
async fn insist(proxy: std::net::SocketAddr, text: &str) -> Response {
    let deadline = Instant::now() + PATIENCE;
    loop {
        if let Ok(stream) = TcpStream::connect(proxy).await {
            let mut wire = Wire::new(stream);
            if wire.try_send(text).await.is_ok()
                && let Ok(response) = wire.try_response("POST").await
                && response.body.end == End::Complete
            {
                return response;
            }
        }
        assert!(Instant::now() < deadline, "no answer");
        tokio::time::sleep(POLL).await;
    }
}

fn location(response: &Response) -> String {
    assert_eq!(response.status(), 202, "{}", response.text());
    let location = response.head.get("location").expect("a location").to_owned();
    assert!(location.starts_with("/stagegate/retry/"), "{location}");
    assert!(response.head.get("retry-after").is_some());
    location
}

fn cli(proxy: &Stagegate, words: &[&str]) -> (String, i32) {
    let output = proxy.cli(words);
    let said = [output.stdout, output.stderr].concat();
    (String::from_utf8_lossy(&said).into_owned(), output.status.code().unwrap_or(-1))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_thousand_queued_requests_are_each_answered_once_over_crashes() {
    let ((stable, seen), (candidate, others)) = (backend("stable"), backend("candidate"));
    let proxy = start(&setup(&stable, &candidate, "")).await;
    proxy.admin.weight("100%").await;
    assert_eq!(insist(proxy.proxy, &task(QUEUED)).await.status(), 201);
    assert_eq!(others.lock().expect("a list").len(), 1, "the candidate serves");
    proxy.admin.kill().await;
    // Clients ask under load; the process dies when a third is stored.
    let stored = Arc::<Mutex<BTreeMap<usize, String>>>::default();
    let clients: Vec<_> = (0..CLIENTS)
        .map(|client| {
            let (stored, proxy) = (Arc::clone(&stored), proxy.proxy);
            tokio::spawn(async move {
                for number in (client..QUEUED).step_by(CLIENTS) {
                    let place = location(&insist(proxy, &task(number)).await);
                    stored.lock().expect("a map").insert(number, place);
                }
            })
        })
        .collect();
    let count = || stored.lock().expect("a map").len();
    eventually("a third of them", || count() >= QUEUED / 3).await;
    proxy.kill_hard();
    proxy.restart().await;
    for client in clients {
        client.await.expect("a client");
    }
    assert!(seen.lock().expect("a list").is_empty(), "a killed workload sends nothing");
    let (said, code) = cli(&proxy, &["status", "agent"]);
    assert!(
        code == 0 && said.contains("1000 requests wait") || said.contains("1,000 requests wait"),
        "{said}"
    );
    let metric = async |name: &str, labels: &[&str]| proxy.admin.metric(name, labels).await;
    eventually_async("the count", async || {
        (metric("stagegate_queue_waiting", &[]).await - QUEUED as f64).abs() < 0.5
    })
    .await;
    let places = stored.lock().expect("a map").clone();
    let waits = proxy.get(&places[&7], &[]).await;
    assert_eq!((waits.status(), waits.head.get("stagegate-queue")), (202, Some("waiting")));

    proxy.admin.revive().await;
    eventually("half of the answers", || seen.lock().expect("a list").len() >= QUEUED / 2).await;
    proxy.kill_hard();
    let before = seen.lock().expect("a list").len();
    proxy.restart().await;
    for (number, place) in &places {
        let mut answer = None;
        eventually_async(&format!("the answer to {number}"), async || {
            let response = proxy.get(place, &[]).await;
            assert!(matches!(response.status(), 201 | 202), "{}", response.text());
            let is_there = response.status() == 201;
            answer = Some(response);
            is_there
        })
        .await;
        let answer = answer.expect("an answer");
        assert_eq!(answer.text(), format!("TASK {number}"));
        assert_eq!(answer.head.get("x-made-by"), Some("agent"));
        assert_eq!(answer.head.get("stagegate-queue"), Some("answered"));
    }
    let seen = seen.lock().expect("a list").clone();
    let mut times: BTreeMap<&str, usize> = BTreeMap::new();
    for (body, _) in &seen {
        *times.entry(body).or_default() += 1;
    }
    assert_eq!(times.len(), QUEUED, "none is lost");
    // What was being sent at the crash is sent again, because it has an idempotency key: one of them at most.
    assert!(seen.len() <= QUEUED + 1, "{} were sent", seen.len());
    assert!(seen[..before].iter().all(|(body, _)| times[body.as_str()] <= 2));
    // No client waits for another one's request, so the order is that of the places.
    assert!(others.lock().expect("a list").len() == 1, "the candidate got none");
    in_order(&proxy, &seen).await;
    at_a_bounded_rate(&seen[..before]);
    let (said, code) = cli(&proxy, &["audit", "verify"]);
    assert!(code == 0 && said.starts_with("audit is whole"), "{said}");
}

/// The backend saw them in the order in which they were stored.
async fn in_order(proxy: &Stagegate, seen: &[(String, Instant)]) {
    let mut after = 0;
    let mut ids = Vec::new();
    loop {
        let path = format!("/v1/workloads/agent/queue?after={after}&limit=500");
        let page = proxy.admin.get(&path).await.ok().json;
        for entry in page["entries"].as_array().expect("entries") {
            assert_eq!(entry["state"], "answered", "{entry}");
            ids.push(entry["id"].as_str().expect("an id").to_owned());
        }
        let Some(next) = page["next_after"].as_u64() else { break };
        after = next;
    }
    assert_eq!(ids.len(), QUEUED);
    let mut bodies: Vec<&str> = seen.iter().map(|(body, _)| body.as_str()).collect();
    bodies.dedup();
    for (at, id) in ids.iter().enumerate().step_by(97) {
        let answer = proxy.get(&format!("/stagegate/retry/{id}"), &[]).await;
        assert_eq!(answer.text(), bodies[at].to_uppercase(), "at {at}");
    }
}

/// No more came in any second than the rate permits, but for what a busy machine lets catch up.
fn at_a_bounded_rate(seen: &[(String, Instant)]) {
    let first = seen.first().expect("one").1;
    let last = seen.last().expect("one").1;
    let least = (seen.len() as f64 - 1.0) / f64::from(RATE);
    let took = last.duration_since(first).as_secs_f64();
    assert!(took >= least * 0.95, "{} in {took} s", seen.len());
}

#[tokio::test(flavor = "multi_thread")]
async fn only_what_is_listed_is_stored_and_people_take_it_out() {
    let ((stable, seen), (candidate, _)) = (backend("stable"), backend("candidate"));
    let more = ", max: 2, body: 1KiB, text: 'closed', content_type: text/plain";
    let proxy = start(&setup(&stable, &candidate, more)).await;
    proxy.admin.kill().await;
    let refused = async |text: String| {
        let answer = insist(proxy.proxy, &text).await;
        assert_eq!((answer.status(), answer.text().as_str()), (503, "closed"));
        assert_eq!(answer.head.get("retry-after"), Some("60"));
    };
    refused(request("GET /v1/tasks", &[])).await;
    refused(request_with("POST /v1/other", &[], "x")).await;
    refused(request_with("POST /v1/tasks", &[], &"x".repeat(2000))).await;
    let secret = [("authorization", "Bearer s3cret"), ("idempotency-key", "k-1")];
    let first = request_with("POST /v1/tasks", &secret, "task one");
    let place = location(&insist(proxy.proxy, &first).await);
    assert_eq!(
        location(&insist(proxy.proxy, &first).await),
        place,
        "the same key is the same request"
    );
    let other = request_with("POST /v1/tasks", &secret, "another");
    assert_eq!(insist(proxy.proxy, &other).await.status(), 422);
    let stranger = [("authorization", "Bearer other"), ("idempotency-key", "k-1")];
    let second = request_with("POST /v1/tasks", &stranger, "task two");
    let second = location(&insist(proxy.proxy, &second).await);
    assert_ne!(second, place, "keys of different callers do not meet");
    refused(request_with("POST /v1/tasks", &[], "there is no room")).await;

    let id = place.rsplit('/').next().expect("an id").to_owned();
    let (said, code) = cli(&proxy, &["queue", "ls", "agent"]);
    assert!(code == 0 && said.contains(&id) && said.contains("2 wait"), "{said}");
    let (said, code) = cli(&proxy, &["queue", "show", "agent", &id]);
    assert!(code == 0 && said.contains("task one") && said.contains("(not shown)"), "{said}");
    assert!(!said.contains("s3cret"), "{said}");
    let (said, code) =
        cli(&proxy, &["queue", "drop", "agent", &id, "--reason", "a test", "--dry-run"]);
    assert!(code == 0 && said.contains("nothing was sent"), "{said}");
    let (said, code) = cli(&proxy, &["queue", "drop", "agent", &id, "--reason", "a test"]);
    assert!(code == 0 && said.contains("will not be sent"), "{said}");
    let (said, code) = cli(&proxy, &["queue", "drop", "agent", &id, "--reason", "again"]);
    assert!(code == 1 && said.contains("does not wait"), "{said}");
    let gone = proxy.get(&place, &[]).await;
    assert_eq!((gone.status(), gone.head.get("stagegate-queue")), (410, Some("dropped")));
    let unknown = proxy.get(&format!("/stagegate/retry/{}", "0".repeat(32)), &[]).await;
    assert_eq!(unknown.status(), 404);
    let audit = proxy.admin.get("/v1/audit?limit=1").await.ok().json;
    assert_eq!(audit["entries"][0]["action"], "queue_drop", "{audit}");

    // What is on disk is of no use without the key.
    for file in ["queue.db", "queue.db-wal"] {
        let bytes = std::fs::read(proxy.data_dir().join(file)).unwrap_or_default();
        let has = |text: &str| bytes.windows(text.len()).any(|it| it == text.as_bytes());
        assert!(!has("task two") && !has("Bearer"), "{file}");
    }
    proxy.admin.revive().await;
    eventually_async("the answer", async || proxy.get(&second, &[]).await.status() == 201).await;
    let bodies: Vec<String> =
        seen.lock().expect("a list").iter().map(|(body, _)| body.clone()).collect();
    assert_eq!(bodies, ["task two"]);
    let answered: Value = proxy.admin.get("/v1/workloads/agent/queue").await.ok().json;
    assert_eq!(answered["figures"]["answered"], 1, "{answered}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_queue_outlives_a_take_over_and_a_backend_that_is_down() {
    let (stable, _) = backend("stable");
    let address = stable.address;
    let (candidate, _) = backend("candidate");
    let proxy = start(&setup(&stable, &candidate, "")).await;
    proxy.admin.kill().await;
    let place = location(&insist(proxy.proxy, &task(1)).await);
    drop(stable);
    let former = proxy.take_over().await;
    proxy.admin.revive().await;
    former.ended().await;
    // Nobody answers: it goes on waiting, and is sent once somebody does.
    eventually_async("a try", async || {
        let page = proxy.admin.get("/v1/workloads/agent/queue").await.ok().json;
        page["entries"][0]["tries"].as_u64() >= Some(2)
    })
    .await;
    assert_eq!(proxy.get(&place, &[]).await.status(), 202);
    let seen = Seen::default();
    let kept = Arc::clone(&seen);
    let _again = Backend::at(address, "stable", async move |exchange: &mut Exchange| {
        let body = exchange.body().await;
        let text = String::from_utf8_lossy(&body.bytes).into_owned();
        kept.lock().expect("a list").push((text, std::time::Instant::now()));
        exchange.reply("200 OK", &[], b"done").await;
    });
    eventually_async("the answer", async || proxy.get(&place, &[]).await.status() == 200).await;
    assert_eq!(seen.lock().expect("a list").len(), 1);
}
