//! Releases registered while the program runs are like those of the file.

use crate::harness::backend::plain;
use crate::harness::{Backend, Setup, Stagegate, Workload, eventually, eventually_async};
use serde_json::{Value, json};

/// A backend that is healthy.
fn well(name: &str) -> Backend {
    Backend::with(name, async move |exchange| {
        if exchange.request.target() == "/healthz" {
            return exchange.reply("200 OK", &[], b"").await;
        }
        plain(exchange).await;
    })
}

const HTTP: &str = "{ http: /healthz, every: 50ms, healthy: 1, unhealthy: 1 }";

/// What the command line prints; it must succeed.
fn stagegate(stagegate: &Stagegate, words: &[&str]) -> String {
    let output = stagegate.cli(words);
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(output.status.success(), "{words:?}: {}", String::from_utf8_lossy(&output.stderr));
    said
}

fn checks(backend: &Backend) -> usize {
    backend.seen().iter().filter(|seen| seen.head.target() == "/healthz").count()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_release_added_at_run_time_is_checked_survives_and_serves() {
    let (stable, new) = (well("stable"), well("new"));
    let workload = Workload::new(&stable).with("health", HTTP);
    let proxy = Stagegate::start(&Setup::of(workload.clone())).await;
    let url = format!("http://{}", new.address);
    let said = stagegate(
        &proxy,
        &[
            "release",
            "add",
            "agent",
            "v9",
            "--endpoint",
            &url,
            "--model",
            "m-9",
            "--git",
            "agent@v9",
            "--notes",
            "calmer",
            "--reason",
            "next week",
        ],
    );
    assert!(said.contains("release v9 added: model m-9"), "{said}");
    eventually("health checks of the new release", || checks(&new) > 1).await;
    assert_eq!(proxy.get("/", &[]).await.arm(), "stable", "nobody is sent there");

    proxy.kill_hard();
    let before = checks(&new);
    proxy.restart().await;
    eventually("health checks after the crash", || checks(&new) > before).await;
    let list = stagegate(&proxy, &["release", "ls", "agent"]);
    assert!(list.starts_with("stable v1: no `artifact` in the configuration, "), "{list}");
    assert!(list.contains("at run time"), "{list}");
    let diff = stagegate(&proxy, &["release", "diff", "agent", "v1", "v9"]);
    assert!(diff.contains("model") && diff.contains("agent@v9"), "{diff}");

    // The file takes it up as its candidate: the same pins, so the same release.
    let text = std::fs::read_to_string(proxy.config_path()).expect("the configuration");
    let line = format!(
        "      v9: {{ endpoints: [\"{url}\"], artifact: {{ model: m-9, git: agent@v9 }} }}\n"
    );
    let text =
        text.replace("    releases:\n", &format!("    releases:\n{line}")) + "    candidate: v9\n";
    proxy.write_config(&text);
    proxy.admin.post("/v1/reload", json!({})).await.ok();
    proxy.admin.weight("100%").await;
    let arm = async || proxy.get("/", &[("x-user-id", "ada")]).await.arm().to_owned();
    eventually_async("the new release to serve", async || arm().await == "new").await;
    let status = stagegate(&proxy, &["status"]);
    let running = "candidate v9: model m-9, git agent@v9, 1/1 endpoints healthy";
    assert!(status.contains(running), "{status}");
    let release: Value = proxy.admin.get("/v1/workloads/agent/releases/v9").await.ok().json;
    assert_eq!((&release["used"], &release["run_time"]), (&json!(true), &json!(true)));
    let gone = proxy.admin.call("DELETE /v1/workloads/agent/releases/v9", &[], None).await;
    assert_eq!(gone.status, 409, "{}", gone.json);
}

#[tokio::test]
async fn a_removed_release_is_no_longer_checked() {
    let (stable, new) = (well("stable"), well("new"));
    let workload = Workload::new(&stable).with("health", HTTP);
    let proxy = Stagegate::start(&Setup::of(workload)).await;
    let add = json!({ "name": "v9", "endpoints": [format!("http://{}", new.address)] });
    proxy.admin.post("/v1/workloads/agent/releases", add).await.ok();
    eventually("health checks of the new release", || checks(&new) > 1).await;
    proxy.admin.call("DELETE /v1/workloads/agent/releases/v9", &[], None).await.ok();
    // Every round that the stable release is checked in would have a check of the other as well. A
    // worker that was idle may hold the plan before for a moment, and its checks with it.
    eventually_async("five rounds without a check of it", async || {
        let (so_far, rounds) = (checks(&new), checks(&stable));
        eventually("five rounds of checks", || checks(&stable) > rounds + 5).await;
        checks(&new) == so_far
    })
    .await;
}
