//! Two replicas of a fleet judge as one: the one with the lease, by the evidence of both.

use crate::following::{Shared, Two};
use crate::plane::CONFIG;
use crate::steer::{served, started};
use crate::world::World;
use stagegate_control::ports::{BoxFuture, Peers, ReplicaStanding, SavedState};
use stagegate_control::{Control, ExecuteError};
use stagegate_fleet::ReplicaName;
use stagegate_rollout::{Arm, Command, Outcome, Phase, Verdict, WorkloadName};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};
use tokio::sync::oneshot;

/// The servers between the replicas. Each message comes twice.
#[derive(Default)]
struct Hub {
    leader: Mutex<Option<(&'static str, u64)>>,
    saved: Mutex<BTreeMap<WorkloadName, SavedState>>,
    controls: Mutex<BTreeMap<&'static str, Control>>,
    /// Replicas whose reports are lost.
    cut: Mutex<BTreeSet<&'static str>>,
}

struct Peer {
    name: &'static str,
    hub: Arc<Hub>,
}

impl Hub {
    fn deliver(&self, to: &str, message: &[u8]) {
        if let Some(control) = self.controls.lock().unwrap().get(to) {
            control.hear(message);
            control.hear(message);
        }
    }

    fn lead(&self, leader: Option<(&'static str, u64)>) {
        *self.leader.lock().unwrap() = leader;
    }
}

impl Peers for Peer {
    fn name(&self) -> ReplicaName {
        self.name.parse().unwrap()
    }

    fn term(&self) -> Option<u64> {
        let leader = *self.hub.leader.lock().unwrap();
        leader.filter(|(name, _)| *name == self.name).map(|(_, term)| term)
    }

    fn leader(&self) -> Option<(ReplicaName, u64)> {
        let leader = *self.hub.leader.lock().unwrap();
        leader.map(|(name, term)| (name.parse().unwrap(), term))
    }

    fn report(&self, message: Vec<u8>) {
        let leader = *self.hub.leader.lock().unwrap();
        let is_cut = self.hub.cut.lock().unwrap().contains(self.name);
        if let Some((leader, _)) = leader.filter(|_| !is_cut) {
            self.hub.deliver(leader, &message);
        }
    }

    fn tell(&self, message: Vec<u8>) {
        for name in ["a", "b"] {
            self.hub.deliver(name, &message);
        }
    }

    fn load(
        &self,
        workload: &WorkloadName,
    ) -> BoxFuture<'static, Result<Option<SavedState>, String>> {
        let saved = self.hub.saved.lock().unwrap().get(workload).cloned();
        Box::pin(async move { Ok(saved) })
    }

    fn save(
        &self,
        workload: &WorkloadName,
        replaces: u64,
        state: Vec<u8>,
    ) -> BoxFuture<'static, Result<u64, String>> {
        let mut saved = self.hub.saved.lock().unwrap();
        let number = saved.get(workload).map_or(0, |(number, _)| *number);
        let result = if number == replaces {
            saved.insert(workload.clone(), (number + 1, state));
            Ok(number + 1)
        } else {
            Err("something newer was saved".to_owned())
        };
        Box::pin(async move { result })
    }
}

struct Replica {
    world: World,
    stop: oneshot::Sender<()>,
    task: tokio::task::JoinHandle<()>,
}

impl Replica {
    /// A replica with a rollout of `v2` in progress. Each has a store of its own, so the same change is
    /// made in both.
    async fn open(name: &'static str, hub: &Arc<Hub>) -> Self {
        let policies = "policies:\n  fast:\n    steps: [{ weight: 10%, hold: 1s, requests: 40 }, { weight: 100%, watch: 1s }]\n    gates: [{ axis: error, class: permanent, against: stable, margin: 20pp, for: 1s, requests: 40 }]\n    drill_within: off\n";
        let config = CONFIG.replace("    candidate: v2\n    weight: 1%\n", "    policy: fast\n");
        let world = Shared::new().world_of(&format!("{config}{policies}")).await;
        world.control.join_fleet(Arc::new(Two::of(ReplicaStanding::Acked)));
        hub.controls.lock().unwrap().insert(name, world.control.clone());
        world.control.share_evidence(Arc::new(Peer { name, hub: Arc::clone(hub) }));
        let (stop, task) = started(&world).await;
        let replica = Self { world, stop, task };
        // What arrives right after the start was counted before it.
        tokio::time::sleep(Duration::from_millis(900)).await;
        replica
    }

    fn serve(&self, outcome: Outcome, requests: u64) {
        for (release, arm, outcome, requests) in [
            ("v1", Arm::Stable, Outcome::Ok, requests * 9),
            ("v2", Arm::Candidate, outcome, requests),
        ] {
            let delta = served(release, arm, outcome, requests);
            self.world.control.count(&delta, Instant::now());
        }
    }

    /// Requests of the candidate that the newest analysis here rests on.
    fn judged(&self) -> Option<u64> {
        self.world.control.analysis("agent").map(|it| it.requests)
    }

    fn is_rolled_back(&self) -> bool {
        self.world.state().rollout.is_some_and(|it| it.phase == Phase::RolledBack)
    }

    async fn until(&self, what: &str, wanted: impl Fn(&Self) -> bool) {
        let deadline = Instant::now() + Duration::from_secs(30);
        while !wanted(self) {
            let analysis = self.world.control.analysis("agent");
            assert!(Instant::now() < deadline, "gave up waiting until {what}: {analysis:?}");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    async fn end(self) {
        self.stop.send(()).expect("it runs");
        self.task.await.expect("it ends");
    }
}

async fn two(leader: Option<(&'static str, u64)>) -> (Arc<Hub>, Replica, Replica) {
    let hub = Arc::new(Hub::default());
    hub.lead(leader);
    let (a, b) = tokio::join!(Replica::open("a", &hub), Replica::open("b", &hub));
    (hub, a, b)
}

#[tokio::test]
async fn the_leader_rolls_back_by_evidence_that_is_too_little_on_each_replica() {
    let (_hub, a, b) = two(Some(("a", 1))).await;
    assert!(a.world.control.speaks() && !b.world.control.speaks());
    a.serve(Outcome::Permanent, 7);
    a.until("it is judged", |it| it.judged() == Some(7)).await;
    tokio::time::sleep(Duration::from_millis(1200)).await;
    assert!(!a.is_rolled_back(), "seven requests are too few");
    b.serve(Outcome::Permanent, 7);
    a.until("it is rolled back", Replica::is_rolled_back).await;
    b.until("it shows the same", |it| it.judged() == Some(14)).await;
    assert!(!b.is_rolled_back(), "only the leader acts");
    let evidence = b.world.control.fleet_evidence("agent").unwrap();
    assert_eq!((&*evidence.leader, evidence.term), ("a", 1));
    let entry = a.world.newest("stagegate").await.unwrap();
    assert_eq!(entry.action, "rollback");
    a.end().await;
    b.end().await;
}

#[tokio::test]
async fn without_a_leader_nothing_is_judged_and_nothing_is_lost() {
    let (hub, a, b) = two(None).await;
    for _ in 0..20 {
        a.serve(Outcome::Permanent, 10);
        b.serve(Outcome::Permanent, 10);
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    for replica in [&a, &b] {
        assert!(replica.judged().is_none() && !replica.is_rolled_back());
    }
    hub.lead(Some(("b", 4)));
    b.until("all is judged", |it| it.judged() == Some(400)).await;
    let analysis = b.world.control.analysis("agent").unwrap();
    assert!(analysis.observed_ms < 2500, "{} ms", analysis.observed_ms);
    b.until("it is rolled back", Replica::is_rolled_back).await;
    a.end().await;
    b.end().await;
}

#[tokio::test]
async fn the_next_leader_goes_on_from_what_is_saved_and_counts_nothing_twice() {
    let (hub, a, b) = two(Some(("a", 1))).await;
    a.serve(Outcome::Ok, 11);
    b.serve(Outcome::Ok, 13);
    a.until("both are judged", |it| it.judged() == Some(24)).await;
    b.until("it is saved", |_| !hub.saved.lock().unwrap().is_empty()).await;
    // Reported and not saved: it comes again.
    b.serve(Outcome::Ok, 17);
    a.until("that is judged", |it| it.judged() == Some(41)).await;
    hub.lead(Some(("b", 2)));
    b.until("the other one goes on", |it| it.judged() == Some(41)).await;
    a.serve(Outcome::Ok, 3);
    b.until("and hears the former leader", |it| it.judged() == Some(44)).await;
    // A proper end saves all: so does the next term of the first one.
    let evidence = b.world.control.fleet_evidence("agent").unwrap();
    assert_eq!((&*evidence.leader, evidence.term), ("b", 2));
    b.end().await;
    hub.lead(Some(("a", 3)));
    a.until("the first one goes on", |it| {
        it.judged() == Some(44)
            && it.world.control.fleet_evidence("agent").is_some_and(|it| it.term == 3)
    })
    .await;
    a.end().await;
}

#[tokio::test]
async fn a_promotion_waits_for_the_evidence_of_every_replica() {
    let (hub, a, b) = two(Some(("a", 1))).await;
    hub.cut.lock().unwrap().insert("b");
    let passes = |it: &Replica| {
        it.serve(Outcome::Ok, 10);
        it.world.control.analysis("agent").is_some_and(|it| it.verdict == Verdict::Pass)
    };
    a.until("it passes", passes).await;
    let promote = || Command::Promote { expect: None, force: false };
    // The other replica does not even have to be the one that is asked.
    for replica in [&a, &b] {
        replica.until("it knows the verdict", |it| it.judged().is_some()).await;
        let refused = replica.world.execute(promote(), None).await.unwrap_err();
        assert!(matches!(refused, ExecuteError::NotNow(_)), "{refused}");
        assert!(refused.to_string().contains("evidence of replica b has not arrived"), "{refused}");
    }
    assert!(a.world.control.fleet_coverage() < 1.0);
    hub.cut.lock().unwrap().clear();
    a.until("the coverage is full", |it| it.world.control.fleet_coverage() >= 1.0).await;
    a.world.execute(promote(), None).await.unwrap();
    hub.lead(None);
    tokio::time::sleep(Duration::from_millis(5500)).await;
    let refused = b.world.execute(promote(), None).await.unwrap_err();
    assert!(refused.to_string().contains("no replica steers the fleet"), "{refused}");
    a.end().await;
    b.end().await;
}
