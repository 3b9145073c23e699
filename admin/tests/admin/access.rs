//! Tests of the roles' permissions.

use crate::world::{CONFIG, World};
use http::Method;
use serde_json::{Value, json};
use stagegate_admin::auth::new_token;
use stagegate_config::Role;

struct Tokens {
    viewer: String,
    operator: String,
    admin: String,
}

async fn guarded() -> (World, Tokens) {
    let make = |name: &str, role| new_token(name, role).unwrap();
    let (viewer, operator, admin) = (
        make("dashboard", Role::Viewer),
        make("deployer", Role::Operator),
        make("root", Role::Admin),
    );
    let lines = [&viewer, &operator, &admin].map(|it| format!("    {}\n", it.config_line)).concat();
    let world = World::with(&format!("{CONFIG}admin:\n  tokens:\n{lines}")).await;
    (world, Tokens { viewer: viewer.text, operator: operator.text, admin: admin.text })
}

async fn with(world: &World, method: Method, path: &str, token: &str, body: &Value) -> u16 {
    let call = world.call(method, path).header("authorization", &format!("Bearer {token}"));
    call.json(body).send().await.status.as_u16()
}

#[tokio::test]
async fn viewers_read_operators_change() {
    let (world, tokens) = guarded().await;
    for path in [
        "/v1/status",
        "/v1/workloads",
        "/v1/workloads/agent",
        "/v1/workloads/agent/releases",
        "/v1/workloads/agent/cohorts",
        "/v1/decisions",
        "/v1/audit",
        "/v1/audit/verify",
        "/v1/notify",
        "/v1/whoami",
        "/metrics",
    ] {
        let without = world.call(Method::GET, path).send().await;
        without.problem(401, "unauthenticated");
        assert!(without.header("www-authenticate").starts_with("Bearer"), "{path}");
        for token in [&tokens.viewer, &tokens.operator, &tokens.admin] {
            assert_eq!(with(&world, Method::GET, path, token, &json!({})).await, 200, "{path}");
        }
    }
    let explain = json!({ "workload": "agent" });
    assert_eq!(with(&world, Method::POST, "/v1/explain", &tokens.viewer, &explain).await, 200);

    let reason = json!({ "reason": "x" });
    let weight = json!({ "weight": "2%" });
    let agent = "/v1/workloads/agent";
    for (method, path, body) in [
        (Method::PUT, "/weight", &weight),
        (Method::POST, "/rollback", &reason),
        (Method::POST, "/kill", &reason),
        (Method::POST, "/revive", &reason),
        (Method::POST, "/cohorts/pilots/enable", &reason),
        (Method::POST, "/cohorts/rollback", &reason),
        (Method::PUT, "/exclusions/g/t", &reason),
        (Method::DELETE, "/exclusions/g/t", &reason),
        (Method::POST, "/exclusions/initech/opt-in", &reason),
        (Method::PUT, "/allow/user/u", &reason),
        (Method::DELETE, "/allow/user/u", &reason),
        (Method::PUT, "/deny/tenant/t", &reason),
        (Method::DELETE, "/deny/tenant/t", &reason),
    ] {
        let path = format!("{agent}{path}");
        let anonymous = world.call(method.clone(), &path).json(body).send().await;
        anonymous.problem(401, "unauthenticated");
        let before = world.last_plan().0;
        assert_eq!(with(&world, method.clone(), &path, &tokens.viewer, body).await, 403, "{path}");
        assert_eq!(world.last_plan().0, before);
        assert_eq!(
            with(&world, method.clone(), &path, &tokens.operator, body).await,
            200,
            "{path}"
        );
    }
    let test = "/v1/notify/chat/test";
    assert_eq!(with(&world, Method::POST, test, &tokens.viewer, &json!({})).await, 403);
    assert_eq!(with(&world, Method::POST, test, &tokens.operator, &json!({})).await, 404);
    assert_eq!(with(&world, Method::POST, "/v1/reload", &tokens.viewer, &json!({})).await, 403);
    assert_eq!(with(&world, Method::POST, "/v1/reload", &tokens.admin, &json!({})).await, 200);
}

#[tokio::test]
async fn only_an_admin_may_force_a_promotion_and_a_viewer_may_replay() {
    let (world, tokens) = guarded().await;
    let path = "/v1/workloads/agent/rollouts/current/promote";
    let force = json!({ "force": true, "reason": "no time" });
    let send = async |token: &str| with(&world, Method::POST, path, token, &force).await;
    assert_eq!((send(&tokens.viewer).await, send(&tokens.operator).await), (403, 403));
    assert_eq!(send(&tokens.admin).await, 409, "allowed, but no rollout is under way");
    let silent = json!({ "force": true });
    assert_eq!(with(&world, Method::POST, path, &tokens.admin, &silent).await, 400, "say why");
    let replay = "/v1/workloads/agent/gates/replay";
    let body = json!({ "text": "policies: {}", "policy": "default", "since_ms": 0 });
    assert_eq!(with(&world, Method::POST, replay, &tokens.viewer, &body).await, 200);
    let plan = "/v1/workloads/agent/plan";
    assert_eq!(with(&world, Method::GET, plan, &tokens.viewer, &Value::Null).await, 200);
}

#[tokio::test]
async fn probes_and_the_description_of_the_api_need_no_token() {
    let (world, _) = guarded().await;
    for path in ["/livez", "/readyz", "/openapi.json", "/docs"] {
        let call = world.call(Method::GET, path).without("host");
        assert_eq!(call.send().await.status, 200, "{path}");
    }
}

#[tokio::test]
async fn the_actor_is_the_tokens_name() {
    let (mut world, tokens) = guarded().await;
    world.token = Some(tokens.operator);
    assert_eq!(
        world.get("/v1/whoami").await.ok(),
        json!({ "actor": "deployer", "role": "operator" })
    );
    assert_eq!(world.set_weight("3%").await.ok()["actor"], "deployer");
    assert_eq!(world.get("/v1/status").await.ok()["auth"], "tokens");
}

#[tokio::test]
async fn wrong_credentials_are_refused_and_recorded_a_bounded_number_of_times() {
    let (mut world, tokens) = guarded().await;
    let almost = format!("{}0", &tokens.admin[..tokens.admin.len() - 1]);
    for header in [
        "",
        "Bearer",
        "Bearer ",
        "Basic dXNlcjpwYXNz",
        &tokens.admin,
        "Bearer sgt_",
        "Bearer x y",
        &format!("Bearer {almost}x"),
        &format!("Bearer {}", &tokens.admin[4..]),
    ] {
        let call = world.call(Method::GET, "/v1/status").header("authorization", header);
        call.send().await.problem(401, "unauthenticated");
    }
    for _ in 0..200 {
        let call = world.call(Method::GET, "/v1/status").header("authorization", "Bearer no");
        call.send().await.problem(401, "unauthenticated");
    }
    let lowercase = world.call(Method::GET, "/v1/status");
    let lowercase = lowercase.header("authorization", &format!("bearer {}", tokens.viewer));
    assert_eq!(lowercase.send().await.status, 200);

    world.token = Some(tokens.operator);
    // The turn is taken in order: once this is answered, the records before it are written.
    world.set_weight("4%").await.ok();
    let audit = world.get("/v1/audit?limit=1000&actor=unknown").await.ok();
    let denied = audit["entries"].as_array().unwrap();
    assert!((1..=60).contains(&denied.len()), "{} records of 209 refusals", denied.len());
    assert_eq!(denied[0]["action"], "denied");
    assert_eq!(denied[0]["details"]["path"], "/v1/status");
    assert!(!audit.to_string().contains("sgt_"), "no token in the audit");
    assert_eq!(world.get("/v1/audit/verify").await.ok()["intact"], true);
}

#[tokio::test]
async fn without_tokens_only_loopback_names_are_answered() {
    let world = World::open().await;
    let foreign = world.call(Method::GET, "/v1/status").header("host", "evil.test:9900");
    foreign.send().await.problem(403, "forbidden");
    let nameless = world.call(Method::GET, "/v1/status").without("host");
    nameless.send().await.problem(403, "forbidden");
    let page = world.call(Method::POST, "/v1/reload").header("origin", "https://evil.test");
    page.send().await.problem(403, "forbidden");
    for host in ["127.0.0.1:9900", "[::1]:9900", "localhost"] {
        let call = world.call(Method::GET, "/v1/status").header("host", host);
        assert_eq!(call.send().await.status, 200, "{host}");
    }
}

#[tokio::test]
async fn a_reload_replaces_tokens_at_once() {
    let (mut world, tokens) = guarded().await;
    world.token = Some(tokens.admin.clone());
    let fresh = new_token("fresh", Role::Operator).unwrap();
    let config = format!("{CONFIG}admin:\n  tokens:\n    {}\n", fresh.config_line);
    std::fs::write(world.config_path(), config).unwrap();
    world.post("/v1/reload", json!({})).await.ok();
    world.get("/v1/status").await.problem(401, "unauthenticated");
    world.token = Some(fresh.text);
    assert_eq!(world.get("/v1/whoami").await.ok()["actor"], "fresh");
}

#[test]
fn a_new_token_is_long_unlike_any_other_and_fits_the_configuration() {
    let (one, two) = (new_token("a", Role::Viewer).unwrap(), new_token("a", Role::Viewer).unwrap());
    assert_ne!(one.text, two.text);
    assert!(one.text.starts_with("sgt_") && one.text.len() == 68, "{}", one.text);
    assert!(one.config_line.contains(&one.hash) && !one.config_line.contains(&one.text));
    assert!(stagegate_config::TokenHash::parse(&one.hash).is_some());
    assert!(!format!("{one:?}").contains(&one.text[4..]), "not in debug output");
}

/// Every operation of the document with every kind of caller, from the roles that it names.
#[tokio::test]
async fn every_route_asks_for_the_role_that_the_document_names() {
    let (world, tokens) = guarded().await;
    let document = world.get("/openapi.json").await.ok();
    let callers = [
        (0, None),
        (0, Some("sgt_nobody".to_owned())),
        (1, Some(tokens.viewer)),
        (2, Some(tokens.operator)),
        (3, Some(tokens.admin)),
    ];
    let mut asked = 0;
    for (path, item) in document["paths"].as_object().unwrap() {
        for (method, operation) in item.as_object().unwrap() {
            let needed = match operation["x-role"].as_str().unwrap() {
                "none" => 0,
                "viewer" => 1,
                "operator" => 2,
                other => panic!("{path}: {other}"),
            };
            let concrete: String = path.replace("{workload}", "agent").replace(['{', '}'], "");
            let reads = method == "get";
            for (role, token) in &callers {
                let mut call = world.call(method.to_uppercase().parse().unwrap(), &concrete);
                if let Some(token) = token {
                    call = call.header("authorization", &format!("Bearer {token}"));
                }
                // Not JSON: whoever gets past the guard is refused by the handler.
                if !reads {
                    call = call.header("content-type", "application/json").body("{");
                }
                let status = call.send().await.status.as_u16();
                let expected = match (needed, *role) {
                    (0, _) => None,
                    (_, 0) => Some(401),
                    (needed, role) if role < needed => Some(403),
                    _ => None,
                };
                match expected {
                    Some(expected) => assert_eq!(status, expected, "{method} {path} as {role}"),
                    None => assert!(!matches!(status, 401 | 403), "{method} {path}: {status}"),
                }
                asked += 1;
            }
        }
    }
    assert!(asked > 250, "{asked}");
}

#[tokio::test]
async fn another_spelling_of_a_path_needs_no_lesser_role() {
    let (world, tokens) = guarded().await;
    for path in [
        "/v1/workloads/agent/kill?x=/v1/explain",
        "/v1/workloads/agent/kill/gates/replay",
        "/v1/workloads/agent%2Fkill/gates/replay",
        "/v1/workloads/gates/replay/kill",
    ] {
        let status =
            with(&world, Method::POST, path, &tokens.viewer, &json!({ "reason": "x" })).await;
        assert!(matches!(status, 400 | 403 | 404), "{path}: {status}");
    }
    assert!(world.last_plan().1.state().killed.is_none());
}

#[tokio::test]
async fn a_strangers_flood_leaves_the_refusals_of_tokens_in_the_audit() {
    let (mut world, tokens) = guarded().await;
    for _ in 0..60 {
        world.get("/v1/status").await.problem(401, "unauthenticated");
    }
    for _ in 0..3 {
        let kill = "/v1/workloads/agent/kill";
        assert_eq!(with(&world, Method::POST, kill, &tokens.viewer, &json!({})).await, 403);
    }
    world.token = Some(tokens.operator);
    world.set_weight("4%").await.ok();
    let audit = world.get("/v1/audit?limit=1000").await.ok();
    let entries = audit["entries"].as_array().unwrap();
    let of = |actor: &str| entries.iter().filter(|it| it["actor"] == actor).count();
    assert_eq!(of("dashboard"), 3);
    assert!((30..=62).contains(&of("unknown")), "{}", of("unknown"));
    let left_out = |it: &&Value| it["summary"].as_str().unwrap().contains("left out");
    assert!(entries.iter().any(|it| left_out(&it)), "the audit says so");
}

#[tokio::test]
async fn without_tokens_a_page_of_another_port_changes_nothing() {
    let world = World::open().await;
    let host = "localhost:9900";
    let enable = "/v1/workloads/agent/cohorts/pilots/enable";
    let pages: [&[(&'static str, &str)]; 5] = [
        &[("origin", "http://localhost:3000"), ("content-type", "text/plain")],
        &[("origin", "http://evil.localhost:9900")],
        &[("sec-fetch-site", "cross-site"), ("referer", "https://evil.test/")],
        &[("sec-fetch-site", "same-site"), ("content-type", "application/json")],
        &[("user-agent", "Mozilla/5.0"), ("content-type", "application/x-www-form-urlencoded")],
    ];
    for page in pages {
        let mut call = world.call(Method::POST, enable).header("host", host);
        for (name, value) in page {
            call = call.header(name, value);
        }
        call.send().await.problem(403, "forbidden");
    }
    let read = world.call(Method::GET, "/v1/status").header("origin", "http://localhost:3000");
    read.send().await.problem(403, "forbidden");
    let own = world.call(Method::POST, enable).header("origin", "http://localhost:9900");
    let own = own.header("x-stagegate", "1").header("user-agent", "Mozilla/5.0");
    assert_eq!(own.send().await.status, 200, "a page of our own");
}

/// A method that a path does not have is 405 for everyone, whatever roles its other methods need: it
/// is no matter of rights.
#[tokio::test]
async fn a_method_that_a_path_does_not_have_is_not_allowed_to_anyone() {
    let (world, tokens) = guarded().await;
    let document = world.get("/openapi.json").await.ok();
    let callers = [None, Some(tokens.viewer), Some(tokens.admin)];
    let mut asked = 0;
    for (path, item) in document["paths"].as_object().unwrap() {
        let served: Vec<String> =
            item.as_object().unwrap().keys().map(|method| method.to_uppercase()).collect();
        let concrete: String = path.replace("{workload}", "agent").replace(['{', '}'], "");
        for method in ["GET", "HEAD", "PUT", "POST", "DELETE", "PATCH", "OPTIONS", "TRACE"] {
            // HEAD is GET without a body.
            let is_served = served.iter().any(|it| it == method)
                || (method == "HEAD" && served.iter().any(|it| it == "GET"));
            if is_served {
                continue;
            }
            for token in &callers {
                let mut call = world.call(method.parse().unwrap(), &concrete);
                if let Some(token) = token {
                    call = call.header("authorization", &format!("Bearer {token}"));
                }
                let reply = call.header("x-http-method-override", "POST").send().await;
                assert_eq!(reply.status, 405, "{method} {path}");
                let allow = reply.header("allow");
                for served in &served {
                    assert!(allow.contains(served), "{method} {path}: {allow}");
                }
                asked += 1;
            }
        }
    }
    assert!(asked > 500, "{asked}");
}

/// HEAD needs the role of GET and tells nothing to those without it.
#[tokio::test]
async fn head_needs_the_role_of_get() {
    let (world, tokens) = guarded().await;
    for path in ["/v1/status", "/metrics", "/v1/workloads/agent", "/v1/audit/verify"] {
        let stranger = world.call(Method::HEAD, path).send().await;
        assert_eq!(stranger.status, 401, "{path}");
        let viewer = with(&world, Method::HEAD, path, &tokens.viewer, &Value::Null).await;
        assert_eq!(viewer, 200, "{path}");
    }
}
