//! Exclusion groups, opt-in, allow and deny lists.

use crate::world::World;
use serde_json::json;

#[tokio::test]
async fn a_tenant_is_excluded_and_let_back_in() {
    let world = World::open().await;
    let path = "/v1/workloads/agent/exclusions/escalated/acme";
    let done = world.put(path, json!({ "reason": "ticket 7" })).await.ok();
    assert_eq!(done["summary"], "tenant acme excluded as escalated");
    assert!(done["rollback"].is_object(), "acme may have been on the candidate");
    let groups = done["workload"]["exclusions"].as_array().unwrap().clone();
    assert!(groups.contains(&json!(
        { "group": "escalated", "config_total": 0, "config_tenants": [], "tenants": ["acme"] })));
    let gone = world.delete(path).await.ok();
    assert_eq!(gone["summary"], "tenant acme no longer excluded as escalated");
    world.delete(path).await.problem(409, "refused");
}

#[tokio::test]
async fn what_the_file_says_is_only_changed_there() {
    let world = World::open().await;
    for path in [
        "/v1/workloads/agent/exclusions/high_value/initech",
        "/v1/workloads/agent/allow/user/tester",
        "/v1/workloads/agent/deny/tenant/on-fire",
    ] {
        let problem = world.delete(path).await.problem(409, "refused");
        assert!(problem["detail"].as_str().unwrap().contains("configuration file"), "{problem}");
    }
}

#[tokio::test]
async fn opting_in_must_say_why() {
    let world = World::open().await;
    let path = "/v1/workloads/agent/exclusions/initech/opt-in";
    let silent = world.call(http::Method::POST, path).send().await;
    assert_eq!(silent.problem(400, "bad-request")["fields"][0]["field"], "reason");
    let done = world.post(path, json!({ "reason": "they asked" })).await.ok();
    assert_eq!(done["workload"]["opted_in"], json!(["initech"]));
    world.post(path, json!({ "reason": "again" })).await.problem(409, "refused");
}

#[tokio::test]
async fn tenants_and_users_are_allowed_and_denied() {
    let world = World::open().await;
    for (list, kind, field) in [
        ("allow", "tenant", "tenants"),
        ("allow", "user", "users"),
        ("deny", "tenant", "tenants"),
        ("deny", "user", "users"),
    ] {
        // An id with a slash and a space is one path segment when it is encoded.
        let path = format!("/v1/workloads/agent/{list}/{kind}/a%2Fb%20c");
        let done = world.call(http::Method::PUT, &path).send().await.ok();
        assert_eq!(done["workload"][list][field], json!(["a/b c"]), "{path}");
        let again = world.call(http::Method::PUT, &path).send().await.ok();
        assert_eq!(again["changed"], false);
        let gone = world.delete(&path).await.ok();
        assert_eq!(gone["workload"][list][field], json!([]));
        world.delete(&path).await.problem(409, "refused");
    }
    let wrong = world.put("/v1/workloads/agent/allow/robot/x", json!({})).await;
    assert_eq!(wrong.problem(400, "bad-request")["fields"][0]["field"], "kind");
    let wrong = world.put("/v1/workloads/agent/exclusions/-x/acme", json!({})).await;
    assert_eq!(wrong.problem(400, "bad-request")["fields"][0]["field"], "group");
    let long = format!("/v1/workloads/agent/deny/user/{}", "x".repeat(300));
    world.put(&long, json!({})).await.problem(409, "refused");
}
