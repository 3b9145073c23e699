//! What a deploy owner does in the first three days: answers scored now, yesterday's requests asked
//! again, and the report that is filed.

use crate::eval::{FAST, Users, agent, question, rollout, workload};
use crate::harness::{Setup, Stagegate, eventually_async};
use serde_json::{Value, json};
use std::process::Output;

fn text(output: &Output) -> String {
    format!(
        "{}{}",
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    )
}

const SCORERS: &str = "[{ name: in-json, type: is-json, gate: true }]";

#[tokio::test(flavor = "multi_thread")]
async fn answers_are_scored_now_and_a_wrong_candidate_is_told_from_chance() {
    let (stable, candidate) = (agent("stable", false), agent("candidate", true));
    let mut workload = workload(&stable, &candidate, SCORERS).with("candidate", "v2");
    workload.set("sampling", "{ stable: 0%, candidate: 0% }");
    let stagegate = Stagegate::start(&Setup::of(workload).with("policies", FAST)).await;
    stagegate.admin.change("PUT weight", json!({ "weight": "50%", "reason": "both" })).await;
    let _users = Users::start(&stagegate);
    let now = ["eval", "now", "agent", "--count", "60", "--timeout", "120s", "-o", "json"];
    let output = stagegate.cli(&now);
    assert_eq!(output.status.code(), Some(1), "{}", text(&output));
    let said: Value = serde_json::from_slice(&output.stdout).expect("JSON");
    assert_eq!(
        (&said["complete"], &said["worse_beyond_margin"]),
        (&json!(true), &json!(true)),
        "{said}"
    );
    assert_eq!(
        (&said["stable"]["passed"], &said["stable"]["failed"]),
        (&json!(60), &json!(0)),
        "{said}"
    );
    let samples = stagegate.admin.get("/v1/samples?limit=1000").await.ok().json;
    let samples = samples["samples"].as_array().expect("a list").clone();
    assert!(
        samples.len() >= 120 && samples.iter().all(|it| it["reason"] == "targeted"),
        "no gate counts them"
    );
    let counted = stagegate.admin.metric("stagegate_eval_accuracy_ratio", &[]).await;
    assert!(counted.abs() < 1e-9, "{counted}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_release_is_asked_again_and_the_runs_are_compared() {
    let (stable, candidate) = (agent("stable", false), agent("candidate", true));
    let workload = workload(&stable, &candidate, SCORERS);
    let stagegate = Stagegate::start(&Setup::of(workload).with("policies", FAST)).await;
    let mut wire = stagegate.connect().await;
    for n in 0..12 {
        let asked = if n % 3 == 0 {
            "a refund, please"
        } else {
            "my key is sk-abcdefghijklmnopqrstuvwx0123"
        };
        assert_eq!(wire.ask(&question(n, asked)).await.status(), 200);
    }
    eventually_async("twelve passes", async || {
        let samples = stagegate.admin.get("/v1/samples?limit=100").await.ok().json;
        let samples = samples["samples"].as_array().expect("a list").clone();
        samples.len() == 12 && samples.iter().all(|it| it["pass"] == true)
    })
    .await;
    let dir = tempfile::tempdir().expect("a directory");
    let path = |name: &str| dir.path().join(name).display().to_string();
    let exported = stagegate.cli(&["dataset", "export", "-w", "agent", "-n", "100"]);
    std::fs::write(path("set.jsonl"), &exported.stdout).expect("written");
    let config = stagegate.config_path().display().to_string();
    let rerun = |release: &str, out: &str| {
        stagegate.cli(&[
            "eval",
            "rerun",
            "agent",
            "--release",
            release,
            "--dataset",
            &path("set.jsonl"),
            "--out",
            out,
            "-c",
            &config,
            "--rate",
            "200",
            "--header",
            "authorization: Bearer ours",
        ])
    };
    let (base, cand) = (path("v1.jsonl"), path("v2.jsonl"));
    let output = rerun("v1", &base);
    assert_eq!(output.status.code(), Some(0), "{}", text(&output));
    assert!(text(&output).contains("8 of 12 inputs were redacted"), "{}", text(&output));
    let output = rerun("v2", &cand);
    assert!(text(&output).contains("8 passed, 4 failed, 0 without a verdict"), "{}", text(&output));
    let seen = candidate.last();
    let field = |name: &str| seen.head.get(name).map(str::to_owned);
    assert_eq!(field("stagegate-eval").as_deref(), Some("1"));
    assert_eq!(field("stagegate-shadow").as_deref(), Some("1"));
    assert_eq!(field("authorization").as_deref(), Some("Bearer ours"));
    let lines = std::fs::read_to_string(&cand).expect("written");
    assert_eq!(lines.matches("\"redacted_input\":true").count(), 8, "{lines}");
    let gate = stagegate.cli(&[
        "eval",
        "gate",
        "--baseline",
        &base,
        "--candidate",
        &cand,
        "--attach",
        "-w",
        "agent",
        "--release",
        "v2",
    ]);
    assert_eq!(gate.status.code(), Some(1), "{}", text(&gate));
    assert!(text(&gate).contains("fell: 12 of 12 passed before, 8 pass now"), "{}", text(&gate));
    let samples = stagegate.admin.get("/v1/samples?limit=100").await.ok().json;
    assert_eq!(
        samples["samples"].as_array().map(Vec::len),
        Some(12),
        "what is rerun is not sampled"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn the_report_of_a_rollout_says_what_was_done_and_what_is_not_known() {
    let (stable, candidate) = (agent("stable", false), agent("candidate", true));
    let setup = Setup::of(workload(&stable, &candidate, SCORERS)).with("policies", FAST);
    let stagegate = Stagegate::start(&setup).await;
    let _users = Users::start(&stagegate);
    stagegate.admin.change("POST rollouts", json!({ "to": "v2", "reason": "<b>new</b>" })).await;
    eventually_async("a rollback by itself", async || {
        rollout(&stagegate).await["phase"] == "rolled_back"
    })
    .await;
    let ended = rollout(&stagegate).await;
    let id = ended["id"].as_str().expect("an id");
    let output = stagegate.cli(&["report", "--rollout", id, "--until", "1h", "-o", "json"]);
    let report: Value = serde_json::from_slice(&output.stdout).expect("JSON");
    assert_eq!((&report["complete"], &report["span"]), (&json!(true), &json!("1h")), "{report}");
    assert_eq!(report["rollback"]["mark"]["by"], "stagegate", "{report}");
    let violated = report["rollback"]["violated"].to_string();
    assert!(violated.contains("eval/accuracy"), "{report}");
    assert_eq!(report["last_analysis"]["verdict"], "fail");
    assert_eq!(report["history"].as_array().map(Vec::len), Some(2));
    assert!(report["not_known"].to_string().contains("No offline eval report"), "{report}");
    let dir = tempfile::tempdir().expect("a directory");
    let file = dir.path().join("hour-1.html");
    let path = file.display().to_string();
    let output = stagegate.cli(&["report", "-w", "agent", "--format", "html", "--out", &path]);
    assert!(output.status.success(), "{}", text(&output));
    let page = std::fs::read_to_string(&file).expect("written");
    assert!(page.contains("<h2>Taken out</h2>") && !page.contains("<b>new</b>"), "{page}");
    let unknown = stagegate.cli(&["report", "--rollout", "agent~v9~7"]);
    assert!(
        unknown.status.code() == Some(1) && text(&unknown).contains("rollout history"),
        "{}",
        text(&unknown)
    );
    let wrong = stagegate.cli(&["report", "--rollout", id, "--until", "soon"]);
    assert!(text(&wrong).contains("`soon` is not a time"), "{}", text(&wrong));
}
