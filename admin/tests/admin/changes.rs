//! Moving traffic.

use crate::world::{CONFIG, World};
use serde_json::json;
use stagegate_control::ports::Event;
use stagegate_rollout::Action;

#[tokio::test]
async fn a_weight_change_is_recorded_published_and_answered() {
    let world = World::open().await;
    let before = world.plans();
    let reply = world.set_weight("10%").await;
    let changed = reply.ok();
    assert_eq!(changed["summary"], "weight 1% -> 10%");
    assert_eq!(changed["changed"], true);
    assert_eq!(changed["epoch"], 2);
    assert_eq!(changed["actor"], "local");
    assert_eq!(changed["workload"]["weight"], "10%");
    assert_eq!(reply.header("etag"), "\"2\"");
    assert!(changed.get("rollback").is_none(), "nobody was taken off the candidate");

    assert_eq!(world.plans(), before + 1);
    let (epoch, split) = world.last_plan();
    assert_eq!(epoch, 2);
    assert_eq!(split.weight().to_string(), "10%");
}

#[tokio::test]
async fn asking_for_what_already_is_makes_no_new_plan_but_is_recorded() {
    let world = World::open().await;
    world.set_weight("10%").await.ok();
    let plans = world.plans();
    let again = world.set_weight("10%").await.ok();
    assert_eq!(again["changed"], false);
    assert_eq!(again["epoch"], 2);
    assert_eq!(world.plans(), plans);
    let audit = world.get("/v1/audit").await.ok();
    assert_eq!(audit["entries"][0]["action"], "set_weight");
    assert_eq!(audit["entries"][0]["epoch_before"], audit["entries"][0]["epoch_after"]);
}

#[tokio::test]
async fn a_rollback_takes_everyone_off_and_says_how_fast() {
    let world = World::open().await;
    world.set_weight("50%").await.ok();
    world.post("/v1/workloads/agent/cohorts/pilots/enable", json!({})).await.ok();
    let done = world.post("/v1/workloads/agent/rollback", json!({ "reason": " p99 " })).await.ok();
    assert_eq!(done["reason"], "p99");
    let timing = &done["rollback"];
    assert_eq!(timing["settled"], true);
    assert_eq!(timing["acknowledged_workers"], 2);
    let last = timing["last_candidate_request_ms"].as_f64().unwrap();
    assert!((2.0..2000.0).contains(&last), "the stand-in's last request left 2 ms after: {last}");
    assert!(timing["acknowledged_ms"].as_f64().unwrap() > 0.0);

    let workload = &done["workload"];
    assert_eq!(workload["open"], false);
    assert_eq!(workload["weight"], "0%");
    assert_eq!(workload["closed"]["weight_before"], "50%");
    assert_eq!(workload["closed"]["reason"], "p99");
    assert_eq!(workload["cohorts"][0]["enabled"], false);
    let (_, split) = world.last_plan();
    assert!(!split.state().is_open());

    let told = world.events.0.lock().unwrap();
    assert!(told.iter().any(|event| matches!(event,
        Event::RolledBack { action: Action::Rollback, workload, .. } if workload.as_str() == "agent")));
}

#[tokio::test]
async fn a_worker_that_does_not_follow_is_reported_not_hidden() {
    let world = World::open().await;
    *world.plane.stuck.lock().unwrap() = 1;
    let done = world.post("/v1/workloads/agent/rollback", json!({ "reason": "x" })).await.ok();
    assert_eq!(done["rollback"]["settled"], false);
    assert_eq!(done["rollback"]["acknowledged_workers"], 1);
    assert_eq!(done["rollback"]["workers"], 2);
}

#[tokio::test]
async fn a_weight_above_zero_opens_a_candidate_that_was_rolled_back() {
    let world = World::open().await;
    world.post("/v1/workloads/agent/rollback", json!({ "reason": "x" })).await.ok();
    let done = world.set_weight("5%").await.ok();
    assert_eq!(done["workload"]["open"], true);
    assert!(done["workload"].get("closed").is_none());
}

#[tokio::test]
async fn weight_to_zero_waits_for_the_workers_too() {
    let world = World::open().await;
    let done = world.set_weight("0%").await.ok();
    assert_eq!(done["rollback"]["settled"], true);
}

#[tokio::test]
async fn kill_and_revive() {
    let world = World::open().await;
    let killed = world.post("/v1/workloads/agent/kill", json!({ "reason": "on fire" })).await.ok();
    assert_eq!(killed["workload"]["killed"]["reason"], "on fire");
    assert_eq!(killed["workload"]["killed"]["by"], "local");
    assert_eq!(killed["workload"]["open"], false);
    assert!(killed["rollback"].is_object());
    let revived = world.post("/v1/workloads/agent/revive", json!({ "reason": "out" })).await.ok();
    assert!(revived["workload"].get("killed").is_none());
    assert_eq!(revived["workload"]["open"], true);
    assert_eq!(revived["workload"]["weight"], "1%", "reviving does not undo the weight");
}

#[tokio::test]
async fn the_policy_cut_aborts_running_candidate_responses_on_rollback_only() {
    let cutting = CONFIG.replace("    sticky: user\n", "    sticky: user\n    on_rollback: cut\n");
    let world = World::with(&cutting).await;
    world.set_weight("7%").await.ok();
    world.post("/v1/workloads/agent/rollback", json!({ "reason": "x" })).await.ok();
    let published = world.plane.published.lock().unwrap();
    let cuts: Vec<bool> = published.iter().map(|it| it.cut.is_some()).collect();
    assert_eq!(cuts, [false, false, true]);
}

#[tokio::test]
async fn cohorts_open_in_order_and_close_latest_first() {
    let world = World::open().await;
    let early = world.post("/v1/workloads/agent/cohorts/rest/enable", json!({})).await;
    let problem = early.problem(409, "refused");
    assert!(problem["detail"].as_str().unwrap().contains("`pilots` is"), "{problem}");

    world.post("/v1/workloads/agent/cohorts/pilots/enable", json!({ "reason": "go" })).await.ok();
    let listed = world.get("/v1/workloads/agent/cohorts").await.ok();
    assert_eq!(listed["next"], "rest");
    assert_eq!(listed["cohorts"][0]["enabled"], true);
    assert_eq!(listed["cohorts"][1]["excluded"], json!(["initech (high_value)"]));

    let blocked = world.post("/v1/workloads/agent/cohorts/rest/enable", json!({})).await;
    let problem = blocked.problem(409, "refused");
    assert!(problem["detail"].as_str().unwrap().contains("initech (high_value)"));

    let silent = json!({ "opt_in": ["initech"] });
    let silent = world.post("/v1/workloads/agent/cohorts/rest/enable", silent).await;
    assert_eq!(silent.problem(400, "bad-request")["fields"][0]["field"], "reason");

    let named = json!({ "opt_in": ["initech"], "reason": "they agreed" });
    let done = world.post("/v1/workloads/agent/cohorts/rest/enable", named).await.ok();
    assert_eq!(done["workload"]["opted_in"], json!(["initech"]));

    let closed = world.post("/v1/workloads/agent/cohorts/rollback", json!({})).await.ok();
    assert_eq!(closed["summary"], "cohort rest closed");
    assert!(closed["rollback"].is_object());
    assert_eq!(closed["workload"]["cohorts"][0]["enabled"], true);
}

#[tokio::test]
async fn a_stale_if_match_changes_nothing_and_shows_the_present_state() {
    let world = World::open().await;
    let tag = world.get("/v1/workloads/agent").await.header("etag").to_owned();
    world.set_weight("10%").await.ok();
    let body = json!({ "weight": "20%", "reason": "x" });
    let path = "/v1/workloads/agent/weight";
    let call = world.call(http::Method::PUT, path).json(&body).header("if-match", &tag);
    let reply = call.send().await;
    let problem = reply.problem(412, "stale");
    assert_eq!(problem["epoch"], 2);
    assert_eq!(problem["current"]["weight"], "10%");
    assert_eq!(reply.header("etag"), "\"2\"");
    assert_eq!(world.agent().await["weight"], "10%");

    for fresh in ["\"2\"", "2", "\"1\", \"2\"", "*"] {
        let call = world.call(http::Method::PUT, path).json(&json!({ "weight": "10%" }));
        call.header("if-match", fresh).send().await.ok();
    }
    let call = world.call(http::Method::PUT, path).json(&body).header("if-match", "W/\"x\"");
    assert_eq!(call.send().await.problem(400, "bad-request")["fields"][0]["field"], "If-Match");
}

#[tokio::test]
async fn workloads_have_epochs_of_their_own() {
    let world = World::open().await;
    world.set_weight("10%").await.ok();
    world.post("/v1/workloads/batch/kill", json!({ "reason": "x" })).await.ok();
    assert_eq!(world.agent().await["epoch"], 2);
    assert_eq!(world.get("/v1/workloads/batch").await.ok()["epoch"], 3);
    assert_eq!(world.get("/v1/workloads").await.ok()["epoch"], 3);
}
