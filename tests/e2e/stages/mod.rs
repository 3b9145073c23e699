//! Stages from the traces of agents: real exporters, and what is refused.

mod exporters;
mod raw;

use crate::harness::{Stagegate, Workload, eventually_async};
use serde_json::Value;
use std::net::SocketAddr;

/// The section `otlp` at an address, with further keys.
fn section(listen: SocketAddr, more: &str) -> String {
    format!("{{ listen: \"{listen}\", wait: 2s, {more} }}")
}

/// The stages of the stable arm, once so many requests were awaited.
async fn stages(stagegate: &Stagegate, requests: u64) -> Value {
    let of = async || {
        let status = stagegate.admin.get("/v1/status").await.ok().json;
        status["workloads"][0]["stable"]["stages"].clone()
    };
    eventually_async("the requests' stages", async || {
        of().await["requests"].as_u64().is_some_and(|known| known >= requests)
    })
    .await;
    of().await
}

/// One stage by its name.
fn stage<'a>(of: &'a Value, name: &str) -> &'a Value {
    let stages = of["stages"].as_array().expect("a list");
    stages.iter().find(|it| it["stage"] == name).unwrap_or_else(|| panic!("no {name} in {of:#}"))
}

/// A workload at an agent.
fn workload(agent: SocketAddr) -> Workload {
    Workload::at(agent)
}
