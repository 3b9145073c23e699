//! Three replicas and a nats-server: one truth, and no candidate where it is not known.

use crate::harness::nats::Nats;
use crate::harness::{Backend, Setup, Stagegate, Workload, eventually_async};
use rustix::process::Signal;
use serde_json::{Value, json};
use std::time::{Duration, Instant};

/// How long freshness lasts here.
const FRESH_FOR: Duration = Duration::from_millis(2000);

struct World {
    nats: Nats,
    stable: Backend,
    candidate: Backend,
}

impl World {
    async fn new() -> Self {
        let (stable, candidate) = (Backend::start("stable"), Backend::start("candidate"));
        stable.count_only();
        candidate.count_only();
        Self { nats: Nats::start().await, stable, candidate }
    }

    fn setup(&self, name: &str, more: &str) -> Setup {
        let workload = Workload::canary(&self.stable, &self.candidate);
        let fleet = format!(
            "{{ servers: [\"{}\"], copies: 1, replica: {name}, fresh_for: {}ms{more} }}",
            self.nats.address,
            FRESH_FOR.as_millis()
        );
        Setup::of(workload).with("fleet", &fleet)
    }

    async fn replica(&self, name: &str) -> Stagegate {
        Stagegate::start(&self.setup(name, "")).await
    }

    async fn three(&self) -> [Stagegate; 3] {
        let (a, b, c) = tokio::join!(self.replica("a"), self.replica("b"), self.replica("c"));
        [a, b, c]
    }
}

/// The arm that serves a request at this replica now.
async fn serves(replica: &Stagegate, world: &World) -> &'static str {
    let before = world.candidate.arrivals();
    let answer = replica.get("/", &[("x-user-id", "ann")]).await;
    assert_eq!(answer.status(), 200, "{}", answer.text());
    if world.candidate.arrivals() > before { "candidate" } else { "stable" }
}

async fn until_it_serves(replica: &Stagegate, world: &World, arm: &str) {
    eventually_async(&format!("{arm} to serve"), async || serves(replica, world).await == arm)
        .await;
}

fn standings(outcome: &Value) -> Vec<(String, String)> {
    let replicas = outcome["replicas"].as_array().expect("replicas").iter();
    let text = |it: &Value, key: &str| it[key].as_str().unwrap_or_default().to_owned();
    replicas.map(|it| (text(it, "replica"), text(it, "standing"))).collect()
}

fn all(standing: &str) -> Vec<(String, String)> {
    ["a", "b", "c"].map(|name| (name.to_owned(), standing.to_owned())).to_vec()
}

#[tokio::test]
async fn what_one_replica_is_told_holds_at_all_of_them() {
    let world = World::new().await;
    let replicas = world.three().await;
    let [a, b, c] = &replicas;
    let moved = a.admin.weight("100%").await;
    for replica in [b, c] {
        until_it_serves(replica, &world, "candidate").await;
    }
    let of_agent = async |replica: &Stagegate| replica.admin.workload().await["epoch"].as_u64();
    assert_eq!(of_agent(b).await, Some(moved.epoch()), "an If-Match holds at every replica");

    let body = json!({ "reason": "worse" });
    let line = "POST /v1/workloads/agent/rollback";
    let key = [("idempotency-key", "k-1")];
    let done = b.admin.call(line, &key, Some(&body)).await.ok().json;
    assert_eq!(done["fleet"]["complete"], true, "{done}");
    assert_eq!(standings(&done["fleet"]), all("acked"), "{done}");
    // The answer means that nobody sends anything there any more: no condition is awaited.
    for replica in &replicas {
        assert_eq!(serves(replica, &world).await, "stable");
    }
    // The same request at another replica gets the answer of the first, or its record.
    let again = c.admin.call(line, &key, Some(&body)).await.ok().json;
    assert_eq!(again["audit_seq"], done["audit_seq"], "{again}");

    eventually_async("one history everywhere", async || {
        let mut heads = Vec::new();
        for replica in &replicas {
            let verified = replica.admin.get("/v1/audit/verify").await.ok().json;
            assert_eq!(verified["intact"], true, "{verified}");
            heads.push((verified["entries"].clone(), verified["head"].clone()));
        }
        heads.iter().all(|head| *head == heads[0])
    })
    .await;
    let shown = a.cli(&["fleet", "status"]);
    let text = String::from_utf8_lossy(&shown.stdout).into_owned();
    assert!(shown.status.success() && text.contains("3 replicas"), "{text}");
    let rolled_back = a.cli(&["rollback", "agent", "--reason", "again"]);
    let text = String::from_utf8_lossy(&rolled_back.stdout).into_owned();
    assert!(rolled_back.status.success() && text.contains("3 of 3 replicas"), "{text}");
    let doctor = a.admin.get("/v1/fleet/doctor").await.ok().json;
    let wrong: Vec<&Value> = doctor["findings"]
        .as_array()
        .expect("findings")
        .iter()
        .filter(|it| it["ok"] == false)
        .collect();
    // One server keeps one copy, and doctor says so; all else is in order.
    assert_eq!(wrong.len(), 1, "{wrong:?}");
    assert_eq!(wrong[0]["what"], "ledger", "{wrong:?}");
}

#[tokio::test]
async fn a_paused_replica_is_fenced_and_sends_nothing_when_it_wakes() {
    let world = World::new().await;
    let [a, b, c] = world.three().await;
    a.admin.weight("100%").await;
    for replica in [&b, &c] {
        until_it_serves(replica, &world, "candidate").await;
    }
    c.signal(Signal::STOP);
    let begun = Instant::now();
    let done = a.admin.rollback().await.ok().json;
    let took = begun.elapsed();
    assert_eq!(done["fleet"]["complete"], true, "{done}");
    let expected = [("a", "acked"), ("b", "acked"), ("c", "fenced")];
    let expected = expected.map(|(name, it)| (name.to_owned(), it.to_owned()));
    assert_eq!(standings(&done["fleet"]), expected, "{done}");
    println!("a rollback with one paused replica was complete after {took:?}");
    assert!(took >= FRESH_FOR, "nobody may be called fenced before its freshness has ended");
    let before = world.candidate.arrivals();
    let asked = c.get("/", &[("x-user-id", "ann")]);
    let woken = async {
        tokio::time::sleep(Duration::from_millis(100)).await;
        c.signal(Signal::CONT);
    };
    let (answer, ()) = tokio::join!(asked, woken);
    assert_eq!(answer.status(), 200, "{}", answer.text());
    assert_eq!(world.candidate.arrivals(), before, "it woke up and sent a request");
    eventually_async("it to catch up", async || {
        c.admin.workload().await["epoch"] == a.admin.workload().await["epoch"]
    })
    .await;
    assert_eq!(serves(&c, &world).await, "stable");
}

#[tokio::test]
async fn without_the_ledger_candidates_close_stable_serves_and_all_comes_back() {
    let world = World::new().await;
    let [a, b, c] = world.three().await;
    a.admin.weight("100%").await;
    for replica in [&a, &b, &c] {
        until_it_serves(replica, &world, "candidate").await;
    }
    world.nats.freeze();
    let frozen = Instant::now();
    for replica in [&a, &b, &c] {
        // Each request is answered, by whom it may be.
        until_it_serves(replica, &world, "stable").await;
    }
    let took = frozen.elapsed();
    println!("all candidates were closed {took:?} after the ledger had stopped");
    assert!(took < FRESH_FOR + FRESH_FOR / 4 + Duration::from_secs(1), "{took:?}");
    for replica in [&a, &b, &c] {
        assert_eq!(replica.admin.metric("stagegate_replica_fenced", &[]).await as u64, 1);
        assert_eq!(
            replica.admin.metric("stagegate_replica_freshness_seconds", &[]).await as u64,
            0
        );
        assert_eq!(replica.admin.get("/readyz").await.status, 200, "stable is served");
    }
    let status = a.admin.get("/v1/status").await.ok().json;
    assert_eq!(status["fleet"]["replicas"][0]["state"], "fenced", "{status}");
    // What takes traffic away is done here, and nobody is told that it is done elsewhere.
    let done = a.admin.rollback().await.ok().json;
    assert_eq!((&done["recorded"], &done["fleet"]["complete"]), (&json!(false), &json!(false)));
    let refused = b.admin.post("/v1/reload", json!({ "reason": "x" })).await;
    assert_eq!(refused.status, 503, "{}", refused.json);
    world.nats.thaw();
    eventually_async("the rollback to reach the others", async || {
        let mut closed = true;
        for replica in [&a, &b, &c] {
            let workload = replica.admin.workload().await;
            closed &= workload["open"] == false && workload["closed"]["by"] == "local";
        }
        closed
    })
    .await;
    eventually_async("all to be fresh", async || {
        let fleet = b.admin.get("/v1/fleet").await.ok().json;
        let replicas = fleet["replicas"].as_array().expect("replicas").clone();
        replicas.len() == 3 && replicas.iter().all(|it| it["state"] == "fresh")
    })
    .await;
    for replica in [&a, &b, &c] {
        assert_eq!(serves(replica, &world).await, "stable", "a person has closed it");
    }
}

#[tokio::test]
async fn a_replica_leaves_comes_back_and_a_new_one_knows_what_was_decided() {
    let world = World::new().await;
    let a = world.replica("a").await;
    a.admin.weight("100%").await;
    until_it_serves(&a, &world, "candidate").await;
    a.admin.rollback().await;
    let b = world.replica("b").await;
    assert_eq!(b.admin.workload().await["open"], false, "it begins with the fleet's state");
    assert_eq!(serves(&b, &world).await, "stable");
    b.admin.weight("100%").await;
    until_it_serves(&a, &world, "candidate").await;
    a.signal(Signal::TERM);
    assert!(a.ended().await.success(), "{}", a.log());
    // It has left: a rollback does not wait for it.
    let done = b.admin.rollback().await.ok().json;
    assert_eq!(standings(&done["fleet"]), [("b".to_owned(), "acked".to_owned())], "{done}");
    b.admin.weight("50%").await;
    a.restart().await;
    assert_eq!(a.admin.workload().await["weight"], "50%");
    assert_eq!(a.admin.workload().await["epoch"], b.admin.workload().await["epoch"]);
    // One that is killed stays in the roster until somebody says that it is gone.
    a.kill_hard();
    let forgotten = b.cli(&["fleet", "forget", "a"]);
    assert!(forgotten.status.success(), "{}", String::from_utf8_lossy(&forgotten.stderr));
    let alive = b.cli(&["fleet", "forget", "b"]);
    assert_eq!(alive.status.code(), Some(1), "{}", String::from_utf8_lossy(&alive.stderr));
}

#[tokio::test]
async fn a_release_that_is_registered_at_one_replica_can_be_rolled_out_at_another() {
    let world = World::new().await;
    let [a, b, _c] = world.three().await;
    let third = Backend::start("third");
    let added = json!({ "name": "v3", "endpoints": [format!("http://{}", third.address)], "reason": "new" });
    a.admin.post("/v1/workloads/agent/releases", added).await.ok();
    eventually_async("the other replica to know it", async || {
        b.admin.get("/v1/workloads/agent/releases/v3").await.status == 200
    })
    .await;
    let start = json!({ "to": "v3", "reason": "new", "override": true });
    b.admin.post("/v1/workloads/agent/rollouts", start).await.ok();
    eventually_async("the first one to follow", async || {
        a.admin.workload().await["candidate"] == "v3"
    })
    .await;
}

#[tokio::test]
async fn any_replica_explains_a_request_and_says_who_did_not_answer() {
    let world = World::new().await;
    let [a, b, c] = world.three().await;
    for (replica, id) in [(&a, "at-a"), (&b, "at-b"), (&c, "at-c")] {
        let served = replica.get("/", &[("x-user-id", "ann"), ("x-request-id", id)]).await;
        assert_eq!(served.status(), 200, "{}", served.text());
    }
    eventually_async("the others to be asked", async || {
        let mut found = true;
        for (id, replica) in [("at-a", None), ("at-b", Some("b")), ("at-c", Some("c"))] {
            let told = a.admin.get(&format!("/v1/decisions/{id}")).await;
            found &= told.status == 200 && told.json["replica"].as_str() == replica;
        }
        found
    })
    .await;
    let all = b.admin.get("/v1/decisions?limit=10").await.ok().json;
    assert_eq!(all["decisions"].as_array().map(Vec::len), Some(3), "{all}");
    let here = b.admin.get("/v1/decisions?limit=10&here=true").await.ok().json;
    assert_eq!(here["decisions"][0]["request_id"], "at-b", "{here}");
    assert_eq!(here["decisions"].as_array().map(Vec::len), Some(1), "{here}");
    let explained = a.cli(&["explain", "at-b"]);
    let text = String::from_utf8_lossy(&explained.stdout).into_owned();
    assert!(explained.status.success() && text.contains("replica       b"), "{text}");
    c.signal(Signal::STOP);
    let begun = Instant::now();
    let shown = a.cli(&["decisions", "ls"]);
    let text = String::from_utf8_lossy(&shown.stdout).into_owned();
    assert!(text.contains("at-a") && text.contains("at-b"), "{text}");
    assert!(text.contains("! no answer from replica c"), "{text}");
    let unknown = a.admin.get("/v1/decisions/at-c").await;
    assert_eq!(unknown.status, 404, "{}", unknown.json);
    let detail = unknown.json["detail"].as_str().unwrap_or_default();
    assert!(detail.contains("replica c did not answer"), "{detail}");
    assert!(begun.elapsed() < Duration::from_secs(10), "{:?}", begun.elapsed());
    c.signal(Signal::CONT);
}
