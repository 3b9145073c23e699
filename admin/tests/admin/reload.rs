//! Taking over a changed configuration file: whole, or not at all.

use crate::world::{CONFIG, World};
use serde_json::{Value, json};
use stagegate_control::ports::Event;

async fn reload(world: &World, config: &str) -> crate::world::Reply {
    std::fs::write(world.config_path(), config).unwrap();
    world.post("/v1/reload", json!({})).await
}

fn reloads(world: &World) -> Vec<bool> {
    let told = world.events.0.lock().unwrap();
    told.iter()
        .filter_map(|event| match event {
            Event::Reloaded { ok, .. } => Some(*ok),
            _ => None,
        })
        .collect()
}

#[tokio::test]
async fn a_changed_file_makes_a_new_plan_and_keeps_runtime_state() {
    let world = World::open().await;
    world.set_weight("25%").await.ok();
    let more = CONFIG.replace("tenants: [acme, globex]", "tenants: [acme, globex, umbrella]");
    let done = reload(&world, &more).await.ok();
    assert_eq!(done["epoch"], 3);
    let agent = world.agent().await;
    assert_eq!(agent["weight"], "25%");
    assert_eq!(agent["cohorts"][0]["tenants"], 3);
    assert_eq!(agent["epoch"], 3, "its cohorts changed");
    assert_eq!(world.get("/v1/workloads/batch").await.ok()["epoch"], 1, "nothing of it changed");
    assert!(world.plane.published.lock().unwrap().last().unwrap().prepared);
    let status = world.get("/v1/status").await.ok();
    assert_eq!(status["reload"]["by"], "local");
    assert_eq!(status["reload"]["ok"], true);
    assert_eq!(reloads(&world), [true, true], "the start, and this one");
    let world = world.restart().await;
    assert_eq!(world.agent().await["epoch"], 3);
}

#[tokio::test]
async fn a_plan_says_what_a_reload_would_do_and_does_nothing() {
    let world = World::open().await;
    let (plans, before) = (world.plans(), world.agent().await);
    let same = world.get("/v1/reload").await.ok();
    for key in ["edits", "changes", "moves", "needs_restart"] {
        assert_eq!(same[key], json!([]), "{same}");
    }
    let next = CONFIG
        .replace("sticky: user", "sticky: tenant")
        .replace("tenants: [acme, globex]", "tenants: [acme]")
        .replace("127.0.0.1:8080", "127.0.0.1:8081");
    std::fs::write(world.config_path(), &next).unwrap();
    let plan = world.get("/v1/reload").await.ok();
    let edits = plan["edits"].as_array().unwrap();
    let edit = |key: &str| edits.iter().find(|it| it["key"] == key);
    let sticky = edit("workloads.agent.sticky").expect("an edit");
    assert_eq!((&sticky["from"], &sticky["to"]), (&json!("user"), &json!("tenant")));
    assert_eq!(edits.len(), 3, "{plan}");
    let moves = plan["moves"].to_string();
    assert!(moves.contains("% of tenants: v1 -> v2"), "{moves}");
    assert!(plan["needs_restart"].to_string().contains("listeners"), "{plan}");
    std::fs::write(world.config_path(), CONFIG.replace("weight: 1%", "weight: 110%")).unwrap();
    world.get("/v1/reload").await.problem(422, "invalid-config");
    assert_eq!(world.plans(), plans);
    assert_eq!(world.agent().await, before);
    assert_eq!(world.get("/v1/status").await.ok()["reload"]["ok"], true);
    let audit = world.get("/v1/audit").await.ok();
    assert!(!audit["entries"].to_string().contains("reload"), "{audit}");
}

#[tokio::test]
async fn a_bad_file_is_refused_whole_with_all_its_problems() {
    let world = World::open().await;
    let plans = world.plans();
    let bad = CONFIG.replace("weight: 1%", "weight: 110%").replace("sticky: user", "stiky: user");
    let problem = reload(&world, &bad).await.problem(422, "invalid-config");
    let config: Vec<&Value> = problem["config"].as_array().unwrap().iter().collect();
    assert!(config.len() >= 2, "{problem}");
    assert!(config.iter().any(|it| it["key"] == "workloads.agent.weight"), "{problem}");
    assert!(config.iter().all(|it| it["line"].as_u64().unwrap() > 0), "{problem}");
    assert_eq!(world.plans(), plans);
    let status = world.get("/v1/status").await.ok();
    assert_eq!(status["reload"]["ok"], false);
    assert_eq!(status["reload"]["problems"], problem["config"]);
    assert_eq!(reloads(&world), [true, false]);
    let audit = world.get("/v1/audit").await.ok();
    assert_eq!(audit["entries"][0]["action"], "reload");
    assert!(audit["entries"][0]["summary"].as_str().unwrap().starts_with("refused: "));

    reload(&world, CONFIG).await.ok();
    assert_eq!(world.get("/v1/status").await.ok()["reload"]["ok"], true);
    std::fs::remove_file(world.config_path()).unwrap();
    world.post("/v1/reload", json!({})).await.problem(422, "invalid-config");
}

#[tokio::test]
async fn a_release_in_use_cannot_be_taken_away() {
    let world = World::open().await;
    // The file moves the candidate on; at run time nothing else did, so that is fine.
    let moved = CONFIG
        .replace("    stable: v1\n    candidate: v2\n", "    stable: v2\n")
        .replace("    weight: 1%\n", "");
    let done = reload(&world, &moved).await.ok();
    assert!(done["changes"].to_string().contains("stable v1 -> v2"), "{done}");
    // Changing the pins of a release that served is not.
    let repinned = moved.replace("model: m-2", "model: m-9");
    let problem = reload(&world, &repinned).await.problem(409, "refused");
    assert!(problem["detail"].as_str().unwrap().contains("new release name"), "{problem}");
    assert_eq!(world.agent().await["stable"], "v2");
}

#[tokio::test]
async fn what_needs_a_restart_is_named_and_not_applied() {
    let world = World::open().await;
    let moved = CONFIG.replace("127.0.0.1:8080", "127.0.0.1:8081") + "data_dir: elsewhere\n";
    let done = reload(&world, &moved).await.ok();
    let named = done["needs_restart"].to_string();
    assert!(named.contains("listeners") && named.contains("data_dir"), "{named}");
    let running = world.control.view();
    assert_eq!(running.config.listeners[0].address.to_string(), "127.0.0.1:8080");
    assert!(world.get("/v1/status").await.ok()["warnings"].to_string().contains("restart"));
    reload(&world, CONFIG).await.ok();
    assert_eq!(world.get("/v1/status").await.ok()["reload"]["needs_restart"], json!([]));
}

#[tokio::test]
async fn a_workload_that_leaves_the_file_is_remembered() {
    let world = World::open().await;
    world.set_weight("60%").await.ok();
    let start = CONFIG.find("  agent:").unwrap();
    let end = CONFIG.find("  batch:").unwrap();
    let without = format!("{}{}", &CONFIG[..start], &CONFIG[end..]);
    let done = reload(&world, &without).await.ok();
    assert!(done["changes"].to_string().contains("its state is kept"), "{done}");
    world.get("/v1/workloads/agent").await.problem(404, "not-found");
    assert_eq!(world.get("/v1/status").await.ok()["dormant"], json!(["agent"]));
    let world = world.restart().await;
    reload(&world, CONFIG).await.ok();
    assert_eq!(world.agent().await["weight"], "60%");
}

#[tokio::test]
async fn what_the_data_plane_cannot_serve_is_refused() {
    let world = World::open().await;
    *world.plane.refuses.lock().unwrap() = Some("agents.test does not resolve".to_owned());
    let problem = reload(&world, CONFIG).await.problem(422, "invalid-config");
    assert!(problem["detail"].as_str().unwrap().contains("does not resolve"));
    let status = world.get("/v1/status").await.ok();
    assert!(status["reload"]["problems"].to_string().contains("does not resolve"));
    assert_eq!(status["epoch"], 1);
}

#[tokio::test]
async fn the_last_token_cannot_be_removed_from_a_public_listener() {
    let token = stagegate_admin::auth::new_token("a", stagegate_config::Role::Admin).unwrap();
    let admin = format!("admin:\n  address: 0.0.0.0:9900\n  tokens:\n    {}\n", token.config_line);
    let mut world = World::with(&format!("{CONFIG}{admin}")).await;
    world.token = Some(token.text);
    let open = format!("{CONFIG}admin: {{ address: 127.0.0.1:9900 }}\n");
    let problem = reload(&world, &open).await.problem(422, "invalid-config");
    assert!(problem["detail"].as_str().unwrap().contains("open"), "{problem}");
}
