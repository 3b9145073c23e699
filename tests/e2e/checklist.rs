//! A checklist as its users live it: refused, signed, waived, started, killed, and still there. And a
//! rollback by somebody who only reads the runbook.

use crate::harness::stagegate::BINARY;
use crate::harness::{Backend, Setup, Stagegate, Workload};
use serde_json::Value;
use std::process::Command;

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
