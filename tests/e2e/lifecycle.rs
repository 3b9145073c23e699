//! Start, stop and reload: nothing is lost that could be finished, nothing bad is taken over.

use crate::harness::stagegate::BINARY;
use crate::harness::{
    Backend, Chunk, End, Setup, Stagegate, Workload, eventually, eventually_async, request,
};
use rustix::process::Signal;
use serde_json::json;
use std::process::Command;
use std::sync::Arc;
use tokio::sync::Semaphore;

/// A backend that streams, and ends when the test says so.
fn held(finish: &Arc<Semaphore>) -> Backend {
    let finish = Arc::clone(finish);
    Backend::with("stable", async move |exchange| {
        exchange.body().await;
        exchange.begin_chunked("200 OK", &[]).await;
        exchange.chunk(b"begun").await;
        finish.acquire().await.expect("open").forget();
        exchange.chunk(b"finished").await;
        exchange.end_chunked(&[]).await;
    })
}

#[tokio::test]
async fn a_stop_lets_running_answers_finish() {
    let finish = Arc::new(Semaphore::new(0));
    let backend = held(&finish);
    let workload = Workload::new(&backend).with("match", "[{ host: agents.test }]");
    let stagegate = Stagegate::start(&Setup::of(workload).with("drain_timeout", "60s")).await;
    let mut wire = stagegate.connect().await;
    wire.send(request("GET /", &[])).await;
    assert_eq!(wire.head().await.status(), 200);
    let Chunk::Data(_) = wire.chunk().await else { panic!("no chunk") };

    // Served once, so that a worker certainly holds it.
    let mut idle = stagegate.connect().await;
    let elsewhere = request("GET /", &[]).replace("agents.test", "elsewhere.test");
    assert_eq!(idle.ask(&elsewhere).await.status(), 404);

    stagegate.signal(Signal::TERM);
    assert_eq!(idle.ended().await, (End::Closed, Vec::new()), "an idle connection is closed");
    eventually_async("new connections to be refused", async || {
        tokio::net::TcpStream::connect(stagegate.proxy).await.is_err()
    })
    .await;
    assert_eq!(stagegate.exited(), None, "it waits for the running answer");
    finish.add_permits(1);
    let Chunk::Data(rest) = wire.chunk().await else { panic!("cut short") };
    assert_eq!(rest, b"finished");
    assert!(matches!(wire.chunk().await, Chunk::Last(_)));
    assert_eq!(wire.ended().await.0, End::Closed);
    assert_eq!(stagegate.ended().await.code(), Some(0));
}

#[tokio::test]
async fn a_stop_in_the_middle_of_the_start_is_a_stop() {
    let backend = Backend::start("stable");
    let stagegate = Stagegate::start(&Setup::of(Workload::new(&backend))).await;
    stagegate.kill_hard();
    let serves = || stagegate.log().matches("proxying address").count() == 2;
    stagegate.start_again(&[]);
    // The proxy answers, and the admin API does not yet.
    eventually("the proxy", serves).await;
    stagegate.signal(Signal::TERM);
    assert_eq!(stagegate.ended().await.code(), Some(0));
}

#[tokio::test]
async fn a_stop_waits_no_longer_than_configured() {
    let finish = Arc::new(Semaphore::new(0));
    let backend = held(&finish);
    let setup = Setup::of(Workload::new(&backend)).with("drain_timeout", "300ms");
    let stagegate = Stagegate::start(&setup).await;
    let mut wire = stagegate.connect().await;
    wire.send(request("GET /", &[])).await;
    wire.head().await;
    stagegate.signal(Signal::TERM);
    assert_eq!(stagegate.ended().await.code(), Some(0));
    loop {
        match wire.chunk().await {
            Chunk::Data(_) => {}
            Chunk::Last(_) => panic!("an answer that was cut looks complete"),
            Chunk::Cut(_) => break,
        }
    }
}

#[tokio::test]
async fn an_idle_process_stops_at_once_and_remembers() {
    let (stable, candidate) = (Backend::start("stable"), Backend::start("candidate"));
    let setup = Setup::of(Workload::canary(&stable, &candidate)).with("drain_timeout", "60s");
    let stagegate = Stagegate::start(&setup).await;
    let epoch = stagegate.admin.weight("37.5%").await.epoch();
    let _idle = stagegate.connect().await;
    stagegate.signal(Signal::INT);
    assert_eq!(stagegate.ended().await.code(), Some(0));
    stagegate.restart().await;
    let workload = stagegate.admin.workload().await;
    assert_eq!(workload["weight"], "37.5%");
    assert!(stagegate.admin.get("/v1/status").await.json["epoch"].as_u64() >= Some(epoch));
}

/// Changes the file so that another backend is stable, by the way `take_over` makes it known.
async fn reload_story(take_over: impl AsyncFn(&Stagegate)) {
    let (old, new) = (Backend::start("old"), Backend::start("new"));
    let stagegate = Stagegate::start(&Setup::of(Workload::new(&old))).await;
    assert_eq!(stagegate.get("/", &[]).await.arm(), "old");

    // A bad file is refused whole: even its good parts are not taken over.
    let mut bad = Setup::of(Workload::new(&new));
    bad.workload().set("sticky", "sometimes");
    stagegate.rewrite(&bad);
    take_over(&stagegate).await;
    let status = async || stagegate.admin.get("/v1/status").await.ok().json;
    eventually_async("the refusal to be visible", async || {
        status().await["reload"]["ok"] == json!(false)
    })
    .await;
    let problems = status().await["reload"]["problems"].to_string();
    assert!(problems.contains("sticky") && problems.contains("sometimes"), "{problems}");
    assert_eq!(stagegate.admin.metric("stagegate_config_reload_success", &[]).await, 0.0);
    assert_eq!(stagegate.get("/", &[]).await.arm(), "old", "the last good configuration stays");

    let mut good = Setup::of(Workload::new(&old).release("v2", new.address));
    good.workload().set("stable", "v2");
    stagegate.rewrite(&good);
    take_over(&stagegate).await;
    eventually_async("the new configuration", async || {
        stagegate.get("/", &[]).await.arm() == "new"
    })
    .await;
    eventually_async("the success to be visible", async || {
        status().await["reload"]["ok"] == json!(true)
    })
    .await;
    assert_eq!(stagegate.admin.metric("stagegate_config_reload_success", &[]).await, 1.0);
}

#[tokio::test]
async fn a_signal_reloads_the_configuration() {
    reload_story(async |stagegate| stagegate.signal(Signal::HUP)).await;
}

#[tokio::test]
async fn a_changed_file_is_noticed() {
    reload_story(async |_| {}).await;
}

#[tokio::test]
async fn the_api_reloads_the_configuration() {
    reload_story(async |stagegate| {
        let answer = stagegate.admin.post("/v1/reload", json!({})).await;
        assert!(
            matches!(answer.status, 200 | 400 | 409 | 422),
            "{} {}",
            answer.status,
            answer.json
        );
    })
    .await;
}

#[tokio::test]
async fn a_reload_does_not_disturb_running_answers_or_runtime_state() {
    let finish = Arc::new(Semaphore::new(0));
    let stable = held(&finish);
    let candidate = Backend::start("candidate");
    let setup = Setup::of(Workload::canary(&stable, &candidate));
    let stagegate = Stagegate::start(&setup).await;
    let mut wire = stagegate.connect().await;
    wire.send(request("GET /", &[])).await;
    wire.head().await;
    stagegate.admin.weight("100%").await;
    let mut changed = setup.clone();
    changed.workload().set("timeouts", "{ first_byte: 50s }");
    stagegate.rewrite(&changed);
    stagegate.admin.post("/v1/reload", json!({})).await.ok();
    assert_eq!(stagegate.get("/", &[]).await.arm(), "candidate", "the weight is runtime state");
    finish.add_permits(1);
    let mut text = Vec::new();
    while let Chunk::Data(data) = wire.chunk().await {
        text.extend(data);
    }
    assert_eq!(text, b"begunfinished");
}

#[tokio::test]
async fn a_reload_takes_over_what_holds_for_all_workloads() {
    let backend = Backend::start("stable");
    let setup = Setup::of(Workload::new(&backend));
    let stagegate = Stagegate::start(&setup).await;
    let long = "x".repeat(9000);
    let forwarded = [("x-forwarded-for", "192.0.2.7"), ("x-long", long.as_str())];
    assert_eq!(stagegate.get("/", &forwarded).await.status(), 200);
    assert_eq!(backend.last().head.all("x-forwarded-for"), ["127.0.0.1"]);

    let limits = "{ header_bytes: 8KiB }";
    let changed = setup.with("limits", limits).with("trusted_proxies", "[127.0.0.0/8]");
    stagegate.rewrite(&changed);
    stagegate.admin.post("/v1/reload", json!({})).await.ok();
    assert_eq!(stagegate.get("/", &forwarded).await.status(), 431);
    assert_eq!(stagegate.get("/", &forwarded[..1]).await.status(), 200);
    assert_eq!(backend.last().head.all("x-forwarded-for"), ["192.0.2.7, 127.0.0.1"]);
}

#[tokio::test]
async fn a_configuration_with_problems_is_refused_at_the_start() {
    let backend = Backend::start("stable");
    let mut setup = Setup::of(Workload::new(&backend));
    setup.workload().set("stable", "v7").set("stikcy", "user");
    let stagegate = Stagegate::launch(&setup);
    assert_eq!(stagegate.ended().await.code(), Some(1));
    let log = stagegate.log();
    assert!(log.contains("v7") && log.contains("stikcy"), "all problems at once: {log}");

    let check =
        Command::new(BINARY).arg("check").arg(stagegate.config_path()).output().expect("run");
    assert_eq!(check.status.code(), Some(1));
    let told = String::from_utf8_lossy(&check.stderr).into_owned()
        + &String::from_utf8_lossy(&check.stdout);
    assert!(told.contains("workloads.agent.stable") && told.contains("stikcy"), "{told}");
    let good = Stagegate::start(&Setup::of(Workload::new(&backend))).await;
    let check = Command::new(BINARY).arg("check").arg(good.config_path()).output().expect("run");
    assert_eq!(check.status.code(), Some(0), "{}", String::from_utf8_lossy(&check.stderr));
}

#[tokio::test]
async fn two_processes_do_not_share_a_data_directory() {
    let backend = Backend::start("stable");
    let first = Stagegate::start(&Setup::of(Workload::new(&backend))).await;
    let own = first.config_path().with_file_name("data").display().to_string();
    let second = Stagegate::launch_in(&Setup::of(Workload::new(&backend)), &own);
    let status = second.ended().await;
    assert!(!status.success(), "{}", second.log());
    assert_eq!(first.get("/", &[]).await.status(), 200, "the first goes on");
}

#[tokio::test]
async fn readiness_follows_the_plan_and_liveness_the_process() {
    let backend = Backend::start("stable");
    let stagegate = Stagegate::start(&Setup::of(Workload::new(&backend))).await;
    for path in ["/livez", "/readyz"] {
        assert_eq!(stagegate.admin.get(path).await.status, 200, "{path}");
    }
    let metrics = stagegate.admin.get("/metrics").await.ok().response.text();
    assert!(metrics.contains("stagegate_build_info"), "{metrics}");
    stagegate.get("/", &[]).await;
    eventually_async("the request to be counted", async || {
        stagegate
            .admin
            .metric("stagegate_requests_total", &["arm=\"stable\"", "outcome=\"ok\""])
            .await
            == 1.0
    })
    .await;
    eventually("no error in the log", || !stagegate.log().contains("ERROR")).await;
}

#[tokio::test]
async fn connections_are_spread_evenly_over_the_workers() {
    let backend = Backend::start("stable");
    let setup = Setup::of(Workload::new(&backend)).with("workers", "4");
    let stagegate = Stagegate::start(&setup).await;
    let mut wires = Vec::new();
    for _ in 0..40 {
        let mut wire = stagegate.connect().await;
        assert_eq!(wire.ask(&request("GET /", &[])).await.status(), 200);
        wires.push(wire);
    }
    eventually_async("every worker to report its tenth", async || {
        let status = stagegate.admin.get("/v1/status").await.ok().json;
        let workers = status["workers"].as_array().expect("workers").clone();
        workers.len() == 4 && workers.iter().all(|worker| worker["connections"] == 10)
    })
    .await;
}
