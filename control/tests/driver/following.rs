//! A replica of a fleet: what others have recorded is put in force, and lost races are run again.

use crate::plane::CONFIG;
use crate::world::World;
use stagegate_control::ports::{
    BoxFuture, Epoch, FleetFinding, FleetOutcome, Ledger, ReplicaOutcome, ReplicaRow,
    ReplicaStanding, Replicas,
};
use stagegate_control::{Answer, ExecuteError, FollowError, StoreAccessError};
use stagegate_rollout::{Command, WorkloadState};
use stagegate_store::{NewAudit, NewChange, Recorded, Saved};
use std::sync::{Arc, Mutex};

/// The store's ledger, as if others wrote into it too.
#[derive(Clone)]
pub(crate) struct Shared(Arc<Mutex<Option<Arc<dyn Ledger>>>>);

impl Shared {
    pub(crate) fn new() -> Self {
        Self(Arc::default())
    }

    fn inner(&self) -> Arc<dyn Ledger> {
        Arc::clone(self.0.lock().unwrap().as_ref().unwrap())
    }

    async fn world(&self) -> World {
        self.world_of(CONFIG).await
    }

    pub(crate) async fn world_of(&self, config: &str) -> World {
        let shared = self.clone();
        World::over(config, move |ledger| {
            *shared.0.lock().unwrap() = Some(ledger);
            Arc::new(shared)
        })
        .await
    }

    /// Another replica records a state of `agent`.
    async fn elsewhere(&self, change: impl FnOnce(&mut WorkloadState)) -> Epoch {
        let saved = self.inner().latest().await.unwrap();
        let name = "agent".parse().unwrap();
        let mut state = saved.workloads[&name].clone();
        change(&mut state);
        let entry = NewAudit {
            at_ms: 1,
            actor: "bob".to_owned(),
            workload: Some("agent".to_owned()),
            action: "set_weight".to_owned(),
            reason: String::new(),
            summary: "elsewhere".to_owned(),
            details: serde_json::json!({}),
        };
        let states = vec![(name, state)];
        let change = NewChange { states, makes_a_plan: true, ..NewChange::entry_only(entry) };
        self.inner().append(saved.epoch, change).await.unwrap();
        saved.epoch + 1
    }
}

impl Ledger for Shared {
    fn append(
        &self,
        expected: Epoch,
        change: NewChange,
    ) -> BoxFuture<'static, Result<Recorded, StoreAccessError>> {
        self.inner().append(expected, change)
    }

    fn latest(&self) -> BoxFuture<'static, Result<Saved, StoreAccessError>> {
        self.inner().latest()
    }

    fn follow(&self, from: Epoch) -> BoxFuture<'static, Result<Saved, StoreAccessError>> {
        self.inner().follow(from)
    }

    fn is_shared(&self) -> bool {
        true
    }
}

fn weight(share: &str) -> Command {
    Command::SetWeight { weight: share.parse().unwrap() }
}

#[tokio::test]
async fn what_another_replica_has_recorded_is_put_in_force_with_its_epoch() {
    let shared = Shared::new();
    let world = shared.world().await;
    let before = world.control.view().find("batch").unwrap().1.epoch;
    let epoch = shared.elsewhere(|state| state.weight = "25%".parse().unwrap()).await;
    assert!(world.control.follow_ledger(epoch).await.unwrap());
    let (published, split) = world.last_plan();
    assert_eq!((published, split.weight().to_string().as_str()), (epoch, "25%"));
    let view = world.control.view();
    assert_eq!(view.find("agent").unwrap().1.epoch, epoch);
    assert_eq!(view.find("batch").unwrap().1.epoch, before, "nobody changed it");
    let plans = world.plans();
    assert!(world.control.follow_ledger(epoch).await.unwrap());
    assert_eq!(world.plans(), plans, "what is in force is not published again");
    assert!(!world.control.follow_ledger(epoch + 1).await.unwrap(), "the copy has no such entry");
}

#[tokio::test]
async fn a_change_that_lost_a_race_is_decided_anew_on_top_of_the_faster_one() {
    let shared = Shared::new();
    let world = shared.world().await;
    let epoch = shared.elsewhere(|state| state.weight = "25%".parse().unwrap()).await;
    let Answer::New(done) = world.execute(weight("40%"), None).await.unwrap() else {
        panic!("no key was given")
    };
    assert_eq!((done.epoch, done.summary.as_str()), (epoch + 1, "weight 25% -> 40%"));
    assert!(world.control.store_status().healthy, "a lost race is no failure of the store");
    shared.elsewhere(|state| state.weight = "50%".parse().unwrap()).await;
    let Answer::New(done) = world.execute(Command::Rollback, None).await.unwrap() else {
        panic!("no key was given")
    };
    assert!(done.recorded && done.changed, "{done:?}");
    assert_eq!(world.state().closed.unwrap().weight_before.to_string(), "50%");
}

#[tokio::test]
async fn a_state_that_the_configuration_does_not_fit_is_not_put_in_force() {
    let shared = Shared::new();
    let world = shared.world().await;
    let plans = world.plans();
    let epoch = shared.elsewhere(|state| state.candidate = Some("v9".parse().unwrap())).await;
    let refused = world.control.follow_ledger(epoch).await.unwrap_err();
    assert!(matches!(refused, FollowError::Contradiction(_)), "{refused}");
    assert!(refused.to_string().contains("`v9`"), "{refused}");
    assert_eq!(world.plans(), plans);
}

/// A fleet of two: this replica and `b`.
pub(crate) struct Two {
    b: ReplicaStanding,
    config_of_b: &'static str,
}

impl Two {
    pub(crate) const fn of(b: ReplicaStanding) -> Self {
        Self { b, config_of_b: "same" }
    }
}

fn row(name: &str, config: &str) -> ReplicaRow {
    ReplicaRow {
        name: name.to_owned(),
        version: "1".to_owned(),
        answered: true,
        epoch: 1,
        entry: 1,
        fresh_for_ms: Some(1),
        fenced: false,
        holds: false,
        config: config.to_owned(),
        at_ms: 1,
        problem: None,
    }
}

impl Replicas for Two {
    fn fleet(&self) -> String {
        "test".to_owned()
    }

    fn own(&self) -> ReplicaRow {
        row("a", "same")
    }

    fn seen(&self) -> Vec<ReplicaRow> {
        vec![self.own(), row("b", self.config_of_b)]
    }

    fn outcome(&self, _entry: u64) -> BoxFuture<'static, Option<FleetOutcome>> {
        let of = |replica: &str, standing| ReplicaOutcome {
            replica: replica.to_owned(),
            standing,
            acked_ms: None,
        };
        let complete = self.b != ReplicaStanding::Unknown;
        let replicas = vec![of("a", ReplicaStanding::Acked), of("b", self.b)];
        Box::pin(async move { Some(FleetOutcome { replicas, complete }) })
    }

    fn rows(&self) -> BoxFuture<'static, Result<Vec<ReplicaRow>, String>> {
        let rows = self.seen();
        Box::pin(async move { Ok(rows) })
    }

    fn examine(&self) -> BoxFuture<'static, Vec<FleetFinding>> {
        Box::pin(async { Vec::new() })
    }

    fn forget(&self, _name: String) -> BoxFuture<'static, Result<(), String>> {
        Box::pin(async { Ok(()) })
    }
}

async fn rolled_back(b: ReplicaStanding, command: Command) -> FleetOutcome {
    let shared = Shared::new();
    let world = shared.world().await;
    world.control.join_fleet(Arc::new(Two { b, config_of_b: "same" }));
    let Answer::New(done) = world.execute(command, None).await.unwrap() else {
        panic!("no key was given")
    };
    done.fleet.unwrap()
}

#[tokio::test]
async fn an_answer_is_complete_only_without_an_unknown_replica() {
    for (b, complete) in [
        (ReplicaStanding::Acked, true),
        (ReplicaStanding::Fenced, true),
        (ReplicaStanding::Unknown, false),
    ] {
        assert_eq!(rolled_back(b, Command::Rollback).await.complete, complete, "{b:?}");
        assert_eq!(rolled_back(b, Command::Kill).await.complete, complete, "to stable: {b:?}");
    }
}

#[tokio::test]
async fn a_change_that_takes_nobody_away_waits_for_no_replica() {
    let shared = Shared::new();
    let world = shared.world().await;
    world.control.join_fleet(Arc::new(Two { b: ReplicaStanding::Unknown, config_of_b: "same" }));
    let Answer::New(done) = world.execute(weight("40%"), None).await.unwrap() else {
        panic!("no key was given")
    };
    assert_eq!(done.fleet, None);
}

#[tokio::test]
async fn one_replica_tells_people_what_nobody_asked_for() {
    let alone = World::with(CONFIG).await;
    assert!(alone.control.speaks());
    let world = Shared::new().world().await;
    world.control.join_fleet(Arc::new(Two { b: ReplicaStanding::Acked, config_of_b: "same" }));
    assert!(!world.control.speaks(), "whoever does not know the lease does not have it");
}

#[tokio::test]
async fn no_rollout_starts_while_replicas_have_different_configurations() {
    let shared = Shared::new();
    let world = shared.world().await;
    world.control.join_fleet(Arc::new(Two { b: ReplicaStanding::Acked, config_of_b: "other" }));
    let policy = world.control.view().policy("agent", None).unwrap();
    let policy = Box::new((*policy).clone());
    let start = Command::Start { to: "v2".parse().unwrap(), policy };
    let refused = world.execute(start, None).await.unwrap_err();
    assert!(matches!(refused, ExecuteError::NotNow(_)), "{refused}");
    assert!(refused.to_string().contains("configuration of b differs"), "{refused}");
}
