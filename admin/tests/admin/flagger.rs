//! Flagger's webhooks, with the bodies and the headers that Flagger sends.

use crate::world::{CONFIG, Reply, World};
use http::Method;
use serde_json::{Value, json};
use stagegate_admin::auth::new_token;
use stagegate_config::Role;

/// What Flagger sends: the payload of `CallWebhook`, and no header of its own but the content type.
fn payload(phase: &str, metadata: &Value) -> String {
    json!({ "name": "agent", "namespace": "agents", "phase": phase, "checksum": "85d557f47b",
            "metadata": metadata })
    .to_string()
}

fn of_release(phase: &str) -> String {
    payload(phase, &json!({ "release": "v2" }))
}

async fn ask(world: &World, hook: &str, authorization: Option<&str>, body: String) -> Reply {
    let path = format!("/v1/workloads/agent/flagger/{hook}");
    let mut call = world.call(Method::POST, &path).header("content-type", "application/json");
    call = call.header("user-agent", "Go-http-client/1.1").header("accept-encoding", "gzip");
    if let Some(value) = authorization {
        call = call.header("authorization", value);
    }
    call.body(body).send().await
}

/// The header that Go's client makes of `http://flagger:TOKEN@…`.
fn in_the_address(token: &str) -> String {
    format!("Basic {}", base64(&format!("flagger:{token}")))
}

fn base64(text: &str) -> String {
    const LETTERS: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut out = String::new();
    for chunk in text.as_bytes().chunks(3) {
        let bits = chunk.iter().fold(0u32, |sum, byte| (sum << 8) | u32::from(*byte));
        let bits = bits << (8 * (3 - chunk.len()));
        for place in 0..4 {
            let letter = LETTERS[(bits >> (18 - 6 * place)) as usize & 63];
            out.push(if place <= chunk.len() { char::from(letter) } else { '=' });
        }
    }
    out
}

#[tokio::test]
async fn each_answer_is_a_status_and_one_sentence() {
    let world = World::open().await;
    world.set_weight("0%").await.ok();
    let said = ask(&world, "confirm-rollout", None, of_release("Waiting")).await;
    assert_eq!(
        (said.status.as_u16(), said.header("content-type")),
        (200, "text/plain; charset=utf-8")
    );
    assert_eq!(said.text, "agent: nobody is served by the candidate: v2 may be started");
    for (hook, status) in [
        ("pre-rollout", 200),
        ("rollout", 200),
        ("confirm-traffic-increase", 409),
        ("confirm-promotion", 409),
        ("rollback", 409),
        ("event", 200),
    ] {
        let said = ask(&world, hook, None, of_release("Progressing")).await;
        assert_eq!(said.status, status, "{hook}: {}", said.text);
        assert!(said.text.starts_with("agent: ") && !said.text.contains('{'), "{}", said.text);
    }
    let body = json!({ "to": "v2", "override": true, "reason": "a test" });
    world.post("/v1/workloads/agent/rollouts", body).await.ok();
    let said = ask(&world, "confirm-rollout", None, of_release("Initialized")).await;
    assert_eq!(said.status, 409);
    assert!(said.text.contains("new pods would change what it measures"), "{}", said.text);
    let abort = "/v1/workloads/agent/rollouts/current/abort";
    world.post(abort, json!({ "reason": "not today" })).await.ok();
    let said = ask(&world, "rollback", None, of_release("Progressing")).await;
    assert_eq!(said.status, 200, "roll back");
    assert_eq!(said.text, "agent: the rollout of v2 was aborted by local: not today");
    let later = payload("Progressing", &json!({ "release": "v3" }));
    assert_eq!(ask(&world, "rollback", None, later).await.status, 409, "not the next version");
}

#[tokio::test]
async fn what_cannot_be_answered_holds_and_says_why() {
    let world = World::open().await;
    for body in [payload("Progressing", &json!({})), r#"{"name":"a","namespace":"n"}"#.to_owned()] {
        for hook in ["confirm-rollout", "confirm-promotion", "rollback", "post-rollout"] {
            let said = ask(&world, hook, None, body.clone()).await;
            assert_eq!(said.status, 409, "{hook}");
            assert!(said.text.contains("metadata.release is missing"), "{}", said.text);
        }
    }
    // A word of a later Flagger, and a hook that there is not.
    assert_eq!(ask(&world, "event", None, of_release("Dreaming")).await.status, 200);
    ask(&world, "load-test", None, of_release("Progressing")).await.problem(400, "bad-request");
    ask(&world, "rollback", None, String::new()).await.problem(400, "bad-request");
    let elsewhere = world.call(Method::POST, "/v1/workloads/nobody/flagger/rollback");
    let elsewhere = elsewhere.header("content-type", "application/json");
    elsewhere.body(of_release("Progressing")).send().await.problem(404, "not-found");
}

#[tokio::test]
async fn stopped_pods_end_the_rollout() {
    let world = World::open().await;
    world.set_weight("0%").await.ok();
    let body = json!({ "to": "v2", "override": true, "reason": "a test" });
    world.post("/v1/workloads/agent/rollouts", body).await.ok();
    let said = ask(&world, "post-rollout", None, of_release("Progressing")).await;
    assert_eq!((said.status.as_u16(), &*said.text), (200, "agent: nothing is to be done"));
    let said = ask(&world, "post-rollout", None, of_release("Failed")).await;
    assert_eq!(said.status, 200, "{}", said.text);
    let current = world.get("/v1/workloads/agent/rollouts/current").await.ok();
    assert_eq!(current["phase"], "aborted");
    assert_eq!(current["since"]["reason"], "Flagger ended the canary agent.agents: Failed");
    let again = ask(&world, "post-rollout", None, of_release("Failed")).await;
    assert_eq!((again.status.as_u16(), &*again.text), (200, "agent: nothing is to be done"));
}

#[tokio::test]
async fn a_token_may_be_the_password_of_the_address_for_hooks_alone() {
    let make = |name: &str, role| new_token(name, role).unwrap();
    let (viewer, operator) = (make("flagger", Role::Viewer), make("ender", Role::Operator));
    let lines = [&viewer, &operator].map(|it| format!("    {}\n", it.config_line)).concat();
    let world = World::with(&format!("{CONFIG}admin:\n  tokens:\n{lines}")).await;
    let body = || of_release("Progressing");
    let nobody = ask(&world, "rollback", None, body()).await;
    nobody.problem(401, "unauthenticated");
    let wrong = in_the_address("sgt_wrong");
    ask(&world, "rollback", Some(&wrong), body()).await.problem(401, "unauthenticated");
    for good in [in_the_address(&viewer.text), format!("Bearer {}", viewer.text)] {
        assert_eq!(ask(&world, "rollback", Some(&good), body()).await.status, 409);
        assert_eq!(ask(&world, "pre-rollout", Some(&good), body()).await.status, 200);
        ask(&world, "post-rollout", Some(&good), body()).await.problem(403, "forbidden");
    }
    let ender = in_the_address(&operator.text);
    assert_eq!(ask(&world, "post-rollout", Some(&ender), body()).await.status, 200);
    // No browser may be made to send it to the other routes.
    for path in ["/v1/status", "/v1/workloads/agent"] {
        let call = world.call(Method::GET, path).header("authorization", &ender);
        call.send().await.problem(401, "unauthenticated");
    }
}
