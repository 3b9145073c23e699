//! Growing the weight only adds keys, and shrinking it only removes them, over the wire.

use crate::harness::{Backend, Setup, Stagegate, Wire, Workload, eventually, request};
use stagegate_rollout::{Salt, Weight};
use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

const USERS: usize = 2000;
const CLIENTS: usize = 8;

/// The users whom the candidate serves, each asked once.
async fn on_candidate(proxy: SocketAddr) -> BTreeSet<usize> {
    let clients: Vec<_> = (0..CLIENTS)
        .map(|client| {
            tokio::spawn(async move {
                let mut wire = Wire::connect(proxy).await;
                let mut chosen = Vec::new();
                for user in (client..USERS).step_by(CLIENTS) {
                    let id = format!("user-{user}");
                    if wire.ask(&request("GET /", &[("x-user-id", &id)])).await.arm() == "candidate"
                    {
                        chosen.push(user);
                    }
                }
                chosen
            })
        })
        .collect();
    let mut all = BTreeSet::new();
    for client in clients {
        all.extend(client.await.expect("a client"));
    }
    all
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_ramp_only_adds_users_and_the_way_back_only_removes_them() {
    let (stable, candidate) = (Backend::start("stable"), Backend::start("candidate"));
    let stagegate = Stagegate::start(&Setup::of(Workload::canary(&stable, &candidate))).await;
    let workload = stagegate.admin.workload().await;
    let salt = Salt::new(workload["salt"].as_str().expect("a salt"));
    let mut up = Vec::new();
    for weight in ["1%", "10%", "50%", "100%"] {
        stagegate.admin.weight(weight).await;
        let chosen = on_candidate(stagegate.proxy).await;
        let weight: Weight = weight.parse().expect("a weight");
        // Anyone can recompute who was chosen.
        let expected: BTreeSet<usize> = (0..USERS)
            .filter(|user| salt.bucket(&format!("user-{user}")).is_below(weight))
            .collect();
        assert_eq!(chosen, expected, "at {weight}");
        let share = chosen.len() as f64 / USERS as f64;
        let bound = 3.3 * (weight.ratio() * (1.0 - weight.ratio()) / USERS as f64).sqrt();
        assert!((share - weight.ratio()).abs() <= bound, "{share} at {weight}");
        if let Some(before) = up.last() {
            assert!(chosen.is_superset(before), "someone left the candidate at {weight}");
        }
        up.push(chosen);
    }
    for (weight, same) in
        [("50%", &up[2]), ("10%", &up[1]), ("1%", &up[0]), ("0%", &BTreeSet::new())]
    {
        stagegate.admin.weight(weight).await;
        assert_eq!(&on_candidate(stagegate.proxy).await, same, "back at {weight}");
    }
}

/// Two turns of each of these conversations. Returns which of them the candidate served.
async fn two_turns(proxy: SocketAddr, conversations: usize) -> Vec<bool> {
    let clients: Vec<_> = (0..CLIENTS)
        .map(|client| {
            tokio::spawn(async move {
                let (mut wire, mut arms) = (Wire::connect(proxy).await, Vec::new());
                for number in (client..conversations).step_by(CLIENTS) {
                    let text = request("GET /", &[("x-session-id", &format!("chat-{number}"))]);
                    let first = wire.ask(&text).await.arm() == "candidate";
                    let second = wire.ask(&text).await.arm() == "candidate";
                    assert_eq!(first, second, "conversation {number}");
                    arms.push((number, first));
                }
                arms
            })
        })
        .collect();
    let mut all = vec![false; conversations];
    for client in clients {
        for (number, is_candidate) in client.await.expect("a client") {
            all[number] = is_candidate;
        }
    }
    all
}

/// Conversations that begin at each weight.
const BEGIN: usize = 2500;

/// So many more begin at each weight, and all of them go on: up to eight turns each.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn conversations_with_ids_of_their_own_stay_where_they_began_while_the_weight_grows() {
    let (stable, candidate) = (Backend::start("stable"), Backend::start("candidate"));
    stable.count_only();
    candidate.count_only();
    let workload = Workload::canary(&stable, &candidate)
        .with("sticky", "conversation")
        .with("identity", "{ conversation: [{ header: x-session-id }] }");
    let stagegate = Stagegate::start(&Setup::of(workload)).await;
    let mut before: Vec<bool> = Vec::new();
    for (weight, share) in [("1%", 0.01), ("10%", 0.1), ("50%", 0.5), ("100%", 1.0)] {
        stagegate.admin.weight(weight).await;
        let now = two_turns(stagegate.proxy, before.len() + BEGIN).await;
        let moved: Vec<usize> = (0..before.len()).filter(|at| before[*at] != now[*at]).collect();
        assert_eq!(moved, [0; 0], "at {weight}");
        let new = now[before.len()..].iter().filter(|it| **it).count() as f64 / BEGIN as f64;
        // A sketch of those on stable says of one in 200 that it is known.
        assert!((new - share).abs() < 0.07, "{new} of the new ones at {weight}");
        before = now;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_user_leaves_the_candidate_while_the_weight_moves_under_load() {
    let (stable, candidate) = (Backend::start("stable"), Backend::start("candidate"));
    stable.count_only();
    candidate.count_only();
    let stagegate = Stagegate::start(&Setup::of(Workload::canary(&stable, &candidate))).await;
    let (stop, answers) = (Arc::<AtomicBool>::default(), Arc::<AtomicUsize>::default());
    let proxy = stagegate.proxy;
    let clients: Vec<_> = (0..CLIENTS)
        .map(|client| {
            let (stop, answers) = (Arc::clone(&stop), Arc::clone(&answers));
            tokio::spawn(async move {
                let (mut wire, mut arrived) = (Wire::connect(proxy).await, BTreeSet::new());
                while !stop.load(Ordering::SeqCst) {
                    for user in (client..400).step_by(CLIENTS) {
                        let id = format!("user-{user}");
                        let response = wire.ask(&request("GET /", &[("x-user-id", &id)])).await;
                        if response.arm() == "candidate" {
                            arrived.insert(user);
                        } else {
                            assert!(!arrived.contains(&user), "user {user} left the candidate");
                        }
                        answers.fetch_add(1, Ordering::SeqCst);
                    }
                }
                arrived.len()
            })
        })
        .collect();
    for step in 1..=100 {
        stagegate.admin.weight(&format!("{step}%")).await;
        let before = answers.load(Ordering::SeqCst);
        eventually("some answers", || answers.load(Ordering::SeqCst) > before + 20).await;
    }
    let before = answers.load(Ordering::SeqCst);
    eventually("everyone once more", || answers.load(Ordering::SeqCst) > before + 800).await;
    stop.store(true, Ordering::SeqCst);
    let mut arrived = 0;
    for client in clients {
        arrived += client.await.expect("a client");
    }
    assert_eq!(arrived, 400, "at 100% everyone is there");
}
