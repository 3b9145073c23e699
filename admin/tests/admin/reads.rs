//! Tests of the read routes: status, decisions and explanations.

use crate::world::{CONFIG, World};
use serde_json::{Value, json};
use stagegate_control::ports::Health;
use stagegate_rollout::{
    Arm, CostTruth, Delta, KeyKind, Outcome, Reason, Record, RecordBatch, Series, SeriesKey, Spent,
    Unpriced,
};
use std::time::Instant;

fn record<'a>(request_id: &'a str, tenant: &'a str) -> Record<'a> {
    Record {
        request_id,
        at_ms: 1_700_000_000_000,
        workload: "agent",
        release: "v2",
        arm: Arm::Candidate,
        reason: Reason::Weight,
        detail: "",
        epoch: 7,
        key: KeyKind::User,
        bucket: Some(412),
        weight: 1000,
        tenant,
        user: "ann",
        conversation: "",
        status: 200,
        outcome: Outcome::Ok,
        duration_us: 12_500,
        first_byte_us: 3_000,
        retries: 0,
        shadowed: false,
        spent: None,
        flags: "",
    }
}

/// Responses of the candidate whose model no price list has.
fn unpriced(count: u64) -> Delta {
    let mut series = Series::default();
    series.outcomes[Outcome::Ok.index()] = count;
    series.costs[CostTruth::Unknown.index()] = count;
    let (workload, release) = ("agent".into(), "v2".into());
    let key = SeriesKey { workload, release, arm: Arm::Candidate };
    let cause = ("agent".into(), Unpriced::NotListed, "house-9".into());
    Delta { series: [(key, series)].into(), unpriced: [(cause, count)].into(), ..Delta::default() }
}

#[tokio::test]
async fn a_rollout_says_why_a_gate_on_costs_has_no_values() {
    let world = World::open().await;
    let body = json!({ "to": "v2", "override": true, "reason": "test" });
    world.post("/v1/workloads/agent/rollouts", body).await.ok();
    let current = "/v1/workloads/agent/rollouts/current";
    assert_eq!(world.get(current).await.ok().get("unknown_cost"), None);
    world.control.count(&unpriced(7), Instant::now());
    let said = world.get(current).await.ok()["unknown_cost"].clone();
    let said = said.as_str().expect("words");
    for wanted in ["7 of 7 responses", "`house-9` (7)", "`cost.prices`"] {
        assert!(said.contains(wanted), "{said}");
    }
    world.post("/v1/workloads/agent/rollback", json!({ "reason": "test" })).await.ok();
    assert_eq!(world.get(current).await.ok().get("unknown_cost"), None, "it is over");
}

#[tokio::test]
async fn a_decision_says_what_its_answer_cost_if_that_is_known() {
    let world = World::open().await;
    let spent = |truth, nanos| Some(Spent { truth, nanos, input: 812, output: 40 });
    let mut batch = RecordBatch::default();
    batch.push(&Record { spent: spent(CostTruth::Reported, 1_250_000), ..record("r-1", "") });
    batch.push(&Record { spent: spent(CostTruth::Unknown, 0), ..record("r-2", "") });
    batch.push(&record("r-3", ""));
    assert!(world.log.writer().try_append(batch));
    let of =
        async |id: &str| world.get(&format!("/v1/decisions/{id}")).await.ok()["decision"].clone();
    let known = of("r-1").await;
    assert_eq!((&known["cost_usd"], &known["input_tokens"]), (&json!(0.00125), &json!(812)));
    let unpriced = of("r-2").await;
    assert_eq!((&unpriced["cost_usd"], &unpriced["output_tokens"]), (&Value::Null, &json!(40)));
    let untold = of("r-3").await;
    assert!(untold.get("cost_usd").is_none() && untold.get("input_tokens").is_none(), "{untold}");
}

#[tokio::test]
async fn status_shows_all_a_person_on_call_needs() {
    let world = World::open().await;
    world.health("agent", "v1", &[Health::Healthy]);
    world.health("agent", "v2", &[Health::Unhealthy]);
    let status = world.get("/v1/status").await.ok();
    assert_eq!(status["ready"], true);
    assert_eq!(status["epoch"], 1);
    assert_eq!(status["auth"], "open_loopback");
    assert_eq!(status["store"], json!({ "healthy": true, "failures": 0 }));
    assert_eq!(status["reload"]["by"], "start");
    assert_eq!(status["workers"][0]["connections"], 3);
    let agent = &status["workloads"][0];
    assert_eq!(agent["name"], "agent");
    assert_eq!(agent["weight"], "1%");
    assert_eq!(agent["cohorts_total"], 2);
    assert_eq!(agent["next_cohort"], "pilots");
    assert_eq!(agent["stable"]["release"], "v1");
    assert_eq!(agent["stable"]["windows"], json!([]));
    let window = &agent["candidate"]["windows"][0];
    assert_eq!(window["requests"], 110);
    assert_eq!(window["outcomes"]["client_gone"], 10);
    assert!((window["error_ratio"].as_f64().unwrap() - 10.0 / 110.0).abs() < 1e-9);
    assert_eq!(window["p50_ms"], 1.5);
    assert!(window.get("p99_ms").is_none(), "too few requests to say");
    let warnings = status["warnings"].to_string();
    assert!(warnings.contains("everyone on this machine"), "{warnings}");
    assert!(warnings.contains("no endpoint of the candidate v2 is healthy"), "{warnings}");
}

#[tokio::test]
async fn ready_means_that_every_stable_release_can_serve() {
    let world = World::open().await;
    assert_eq!(world.get("/readyz").await.text, "ok\n", "unknown health is no reason to wait");
    world.health("agent", "v1", &[Health::Unhealthy, Health::Unknown]);
    assert_eq!(world.get("/readyz").await.status, 200);
    world.health("batch", "b1", &[Health::Unhealthy]);
    let problem = world.get("/readyz").await.problem(503, "not-ready");
    assert!(problem["detail"].as_str().unwrap().contains("workload batch"), "{problem}");
    assert_eq!(world.get("/livez").await.text, "ok\n");
    world.plane.status.lock().unwrap().draining = true;
    let problem = world.get("/readyz").await.problem(503, "not-ready");
    assert!(problem["detail"].as_str().unwrap().contains("shutting down"), "{problem}");
}

#[tokio::test]
async fn readiness_is_answered_for_each_workload_and_one_can_be_enough() {
    let world = World::open().await;
    world.health("batch", "b1", &[Health::Unhealthy]);
    assert_eq!(world.get("/readyz/agent").await.text, "ok\n");
    let problem = world.get("/readyz/batch").await.problem(503, "not-ready");
    assert!(problem["detail"].as_str().unwrap().contains("stable release b1"), "{problem}");
    world.get("/readyz/nothing").await.problem(404, "not-found");
    let world = World::with(&format!("{CONFIG}admin: {{ ready: any }}\n")).await;
    world.health("batch", "b1", &[Health::Unhealthy]);
    assert_eq!(world.get("/readyz").await.status, 200, "the other one can serve");
    world.health("agent", "v1", &[Health::Unhealthy]);
    world.get("/readyz").await.problem(503, "not-ready");
}

#[tokio::test]
async fn a_dead_worker_is_a_warning_and_the_last_one_ends_readiness() {
    let world = World::open().await;
    world.workers(&[true, false]);
    assert_eq!(world.get("/readyz").await.status, 200);
    let warnings = world.get("/v1/status").await.ok()["warnings"].to_string();
    assert!(warnings.contains("worker 1 has ended"), "{warnings}");
    world.workers(&[false, false]);
    let problem = world.get("/readyz").await.problem(503, "not-ready");
    assert!(problem["detail"].as_str().unwrap().contains("every worker thread"), "{problem}");
}

#[tokio::test]
async fn releases_show_their_pins_and_roles() {
    let world = World::open().await;
    let releases = world.get("/v1/workloads/agent/releases").await.ok()["releases"].clone();
    assert_eq!(releases[0]["name"], "v1");
    assert_eq!(releases[0]["role"], "stable");
    assert_eq!(releases[1]["role"], "candidate");
    assert_eq!(releases[1]["artifact"], json!({ "model": "m-2", "prompt": "p-1" }));
    assert_eq!(releases[1]["endpoints"], json!(["127.0.0.1:9002"]));
    assert_eq!(releases[1]["used"], true);
    assert_eq!(releases[1]["fingerprint"].as_str().unwrap().len(), 64);
}

#[tokio::test]
async fn metrics_and_whoami() {
    let world = World::open().await;
    let metrics = world.get("/metrics").await;
    assert!(metrics.header("content-type").starts_with("text/plain; version=0.0.4"));
    assert_eq!(metrics.text, "stagegate_up 1\n");
    let who = world.get("/v1/whoami").await.ok();
    assert_eq!(who, json!({ "actor": "local", "role": "admin" }));
}

async fn explain(world: &World, of: Value) -> Value {
    let mut request = json!({ "workload": "agent" });
    request.as_object_mut().unwrap().extend(of.as_object().unwrap().clone());
    world.post("/v1/explain", request).await.ok()
}

#[tokio::test]
async fn explain_says_which_rule_decides() {
    let world = World::open().await;
    let allowed = explain(&world, json!({ "user": "tester" })).await;
    assert_eq!((&allowed["reason"], &allowed["release"]), (&json!("allowed"), &json!("v2")));
    let denied = explain(&world, json!({ "tenant": "on-fire", "user": "tester" })).await;
    assert_eq!((&denied["reason"], &denied["arm"]), (&json!("denied"), &json!("stable")));
    let excluded = explain(&world, json!({ "tenant": "initech" })).await;
    assert_eq!(excluded["reason"], "excluded");
    assert_eq!(excluded["detail"], "high_value");
    let rules: Vec<&str> = excluded["rules"]
        .as_array()
        .unwrap()
        .iter()
        .map(|rule| rule["rule"].as_str().unwrap())
        .collect();
    assert_eq!(rules, ["kill_switch", "denied", "forced", "pinned", "excluded"]);

    world.set_weight("100%").await.ok();
    let by_weight = explain(&world, json!({ "user": "ann" })).await;
    assert_eq!(by_weight["reason"], "weight");
    assert_eq!(by_weight["key_kind"], "user");
    assert_eq!(by_weight["weight_parts"], 100_000);
    let (_, split) = world.last_plan();
    let bucket = split.salt().bucket("ann").number();
    assert_eq!(by_weight["bucket"], bucket);
    let words = by_weight["words"].as_str().unwrap();
    assert!(words.starts_with("Goes to candidate (v2): user `ann` falls in bucket"), "{words}");

    world.post("/v1/workloads/agent/cohorts/pilots/enable", json!({})).await.ok();
    let cohort = explain(&world, json!({ "tenant": "acme" })).await;
    assert_eq!((&cohort["reason"], &cohort["detail"]), (&json!("cohort"), &json!("pilots")));

    world.post("/v1/workloads/agent/rollback", json!({ "reason": "bad" })).await.ok();
    let closed = explain(&world, json!({ "tenant": "acme" })).await;
    assert_eq!((&closed["reason"], &closed["arm"]), (&json!("default"), &json!("stable")));
    assert!(closed["words"].as_str().unwrap().contains("rolled back by local (bad)"));

    world.post("/v1/workloads/agent/kill", json!({ "reason": "worse" })).await.ok();
    let killed = explain(&world, json!({})).await;
    assert_eq!(killed["reason"], "kill_switch");
    assert!(killed["caveats"].to_string().contains("none was given"));
    let unknown = world.post("/v1/explain", json!({ "workload": "nope" })).await;
    assert!(unknown.problem(404, "not-found")["detail"].as_str().unwrap().contains("agent, batch"));
}

#[tokio::test]
async fn decisions_are_found_by_id_and_listed() {
    let world = World::open().await;
    let mut batch = RecordBatch::default();
    batch.push(&record("r-1", "acme"));
    batch.push(&record("r-2", "globex"));
    assert!(world.log.writer().try_append(batch));
    let found = world.get("/v1/decisions/r-1").await.ok();
    assert_eq!(found["decision"]["tenant"], "acme");
    assert_eq!(found["decision"]["duration_ms"], 12.5);
    assert_eq!(
        found["words"],
        "Went to candidate (v2) under plan 7: user `ann` fell in bucket 412, which is below 1000 (1%). The client got 200; the outcome was ok."
    );
    let stage = json!({ "stage": "llm", "source": "trace", "duration_ms": 812.5, "calls": 2,
        "errors": 0, "input_tokens": 70, "output_tokens": 0, "cost_usd": 0.005,
        "unpriced_calls": 0 });
    assert_eq!(
        (&found["stages"][0]["source"], &found["stages"][1]),
        (&json!("server_timing"), &stage)
    );
    let some = world.get("/v1/decisions?workload=agent&tenant=globex&arm=candidate&reason=weight");
    let some = some.await.ok();
    assert_eq!(some["decisions"].as_array().unwrap().len(), 1);
    assert_eq!(some["decisions"][0]["request_id"], "r-2");
    let one = world.get("/v1/decisions?limit=1").await.ok();
    assert_eq!(one["decisions"].as_array().unwrap().len(), 1);
    world.get("/v1/decisions/nope").await.problem(404, "not-found");
    for wrong in ["limit=0", "limit=1001", "limit=x", "arm=both", "reason=luck", "tennant=x"] {
        world.get(&format!("/v1/decisions?{wrong}")).await.problem(400, "bad-request");
    }
}
