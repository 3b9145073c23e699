//! SDKs that are too heavy for the test run: `cargo xtask wire --only frameworks` installs them and sets
//! `FRAMEWORKS_PYTHON`.

use crate::harness::tools::{Mock, fixture, to_the_end};
use crate::harness::{Setup, Stagegate, Workload, eventually_async, free_address, request_with};
use crate::real_clients::same_usage;
use serde_json::Value;
use std::path::PathBuf;
use std::process::Command;

/// Conversations of each row of the matrix.
const TRIES: &str = "20";

fn python() -> PathBuf {
    std::env::var_os("FRAMEWORKS_PYTHON").expect("FRAMEWORKS_PYTHON").into()
}

#[tokio::test]
#[ignore = "installs the SDKs of seven vendors: `cargo xtask wire --only frameworks`"]
async fn every_id_is_found_again_by_every_sdk_at_half_weight() {
    let python = python();
    let backend = || Mock::script_of(&python, "stateful_server.py", &[]);
    let (stable, candidate) = (backend().await, backend().await);
    let workload = Workload::at(stable.address)
        .release("v2", candidate.address)
        .with("candidate", "v2")
        .with("weight", "50%")
        .with("sticky", "conversation")
        .with("identity", "{ conversation: [learned] }");
    let stagegate = Stagegate::start(&Setup::of(workload)).await;
    let mut command = Command::new(&python);
    command.args(["-W", "ignore"]).arg(fixture("sdk_matrix.py"));
    command.arg(format!("http://{}", stagegate.proxy)).arg(TRIES);
    let printed = to_the_end("sdk_matrix.py", command).await;
    println!("{printed}");
    assert!(printed.contains("2 backends, 0 lost"), "{printed}");
}

#[tokio::test]
#[ignore = "installs boto3: `cargo xtask wire --only frameworks`"]
async fn the_recorded_usage_is_what_every_sdk_shows() {
    let python = python();
    let server = Mock::script_of(&python, "usage_server.py", &[]).await;
    let stagegate = Stagegate::start(&Setup::of(Workload::at(server.address))).await;
    let mut command = Command::new(&python);
    command.args(["-W", "ignore"]).arg(fixture("sdk_usage.py"));
    command.arg(format!("http://{}", stagegate.proxy)).arg("bedrock");
    let printed = to_the_end("sdk_usage.py", command).await;
    println!("{printed}");
    assert_eq!(same_usage(&stagegate, &printed).await, 10, "{printed}");
}

#[tokio::test]
#[ignore = "installs LangGraph: `cargo xtask wire --only frameworks`"]
async fn an_instrumented_langgraph_agent_shows_its_stages() {
    let (python, otlp) = (python(), free_address());
    let endpoint = format!("http://{otlp}");
    let agent = Mock::script_of(&python, "langgraph_agent.py", &[&endpoint]).await;
    let section = format!("{{ listen: \"{otlp}\", wait: 2s }}");
    let setup = Setup::of(Workload::at(agent.address)).with("otlp", &section);
    let stagegate = Stagegate::start(&setup).await;
    let mut wire = stagegate.connect().await;
    for _ in 0..3 {
        assert_eq!(wire.ask(&request_with("POST /run", &[], "{}")).await.status(), 200);
    }
    let of = async || {
        let status = stagegate.admin.get("/v1/status").await.ok().json;
        status["workloads"][0]["stable"]["stages"].clone()
    };
    eventually_async("the stages", async || of().await["requests"] == 3).await;
    let of = of().await;
    println!("{of:#}");
    assert_eq!(of["exact"], true, "{of:#}");
    let figure = |stage: &str, key: &str| {
        let all = of["stages"].as_array().expect("a list");
        let one = all.iter().find(|it| it["stage"] == stage);
        one.unwrap_or_else(|| panic!("no {stage} in {of:#}"))[key].as_u64()
    };
    for (stage, calls) in [
        ("llm", 6),
        ("tool:search", 3),
        ("retriever:Docs", 3),
        ("task:plan", 3),
        ("task:tools", 3),
        ("task:answer", 3),
    ] {
        assert_eq!(figure(stage, "calls"), Some(calls), "{stage}");
    }
    assert_eq!(
        (figure("llm", "input_tokens"), figure("task:plan", "input_tokens")),
        (Some(600), Some(300))
    );
    let cost = |stage: &Value| stage["cost_usd"].as_f64().is_some_and(|usd| usd > 0.0);
    let llm = of["stages"].as_array().expect("a list").iter().find(|it| it["stage"] == "llm");
    assert!(llm.is_some_and(cost), "{of:#}");
}
