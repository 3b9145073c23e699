//! A checklist as its users live it: refused, signed, waived, started, killed, and still there. And a
//! rollback by somebody who only reads the runbook.

use crate::harness::stagegate::BINARY;
use crate::harness::{Backend, Exchange, Setup, Stagegate, Workload};
use serde_json::Value;
use std::process::Command;
use std::sync::{Arc, Mutex};

/// A workload whose policy asks for every check.
fn setup(stable: &Backend, candidate: &Backend) -> Setup {
    let workload = Workload::new(stable)
        .release("v2", candidate.address)
        .with("exclusions", "{ high_value: [initech] }");
    Setup::of(workload).with("policies", "{ default: { readiness: { demand: required } } }")
}

/// What the command line prints, and its exit code.
fn run(proxy: &Stagegate, words: &[&str]) -> (String, i32) {
    let output = proxy.cli(words);
    let said = [output.stdout, output.stderr].concat();
    (String::from_utf8_lossy(&said).into_owned(), output.status.code().unwrap_or(-1))
}

fn json(proxy: &Stagegate, words: &[&str]) -> Value {
    let (said, code) = run(proxy, &[words, &["-o", "json"]].concat());
    assert_eq!(code, 0, "{words:?}: {said}");
    serde_json::from_str(&said).unwrap_or_else(|error| panic!("{error}: {said}"))
}

/// Ids of the checks that stand in the way.
fn open(proxy: &Stagegate) -> Vec<String> {
    let list = json(proxy, &["checklist", "show", "agent"]);
    let checks = list["checks"].as_array().expect("checks").iter();
    let open = checks.filter(|it| it["standing"] != "yes" && it["standing"] != "waived");
    open.map(|it| it["id"].as_str().expect("an id").to_owned()).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_rollout_waits_for_its_checklist_which_survives_a_crash() {
    let (stable, candidate) = (Backend::start("stable"), Backend::start("candidate"));
    let proxy = Stagegate::start(&setup(&stable, &candidate)).await;
    let (said, code) = run(&proxy, &["checklist", "show", "agent", "--check"]);
    assert!(code == 1 && said.contains("C11: `stagegate drill agent`"), "{said}");
    let start = ["rollout", "start", "agent", "--to", "v2"];
    let (said, code) = run(&proxy, &start);
    assert!(code == 1 && said.contains("check C11 (owner oncall)"), "{said}");
    let (said, code) = run(&proxy, &[&start[..], &["--dry-run"]].concat());
    assert!(code == 1 && said.contains("check C11 (owner oncall)"), "{said}");

    // Each check is met as its remedy says, or waived by name.
    let (said, code) = run(&proxy, &["drill", "agent"]);
    assert_eq!(code, 0, "{said}");
    let (said, code) =
        run(&proxy, &["checklist", "sign", "agent", "F28", "--reason", "no visible change"]);
    assert!(code == 0 && said.contains("check F28 of v2: sign"), "{said}");
    let file = proxy.config_path();
    let attach = ["checklist", "attach", "agent", "A3", "--file", file.to_str().expect("a path")];
    let (said, code) = run(&proxy, &[&attach[..], &["--dry-run"]].concat());
    assert!(code == 0 && said.contains("nothing was sent"), "{said}");
    assert!(open(&proxy).contains(&"A3".to_owned()));
    let (said, code) = run(&proxy, &attach);
    assert_eq!(code, 0, "{said}");
    let left = open(&proxy);
    for met in ["C11", "F28", "A3"] {
        assert!(!left.contains(&met.to_owned()), "{met} is open: {left:?}");
    }
    for check in &left {
        let waive = ["checklist", "waive", "agent", check, "--reason", "a test", "--expires", "1h"];
        let (said, code) = run(&proxy, &waive);
        assert_eq!(code, 0, "{said}");
    }
    proxy.kill_hard();
    proxy.restart().await;
    assert!(open(&proxy).is_empty(), "what was signed and waived is there after the crash");
    let (said, code) = run(&proxy, &start);
    assert_eq!(code, 0, "{said}");

    let said = json(&proxy, &["checklist", "history", "agent"]);
    let count = said["statements"].as_array().expect("statements").len();
    assert_eq!(count, left.len() + 2);
    let report = json(&proxy, &["report", "agent"]);
    let waived: Vec<&str> =
        report["waived"].as_array().expect("a list").iter().filter_map(Value::as_str).collect();
    for check in &left {
        let line = format!("check {check}: ");
        assert!(waived.iter().any(|it| it.starts_with(&line)), "{check} is not in {waived:#?}");
    }
    let (said, code) = run(&proxy, &["audit", "verify"]);
    assert!(code == 0 && said.starts_with("audit is whole"), "{said}");
}

#[tokio::test(flavor = "multi_thread")]
async fn who_only_reads_the_rollback_runbook_rolls_back() {
    let (stable, candidate) = (Backend::start("stable"), Backend::start("candidate"));
    let proxy = Stagegate::start(&setup(&stable, &candidate)).await;
    let start = ["rollout", "start", "agent", "--to", "v2", "--override", "--reason", "a test"];
    let (said, code) = run(&proxy, &start);
    assert_eq!(code, 0, "{said}");
    let (said, code) = run(&proxy, &["weight", "agent", "100%", "--override", "--reason", "test"]);
    assert_eq!(code, 0, "{said}");
    assert_eq!(proxy.get("/", &[("x-user-id", "ada")]).await.arm(), "candidate");
    let (page, code) = run(&proxy, &["runbook", "rollback", "agent"]);
    assert_eq!(code, 0, "{page}");

    // The reader has a shell, `stagegate` in its path, and the page.
    let dir = tempfile::tempdir().expect("a directory");
    std::os::unix::fs::symlink(BINARY, dir.path().join("stagegate")).expect("a link");
    let commands: Vec<&str> = page.lines().filter_map(|it| it.strip_prefix("    ")).collect();
    assert!(commands.len() >= 4, "{page}");
    let path = format!("{}:{}", dir.path().display(), std::env::var("PATH").unwrap_or_default());
    let shell = Command::new("sh")
        .args(["-e", "-c", &commands.join("\n")])
        .env("PATH", path)
        .env_remove("STAGEGATE_ADMIN")
        .current_dir(dir.path())
        .output()
        .expect("a shell");
    let said = String::from_utf8_lossy(&[shell.stdout, shell.stderr].concat()).into_owned();
    assert!(shell.status.success(), "{said}");
    assert!(said.contains("audit is whole"), "{said}");
    assert_eq!(proxy.get("/", &[("x-user-id", "ada")]).await.arm(), "stable");
    let workload = proxy.admin.workload().await;
    assert_eq!(workload["weight"], "0%", "{workload}");
    let by = workload["rollout"]["since"]["reason"].as_str().unwrap_or_default();
    assert_eq!(by, "rolled back by the runbook");
    // A report with an override says so.
    let report = json(&proxy, &["report", "agent"]);
    let waived = report["waived"].to_string();
    assert!(waived.contains("check C11 (owner oncall)") && waived.contains("a test"), "{waived}");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_runbook_does_its_tasks_once_over_crashes_and_waits_for_people() {
    let (stable, candidate) = (Backend::start("stable"), Backend::start("candidate"));
    let policies = "{ default: { drill_within: off, \
        steps: [ { weight: 100%, watch: 1h } ], \
        gates: [ { axis: error, class: permanent, max: 20%, for: 1s, requests: 10 } ], \
        readiness: { runbook_hour: 1s } } }";
    let workload = Workload::new(&stable)
        .release("v2", candidate.address)
        .with("exclusions", "{ high_value: [initech] }");
    let proxy = Stagegate::start(&Setup::of(workload).with("policies", policies)).await;
    let (said, code) = run(&proxy, &["runbook", "show", "agent"]);
    assert!(code == 1 && said.contains("begin when a rollout reaches 100%"), "{said}");
    let (said, code) = run(&proxy, &["rollout", "start", "agent", "--to", "v2"]);
    assert_eq!(code, 0, "{said}");
    // Hours of a second: 72 of them would be over in a minute. A crash in between loses nothing.
    let filed = |proxy: &Stagegate| {
        let runbook = json(proxy, &["runbook", "show", "agent"]);
        let tasks = runbook["tasks"].as_array().expect("tasks").clone();
        tasks.iter().filter(|it| it["done"]["by"] == "stagegate").count()
    };
    crate::harness::eventually("the tasks of the first hours", || filed(&proxy) >= 3).await;
    proxy.kill_hard();
    proxy.restart().await;
    crate::harness::eventually("the tasks of hour 4", || filed(&proxy) >= 5).await;
    let (said, code) =
        run(&proxy, &["runbook", "done", "agent", "told-0h", "--text", "told in the channel"]);
    assert!(code == 0 && said.contains("task told-0h, done"), "{said}");
    let (said, code) = run(&proxy, &["runbook", "assign", "agent", "tenants-4h", "--text", "bea"]);
    assert_eq!(code, 0, "{said}");
    let (said, code) = run(&proxy, &["runbook", "done", "agent", "nothing", "--text", "x"]);
    assert!(code == 1 && said.contains("there is no task `nothing`"), "{said}");
    let (said, code) = run(&proxy, &["runbook", "show", "agent"]);
    assert!(code == 0 && said.contains("told in the") && said.contains("bea"), "{said}");
    // Each was filed once.
    let audit = proxy.admin.get("/v1/audit?actor=stagegate&limit=200").await.ok().json;
    let summaries: Vec<String> = audit["entries"]
        .as_array()
        .expect("entries")
        .iter()
        .filter(|it| it["action"] == "runbook")
        .map(|it| it["summary"].as_str().expect("a summary").to_owned())
        .collect();
    let about = |task: &str| {
        let start = format!("task {task} of");
        summaries.iter().filter(|it| it.starts_with(&start) && !it.ends_with("overdue")).count()
    };
    for task in ["armed-0h", "errors-1h", "tail-1h", "errors-4h", "spend-4h"] {
        assert_eq!(about(task), 1, "{task}: {summaries:#?}");
    }
}

/// An instance with this environment.
fn in_environment(stable: &Backend, candidate: &Backend, environment: &str) -> Setup {
    let pins = "artifact: { model: m-2, prompt: p-2 }";
    let workload = Workload::new(stable).release("v2", candidate.address).pinned("v2", pins);
    Setup::of(workload).with("environment", environment)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_passport_of_staging_is_admitted_in_production() {
    let (stable, candidate) = (Backend::start("stable"), Backend::start("candidate"));
    let dir = tempfile::tempdir().expect("a directory");
    let path = |name: &str| dir.path().join(name).to_str().expect("a path").to_owned();
    let (key, file) = (path("staging.key"), path("v2.json"));
    let plain = Stagegate::start(&Setup::of(Workload::new(&stable))).await;
    let made = json(&plain, &["key", "new", "--out", &key]);
    let public = made["public"].as_str().expect("a key").to_owned();
    let there = format!("{{ name: staging, key: \"{key}\" }}");
    let staging = Stagegate::start(&in_environment(&stable, &candidate, &there)).await;
    let trusting = format!("{{ name: production, trusted: {{ staging: [\"{public}\"] }} }}");
    let production = Stagegate::start(&in_environment(&stable, &candidate, &trusting)).await;
    let export = ["passport", "export", "agent", "--release", "v2", "--out", &file];
    let (said, code) = run(&staging, &export);
    assert!(code == 0 && said.contains("v2 of agent from staging"), "{said}");
    let (said, code) = run(&plain, &["passport", "verify", "--file", &file, "--key", &public]);
    assert!(code == 0 && said.contains("holds"), "{said}");
    let (said, code) = run(&production, &["passport", "diff", "agent", "--file", &file]);
    assert!(code == 0 && said.contains("the same pins"), "{said}");
    let admit = ["passport", "admit", "agent", "--file", &file];
    let (said, code) = run(&production, &[&admit[..], &["--dry-run"]].concat());
    assert!(code == 0 && said.contains("nothing was recorded"), "{said}");
    let (said, code) = run(&production, &admit);
    assert!(code == 0 && said.contains("admitted"), "{said}");
    production.kill_hard();
    production.restart().await;
    let (said, code) = run(&production, &["passport", "show", "agent", "--release", "v2"]);
    assert!(code == 0 && said.contains("admitted"), "{said}");
    // Nobody changes a byte unseen.
    let text = std::fs::read_to_string(&file).expect("the passport");
    std::fs::write(&file, text.replace("m-2", "m-3")).expect("written");
    let (said, code) = run(&production, &admit);
    assert!(code == 1 && said.contains("the passport was changed"), "{said}");
    let (said, code) = run(&plain, &["passport", "verify", "--file", &file]);
    assert!(code == 1 && said.contains("DOES NOT HOLD"), "{said}");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_incident_is_exercised_told_and_acknowledged() {
    let (stable, candidate) = (Backend::start("stable"), Backend::start("candidate"));
    let hook = Backend::start("hook");
    let notify = format!("[{{ name: hook, type: webhook, url: \"http://{}/\" }}]", hook.address);
    let proxy = Stagegate::start(&setup(&stable, &candidate).with("notify", &notify)).await;
    let (said, code) = run(&proxy, &["drill", "agent", "--incident"]);
    assert!(code == 0 && said.contains("waits for the acknowledgement"), "{said}");
    assert!(!hook.seen().is_empty(), "the alert was delivered");
    assert!(open(&proxy).contains(&"F27".to_owned()));
    let (said, code) = run(&proxy, &["drill", "agent", "--acknowledge"]);
    assert!(code == 0 && said.contains("acknowledged by a person"), "{said}");
    assert!(!open(&proxy).contains(&"F27".to_owned()));
    let (said, code) = run(&proxy, &["drill", "agent", "--capacity"]);
    assert!(code == 0 && said.contains("probe v1"), "{said}");
}

/// Ids of the parts of the hand-off that are missing.
fn missing(proxy: &Stagegate) -> Vec<String> {
    let pack = json(proxy, &["handoff", "show", "agent"]);
    let parts = pack["parts"].as_array().expect("parts").iter();
    let missing = parts.filter(|it| it["is_there"] == false);
    missing.map(|it| it["id"].as_str().expect("an id").to_owned()).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_release_is_handed_over_when_every_part_is_there() {
    let (stable, candidate) = (Backend::start("stable"), Backend::start("candidate"));
    let notices = Arc::<Mutex<Vec<Value>>>::default();
    let kept = Arc::clone(&notices);
    let hook = Backend::with("hook", async move |exchange: &mut Exchange| {
        let body = exchange.body().await;
        kept.lock().expect("notices").push(serde_json::from_slice(&body.bytes).expect("JSON"));
        exchange.reply("204 No Content", &[], b"").await;
    });
    let notify = format!("[{{ name: hook, type: webhook, url: \"http://{}/\" }}]", hook.address);
    let policies = "{ default: { drill_within: off, \
        steps: [ { weight: 100%, watch: 1h } ], \
        gates: [ { axis: error, class: permanent, max: 20%, for: 1s, requests: 10 } ], \
        readiness: { runbook_hour: 50ms, drop: { F29: nothing costs here } } } }";
    let workload = Workload::new(&stable)
        .release("v2", candidate.address)
        .with("exclusions", "{ high_value: [initech] }");
    let setup = Setup::of(workload).with("policies", policies).with("notify", &notify);
    let setup = setup.with_admin("public_url", "\"https://ops.example.com\"");
    let proxy = Stagegate::start(&setup).await;
    let (said, code) = run(&proxy, &["handoff", "show", "agent"]);
    assert!(code == 1 && said.contains("begin when a rollout reaches 100%"), "{said}");
    let (said, code) = run(&proxy, &["notify", "test", "hook"]);
    assert_eq!(code, 0, "{said}");
    // The test is remembered: B10 holds after a crash too.
    assert!(!open(&proxy).contains(&"B10".to_owned()));
    proxy.kill_hard();
    proxy.restart().await;
    assert!(!open(&proxy).contains(&"B10".to_owned()));
    let start = ["rollout", "start", "agent", "--to", "v2", "--ticket", "AG-118"];
    let (said, code) = run(&proxy, &start);
    assert_eq!(code, 0, "{said}");
    let (said, code) = run(&proxy, &["rollout", "status", "agent"]);
    assert!(code == 0 && said.contains("ticket AG-118"), "{said}");

    let automatic = |proxy: &Stagegate| {
        let runbook = json(proxy, &["runbook", "show", "agent"]);
        runbook["tasks"].as_array().expect("tasks").clone()
    };
    crate::harness::eventually("the automatic tasks", || {
        automatic(&proxy).iter().all(|it| it["kind"] != "automatic" || it["done"].is_object())
    })
    .await;
    let (said, code) = run(&proxy, &["handoff", "complete", "agent"]);
    assert!(code == 1 && said.contains("owners") && said.contains("is not complete"), "{said}");
    for task in automatic(&proxy).iter().filter(|it| it["state"] != "done") {
        let id = task["id"].as_str().expect("an id");
        let (said, code) = run(&proxy, &["runbook", "done", "agent", id, "--text", "looked at"]);
        assert_eq!(code, 0, "{said}");
    }
    for words in [
        &["drill", "agent"][..],
        &["drill", "agent", "--incident"],
        &["drill", "agent", "--acknowledge"],
        &["checklist", "sign", "agent", "C15", "--reason", "read"],
        &["handoff", "tell", "agent", "owners", "--text", "ann, bea"],
        &["handoff", "tell", "agent", "issues", "--text", "slow refunds; bea; 2026-12-20"],
        &["handoff", "tell", "agent", "thresholds", "--text", "nothing was changed"],
    ] {
        let (said, code) = run(&proxy, words);
        assert_eq!(code, 0, "{words:?}: {said}");
    }
    let (said, code) =
        run(&proxy, &["handoff", "tell", "agent", "retrospective", "--text", "soon"]);
    assert!(code == 1 && said.contains("a day, like"), "{said}");
    assert_eq!(missing(&proxy), ["retrospective"]);
    let tell = ["handoff", "tell", "agent", "retrospective", "--text", "2026-12-18"];
    assert_eq!(run(&proxy, &tell).1, 0);
    let (said, code) = run(&proxy, &["handoff", "complete", "agent"]);
    assert!(code == 0 && said.contains("the hand-off is complete"), "{said}");
    let (said, code) = run(&proxy, &["handoff", "complete", "agent"]);
    assert_eq!(code, 1, "once: {said}");
    proxy.kill_hard();
    proxy.restart().await;
    let pack = json(&proxy, &["handoff", "show", "agent"]);
    assert_eq!((&pack["state"], &pack["ticket"]), (&"complete".into(), &"AG-118".into()));
    let (page, code) = run(&proxy, &["handoff", "show", "agent", "--format", "html"]);
    for wanted in
        ["ann, bea", "slow refunds", "STAGEGATE_ADMIN", "AG-118", "Over time", "Handed over by"]
    {
        assert!(code == 0 && page.contains(wanted), "{wanted} is missing in {page}");
    }
    let told = |kind: &str| {
        let notices = notices.lock().expect("notices");
        notices.iter().find(|it| it["kind"] == kind).cloned()
    };
    for kind in ["started", "handed_off"] {
        crate::harness::eventually("the announcement", || told(kind).is_some()).await;
        let notice = told(kind).expect("a notice");
        assert_eq!(notice["link"], "https://ops.example.com/w/agent", "{notice}");
        assert!(notice["facts"].to_string().contains("AG-118"), "{notice}");
    }
    let (said, code) = run(&proxy, &["audit", "verify"]);
    assert!(code == 0 && said.starts_with("audit is whole"), "{said}");
}
