//! Checklists over the admin API: roles, refusals, repeated requests, closed sets.

use crate::world::World;
use http::Method;
use serde_json::{Value, json};

const PATH: &str = "/v1/workloads/agent/checklist";

#[tokio::test]
async fn every_check_has_its_owner_its_result_and_what_meets_it() {
    let world = World::open().await;
    let list = world.get(PATH).await.ok();
    assert_eq!(list["release"], "v2", "the candidate");
    assert_eq!((&list["demand"], &list["policy"]), (&json!("advisory"), &json!("default")));
    let checks = list["checks"].as_array().unwrap();
    assert_eq!(checks.len(), 30);
    for check in checks {
        let met = check["standing"] == "yes";
        assert_eq!(check.get("remedy").is_none(), met, "{check}");
        assert!(check["owner"].as_str().is_some_and(|it| !it.is_empty()), "{check}");
    }
    let of = |release: &str| format!("{PATH}?release={release}");
    assert_eq!(world.get(&of("v1")).await.ok()["release"], "v1");
    world.get(&of("v9")).await.problem(404, "not-found");
    world.get("/v1/workloads/nobody/checklist").await.problem(404, "not-found");
}

#[tokio::test]
async fn a_signature_is_recorded_once_and_listed() {
    let world = World::open().await;
    let body = json!({ "kind": "sign", "reason": "no visible change" });
    let path = format!("{PATH}/F28");
    let sign = async || {
        let call = world.call(Method::POST, &path).json(&body);
        call.header("idempotency-key", "k-1").send().await.ok()
    };
    let made = sign().await;
    assert_eq!(sign().await, made, "the same statement, not another one");
    let said = world.get(&format!("{PATH}/history")).await.ok();
    assert_eq!(said["statements"].as_array().unwrap().len(), 1);
    assert_eq!(said["statements"][0], made);
    let audit = world.get("/v1/audit?limit=1").await.ok();
    assert_eq!(audit["entries"][0]["action"], "checklist_sign");
    assert_eq!(audit["entries"][0]["seq"], made["audit_seq"]);
    assert_eq!(world.get("/v1/audit/verify").await.ok()["intact"], true);
}

#[tokio::test]
async fn what_makes_no_sense_is_refused_with_the_remedy() {
    let world = World::open().await;
    let say = async |check: &str, body: Value, status: u16, kind: &str| {
        let answer = world.post(&format!("{PATH}/{check}"), body).await;
        answer.problem(status, kind)["detail"].as_str().unwrap().to_owned()
    };
    let why = say("C11", json!({ "kind": "sign" }), 409, "refused").await;
    assert!(why.contains("is proved by Stagegate"), "{why}");
    let why = say("C11", json!({ "kind": "waive" }), 409, "refused").await;
    assert!(why.contains("needs a reason"), "{why}");
    say("C11", json!({ "kind": "bless" }), 400, "bad-request").await;
    let file = json!({ "name": "a\u{1b}[2J", "sha256": "0".repeat(64), "bytes": 1 });
    let why = say("A3", json!({ "kind": "attach", "file": file }), 400, "bad-request").await;
    assert!(why.contains("file.name"), "{why}");
    let file = json!({ "name": "a", "sha256": "zz", "bytes": 1 });
    say("A3", json!({ "kind": "attach", "file": file }), 400, "bad-request").await;
    let much = json!({ "coverage": { "share": 1.5, "samples": 1, "content_hash": "x" } });
    let body = json!({ "kind": "attach", "link": "x", "evidence": much });
    say("A2", body, 400, "bad-request").await;
}

#[tokio::test]
async fn the_runbook_names_this_deployment() {
    let world = World::open().await;
    let page = world.get("/v1/workloads/agent/rollback-runbook").await.ok();
    let text = page["text"].as_str().unwrap();
    assert!(text.contains("    stagegate rollback agent --reason"), "{text}");
    assert!(text.contains("127.0.0.1:9001") && text.contains("v2 to v1"), "{text}");
    assert_eq!(page["sha256"].as_str().unwrap().len(), 64);
}
