//! Health checks, replicas, and what happens when an arm is down.

use crate::harness::backend::{Seen, plain};
use crate::harness::{
    Backend, Setup, Stagegate, Workload, eventually, eventually_async, free_address, request_with,
};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// A backend whose health is switched by the test.
fn switchable(name: &str) -> (Backend, Arc<AtomicBool>) {
    let healthy = Arc::new(AtomicBool::new(true));
    let switch = Arc::clone(&healthy);
    let backend = Backend::with(name, async move |exchange| {
        if exchange.request.target() == "/healthz" {
            let status = if switch.load(Ordering::SeqCst) { "200 OK" } else { "500 Sick" };
            return exchange.reply(status, &[], b"").await;
        }
        plain(exchange).await;
    });
    (backend, healthy)
}

const HTTP: &str = "{ http: /healthz, every: 50ms, healthy: 1, unhealthy: 1 }";

#[tokio::test]
async fn a_candidate_that_is_down_leaves_its_users_to_stable() {
    let (stable, _) = switchable("stable");
    let (candidate, healthy) = switchable("candidate");
    let workload = Workload::canary(&stable, &candidate).with("health", HTTP);
    let stagegate = Stagegate::start(&Setup::of(workload)).await;
    stagegate.admin.weight("100%").await;
    let arm = async || stagegate.get("/", &[("x-user-id", "ada")]).await.arm().to_owned();
    eventually_async("the candidate to be healthy", async || arm().await == "candidate").await;
    healthy.store(false, Ordering::SeqCst);
    eventually_async("the fallback", async || arm().await == "stable").await;
    stagegate.get("/", &[("x-request-id", "while-down")]).await;
    let path = "/v1/decisions/while-down";
    eventually_async("the record", async || stagegate.admin.get(path).await.status == 200).await;
    let decision = stagegate.admin.get(path).await.json["decision"].clone();
    assert_eq!(decision["reason"], "candidate_down");
    assert_eq!(decision["arm"], "stable");
    eventually_async("it to be counted", async || {
        stagegate.admin.metric("stagegate_decisions_total", &["candidate_down"]).await >= 1.0
    })
    .await;
    let status = stagegate.admin.get("/v1/status").await.ok().json;
    assert_eq!(status["workloads"][0]["candidate"]["endpoints"][0]["health"], "unhealthy");
    healthy.store(true, Ordering::SeqCst);
    eventually_async("the candidate to come back", async || arm().await == "candidate").await;
}

#[tokio::test]
async fn a_stable_that_is_down_is_never_replaced_by_the_candidate() {
    let (stable, healthy) = switchable("stable");
    let (candidate, _) = switchable("candidate");
    let workload = Workload::canary(&stable, &candidate).with("health", HTTP);
    let stagegate = Stagegate::start(&Setup::of(workload)).await;
    healthy.store(false, Ordering::SeqCst);
    eventually_async("the refusal", async || stagegate.get("/", &[]).await.status() == 503).await;
    let refused = stagegate.get("/", &[]).await;
    assert_eq!(refused.reason(), Some("stable_down"));
    assert!(refused.head.get("retry-after").is_some());
    let asked = candidate.seen().iter().filter(|seen| seen.head.target() == "/").count();
    assert_eq!(asked, 0);
    eventually_async("not to be ready", async || {
        stagegate.admin.get("/readyz").await.status == 503
    })
    .await;
    healthy.store(true, Ordering::SeqCst);
    eventually_async("to serve again", async || stagegate.get("/", &[]).await.status() == 200)
        .await;
    eventually_async("to be ready again", async || {
        stagegate.admin.get("/readyz").await.status == 200
    })
    .await;
}

#[tokio::test]
async fn a_port_that_nobody_answers_is_unhealthy() {
    let stable = Backend::start("stable");
    let candidate = Backend::start("candidate");
    let workload = Workload::canary(&stable, &candidate)
        .with("health", "{ tcp: true, every: 50ms, healthy: 1, unhealthy: 1 }");
    let stagegate = Stagegate::start(&Setup::of(workload)).await;
    stagegate.admin.weight("100%").await;
    let arm = async || stagegate.get("/", &[]).await.head.get("x-arm").map(str::to_owned);
    eventually_async("the candidate", async || arm().await.as_deref() == Some("candidate")).await;
    let address = candidate.address;
    drop(candidate);
    eventually_async("the fallback", async || arm().await.as_deref() == Some("stable")).await;
    let _again = Backend::at(address, "candidate", plain);
    eventually_async("the candidate again", async || arm().await.as_deref() == Some("candidate"))
        .await;
}

#[tokio::test]
async fn a_conversation_keeps_its_replica_and_the_replicas_share_the_rest() {
    let replicas = ["a", "b", "c"].map(switchable);
    let workload = Workload::new(&replicas[0].0)
        .replica(replicas[1].0.address)
        .replica(replicas[2].0.address)
        .with("sticky", "conversation")
        .with("health", HTTP);
    let stagegate = Stagegate::start(&Setup::of(workload)).await;
    let replica = async |conversation: usize| {
        let id = format!("conversation-{conversation}");
        stagegate.get("/", &[("x-session-id", &id)]).await.arm().to_owned()
    };
    let mut homes = BTreeMap::new();
    for conversation in 0..90 {
        homes.insert(conversation, replica(conversation).await);
    }
    for name in ["a", "b", "c"] {
        let share = homes.values().filter(|home| *home == name).count();
        assert!(share >= 10, "{name} has {share} of 90 conversations");
    }
    for (conversation, home) in &homes {
        assert_eq!(&replica(*conversation).await, home, "a conversation moved");
    }
    replicas[1].1.store(false, Ordering::SeqCst);
    let orphans: Vec<usize> =
        homes.iter().filter(|(_, home)| *home == "b").map(|(id, _)| *id).collect();
    eventually_async("the replica to be avoided", async || replica(orphans[0]).await != "b").await;
    let mut heirs = BTreeSet::new();
    for conversation in &orphans {
        heirs.insert(replica(*conversation).await);
    }
    assert_eq!(heirs, BTreeSet::from(["a".to_owned(), "c".to_owned()]), "shared among the others");
    for (conversation, home) in homes.iter().filter(|(_, home)| *home != "b") {
        assert_eq!(&replica(*conversation).await, home, "the others stay where they were");
    }
    eventually("all checks to go on", || replicas.iter().all(|(backend, _)| backend.open() > 0))
        .await;
}

#[tokio::test]
async fn a_replica_that_refuses_connections_is_passed_over() {
    let (alive, nobody) = (Backend::start("alive"), free_address());
    let workload = Workload::at(nobody).replica(alive.address).with("sticky", "conversation");
    let stagegate = Stagegate::start(&Setup::of(workload)).await;
    for number in 0..30 {
        let id = format!("conversation-{number}");
        let text = request_with("POST /", &[("x-session-id", &id)], "hello");
        let response = stagegate.connect().await.ask(&text).await;
        assert_eq!(response.status(), 200, "{}", response.text());
        assert_eq!(response.arm(), "alive");
    }
    let whole = |seen: &Seen| seen.body.as_ref().is_some_and(|body| body.bytes == b"hello");
    assert!(alive.seen().iter().all(whole), "with its body");
    assert_eq!(alive.arrivals(), 30, "each once");
}
