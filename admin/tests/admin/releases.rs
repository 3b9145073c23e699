//! Releases that are registered while the program runs.

use crate::world::{CONFIG, Reply, World};
use http::Method;
use serde_json::{Value, json};
use stagegate_control::StartError;
use stagegate_control::ports::Health;

const RELEASES: &str = "/v1/workloads/agent/releases";

fn v3() -> Value {
    json!({
        "name": "v3",
        "endpoints": ["http://127.0.0.1:9013", "http://127.0.0.1:9014"],
        "artifact": { "model": "m-3", "prompt": "p-2", "git": "agent@v3", "notes": "calmer" },
        "reason": "next week's candidate",
    })
}

async fn add(world: &World, release: Value) -> Reply {
    world.post(RELEASES, release).await
}

async fn remove(world: &World, name: &str) -> Reply {
    world.delete(&format!("{RELEASES}/{name}")).await
}

/// `CONFIG` with one more line among the releases of `agent`.
fn with_release(line: &str) -> String {
    CONFIG.replace("    stable: v1\n", &format!("      {line}\n    stable: v1\n"))
}

/// `CONFIG` in which `v3`, declared with its pins, is the candidate.
fn v3_is_candidate() -> String {
    with_release(
        "v3: { endpoints: [\"http://127.0.0.1:9013\", \"http://127.0.0.1:9014\"], artifact: { model: m-3, prompt: p-2, git: agent@v3 } }",
    )
    .replace("candidate: v2", "candidate: v3")
}

async fn reload(world: &World, config: &str) -> Reply {
    std::fs::write(world.config_path(), config).unwrap();
    world.post("/v1/reload", json!({})).await
}

/// Uses the run-time release `v3`: the file declares it for a moment and makes it the candidate.
async fn use_v3(world: &World) {
    reload(world, &v3_is_candidate()).await.ok();
    reload(world, CONFIG).await.ok();
}

fn names(releases: &Value) -> Vec<&str> {
    releases["releases"].as_array().unwrap().iter().map(|it| it["name"].as_str().unwrap()).collect()
}

#[tokio::test]
async fn an_added_release_is_prepared_published_and_recorded() {
    let world = World::open().await;
    let done = add(&world, v3()).await;
    assert_eq!(done.header("etag"), "\"2\"");
    let done = done.ok();
    assert_eq!((&done["command"], &done["changed"]), (&json!("add_release"), &json!(true)));
    let summary = done["summary"].as_str().unwrap();
    assert!(summary.starts_with("release v3 added: model m-3"), "{summary}");
    {
        let published = world.plane.published.lock().unwrap();
        let last = published.last().unwrap();
        assert_eq!((last.epoch, last.prepared), (2, true));
        let workload = last.config.workload("agent").unwrap();
        assert_eq!(workload.releases["v3"].endpoints.len(), 2);
        assert!(last.splits[0].spec().releases.contains("v3"), "a rollout may name it");
        assert_eq!(last.splits[0].state().weight.to_string(), "1%", "nobody moves");
    }
    let v3 = world.get(&format!("{RELEASES}/v3")).await.ok();
    assert_eq!((&v3["run_time"], &v3["configured"]), (&json!(true), &json!(false)));
    assert_eq!((&v3["used"], &v3["registered_by"]), (&json!(false), &json!("local")));
    assert_eq!(v3["artifact"]["git_tag"], "agent@v3");
    assert_eq!(v3["endpoints"], json!(["127.0.0.1:9013", "127.0.0.1:9014"]));
    let audit = world.get("/v1/audit").await.ok()["entries"][0].clone();
    assert_eq!((&audit["action"], &audit["actor"]), (&json!("add_release"), &json!("local")));
    assert_eq!(audit["reason"], "next week's candidate");
    assert_eq!(audit["details"]["artifact"]["notes"], "calmer");
    assert_eq!(audit["seq"], done["audit_seq"]);
}

#[tokio::test]
async fn it_outlives_restarts_and_reloads() {
    let world = World::open().await;
    add(&world, v3()).await.ok();
    let before = world.get(RELEASES).await.ok();
    let world = world.restart().await;
    assert_eq!(world.get(RELEASES).await.ok(), before);
    reload(&world, CONFIG).await.ok();
    {
        let published = world.plane.published.lock().unwrap();
        let last = published.last().unwrap();
        assert!(last.config.workload("agent").unwrap().releases.contains_key("v3"));
        assert!(last.splits[0].spec().releases.contains("v3"));
    }
    assert_eq!(names(&world.get(RELEASES).await.ok()), ["v1", "v2", "v3"]);
    let world = World::try_in(world.stop(), CONFIG, true).await.map_err(|it| it.0).unwrap();
    assert!(world.last_plan().1.spec().releases.contains("v3"), "in a safe start too");
}

#[tokio::test]
async fn adding_the_same_again_changes_nothing() {
    let world = World::open().await;
    add(&world, v3()).await.ok();
    let plans = world.plans();
    let again = add(&world, v3()).await.ok();
    assert_eq!((&again["changed"], &again["epoch"]), (&json!(false), &json!(2)));
    assert_eq!(world.plans(), plans);
    // A release of the file may be said again too.
    let v2 = json!({ "name": "v2", "endpoints": ["http://127.0.0.1:9002"],
                     "artifact": { "model": "m-2", "prompt": "p-1" } });
    assert_eq!(add(&world, v2).await.ok()["changed"], false);
    // Unused, it may still change.
    let mut other = v3();
    other["artifact"]["model"] = json!("m-4");
    let changed = add(&world, other).await.ok();
    assert!(changed["summary"].as_str().unwrap().starts_with("release v3 changed"), "{changed}");
    assert_eq!(world.get(&format!("{RELEASES}/v3")).await.ok()["artifact"]["model"], "m-4");
}

#[tokio::test]
async fn a_clash_with_the_file_names_both() {
    let world = World::open().await;
    let other = json!({ "name": "v2", "endpoints": ["http://127.0.0.1:9002"],
                        "artifact": { "model": "m-9", "prompt": "p-1" } });
    let problem = add(&world, other).await.problem(409, "refused");
    let detail = problem["detail"].as_str().unwrap();
    assert!(detail.contains("`v2`") && detail.contains("model m-2"), "{detail}");
    assert!(detail.contains("model m-9") && !detail.contains("p-1"), "{detail}");
    let elsewhere = json!({ "name": "v2", "endpoints": ["http://127.0.0.1:1"],
                            "artifact": { "model": "m-2", "prompt": "p-1" } });
    let problem = add(&world, elsewhere).await.problem(409, "refused");
    let detail = problem["detail"].as_str().unwrap();
    assert!(
        detail.contains("endpoints http://127.0.0.1:9002") && detail.contains("127.0.0.1:1:"),
        "{detail}"
    );
    let audit = world.get("/v1/audit").await.ok();
    assert!(audit["entries"][0]["summary"].as_str().unwrap().starts_with("refused: "));

    // The other way round: the file declares what was registered.
    add(&world, v3()).await.ok();
    let file =
        with_release("v3: { endpoints: [\"http://127.0.0.1:9\"], artifact: { model: m-7 } }");
    let problem = reload(&world, &file).await.problem(422, "invalid-config");
    let detail = problem["detail"].as_str().unwrap();
    for wanted in ["`v3`", "model m-7", "local registered", "model m-3", "release rm agent v3"] {
        assert!(detail.contains(wanted), "{wanted} is missing in {detail}");
    }
    let (error, _dir) = World::try_in(world.stop(), &file, false).await.err().unwrap();
    assert!(matches!(error, StartError::Contradiction(_)), "{error}");
}

#[tokio::test]
async fn the_file_may_take_it_up_and_move_its_endpoints() {
    let world = World::open().await;
    add(&world, v3()).await.ok();
    let file = with_release(
        "v3: { endpoints: [\"http://127.0.0.1:9099\"], artifact: { model: m-3, prompt: p-2, git: agent@v3 } }",
    );
    reload(&world, &file).await.ok();
    let v3 = world.get(&format!("{RELEASES}/v3")).await.ok();
    assert_eq!((&v3["configured"], &v3["run_time"]), (&json!(true), &json!(true)));
    assert_eq!(v3["endpoints"], json!(["127.0.0.1:9099"]));
    let problem = remove(&world, "v3").await.problem(409, "refused");
    assert!(problem["detail"].as_str().unwrap().contains("configuration file"), "{problem}");
    // Gone from the file, it is what it was registered as, where it was last served.
    reload(&world, CONFIG).await.ok();
    let v3 = world.get(&format!("{RELEASES}/v3")).await.ok();
    assert_eq!((&v3["configured"], &v3["run_time"]), (&json!(false), &json!(true)));
    assert_eq!(v3["endpoints"], json!(["127.0.0.1:9099"]));
    remove(&world, "v3").await.ok();
}

#[tokio::test]
async fn a_used_release_never_changes_and_never_goes() {
    let world = World::open().await;
    add(&world, v3()).await.ok();
    use_v3(&world).await;
    assert_eq!(world.agent().await["candidate"], "v2");
    let mut other = v3();
    other["artifact"]["prompt"] = json!("p-3");
    let problem = add(&world, other).await.problem(409, "refused");
    let detail = problem["detail"].as_str().unwrap();
    assert!(detail.contains("has been used by a rollout with prompt p-2"), "{detail}");
    assert!(detail.contains("another name"), "{detail}");
    let mut moved = v3();
    moved["endpoints"] = json!(["http://127.0.0.1:1"]);
    add(&world, moved).await.problem(409, "refused");
    let problem = remove(&world, "v3").await.problem(409, "refused");
    assert!(problem["detail"].as_str().unwrap().contains("it stays"), "{problem}");
    let by_file = world.get(&format!("{RELEASES}/v3")).await.ok();
    assert_eq!((&by_file["used"], &by_file["run_time"]), (&json!(true), &json!(true)));
    // Its notes are no part of what ran.
    let noted = add(&world, v3()).await.ok();
    assert_eq!(noted["summary"], "release v3: other notes");
    assert_eq!(add(&world, v3()).await.ok()["changed"], false);
    let v3 = world.get(&format!("{RELEASES}/v3")).await.ok();
    assert_eq!(v3["registered_at_ms"], by_file["registered_at_ms"]);
}

#[tokio::test]
async fn an_unused_release_can_be_removed() {
    let world = World::open().await;
    add(&world, v3()).await.ok();
    let done = remove(&world, "v3").await.ok();
    assert_eq!((&done["command"], &done["epoch"]), (&json!("remove_release"), &json!(3)));
    assert!(!world.last_plan().1.spec().releases.contains("v3"));
    assert_eq!(names(&world.get(RELEASES).await.ok()), ["v1", "v2"]);
    let problem = remove(&world, "v3").await.problem(404, "not-found");
    assert!(problem["detail"].as_str().unwrap().contains("v1, v2"), "{problem}");
    remove(&world, "v1").await.problem(409, "refused");
    let world = world.restart().await;
    assert_eq!(names(&world.get(RELEASES).await.ok()), ["v1", "v2"]);
}

#[tokio::test]
async fn what_is_wrong_with_a_release_is_told_field_by_field() {
    let world = World::open().await;
    let wrong = json!({ "name": "v3", "endpoints": ["ftp://a:1", "b"],
                        "artifact": { "model": "", "digest": "sha256:12" } });
    let problem = add(&world, wrong).await.problem(400, "bad-request");
    let fields: Vec<&str> = problem["fields"]
        .as_array()
        .unwrap()
        .iter()
        .map(|it| it["field"].as_str().unwrap())
        .collect();
    assert_eq!(fields, ["endpoints[0]", "endpoints[1]", "artifact.model", "artifact.digest"]);
    for (part, value) in [
        ("name", json!("a b")),
        ("name", json!("diff")),
        ("endpoints", json!([])),
        ("artifact", json!({ "modle": "m" })),
        ("reason", json!("\u{1b}[2J")),
    ] {
        let mut wrong = v3();
        wrong[part] = value;
        add(&world, wrong).await.problem(400, "bad-request");
    }
    assert_eq!(world.plans(), 1);
    world.post("/v1/workloads/none/releases", v3()).await.problem(404, "not-found");
}

#[tokio::test]
async fn what_the_data_plane_cannot_serve_is_not_registered() {
    let world = World::open().await;
    *world.plane.refuses.lock().unwrap() = Some("v3.test does not resolve".to_owned());
    let problem = add(&world, v3()).await.problem(409, "refused");
    assert!(problem["detail"].as_str().unwrap().contains("does not resolve"), "{problem}");
    *world.plane.refuses.lock().unwrap() = None;
    assert_eq!(names(&world.get(RELEASES).await.ok()), ["v1", "v2"]);
    assert_eq!(world.plans(), 1);
}

#[tokio::test]
async fn conditions_and_keys_hold_for_releases_too() {
    let world = World::open().await;
    let call = || world.call(Method::POST, RELEASES).json(&v3());
    call().header("if-match", "\"9\"").send().await.problem(412, "stale");
    let first = call().header("if-match", "\"1\"").header("idempotency-key", "k-1").send().await;
    let second = call().header("if-match", "\"1\"").header("idempotency-key", "k-1").send().await;
    assert_eq!(second.header("idempotent-replayed"), "true");
    assert_eq!(second.ok(), first.ok());
    let mut other = v3();
    other["name"] = json!("v4");
    let reused = world.call(Method::POST, RELEASES).json(&other);
    reused.header("idempotency-key", "k-1").send().await.problem(422, "key-reused");
}

#[tokio::test]
async fn many_at_once_are_all_there_afterwards() {
    let world = World::open().await;
    let tasks: Vec<_> = (3..13)
        .map(|n| {
            let mut release = v3();
            release["name"] = json!(format!("v{n}"));
            tokio::spawn(world.call(Method::POST, RELEASES).json(&release).send())
        })
        .collect();
    for (n, task) in tasks.into_iter().enumerate() {
        task.await.unwrap().ok();
        world.set_weight(&format!("{}%", n + 2)).await.ok();
    }
    assert_eq!(world.last_plan().1.spec().releases.len(), 12);
    assert_eq!(world.last_plan().1.state().weight.to_string(), "11%");
    assert_eq!(names(&world.get(RELEASES).await.ok()).len(), 12);
    assert_eq!(world.get("/v1/status").await.ok()["epoch"], 21);
}

#[tokio::test]
async fn two_releases_are_compared_part_by_part() {
    let world = World::open().await;
    add(&world, v3()).await.ok();
    let diff = world.get(&format!("{RELEASES}/diff?from=v2&to=v3")).await.ok();
    assert_eq!(diff["same_pins"], false);
    let parts: Vec<(&str, &Value, &Value)> = diff["differences"]
        .as_array()
        .unwrap()
        .iter()
        .map(|it| (it["part"].as_str().unwrap(), &it["from"], &it["to"]))
        .collect();
    let (m2, m3, none) = (json!("m-2"), json!("m-3"), Value::Null);
    assert_eq!(parts[0], ("model", &m2, &m3));
    assert_eq!(parts[2], ("git_tag", &none, &json!("agent@v3")));
    let named: Vec<&str> = parts.iter().map(|it| it.0).collect();
    assert_eq!(named, ["model", "prompt", "git_tag", "endpoints", "notes"]);
    let same = world.get(&format!("{RELEASES}/diff?from=v1&to=v1")).await.ok();
    assert_eq!((&same["same_pins"], &same["differences"]), (&json!(true), &json!([])));
    world.get(&format!("{RELEASES}/diff?from=v1&to=v9")).await.problem(404, "not-found");
    world.get(&format!("{RELEASES}/diff?from=v1")).await.problem(400, "bad-request");
    world.get(&format!("{RELEASES}/v9")).await.problem(404, "not-found");
}

#[tokio::test]
async fn one_line_says_what_exactly_is_running() {
    let world = World::open().await;
    world.health("agent", "v1", &[Health::Healthy, Health::Unhealthy]);
    let running = world.get(RELEASES).await.ok()["running"].clone();
    assert_eq!(
        running,
        json!([
            "stable v1: model m-1, prompt p-1, 1/2 endpoints healthy",
            "candidate v2: model m-2, prompt p-1, 0 endpoints, not checked",
        ])
    );
    let status = world.get("/v1/status").await.ok();
    assert_eq!(status["workloads"][0]["stable"]["running"], running[0]);
    assert_eq!(status["workloads"][0]["candidate"]["running"], running[1]);
}

#[tokio::test]
async fn a_store_that_refuses_leaves_no_release_behind() {
    let world = World::open().await;
    let outside = rusqlite::Connection::open(world.database()).unwrap();
    outside
        .execute_batch(
            "CREATE TRIGGER full BEFORE INSERT ON audit BEGIN SELECT RAISE(FAIL, 'disk full'); END;",
        )
        .unwrap();
    add(&world, v3()).await.problem(503, "unavailable");
    assert_eq!(world.plans(), 1);
    assert_eq!(names(&world.get(RELEASES).await.ok()), ["v1", "v2"]);
    outside.execute_batch("DROP TRIGGER full").unwrap();
    add(&world, v3()).await.ok();
}
