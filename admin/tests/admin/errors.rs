//! Requests that are refused, each with an answer that says what would be right.

use crate::world::World;
use http::Method;
use serde_json::json;
use std::sync::Arc;

#[tokio::test]
async fn malformed_bodies() {
    let world = World::open().await;
    let put = |body: &str| {
        let call = world.call(Method::PUT, "/v1/workloads/agent/weight");
        call.header("content-type", "application/json").body(body).send()
    };
    for (body, fragment) in [
        ("", "missing field `weight`"),
        ("{}", "missing field `weight`"),
        ("{", "line 1 column 1"),
        ("[1]", "line 1"),
        ("{\"weight\":10,\"reason\":\"x\"}", "expected a string at line 1 column 12"),
        ("{\"weight\":\"10%\",\"reson\":\"x\"}", "unknown field `reson`"),
        ("{\"weight\":\"10%\",\n\"weight\":\"1%\"}", "duplicate field `weight`"),
        ("{\"weight\":\"110%\"}", "is not a share"),
        ("{\"weight\":\"ten\"}", "is not a share"),
        ("\u{0}", "line 1"),
    ] {
        let problem = put(body).await.problem(400, "bad-request");
        let detail = problem["detail"].as_str().unwrap();
        assert!(detail.contains(fragment), "{body:?}: {detail}");
    }
    let body = json!({ "weight": "1%", "reason": "x".repeat(501) }).to_string();
    assert_eq!(put(&body).await.problem(400, "bad-request")["fields"][0]["field"], "reason");
    let invalid = world.call(Method::PUT, "/v1/workloads/agent/weight");
    let invalid = invalid.header("content-type", "application/json").body(vec![0xff, 0xfe]);
    invalid.send().await.problem(400, "bad-request");
    assert_eq!(world.agent().await["weight"], "1%", "none of it changed anything");
}

#[tokio::test]
async fn reasons_are_required_where_traffic_is_taken_away() {
    let world = World::open().await;
    for verb in ["rollback", "kill", "revive"] {
        let path = format!("/v1/workloads/agent/{verb}");
        for body in [json!({}), json!({ "reason": "" }), json!({ "reason": "  \n" })] {
            let problem = world.post(&path, body).await.problem(400, "bad-request");
            assert_eq!(problem["fields"][0]["field"], "reason", "{problem}");
        }
    }
    let escape = json!({ "reason": "\u{1b}[2J" });
    let escape = world.post("/v1/workloads/agent/rollback", escape).await;
    assert_eq!(escape.problem(400, "bad-request")["fields"][0]["field"], "reason");
    let long = json!({ "reason": "ä".repeat(500) });
    world.post("/v1/workloads/agent/rollback", long).await.ok();
}

#[tokio::test]
async fn a_reason_is_judged_as_it_was_sent() {
    let world = World::open().await;
    for reason in
        ["\r".to_owned(), "x\r\n".to_owned(), format!("{}{}", "x".repeat(400), " ".repeat(101))]
    {
        for path in ["/v1/workloads/agent/drill", "/v1/workloads/agent/rollback"] {
            let problem = world.post(path, json!({ "reason": reason })).await;
            assert_eq!(problem.problem(400, "bad-request")["fields"][0]["field"], "reason");
        }
    }
    let kept = world.post("/v1/workloads/agent/rollback", json!({ "reason": " x\n" })).await.ok();
    assert_eq!(kept["reason"], "x");
}

#[tokio::test]
async fn an_array_is_no_object() {
    let world = World::open().await;
    for path in ["/v1/workloads/agent/rollback", "/v1/workloads/agent/drill", "/v1/reload"] {
        let detail = world.post(path, json!(["a reason"])).await.problem(400, "bad-request");
        assert!(detail["detail"].as_str().unwrap().contains("send an object"), "{detail}");
    }
    let release = json!({ "name": "v9", "endpoints": ["http://127.0.0.1:1"], "artifact": ["m-5"] });
    let problem = world.post("/v1/workloads/agent/releases", release).await;
    assert_eq!(problem.problem(400, "bad-request")["fields"][0]["field"], "artifact");
    let run = json!({ "run": "r", "passed": 1 });
    let case = json!(["case-1", "why"]);
    let comparison = json!({ "baseline": run, "candidate": run, "cases": 1, "fell": 1, "gained": 1,
        "incomparable": 0, "fallen": [case], "content_hash": "0".repeat(64) });
    let report = json!({ "comparison": comparison });
    let problem = world.put("/v1/workloads/agent/releases/v2/eval-report", report).await;
    assert_eq!(problem.problem(400, "bad-request")["fields"][0]["field"], "comparison.fallen[0]");
}

#[tokio::test]
async fn numbers_of_bodies_fit_the_store() {
    let world = World::open().await;
    let (most, too_many) = (i64::MAX as u64, i64::MAX as u64 + 1);
    let sign = |until: u64| json!({ "kind": "sign", "until_ms": until });
    let path = "/v1/workloads/agent/checklist/C11";
    world.post(path, sign(too_many)).await.problem(400, "bad-request");
    assert_ne!(world.post(path, sign(most)).await.status, 400);
    let replay = json!({ "text": "policies: {}", "since_ms": too_many });
    world.post("/v1/workloads/agent/gates/replay", replay).await.problem(400, "bad-request");
    let file = json!({ "name": "f", "sha256": "0".repeat(64), "bytes": too_many });
    let attach = json!({ "kind": "attach", "file": file });
    world.post(path, attach).await.problem(400, "bad-request");
}

#[tokio::test]
async fn unknown_things() {
    let world = World::open().await;
    let nowhere = world.get("/v1/nothing").await.problem(404, "not-found");
    assert_eq!(nowhere["instance"], "/v1/nothing");
    let typo = world.post("/v1/workloads/agnet/rollback", json!({ "reason": "x" })).await;
    let detail = typo.problem(404, "not-found")["detail"].to_string();
    assert!(detail.contains("`agnet`") && detail.contains("agent, batch"), "{detail}");
    for path in ["/checklist?policy=nope", "/runbook", "/runbook.ics"] {
        world.get(&format!("/v1/workloads/agent{path}")).await.problem(404, "not-found");
    }
    for path in ["", "/releases", "/cohorts"] {
        world.get(&format!("/v1/workloads/nope{path}")).await.problem(404, "not-found");
    }
    let cohort = world.post("/v1/workloads/agent/cohorts/nope/enable", json!({})).await;
    let detail = cohort.problem(409, "refused")["detail"].to_string();
    assert!(detail.contains("pilots, rest"), "{detail}");
    let nameless = world.post("/v1/workloads/agent/cohorts/%20/enable", json!({})).await;
    assert_eq!(nameless.problem(400, "bad-request")["fields"][0]["field"], "cohort");
    let no_candidate = json!({ "weight": "1%", "reason": "x" });
    let no_candidate = world.put("/v1/workloads/batch/weight", no_candidate).await;
    no_candidate.problem(409, "refused");
    world.get("/v1/workloads/%FF").await.problem(400, "bad-request");
}

#[tokio::test]
async fn wrong_methods_types_and_sizes() {
    let world = World::open().await;
    let wrong = world.call(Method::POST, "/v1/workloads/agent/weight").send().await;
    let problem = wrong.problem(405, "method-not-allowed");
    assert_eq!(wrong.header("allow"), "PUT");
    assert!(problem["detail"].as_str().unwrap().contains("allowed: PUT"), "{problem}");

    let form = world.call(Method::POST, "/v1/workloads/agent/rollback").body("reason=x");
    let form = form.header("content-type", "application/x-www-form-urlencoded").send().await;
    form.problem(415, "not-json");
    let bare = world.call(Method::POST, "/v1/workloads/agent/rollback").body("{\"reason\":\"x\"}");
    bare.send().await.problem(415, "not-json");
    let charset = world.call(Method::POST, "/v1/explain").body("{\"workload\":\"agent\"}");
    charset.header("content-type", "application/json; charset=utf-8").send().await.ok();

    let large = format!("{{\"reason\":\"{}\"}}", "x".repeat(1024 * 1024));
    let call = || {
        let call = world.call(Method::POST, "/v1/workloads/agent/rollback").body(large.clone());
        call.header("content-type", "application/json")
    };
    call().send().await.problem(413, "too-large");
    let announced = call().header("content-length", &large.len().to_string()).send().await;
    announced.problem(413, "too-large");
    assert_eq!(world.agent().await["open"], true);
}

#[tokio::test]
async fn a_defect_is_an_answer_not_a_dropped_connection() {
    let world = World::open().await;
    let mut app = world.app.clone();
    app.metrics = Arc::new(|| -> String { panic!("a defect") });
    let world = World { router: stagegate_admin::router(app), ..world };
    world.get("/metrics").await.problem(500, "internal");
    assert_eq!(world.get("/livez").await.status, 200);
}

#[tokio::test(start_paused = true)]
async fn a_change_that_takes_too_long_is_answered_and_still_made() {
    let world = World::open().await;
    *world.plane.hangs.lock().unwrap() = true;
    let reply = world.post("/v1/workloads/agent/rollback", json!({ "reason": "x" })).await;
    let problem = reply.problem(504, "timeout");
    assert!(problem["detail"].as_str().unwrap().contains("read the workload"), "{problem}");
    assert_eq!(world.agent().await["open"], false);
    assert!(!world.last_plan().1.state().is_open());
}
