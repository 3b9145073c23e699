//! Sessions, roles for some workloads, and the second person of a promotion.

use crate::world::{CONFIG, World};
use http::Method;
use serde_json::{Value, json};
use stagegate_admin::auth::new_token;
use stagegate_config::Role;

/// A world with these people, each with more of a token's line, and the keys of their tokens.
async fn with(config: &str, people: &[(&str, Role, &str)]) -> (World, Vec<String>) {
    let made: Vec<_> =
        people.iter().map(|(name, role, more)| (new_token(name, *role).unwrap(), more)).collect();
    let lines = made.iter().map(|(token, more)| {
        format!("    {}\n", token.config_line.replace(", hash", &format!("{more}, hash")))
    });
    let lines: String = lines.collect();
    let world = World::with(&format!("{config}admin:\n  tokens:\n{lines}")).await;
    (world, made.into_iter().map(|(token, _)| token.text).collect())
}

async fn ask(world: &World, key: &str, line: &str, body: &Value) -> (u16, Value) {
    let (method, path) = line.split_once(' ').unwrap();
    let call = world.call(method.parse::<Method>().unwrap(), path);
    let reply = call.header("authorization", &format!("Bearer {key}")).json(body).send().await;
    (reply.status.as_u16(), reply.json())
}

#[tokio::test]
async fn a_role_for_a_workload_changes_that_one_alone() {
    let more = ", workloads: { agent: operator }";
    let (world, keys) = with(CONFIG, &[("ann", Role::Viewer, more)]).await;
    let may = async |line: &str, body: Value| ask(&world, &keys[0], line, &body).await.0;
    let reason = || json!({ "reason": "x" });
    assert_eq!(may("POST /v1/workloads/agent/rollback", reason()).await, 200);
    assert_eq!(may("POST /v1/workloads/batch/kill", reason()).await, 403);
    assert_eq!(may("POST /v1/reload", json!({})).await, 403, "it is of no workload");
    assert_eq!(may("GET /v1/workloads/batch", json!({})).await, 200);
    // A name cannot pretend to be another one.
    assert_eq!(may("POST /v1/workloads/batch%2F..%2Fagent/kill", reason()).await, 403);
    let force = json!({ "force": true, "reason": "x" });
    let promote = "POST /v1/workloads/agent/rollouts/current/promote";
    assert_eq!(may(promote, force).await, 403, "an operator is no admin");
    let (_, identity) = ask(&world, &keys[0], "GET /v1/whoami", &json!({})).await;
    let wanted = json!({ "actor": "ann", "role": "viewer", "workloads": { "agent": "operator" } });
    assert_eq!(identity, wanted);
}

#[tokio::test]
async fn a_session_stands_for_its_token_until_it_is_ended() {
    let people =
        [("ann", Role::Operator, ""), ("eve", Role::Viewer, ""), ("root", Role::Admin, "")];
    let (world, keys) = with(CONFIG, &people).await;
    let begin = async |key: &str| {
        let (status, begun) = ask(&world, key, "POST /v1/sessions", &json!({})).await;
        assert_eq!(status, 200, "{begun}");
        let text = |value: &Value| value.as_str().unwrap().to_owned();
        (text(&begun["key"]), text(&begun["session"]["id"]))
    };
    let (ann, ann_id) = begin(&keys[0]).await;
    let (eve, eve_id) = begin(&keys[1]).await;
    let kill = "POST /v1/workloads/agent/kill";
    let reason = json!({ "reason": "x" });
    let (status, killed) = ask(&world, &ann, kill, &reason).await;
    assert_eq!((status, &killed["actor"]), (200, &json!("ann")));
    assert_eq!(ask(&world, &eve, kill, &reason).await.0, 403);
    let (status, again) = ask(&world, &ann, "POST /v1/sessions", &json!({})).await;
    assert_eq!(status, 409, "a session begins no other one: {again}");

    // Each sees its own, an admin sees all.
    let seen = async |key: &str| {
        let (_, all) = ask(&world, key, "GET /v1/sessions", &json!({})).await;
        all["sessions"].as_array().unwrap().len()
    };
    assert_eq!((seen(&eve).await, seen(&keys[2]).await), (1, 2));
    let end = async |key: &str, id: &str| {
        ask(&world, key, &format!("DELETE /v1/sessions/{id}"), &json!({})).await.0
    };
    assert_eq!(end(&eve, &ann_id).await, 404, "it is not hers");
    assert_eq!(end(&keys[2], &ann_id).await, 200);
    let (status, refused) = ask(&world, &ann, kill, &reason).await;
    assert_eq!(status, 401);
    assert!(refused["detail"].to_string().contains("sign in again"), "{refused}");
    assert_eq!((end(&eve, "own").await, seen(&keys[2]).await), (200, 0));
    assert_eq!(end(&keys[2], &eve_id).await, 404);
    // Records of sign-ins are not waited for.
    let mut audit = Value::Null;
    for _ in 0..1000 {
        audit = ask(&world, &keys[2], "GET /v1/audit", &json!({})).await.1;
        let all = audit["entries"].as_array().unwrap();
        let count = |action: &str| all.iter().filter(|it| it["action"] == action).count();
        if (count("sign_in"), count("sign_out")) == (2, 2) {
            break;
        }
        tokio::time::sleep(std::time::Duration::from_millis(10)).await;
    }
    assert_eq!(audit.to_string().matches("\"sign_out\"").count(), 2, "{audit}");
    assert!(!audit.to_string().contains("sgs_"), "no key in the audit");
}

#[tokio::test]
async fn whoever_starts_a_rollout_does_not_promote_it_where_the_policy_wants_two() {
    let policy = "policies:\n  two:\n    steps: [{ weight: 10%, hold: 1s, requests: 20 }, { weight: 100%, watch: 1s }]\n    gates: [{ axis: error, class: permanent, against: stable, margin: 20pp, for: 1s, requests: 10 }]\n    drill_within: off\n    second_person: true\n";
    let config = CONFIG.replace("    candidate: v2\n    weight: 1%\n", "    policy: two\n");
    let config = format!("{config}{policy}");
    let people = [("ann", Role::Admin, ""), ("bob", Role::Admin, "")];
    let (world, keys) = with(&config, &people).await;
    let start = json!({ "to": "v2", "override": true, "reason": "a test" });
    let rollouts = "/v1/workloads/agent/rollouts";
    let started = ask(&world, &keys[0], &format!("POST {rollouts}"), &start).await;
    assert_eq!(started.0, 200, "{}", started.1);
    let (_, current) = ask(&world, &keys[1], &format!("GET {rollouts}/current"), &json!({})).await;
    assert_eq!(current["not_by"], "ann");
    let promote = format!("POST {rollouts}/current/promote");
    let force = json!({ "force": true, "reason": "a test" });
    let (status, refused) = ask(&world, &keys[0], &promote, &force).await;
    assert_eq!(status, 409);
    assert!(refused["detail"].to_string().contains("second person"), "{refused}");
    let (status, promoted) = ask(&world, &keys[1], &promote, &force).await;
    assert_eq!(status, 200, "{promoted}");
    // Taking it back needs nobody else.
    let rollback = "POST /v1/workloads/agent/rollback";
    assert_eq!(ask(&world, &keys[0], rollback, &json!({ "reason": "x" })).await.0, 200);
}
