//! Flags: changed at run time, recorded like every other change, and tried out.

use crate::world::{CONFIG, Reply, World};
use http::Method;
use serde_json::{Value, json};
use stagegate_admin::auth::new_token;
use stagegate_config::Role;
use stagegate_control::ports::{BoxFuture, FlagServer, FlagsAsked};
use stagegate_flags::{Bucketing, FlagFile, FlagSet, Overlay};
use std::sync::{Arc, Mutex};
use std::time::Duration;

const FILE: &str = r#"{"flags": {
  "refunds": {"state": "ENABLED", "variants": {"on": true, "off": false}, "defaultVariant": "on"},
  "prompt": {"state": "ENABLED", "variants": {"a": 1, "b": 2, "c": 3}, "defaultVariant": "a"}
}}
"#;

/// Flags without a server, and the names of the threads that read them.
struct Served(Mutex<FlagSet>, Arc<Mutex<Vec<String>>>);

impl FlagServer for Served {
    fn set(&self) -> FlagSet {
        let thread = std::thread::current().name().unwrap_or_default().to_owned();
        self.1.lock().unwrap().push(thread);
        self.0.lock().unwrap().clone()
    }

    fn texts(&self) -> Arc<Vec<(String, String)>> {
        Arc::new(vec![("flags.json".to_owned(), FILE.to_owned())])
    }

    fn put(&self, overlay: Arc<Overlay>) {
        let mut set = self.0.lock().unwrap();
        *set = set.with_overlay(overlay);
    }

    fn asked(&self) -> FlagsAsked {
        let unknown = [("promt".to_owned(), 3)].into();
        FlagsAsked { since_s: 1, last_s: [("refunds".to_owned(), 5)].into(), unknown }
    }

    fn settled(&self, _patience: Duration) -> BoxFuture<'_, bool> {
        Box::pin(async { true })
    }
}

fn serve(world: &World) -> Arc<Mutex<Vec<String>>> {
    let file = FlagFile::read("flags.json", FILE).unwrap();
    let set = FlagSet::of(vec![file], Bucketing::V2).unwrap();
    let readers = Arc::default();
    world.control.serve_flags(Arc::new(Served(Mutex::new(set), Arc::clone(&readers))));
    readers
}

async fn world() -> World {
    let world = World::open().await;
    serve(&world);
    world
}

async fn change(world: &World, flag: &str, body: Value) -> Reply {
    world.post(&format!("/v1/flags/{flag}"), body).await
}

/// Variant and decider for a context.
async fn asked(world: &World, flag: &str, context: Value) -> (String, String) {
    let body = json!({ "flag": flag, "context": context });
    let answer: Value = world.post("/v1/flag-evaluations", body).await.ok();
    let it = &answer["flags"][0];
    let text = |name: &str| it[name].as_str().unwrap_or_default().to_owned();
    (text("variant"), text("decided_by"))
}

fn two(variant: &str, decider: &str) -> (String, String) {
    (variant.to_owned(), decider.to_owned())
}

#[tokio::test]
async fn a_change_is_recorded_in_force_and_says_how_fast() {
    let world = world().await;
    let deny = json!({
        "action": "deny", "tenant": "acme", "workload": "agent", "stage": "refund",
        "reason": "escalation 118",
    });
    let plans = world.plans();
    let answer: Value = change(&world, "refunds", deny).await.ok();
    assert_eq!(answer["changed"], true);
    assert_eq!(answer["summary"], "deny tenant acme in workload agent, stage refund: `off`");
    assert_eq!(answer["timing"]["settled"], true);
    assert!(answer["timing"]["acknowledged_ms"].as_f64().unwrap() >= 0.0);
    assert_eq!(
        answer["moves"],
        json!(["tenant acme in workload agent, stage refund: on (static) -> off (denied)"])
    );
    assert_eq!(world.plans(), plans + 1, "workers get a new plan");
    let acme = json!({ "tenant": "acme", "workload": "agent", "stage": "refund" });
    assert_eq!(asked(&world, "refunds", acme).await, two("off", "denied"));
    let other = json!({ "tenant": "acme", "workload": "agent", "stage": "plan" });
    assert_eq!(asked(&world, "refunds", other).await, two("on", "static"));

    let history: Value = world.get("/v1/flags/refunds/history").await.ok();
    let record = &history["entries"][0];
    assert_eq!(record["action"], "flag_deny");
    assert_eq!(record["reason"], "escalation 118");
    assert_eq!(record["seq"], answer["audit_seq"]);
    assert_eq!(record["epoch_after"], answer["epoch"]);
    assert_eq!(record["details"]["after"]["rules"][0]["tenant"], "acme");
    let empty: Value = world.get("/v1/flags/prompt/history").await.ok();
    assert_eq!(empty["entries"], json!([]));
    let check: Value = world.get("/v1/audit/verify").await.ok();
    assert_eq!(check["intact"], true);
}

#[tokio::test]
async fn conditions_keys_and_dry_runs_are_honoured() {
    let world = world().await;
    let off = json!({ "action": "off", "reason": "wrong answers" });
    change(&world, "refunds", json!({ "action": "off" })).await.problem(400, "bad-request");
    let dry = json!({ "action": "off", "dry_run": true });
    let told: Value = change(&world, "refunds", dry).await.ok();
    assert_eq!((&told["changed"], &told["dry_run"]), (&json!(false), &json!(true)));
    assert_eq!(told["moves"], json!(["everybody else: on -> off"]));
    assert_eq!(asked(&world, "refunds", json!({})).await, two("on", "static"));

    let call = || world.call(Method::POST, "/v1/flags/refunds").json(&off);
    let first = call().header("idempotency-key", "k").send().await;
    let epoch = first.ok()["flag_epoch"].as_u64().unwrap();
    assert_eq!(first.header("etag"), format!("\"{epoch}\""));
    let second = call().header("idempotency-key", "k").send().await;
    assert_eq!(second.header("idempotent-replayed"), "true");
    assert_eq!(second.ok(), first.ok(), "timing and audit number included");
    let on = json!({ "action": "on" });
    let stale = world.call(Method::POST, "/v1/flags/refunds").json(&on).header("if-match", "\"1\"");
    stale.send().await.problem(412, "stale");
    assert_eq!(asked(&world, "refunds", json!({})).await, two("off", "off"));
    let same = format!("\"{epoch}\"");
    let fresh = world.call(Method::POST, "/v1/flags/refunds").json(&on).header("if-match", &same);
    fresh.send().await.ok();
    assert_eq!(asked(&world, "refunds", json!({})).await, two("on", "static"));
    // Another flag, and the workload, have epochs of their own.
    let prompt: Value = world.get("/v1/flags/prompt").await.ok();
    assert_eq!(prompt["epoch"], 0);
}

#[tokio::test]
async fn refusals_say_what_would_be_right_and_change_nothing() {
    let world = world().await;
    let set = json!({ "action": "set", "variant": "d" });
    let refused = change(&world, "prompt", set).await;
    refused.problem(409, "refused");
    assert!(refused.text.contains("it has a, b, c"), "{}", refused.text);
    let allow = json!({ "action": "allow", "user": "ann" });
    let refused = change(&world, "prompt", allow).await;
    assert!(refused.text.contains("name one of a, b, c"), "{}", refused.text);
    let unknown = change(&world, "promt", json!({ "action": "on" })).await;
    unknown.problem(404, "not-found");
    assert!(unknown.text.contains("there are prompt, refunds"), "{}", unknown.text);
    for body in [
        json!({ "action": "percent" }),
        json!({ "action": "percent", "share": "110%" }),
        json!({ "action": "deny" }),
        json!({ "action": "deny", "user": "a", "tenant": "b" }),
        json!({ "action": "put", "overriding": { "rules": [{ "rule": "percent", "variant": "a" }] } }),
        json!({ "action": "switch" }),
    ] {
        change(&world, "prompt", body).await.problem(400, "bad-request");
    }
    let flags: Value = world.get("/v1/flags").await.ok();
    assert!(flags["flags"].as_array().unwrap().iter().all(|it| it.get("overriding").is_none()));
    let without = World::open().await;
    change(&without, "refunds", json!({ "action": "on" })).await.problem(409, "refused");
    without.get("/v1/flags").await.problem(404, "not-found");
}

#[tokio::test]
async fn changes_outlive_a_restart_and_are_taken_back() {
    let world = world().await;
    let percent = json!({ "action": "percent", "share": "100%", "by": "tenant", "variant": "b" });
    change(&world, "prompt", percent).await.ok();
    let deny = json!({ "action": "deny", "tenant": "acme" });
    let denied: Value = change(&world, "prompt", deny).await.ok();
    let world = world.restart().await;
    serve(&world);
    let acme = json!({ "tenant": "acme" });
    assert_eq!(asked(&world, "prompt", acme.clone()).await, two("a", "denied"));
    // An excluded tenant is in no percentage.
    let globex = json!({ "tenant": "globex" });
    assert_eq!(asked(&world, "prompt", globex.clone()).await, two("b", "percent"));
    world.put("/v1/workloads/agent/exclusions/vip/globex", json!({})).await;
    let excluded = world.put("/v1/workloads/agent/exclusions/high_value/globex", json!({})).await;
    if excluded.status == 200 {
        assert_eq!(asked(&world, "prompt", globex).await, two("a", "static"));
    }
    let put = json!({ "action": "put", "overriding": denied["before"] });
    let undone: Value = change(&world, "prompt", put).await.ok();
    assert_eq!(undone["after"], denied["before"]);
    assert_eq!(asked(&world, "prompt", acme).await, two("b", "percent"));
    change(&world, "prompt", json!({ "action": "rm" })).await.ok();
    let detail: Value = world.get("/v1/flags/prompt").await.ok();
    assert!(detail.get("overriding").is_none(), "{detail}");
}

#[tokio::test]
async fn what_may_be_removed_and_what_nobody_has_is_named() {
    let world = world().await;
    change(&world, "prompt", json!({ "action": "set", "variant": "b" })).await.ok();
    let flags: Value = world.get("/v1/flags").await.ok();
    let of = |key: &str| {
        let all = flags["flags"].as_array().unwrap();
        all.iter().find(|it| it["flag"] == key).unwrap().clone()
    };
    let prompt = of("prompt");
    assert!(prompt["stale"][0].as_str().unwrap().starts_with("everybody gets `b`"), "{prompt}");
    assert!(prompt.get("last_evaluated_ms").is_none());
    assert_eq!(of("refunds")["last_evaluated_ms"], 5000);
    assert_eq!(flags["unknown"], json!([{ "flag": "promt", "count": 3 }]));
    assert_eq!(flags["since_ms"], 1000);
}

#[tokio::test]
async fn an_export_is_the_file_that_makes_it_permanent() {
    let world = world().await;
    let deny = json!({ "action": "deny", "tenant": "acme" });
    change(&world, "refunds", deny).await.ok();
    let files: Value = world.get("/v1/flag-files").await.ok();
    assert_eq!(files["files"][0]["differs"], true);
    let text = files["files"][0]["text"].as_str().unwrap();
    let file = FlagFile::read("flags.json", text).unwrap();
    let set = FlagSet::of(vec![file], Bucketing::V2).unwrap();
    let mut scratch = stagegate_flags::Scratch::new();
    let context = scratch.of_fields(&[("tenant", "acme")]);
    let variant = set.evaluate("refunds", &context, 0).variant().map(|it| it.name().to_owned());
    assert_eq!(variant.as_deref(), Some("off"));
}

#[tokio::test]
async fn a_viewer_reads_and_tries_out_and_changes_nothing() {
    let viewer = new_token("dashboard", Role::Viewer).unwrap();
    let tokens = format!("{CONFIG}admin:\n  tokens:\n    {}\n", viewer.config_line);
    let mut world = World::with(&tokens).await;
    serve(&world);
    world.token = Some(viewer.text);
    world.get("/v1/flags").await.ok();
    asked(&world, "refunds", json!({})).await;
    let off = json!({ "action": "off", "reason": "x" });
    change(&world, "refunds", off).await.problem(403, "forbidden");
    assert_eq!(asked(&world, "refunds", json!({})).await, two("on", "static"));
}

#[tokio::test]
async fn a_dry_run_says_what_the_flags_of_the_workload_decide() {
    let config = CONFIG.replace(
        "    sticky: user\n",
        "    sticky: user\n    kill_switch: { flag: refunds }\n    arm_flag: arm\n",
    );
    assert_ne!(config, CONFIG);
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("flags.json");
    let text = r#"{"flags": {
      "refunds": {"state": "ENABLED", "variants": {"on": true, "off": false}, "defaultVariant": "on"},
      "arm": {"state": "ENABLED", "variants": {"candidate": "candidate", "stable": "stable"}, "defaultVariant": null,
        "targeting": {"if": [{"==": [{"var": "tenant"}, "umbrella"]}, "candidate"]}}}}"#;
    std::fs::write(&path, text).unwrap();
    let config = format!("{config}\nflags: {{ files: [\"{}\"] }}\n", path.display());
    let world = World::with(&config).await;
    let file = FlagFile::read("flags.json", text).unwrap();
    let set = FlagSet::of(vec![file], Bucketing::V2).unwrap();
    world.control.serve_flags(Arc::new(Served(Mutex::new(set), Arc::default())));
    let explain = async |tenant: &str| -> Value {
        let body = json!({ "workload": "agent", "tenant": tenant, "user": "u-1" });
        world.post("/v1/explain", body).await.ok()
    };
    let named = explain("umbrella").await;
    assert_eq!((&named["reason"], &named["detail"]), (&json!("flag"), &json!("arm")), "{named}");
    assert_eq!(named["arm"], "candidate");
    let other = explain("other").await;
    assert_ne!(other["reason"], "flag");
    assert!(other["rules"].to_string().contains("flag arm names no arm"), "{other}");
    change(&world, "refunds", json!({ "action": "deny", "tenant": "umbrella" })).await.ok();
    let killed = explain("umbrella").await;
    assert_eq!((&killed["reason"], &killed["detail"]), (&json!("kill_switch"), &json!("refunds")));
    assert!(killed["words"].as_str().unwrap().contains("flag refunds kills the workload"));
}

#[tokio::test]
async fn a_variant_is_rolled_out_as_a_release_of_its_own() {
    let world = world().await;
    let start = |body: Value| world.post("/v1/workloads/agent/rollouts", body);
    let why = json!({ "override": true, "reason": "no drill here" });
    let with = |flag: &str, to: &str| {
        let mut body = why.clone();
        (body["flag"], body["to"]) = (flag.into(), to.into());
        body
    };
    start(with("nobody", "on")).await.problem(404, "not-found");
    start(with("refunds", "blue")).await.problem(404, "not-found");
    start(with("refunds", "on")).await.problem(409, "refused");
    let started: Value = start(with("prompt", "b")).await.ok();
    assert!(started["summary"].as_str().unwrap().contains("v1.prompt.b"), "{started}");
    let release: Value = world.get("/v1/workloads/agent/releases/v1.prompt.b").await.ok();
    assert_eq!(release["artifact"]["request"], r#"{"flags":{"prompt":"b"}}"#);
    assert_eq!(release["artifact"]["notes"], "v1 with b of flag prompt");
    assert_eq!(release["endpoints"], json!(["127.0.0.1:9001"]));
    let current: Value = world.get("/v1/workloads/agent/rollouts/current").await.ok();
    assert_eq!((&current["from"], &current["to"]), (&json!("v1"), &json!("v1.prompt.b")));
}

/// The document says which members a command needs, and the API refuses just those without them.
#[tokio::test]
async fn the_document_and_the_commands_agree() {
    let world = world().await;
    let document = world.get("/openapi.json").await.ok();
    let mut schema = document["components"]["schemas"]["ChangeFlag"].clone();
    schema["components"] = document["components"].clone();
    let schema = jsonschema::validator_for(&schema).unwrap();
    let allow = |who: Value| json!({ "rule": "allow", "variant": "on", "tenant": who["tenant"], "user": who["user"] });
    let put = |rule: Value| json!({ "action": "put", "overriding": { "rules": [rule] } });
    for (body, fits) in [
        (json!({ "action": "off" }), false),
        (json!({ "action": "off", "reason": " " }), false),
        (json!({ "action": "off", "dry_run": true }), true),
        (json!({ "action": "off", "reason": "r" }), true),
        (json!({ "action": "on" }), true),
        (json!({ "action": "set" }), false),
        (json!({ "action": "set", "variant": null }), false),
        (json!({ "action": "set", "variant": "on" }), true),
        (json!({ "action": "allow" }), false),
        (json!({ "action": "allow", "tenant": "a", "user": "b" }), false),
        (json!({ "action": "allow", "tenant": "a", "user": null }), true),
        (json!({ "action": "deny", "user": "b" }), true),
        (json!({ "action": "percent" }), false),
        (json!({ "action": "percent", "share": "lots" }), false),
        (json!({ "action": "percent", "share": "10%", "by": null }), true),
        (json!({ "action": "rm" }), true),
        (json!({ "action": "rm", "tenant": "a" }), true),
        (json!({ "action": "rm", "tenant": "a", "user": "b" }), false),
        (json!({ "action": "rm", "remove": "set" }), true),
        (json!({ "action": "rm", "remove": "deny" }), false),
        (json!({ "action": "put" }), false),
        (json!({ "action": "put", "overriding": null }), false),
        (json!({ "action": "put", "overriding": {} }), true),
        (put(json!({ "rule": "set", "variant": "on" })), true),
        (put(json!({ "rule": "percent", "variant": "on", "share": "5%" })), true),
        (put(json!({ "rule": "percent", "variant": "on" })), false),
        (put(allow(json!({ "tenant": "a" }))), true),
        (put(allow(json!({ "tenant": "a", "user": "b" }))), false),
        (put(allow(json!({}))), false),
    ] {
        assert_eq!(schema.is_valid(&body), fits, "the document on {body}");
        let status = change(&world, "refunds", body.clone()).await.status;
        assert_eq!(status != 400, fits, "{body} is answered {status}");
    }
}

/// Evaluating, listing and exporting all flags costs as much as the files say: it runs behind whoever changes
/// something.
#[tokio::test]
async fn what_reads_all_flags_runs_apart() {
    let world = World::open().await;
    let readers = serve(&world);
    for (path, body) in [
        ("/v1/flags", None),
        ("/v1/flag-files", None),
        ("/v1/flag-evaluations", Some(json!({}))),
        ("/v1/explain", Some(json!({ "workload": "agent" }))),
    ] {
        readers.lock().unwrap().clear();
        let reply = match body {
            None => world.get(path).await,
            Some(body) => world.post(path, body).await,
        };
        reply.ok();
        assert_eq!(*readers.lock().unwrap(), ["heavy"], "{path}");
    }
}
