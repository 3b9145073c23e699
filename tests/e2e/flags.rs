//! Feature flags, asked for by the OpenFeature SDKs themselves.

use crate::harness::tools::{fixture, in_browser, node, script, to_the_end};
use crate::harness::{
    Admin, Backend, Exchange, Setup, Stagegate, Wire, Workload, eventually, eventually_async,
    free_address, request,
};
use serde_json::{Value, json};
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::Command;
use std::sync::{Arc, Mutex};

/// SHA-256 of `a key of the tests`.
const HASH: &str = "sha256:773a4fa29b88e3f28dc7eaa78f758da4c2d2dafd157a4faaca8a58a9c888edc1";

struct Flags {
    stagegate: Stagegate,
    address: SocketAddr,
    file: PathBuf,
    _dir: tempfile::TempDir,
    backend: Backend,
}

const FILE: &str = r#"{"flags": {
  "new-prompt": {
    "state": "ENABLED", "variants": {"on": true, "off": false}, "defaultVariant": "off",
    "targeting": {"if": [{"==": [{"var": "tenant"}, "acme"]}, "on"]},
    "metadata": {"owner": "ann"}
  },
  "steps": {"state": "ENABLED", "variants": {"few": 3, "many": 5}, "defaultVariant": "few"},
  "model": {"state": "ENABLED", "variants": {"m": {"name": "m-6", "temperature": 0.5}}, "defaultVariant": "m"},
  "switched-off": {"state": "DISABLED", "variants": {"a": "x"}, "defaultVariant": "a"}
}}"#;

impl Flags {
    async fn start(more: &str) -> Self {
        Self::start_with(more, |workload| workload).await
    }

    async fn start_with(more: &str, change: impl FnOnce(Workload) -> Workload) -> Self {
        let backend = Backend::start("stable");
        let dir = tempfile::tempdir().expect("a directory");
        let file = dir.path().join("flags.json");
        std::fs::write(&file, FILE).expect("written");
        let address = free_address();
        let flags = format!("{{ listen: \"{address}\", files: [\"{}\"]{more} }}", file.display());
        let setup = Setup::of(change(Workload::new(&backend))).with("flags", &flags);
        let stagegate = Stagegate::start(&setup).await;
        Self { stagegate, address, file, _dir: dir, backend }
    }

    fn url(&self) -> String {
        format!("http://{}", self.address)
    }
}

#[tokio::test]
async fn the_python_provider_sees_a_change() {
    let flags = Flags::start("").await;
    let file = flags.file.display().to_string();
    let printed = script("flags_client.py", &[&flags.url(), &file]).await;
    assert_eq!(printed.matches("ok ").count(), 2);
    let metrics = flags.stagegate.admin.get("/metrics").await.ok().response.text();
    let counted = r#"stagegate_flag_evaluations_total{flag="new-prompt",variant="on",reason="TARGETING_MATCH"} 2"#;
    assert!(metrics.contains(counted), "{metrics}");
    assert!(metrics.contains("stagegate_flag_files_good 1"));
}

#[tokio::test]
async fn the_javascript_providers_see_a_change_and_the_web_provider_by_an_event() {
    let clients = format!(", clients: [{{ name: tests, hash: \"{HASH}\" }}]");
    let flags = Flags::start(&clients).await;
    let mut command = Command::new("node");
    command.arg(fixture("flags_client.mjs")).arg(node()).arg(flags.url());
    command.arg(&flags.file).arg("a key of the tests");
    let printed = to_the_end("flags_client.mjs", command).await;
    assert_eq!(printed.matches("ok ").count(), 3);
}

#[tokio::test]
async fn the_web_provider_sees_a_change_in_a_browser_by_an_event() {
    let origin = &*format!("http://{}", free_address());
    let more = format!(", clients: [{{ name: tests, hash: \"{HASH}\" }}], origins: [\"{origin}\"]");
    let flags = Flags::start(&more).await;
    let admin = format!("http://{}", flags.stagegate.admin.address);
    let home = node().display().to_string();
    let arguments = [&*home, &flags.url(), origin, &admin, "a key of the tests"];
    if let Some(printed) = in_browser("flags_page.mjs", &arguments).await {
        assert_eq!(printed.matches("ok ").count(), 3, "{printed}");
    }
}

#[tokio::test]
async fn the_providers_of_flagd_see_a_change_in_both_modes() {
    let grpc = free_address();
    let flags = Flags::start(&format!(", grpc: \"{grpc}\"")).await;
    let admin = format!("http://{}", flags.stagegate.admin.address);
    let (host, port) = (grpc.ip().to_string(), grpc.port().to_string());
    let printed = script("flagd_client.py", &[&host, &port, &admin]).await;
    assert_eq!(printed.matches("ok ").count(), 3);
    let mut command = Command::new("node");
    command.arg(fixture("flagd_client.mjs")).arg(node()).arg(&host).arg(&port).arg(&admin);
    let printed = to_the_end("flagd_client.mjs", command).await;
    assert_eq!(printed.matches("ok ").count(), 3);
    let metrics = flags.stagegate.admin.get("/metrics").await.ok().response.text();
    let counted = r#"stagegate_flag_evaluations_total{flag="model",variant="m",reason="STATIC"}"#;
    assert!(metrics.contains(counted), "{metrics}");
}

/// A flag for a context, asked over OFREP.
async fn asked(flags: &Flags, key: &str, context: &Value) -> Value {
    let line = format!("POST /ofrep/v1/evaluate/flags/{key}");
    Admin::new(flags.address).call(&line, &[], Some(&json!({ "context": context }))).await.json
}

fn ran(flags: &Flags, arguments: &[&str]) -> String {
    let output = flags.stagegate.cli(arguments);
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(
        output.status.success(),
        "{arguments:?}: {said}{}",
        String::from_utf8_lossy(&output.stderr)
    );
    said
}

#[tokio::test]
async fn the_admin_api_speaks_ofrep_too() {
    let flags = Flags::start("").await;
    let admin = &flags.stagegate.admin;
    let context = json!({ "context": { "targetingKey": "ann", "tenant": "acme" } });
    let line = "POST /ofrep/v1/evaluate/flags/new-prompt";
    let answer = admin.call(line, &[], Some(&context)).await.ok().json;
    assert_eq!((&answer["value"], &answer["reason"]), (&json!(true), &json!("TARGETING_MATCH")));
    let missing = admin.call("POST /ofrep/v1/evaluate/flags/no", &[], Some(&context)).await;
    assert_eq!((missing.status, &missing.json["errorCode"]), (404, &json!("FLAG_NOT_FOUND")));
    let all = admin.call("POST /ofrep/v1/evaluate/flags", &[], Some(&context)).await.ok();
    let tag = all.response.head.get("etag").expect("a tag").to_owned();
    assert!(all.json["flags"].as_array().is_some_and(|flags| flags.len() == 4));
    let again = [("if-none-match", tag.as_str())];
    let again = admin.call("POST /ofrep/v1/evaluate/flags", &again, Some(&context)).await;
    assert_eq!(again.status, 304);
}

/// The incident: a risky step of one workload is off for one tenant, by one command. Then it is on
/// again, and the record is whole.
#[tokio::test]
async fn one_command_switches_a_step_off_for_one_tenant_and_a_crash_keeps_it() {
    let flags = Flags::start("").await;
    let acme = json!({ "targetingKey": "ann", "tenant": "acme", "workload": "agent" });
    let globex = json!({ "targetingKey": "bob", "tenant": "globex", "workload": "agent" });
    assert_eq!(asked(&flags, "new-prompt", &acme).await["value"], true);
    let said = ran(
        &flags,
        &["flag", "deny", "new-prompt", "tenant", "acme", "-w", "agent", "--reason", "escalation"],
    );
    assert!(said.contains("new-prompt: deny tenant acme in workload agent: `off`"), "{said}");
    assert!(said.contains("workers and the server of flags followed within"), "{said}");
    assert!(
        said.contains("tenant acme in workload agent: on (targeting) -> off (denied)"),
        "{said}"
    );
    // The answer of the command is the promise: the very next evaluation is by the new flags.
    let denied = asked(&flags, "new-prompt", &acme).await;
    assert_eq!(denied["value"], false);
    assert_eq!(denied["metadata"]["stagegate.rule"], "denied");
    assert_eq!(asked(&flags, "new-prompt", &globex).await["value"], false);

    flags.stagegate.kill_hard();
    flags.stagegate.restart().await;
    assert_eq!(asked(&flags, "new-prompt", &acme).await["value"], false);
    // The file changes, and run time goes on coming first and says so.
    std::fs::write(&flags.file, FILE.replace("\"ann\"", "\"bob\"")).expect("written");
    eventually("a remark about file and run time", || {
        flags.stagegate.log().contains("the file has changed this flag")
    })
    .await;
    assert_eq!(asked(&flags, "new-prompt", &acme).await["value"], false);

    let exported = flags.file.with_file_name("exported.json");
    ran(&flags, &["flag", "export", "--out", &exported.display().to_string()]);
    let file = exported.display().to_string();
    ran(&flags, &["flag", "lint", &file, "--strict"]);
    let test = ["flag", "test", "new-prompt", "--tenant", "acme", "-w", "agent", "-o", "json"];
    let by_file: Vec<&str> = test.iter().copied().chain(["--file", &file]).collect();
    assert!(ran(&flags, &by_file).contains("\"variant\": \"off\""));
    assert!(ran(&flags, &test).contains("\"decided_by\": \"denied\""));
    assert!(ran(&flags, &["flag", "diff"]).contains("+ "));

    let said = ran(&flags, &["undo", "--yes"]);
    assert!(said.contains("flag rm new-prompt"), "{said}");
    assert_eq!(asked(&flags, "new-prompt", &acme).await["value"], true);
    let history = ran(&flags, &["flag", "history", "new-prompt"]);
    assert!(
        history.contains("escalation") && history.contains("undo of audit record"),
        "{history}"
    );
    assert!(ran(&flags, &["audit", "verify"]).contains("audit is whole"));
}

/// Sends a request through the proxy; gives its id and what the backend saw of the flags.
async fn through(flags: &Flags, tenant: &str) -> (String, String) {
    let mut wire = Wire::connect(flags.stagegate.proxy).await;
    let response = wire.ask(&request("GET /", &[("x-tenant-id", tenant)])).await;
    let field = flags.backend.last().head.get("stagegate-flags").unwrap_or_default().to_owned();
    (response.head.get("x-request-id").unwrap_or_default().to_owned(), field)
}

#[tokio::test]
async fn forwarded_flags_reach_the_backend_and_the_record_says_so() {
    let flags =
        Flags::start_with("", |workload| workload.with("forward_flags", "[new-prompt]")).await;
    let (_, field) = through(&flags, "acme").await;
    assert_eq!(field, "new-prompt=on;by=targeting");
    ran(&flags, &["flag", "deny", "new-prompt", "tenant", "acme", "--reason", "escalation"]);
    let (id, field) = through(&flags, "acme").await;
    assert_eq!(field, "new-prompt=off;by=denied", "from the answer of the command on");
    eventually("the record of the request", || {
        flags.stagegate.cli(&["explain", &id]).status.success()
    })
    .await;
    let said = ran(&flags, &["explain", &id]);
    assert!(said.contains("new-prompt = off (denied)"), "{said}");
    let said = ran(&flags, &["decisions", "ls", "--flag", "new-prompt=off"]);
    assert!(said.contains(&id) && said.lines().count() == 2, "{said}");
    let said = ran(&flags, &["explain", "-w", "agent", "--tenant", "acme"]);
    assert!(said.contains("new-prompt = off (denied)"), "{said}");
    ran(&flags, &["undo", "--yes"]);
    let (_, field) = through(&flags, "acme").await;
    assert_eq!(field, "new-prompt=on;by=targeting");
    let counted = r#"stagegate_flag_evaluations_total{flag="new-prompt",variant="off",reason="TARGETING_MATCH"} 1"#;
    eventually_async("the counts", async || {
        let metrics = flags.stagegate.admin.get("/metrics").await.ok().response.text();
        metrics.contains(counted)
    })
    .await;
    assert!(ran(&flags, &["audit", "verify"]).contains("audit is whole"));
}

/// As [`through`], in a stage.
async fn in_stage(flags: &Flags, tenant: &str, stage: &str) -> (String, String) {
    let mut wire = Wire::connect(flags.stagegate.proxy).await;
    let fields = [("x-tenant-id", tenant), ("stagegate-stage", stage)];
    let response = wire.ask(&request("GET /", &fields)).await;
    let field = flags.backend.last().head.get("stagegate-flags").unwrap_or_default().to_owned();
    (response.head.get("x-request-id").unwrap_or_default().to_owned(), field)
}

#[tokio::test]
async fn a_risky_stage_of_one_workflow_is_off_for_one_tenant_and_on_again() {
    let flags =
        Flags::start_with("", |workload| workload.with("forward_flags", "[new-prompt]")).await;
    let on = "new-prompt=on;by=targeting";
    assert_eq!(in_stage(&flags, "acme", "refund").await.1, on);
    ran(
        &flags,
        &[
            "flag",
            "deny",
            "new-prompt",
            "tenant",
            "acme",
            "-w",
            "agent",
            "--stage",
            "refund",
            "--reason",
            "incident 7",
        ],
    );
    let (id, field) = in_stage(&flags, "acme", "refund").await;
    assert_eq!(field, "new-prompt=off;by=denied", "from the answer of the command on");
    assert_eq!(in_stage(&flags, "acme", "plan").await.1, on, "other stages go on");
    eventually("the record of the request", || {
        flags.stagegate.cli(&["explain", &id]).status.success()
    })
    .await;
    let said = ran(&flags, &["explain", &id]);
    assert!(said.contains("new-prompt = off (denied)"), "{said}");
    ran(
        &flags,
        &["flag", "rm", "new-prompt", "tenant", "acme", "-w", "agent", "--stage", "refund"],
    );
    assert_eq!(in_stage(&flags, "acme", "refund").await.1, on, "and on again");
    let history = ran(&flags, &["flag", "history", "new-prompt"]);
    assert!(history.contains("incident 7") && history.contains("refund"), "{history}");
    assert!(ran(&flags, &["audit", "verify"]).contains("audit is whole"));
}

#[tokio::test]
async fn a_flag_that_is_past_its_day_and_gates_a_kill_switch_is_told() {
    let stable = Backend::start("stable");
    let told = Arc::<Mutex<Vec<Value>>>::default();
    let kept = Arc::clone(&told);
    let hook = Backend::with("hook", async move |exchange: &mut Exchange| {
        let body = exchange.body().await;
        kept.lock().expect("notices").push(serde_json::from_slice(&body.bytes).expect("JSON"));
        exchange.reply("204 No Content", &[], b"").await;
    });
    let dir = tempfile::tempdir().expect("a directory");
    let file = dir.path().join("flags.json");
    let dated = FILE.replace("\"ann\"", "\"ann\", \"expires\": \"2020-01-01\"");
    std::fs::write(&file, dated).expect("written");
    let flags = format!("{{ listen: \"{}\", files: [\"{}\"] }}", free_address(), file.display());
    let workload = Workload::new(&stable).with("kill_switch", "{ flag: new-prompt }");
    let notify = format!("[{{ name: hook, type: webhook, url: \"http://{}/\" }}]", hook.address);
    let setup = Setup::of(workload).with("flags", &flags).with("notify", &notify);
    let stagegate = Stagegate::start(&setup).await;
    eventually_async("the gauge", async || {
        let metrics = stagegate.admin.get("/metrics").await.ok().response.text();
        metrics.contains(r#"stagegate_flags_expired{risk="kill_switch"} 1"#)
            && metrics.contains(r#"stagegate_flags_expired{risk="stage"} 0"#)
    })
    .await;
    eventually("the notice", || !told.lock().expect("notices").is_empty()).await;
    let told = told.lock().expect("notices")[0].clone();
    assert_eq!((&told["kind"], &told["owner"]), (&json!("flag_expired"), &json!("ann")), "{told}");
    let line = stagegate.cli(&["explain", "-w", "agent", "--tenant", "globex"]);
    let said = String::from_utf8_lossy(&line.stdout).into_owned();
    assert!(said.contains("kill_switch") && said.contains("new-prompt"), "{said}");
}

#[tokio::test]
async fn a_bad_file_keeps_the_former_flags_and_says_why() {
    let flags = Flags::start("").await;
    std::fs::write(&flags.file, FILE.replace("DISABLED", "AWAY")).expect("written");
    eventually("the refusal in the log", || {
        flags.stagegate.log().contains("$.flags.switched-off.state")
    })
    .await;
    let metrics = flags.stagegate.admin.get("/metrics").await.ok().response.text();
    assert!(metrics.contains("stagegate_flag_files_good 0"), "{metrics}");
    let checked =
        flags.stagegate.cli(&["check", &flags.stagegate.config_path().display().to_string()]);
    assert_eq!(checked.status.code(), Some(1));
    let said = String::from_utf8_lossy(&checked.stdout).into_owned()
        + &String::from_utf8_lossy(&checked.stderr);
    assert!(said.contains("flags.json:9: $.flags.switched-off.state"), "{said}");
}

#[tokio::test]
async fn only_the_backend_of_a_request_writes_into_its_record_where_there_are_clients() {
    let more = format!(", clients: [{{ name: tests, hash: \"{HASH}\" }}]");
    let flags = Flags::start(&more).await;
    let response = flags.stagegate.get("/", &[("stagegate-request-proof", "00")]).await;
    let id = response.head.get("x-request-id").expect("an id").to_owned();
    assert_eq!(response.head.get("stagegate-request-proof"), None, "the client does not get it");
    let seen = flags.backend.last().head;
    let proof = seen.get("stagegate-request-proof").expect("a proof").to_owned();
    assert_eq!(proof.len(), 32);
    let asked = async |flag: &str, context: Value| {
        let line = format!("POST /ofrep/v1/evaluate/flags/{flag}");
        let key = [("x-api-key", "a key of the tests")];
        let body = json!({ "context": context });
        Admin::new(flags.address).call(&line, &key, Some(&body)).await.ok();
    };
    eventually("the record", || flags.stagegate.cli(&["explain", &id]).status.success()).await;
    asked("steps", json!({ "request_id": id })).await;
    asked("steps", json!({ "request_id": id, "request_proof": "0".repeat(32) })).await;
    asked("new-prompt", json!({ "request_id": id, "request_proof": proof })).await;
    let said = ran(&flags, &["explain", &id]);
    assert!(said.contains("new-prompt") && said.contains("asked by the agent"), "{said}");
    assert!(!said.contains("steps"), "{said}");
}
