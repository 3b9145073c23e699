//! Verdicts act by themselves: on a healthy ledger and on a broken one.

use crate::memory::Memory;
use crate::plane::CONFIG;
use crate::world::World;
use serde_json::Value;
use stagegate_control::ports::{Event, Ledger};
use stagegate_rollout::{
    Arm, Axis, Command, Delta, Outcome, Phase, Policy, Series, SeriesKey, Verdict,
};
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::sync::oneshot;

/// `agent` with steps of a second and one gate.
fn config() -> String {
    let policies = "policies:\n  fast:\n    steps: [{ weight: 10%, hold: 1s, requests: 20 }, { weight: 100%, watch: 1s }]\n    gates: [{ axis: error, class: permanent, against: stable, margin: 20pp, for: 1s, requests: 10 }]\n    drill_within: off\n";
    let config = CONFIG.replace("    candidate: v2\n    weight: 1%\n", "    policy: fast\n");
    format!("{config}{policies}")
}

/// Returns the delta of one worker.
pub(crate) fn served(release: &str, arm: Arm, outcome: Outcome, requests: u64) -> Delta {
    let mut series = Series::default();
    series.outcomes[outcome.index()] = requests;
    let key = SeriesKey { workload: "agent".into(), release: release.into(), arm };
    Delta { series: [(key, series)].into(), ..Delta::default() }
}

/// Begins the loop that steers, and a rollout of `v2`.
pub(crate) async fn started(world: &World) -> (oneshot::Sender<()>, tokio::task::JoinHandle<()>) {
    let (stop, stopped) = oneshot::channel();
    let control = world.control.clone();
    let task = tokio::spawn(async move {
        control
            .steer(async {
                let _ = stopped.await;
            })
            .await;
    });
    let policy = world.control.view().policy("agent", None).unwrap();
    let policy = Box::new(Policy::clone(&policy));
    let start = Command::Start { to: "v2".parse().unwrap(), policy };
    world.execute(start, None).await.unwrap();
    (stop, task)
}

struct Steered {
    world: World,
    stop: oneshot::Sender<()>,
    task: tokio::task::JoinHandle<()>,
}

impl Steered {
    /// A rollout of `v2` in progress, and the loop that steers it.
    async fn open() -> Self {
        Self::over(|ledger| ledger).await
    }

    /// The same over another ledger than the store's.
    async fn over(wrap: impl FnOnce(Arc<dyn Ledger>) -> Arc<dyn Ledger>) -> Self {
        let world = World::over(&config(), wrap).await;
        let (stop, task) = started(&world).await;
        Self { world, stop, task }
    }

    /// Serves until `wanted` holds.
    async fn serve_until(&self, candidate: Outcome, wanted: impl Fn(&World) -> bool) {
        let deadline = Instant::now() + Duration::from_secs(30);
        while !wanted(&self.world) {
            let control = &self.world.control;
            control.count(&served("v1", Arm::Stable, Outcome::Ok, 90), Instant::now());
            control.count(&served("v2", Arm::Candidate, candidate, 10), Instant::now());
            assert!(Instant::now() < deadline, "gave up: {:?}", self.world.state().rollout);
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }
}

fn passes(world: &World) -> bool {
    world.control.analysis("agent").is_some_and(|it| it.verdict == Verdict::Pass)
}

fn is_rolled_back(world: &World) -> bool {
    world.state().rollout.is_some_and(|it| it.phase == Phase::RolledBack)
}

#[tokio::test]
async fn a_verdict_rolls_back_records_and_is_counted() {
    let steered = Steered::open().await;
    steered.serve_until(Outcome::Ok, passes).await;
    steered.serve_until(Outcome::Permanent, is_rolled_back).await;
    let world = &steered.world;
    let rollout = world.state().rollout.unwrap();
    assert_eq!(rollout.since.by, "stagegate");
    let entry = world.newest("stagegate").await.unwrap();
    let details: Value = serde_json::from_str(&entry.details).unwrap();
    assert_eq!((&*entry.action, &details["axis"]), ("rollback", &Value::from("error")));
    assert!(details["analysis"].is_string(), "{details}");
    assert!(!world.last_plan().1.state().is_open());
    let workload = "agent".parse().unwrap();
    let kept = world.control.read(move |store| Ok(store.rollouts(&workload, None, 1)?)).await;
    assert_eq!(kept.unwrap()[0].phase, "rolled_back");
    steered.stop.send(()).expect("it runs");
    steered.task.await.expect("it ends");
    let told = world.events.0.lock().unwrap();
    let counted = told.iter().any(|event| {
        matches!(event, Event::RolledBack { axis: Some(Axis::Error), delay: Some(_), .. })
    });
    assert!(counted, "{told:?}");
}

#[tokio::test]
async fn a_broken_store_does_not_keep_a_bad_candidate_in() {
    let steered = Steered::open().await;
    let world = &steered.world;
    steered.serve_until(Outcome::Ok, passes).await;
    let db = rusqlite::Connection::open(world.database()).unwrap();
    db.execute_batch(
        "CREATE TRIGGER full BEFORE INSERT ON audit BEGIN SELECT RAISE(ABORT, 'disk full'); END",
    )
    .unwrap();
    steered.serve_until(Outcome::Permanent, is_rolled_back).await;
    assert!(!world.last_plan().1.state().is_open(), "users are safe");
    assert!(!world.control.store_status().healthy);
    let Ok(stagegate_control::Answer::New(kill)) = world.execute(Command::Kill, None).await else {
        panic!("a kill needs no store")
    };
    assert!(kill.changed && !kill.recorded, "in force, and recorded later");

    db.execute_batch("DROP TRIGGER full").unwrap();
    let is_recorded =
        async || world.newest("stagegate").await.is_some_and(|it| it.action == "rollback");
    world.plane.until("the record", is_recorded).await;
    steered.stop.send(()).expect("it runs");
    let Steered { world, task, .. } = steered;
    task.await.expect("it ends");
    let world = world.restart().await;
    assert!(!world.last_plan().1.state().is_open(), "and it outlives a restart");
    let checked = world.control.read(|store| Ok(store.verify_audit().is_ok())).await.unwrap();
    assert!(checked, "the audit is whole");
}

#[tokio::test]
async fn a_store_that_hangs_keeps_neither_a_gate_nor_the_loop_waiting() {
    let memory = Memory::new();
    let ledger = memory.clone();
    let steered = Steered::over(move |_| Arc::new(ledger)).await;
    let world = &steered.world;
    steered.serve_until(Outcome::Ok, passes).await;
    memory.hang(true);
    // A person's change is on its way into the store and holds the right to write.
    let control = world.control.clone();
    let waiting = tokio::spawn(async move { control.reload("ada").await });
    let recorded = memory.changes().len();
    let failing = Instant::now();
    steered.serve_until(Outcome::Permanent, is_rolled_back).await;
    assert!(failing.elapsed() < Duration::from_secs(4), "{:?}", failing.elapsed());
    assert!(!world.last_plan().1.state().is_open(), "users are safe");
    assert_eq!(memory.changes().len(), recorded, "nothing is recorded yet");
    waiting.await.unwrap().expect_err("it was told that the store does not answer");
    let seen = world.control.store_status();
    assert!(!seen.healthy && seen.last_error.unwrap().contains("waits"));

    memory.hang(false);
    memory.until(|changes| changes.iter().any(|it| it.entry.action == "rollback")).await;
    let changes = memory.changes();
    let rollback = changes.iter().find(|it| it.entry.action == "rollback").unwrap();
    assert_eq!(rollback.entry.details["axis"], "error");
    assert!(rollback.entry.details["analysis"].is_string());
    assert!(changes.iter().any(|it| it.entry.action == "reload"), "the late change came through");
    assert!(!world.last_plan().1.state().is_open(), "and opened nothing");
    assert!(is_rolled_back(world));
    steered.stop.send(()).expect("it runs");
    steered.task.await.expect("it ends");
}
