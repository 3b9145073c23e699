//! Verdicts act by themselves: on a healthy store and on a broken one.

use crate::world::{CONFIG, World};
use rusqlite::Connection;
use serde_json::{Value, json};
use stagegate_control::ports::Event;
use stagegate_rollout::{Arm, Axis, Delta, Outcome, Series, SeriesKey};
use std::time::{Duration, Instant};
use tokio::sync::oneshot;

/// `agent` with steps of a second and one gate.
fn config() -> String {
    let policies = "policies:\n  fast:\n    steps: [{ weight: 10%, hold: 1s, requests: 20 }, { weight: 100%, watch: 1s }]\n    gates: [{ axis: error, class: permanent, against: stable, margin: 20pp, for: 1s, requests: 10 }]\n    drill_within: off\n";
    let config = CONFIG.replace("    candidate: v2\n    weight: 1%\n", "    policy: fast\n");
    format!("{config}{policies}")
}

/// What one worker hands over.
fn served(release: &str, arm: Arm, outcome: Outcome, requests: u64) -> Delta {
    let mut series = Series::default();
    series.outcomes[outcome.index()] = requests;
    let key = SeriesKey { workload: "agent".into(), release: release.into(), arm };
    Delta { series: [(key, series)].into(), ..Delta::default() }
}

struct Steered {
    world: World,
    stop: oneshot::Sender<()>,
    task: tokio::task::JoinHandle<()>,
}

impl Steered {
    /// A rollout of `v2` under way, and the loop that steers it.
    async fn open() -> Self {
        let world = World::with(&config()).await;
        let (stop, stopped) = oneshot::channel();
        let control = world.control.clone();
        let task = tokio::spawn(async move {
            control
                .steer(async {
                    let _ = stopped.await;
                })
                .await;
        });
        world.post("/v1/workloads/agent/rollouts", json!({ "to": "v2" })).await.ok();
        Self { world, stop, task }
    }

    /// Serves until the rollout is as wanted.
    async fn serve_until(&self, candidate: Outcome, wanted: impl Fn(&Value) -> bool) -> Value {
        let deadline = Instant::now() + Duration::from_secs(30);
        loop {
            let control = &self.world.control;
            control.count(&served("v1", Arm::Stable, Outcome::Ok, 90), Instant::now());
            control.count(&served("v2", Arm::Candidate, candidate, 10), Instant::now());
            let current = self.world.get("/v1/workloads/agent/rollouts/current").await.ok();
            if wanted(&current) {
                return current;
            }
            assert!(Instant::now() < deadline, "gave up: {current}");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }
}

#[tokio::test]
async fn a_verdict_rolls_back_records_and_is_counted() {
    let steered = Steered::open().await;
    steered.serve_until(Outcome::Ok, |it| it["analysis"]["verdict"] == "pass").await;
    let ended = steered.serve_until(Outcome::Permanent, |it| it["phase"] == "rolled_back").await;
    assert_eq!(ended["since"]["by"], "stagegate");
    let world = &steered.world;
    let audit = world.get("/v1/audit?actor=stagegate&limit=1").await.ok();
    let entry = &audit["entries"][0];
    assert_eq!(
        (&entry["action"], &entry["details"]["axis"]),
        (&json!("rollback"), &json!("error"))
    );
    assert!(entry["details"]["analysis"].is_string(), "{entry}");
    assert!(!world.last_plan().1.state().is_open());
    let history = world.get("/v1/workloads/agent/rollouts").await.ok();
    assert_eq!(history["rollouts"][0]["phase"], "rolled_back");
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
    steered.serve_until(Outcome::Ok, |it| it["analysis"]["verdict"] == "pass").await;
    let db = Connection::open(world.database()).unwrap();
    db.execute_batch(
        "CREATE TRIGGER full BEFORE INSERT ON audit BEGIN SELECT RAISE(ABORT, 'disk full'); END",
    )
    .unwrap();
    steered.serve_until(Outcome::Permanent, |it| it["phase"] == "rolled_back").await;
    assert!(!world.last_plan().1.state().is_open(), "users are safe");
    assert_eq!(world.get("/v1/status").await.ok()["store"]["healthy"], false);
    let problem = world.post("/v1/workloads/agent/kill", json!({ "reason": "x" })).await;
    problem.problem(503, "unavailable");

    db.execute_batch("DROP TRIGGER full").unwrap();
    let recorded = async || {
        let audit = world.get("/v1/audit?actor=stagegate&limit=1").await.ok();
        audit["entries"][0]["action"] == "rollback"
    };
    let deadline = Instant::now() + Duration::from_secs(30);
    while !recorded().await {
        assert!(Instant::now() < deadline, "never recorded");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    steered.stop.send(()).expect("it runs");
    let Steered { world, task, .. } = steered;
    task.await.expect("it ends");
    let world = world.restart().await;
    assert!(!world.last_plan().1.state().is_open(), "and it outlives a restart");
    assert_eq!(world.get("/v1/audit/verify").await.ok()["intact"], true);
}

#[tokio::test]
async fn a_plan_says_how_long_it_takes_and_a_replay_what_would_have_been() {
    let world = World::with(&config()).await;
    let plan = world.get("/v1/workloads/agent/plan?rps=100").await.ok();
    assert_eq!((&plan["rps_from"], plan["steps"].as_array().unwrap().len()), (&json!("given"), 2));
    assert!(plan["steps"][0]["takes_ms"].as_u64() >= Some(1000), "{plan}");
    // Left out, rate and price are what was counted: 110 requests in 50 s, two dollars for 1,000.
    let measured = world.get("/v1/workloads/agent/plan").await.ok();
    assert_eq!((&measured["rps"], &measured["rps_from"]), (&json!(2.2), &json!("measured")));
    let usd = measured["steps"][0]["usd"].as_f64().expect("dollars");
    let requests = measured["steps"][0]["requests"].as_f64().expect("requests");
    assert!((usd / requests - 0.002).abs() < 1e-9, "{usd} for {requests}");
    world.get("/v1/workloads/agent/plan?rps=-1").await.problem(400, "bad-request");
    let body = |text: &str| json!({ "text": text, "since_ms": 0 });
    let strict = "policies:\n  strict:\n    gates: [{ axis: error, class: permanent, max: 1% }]\n";
    let replay = world.post("/v1/workloads/agent/gates/replay", body(strict)).await.ok();
    assert_eq!(replay, json!({ "policy": "strict", "rollouts": [] }));
    let bad = strict.replace("max: 1%", "max: 1s");
    let reply = world.post("/v1/workloads/agent/gates/replay", body(&bad)).await;
    let problem = reply.problem(422, "invalid-config");
    assert_eq!(problem["config"][0]["line"], 3, "{problem}");
}
