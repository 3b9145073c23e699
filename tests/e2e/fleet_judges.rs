//! Three replicas judge as one: each sees too little of a bad candidate, and all of them together do not.

use crate::harness::nats::Nats;
use crate::harness::{Setup, Stagegate, Workload, eventually, eventually_async};
use crate::rollout::agent::Agent;
use crate::rollout::hook::Hook;
use rustix::process::Signal;
use serde_json::{Value, json};
use std::time::{Duration, Instant};

/// A gate that acts early on overwhelming evidence only.
const POLICIES: &str = "{ fleet: { \
    steps: [ { weight: 50%, hold: 1s, requests: 60 }, { weight: 100%, watch: 2s } ], \
    gates: [ { axis: error, class: permanent, against: stable, margin: 20pp, for: 1s, requests: 120, owner: oncall } ], \
    drill_within: off } }";

struct World {
    nats: Nats,
    stable: Agent,
    candidate: Agent,
    hook: Hook,
    replicas: Vec<Stagegate>,
}

impl World {
    async fn open() -> Self {
        let (stable, candidate, hook) =
            (Agent::start("stable"), Agent::start("candidate"), Hook::start());
        let mut world =
            Self { nats: Nats::start().await, stable, candidate, hook, replicas: Vec::new() };
        let (a, b, c) = tokio::join!(world.replica("a"), world.replica("b"), world.replica("c"));
        world.replicas = vec![a, b, c];
        world.until_all_know_a_leader().await;
        world
    }

    async fn replica(&self, name: &str) -> Stagegate {
        let workload = Workload::new(&self.stable.backend)
            .release("v2", self.candidate.backend.address)
            .with("exclusions", "{ high_value: [initech] }")
            .with("policy", "fleet");
        let fleet = format!(
            "{{ servers: [\"{}\"], copies: 1, replica: {name}, fresh_for: 2s }}",
            self.nats.address
        );
        let notify = format!(
            "[{{ name: hook, type: webhook, url: \"http://{}/\" }}]",
            self.hook.backend.address
        );
        let setup = Setup::of(workload)
            .with("policies", POLICIES)
            .with("notify", &notify)
            .with("fleet", &fleet);
        Stagegate::start(&setup).await
    }

    async fn until_all_know_a_leader(&self) {
        for replica in &self.replicas {
            eventually_async("a leader", async || {
                replica.admin.metric("stagegate_fleet_term", &[]).await > 0.0
            })
            .await;
        }
    }

    /// The replica that steers.
    async fn leader(&self) -> usize {
        let fleet = self.replicas[0].admin.get("/v1/fleet").await.ok().json;
        let name = fleet["leader"]["replica"].as_str().expect("a leader").to_owned();
        ["a", "b", "c"].iter().position(|it| *it == name).expect("one of them")
    }

    async fn begin(&self) {
        self.replicas[0].admin.change("POST rollouts", json!({ "to": "v2" })).await;
        for replica in &self.replicas {
            eventually_async("the rollout to be known", async || {
                replica.admin.workload().await["weight"] == "50%"
            })
            .await;
        }
        // What arrives right after the start of a step was counted before it.
        tokio::time::sleep(Duration::from_millis(1200)).await;
    }

    /// Sends so many requests to each of these replicas, each as another user.
    async fn serve(&self, replicas: &[usize], requests: u64, round: &str) {
        for number in 0..requests {
            for &place in replicas {
                let user = format!("{round}-{place}-{number}");
                self.replicas[place].get("/work", &[("x-user-id", &user)]).await;
            }
        }
    }
}

async fn rollout(replica: &Stagegate) -> Value {
    replica.admin.get("/v1/workloads/agent/rollouts/current").await.ok().json
}

/// Requests of the candidate that the newest analysis at this replica rests on.
async fn judged(replica: &Stagegate) -> u64 {
    rollout(replica).await["analysis"]["requests"].as_u64().unwrap_or(0)
}

#[tokio::test]
async fn a_bad_candidate_is_rolled_back_once_by_the_evidence_of_all() {
    let world = World::open().await;
    world.candidate.turn_wrong();
    world.begin().await;
    world.serve(&[0], 12, "wrong").await;
    let alone = world.candidate.served();
    assert!((1..10).contains(&alone), "{alone} requests of the candidate");
    eventually_async("its evidence to be judged", async || {
        judged(&world.replicas[1]).await == alone
    })
    .await;
    tokio::time::sleep(Duration::from_secs(2)).await;
    assert_eq!(rollout(&world.replicas[1]).await["active"], true, "one replica sees too little");
    let begun = Instant::now();
    world.serve(&[1, 2], 12, "wrong").await;
    for replica in &world.replicas {
        eventually_async("the rollback", async || rollout(replica).await["phase"] == "rolled_back")
            .await;
    }
    println!("rolled back {:?} after the other two had served", begun.elapsed());
    let since = rollout(&world.replicas[2]).await["since"].clone();
    assert_eq!(since["by"], "stagegate", "{since}");
    eventually("the notification", || !world.hook.of_kind("rolled_back").is_empty()).await;
    tokio::time::sleep(Duration::from_secs(2)).await;
    assert_eq!(world.hook.of_kind("rolled_back").len(), 1, "one message for the fleet");
    let audit = world.replicas[1].admin.get("/v1/audit?actor=stagegate&limit=100").await.ok().json;
    let entries = audit["entries"].as_array().expect("entries");
    let rollbacks = entries.iter().filter(|it| it["action"] == "rollback").count();
    assert_eq!(rollbacks, 1, "{audit}");
    let shown = world.replicas[0].cli(&["fleet", "status"]);
    let text = String::from_utf8_lossy(&shown.stdout).into_owned();
    assert!(text.contains(" steers (term "), "{text}");
}

#[tokio::test]
async fn another_replica_takes_over_from_a_killed_leader_and_rolls_back() {
    let world = World::open().await;
    world.begin().await;
    world.serve(&[0, 1, 2], 60, "well").await;
    let served = world.candidate.served();
    let leader = world.leader().await;
    let others: Vec<usize> = (0..3).filter(|it| *it != leader).collect();
    for replica in &world.replicas {
        eventually_async("all evidence to be judged and told", async || {
            judged(replica).await == served
        })
        .await;
    }
    // Saved: the next leader goes on from there.
    tokio::time::sleep(Duration::from_secs(6)).await;
    for replica in &world.replicas {
        let detail = rollout(replica).await;
        assert_eq!(detail["analysis"]["requests"], served, "each request counts once: {detail}");
        assert_eq!(detail["analysis"]["fleet"]["coverage"], 1.0, "{detail}");
    }
    world.replicas[leader].kill_hard();
    let killed = Instant::now();
    world.candidate.turn_wrong();
    let bad = async {
        for round in 0.. {
            world.serve(&others, 5, &format!("wrong-{round}")).await;
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    };
    let rolled_back = async {
        for &place in &others {
            eventually_async("the rollback", async || {
                rollout(&world.replicas[place]).await["phase"] == "rolled_back"
            })
            .await;
        }
        killed.elapsed()
    };
    let took = tokio::select! {
        () = bad => unreachable!("it goes on for ever"),
        took = rolled_back => took,
    };
    println!("leader killed, candidate bad: rolled back after {took:?}");
    assert!(took < Duration::from_secs(20), "{took:?}");
    eventually("the notification", || !world.hook.of_kind("rolled_back").is_empty()).await;
    // The one that does not steer looks at the lease once a second.
    for &place in &others {
        eventually_async("all to know the new leader", async || {
            let fleet = world.replicas[place].admin.get("/v1/fleet").await.ok().json;
            fleet["leader"]["term"].as_u64() > Some(1)
        })
        .await;
    }
    assert_eq!(world.hook.of_kind("rolled_back").len(), 1);
}

#[tokio::test]
async fn no_promotion_while_the_evidence_of_a_replica_is_missing() {
    let world = World::open().await;
    world.begin().await;
    let leader = world.leader().await;
    let silent = (leader + 1) % 3;
    let asked = (leader + 2) % 3;
    world.replicas[silent].signal(Signal::STOP);
    let name = ["a", "b", "c"][silent];
    let promote = async || {
        let line = "POST /v1/workloads/agent/rollouts/current/promote";
        world.replicas[asked].admin.call(line, &[], Some(&json!({}))).await
    };
    let reachable: Vec<usize> = (0..3).filter(|it| *it != silent).collect();
    for round in 0..60 {
        world.serve(&reachable, 10, &format!("well-{round}")).await;
        if rollout(&world.replicas[asked]).await["analysis"]["verdict"] == "pass" {
            break;
        }
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
    eventually_async("the refusal to name the replica", async || {
        let refused = promote().await;
        assert_eq!(refused.status, 409, "{}", refused.json);
        let detail = refused.json["detail"].as_str().unwrap_or_default();
        detail.contains(&format!("evidence of replica {name} has not arrived"))
    })
    .await;
    let status = world.replicas[asked].cli(&["rollout", "status", "agent"]);
    let text = String::from_utf8_lossy(&status.stdout).into_owned();
    assert!(text.contains(&format!("no evidence of {name}")), "{text}");
    world.replicas[silent].signal(Signal::CONT);
    eventually_async("the promotion", async || {
        world.serve(&reachable, 1, "more").await;
        promote().await.status == 200
    })
    .await;
}
