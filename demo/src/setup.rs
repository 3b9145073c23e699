//! The demo's directory, ports and configuration file.

use crate::agent::Profile;
use anyhow::Context;
use stagegate_rollout::Arm;
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::time::Duration;
use tempfile::TempDir;

/// The demo's one workload.
pub const WORKLOAD: &str = "support-agent";
/// Tenants of the demo's clients, all about equally busy.
pub const TENANTS: [&str; 8] =
    ["acme", "globex", "initech", "umbrella", "hooli", "stark", "wayne", "tyrell"];
/// The tenant in an exclusion group: never on the candidate until opted in.
pub(crate) const EXCLUDED_TENANT: &str = "initech";
/// Names the tenant of a request.
pub(crate) const TENANT_HEADER: &str = "x-tenant-id";
/// Names the user of a request.
pub(crate) const USER_HEADER: &str = "x-user-id";
/// Names the conversation of a request.
pub(crate) const CONVERSATION_HEADER: &str = "x-session-id";

const STABLE: &str = "v1";
pub(crate) const CANDIDATE: &str = "v2";

/// The behaviour of the two agents: the candidate has another model and is a little slower and
/// dearer.
pub(crate) fn profile(arm: Arm, seed: u64) -> Profile {
    let (name, model, latency_ms, error_rate, cost_usd) = match arm {
        Arm::Stable => (STABLE, "demo-large-1", 12, 0.003, 0.000_21),
        Arm::Candidate => (CANDIDATE, "demo-large-2", 17, 0.006, 0.000_24),
    };
    Profile {
        name: name.to_owned(),
        model: model.to_owned(),
        latency: Duration::from_millis(latency_ms),
        error_rate,
        cost_usd,
        seed: seed.wrapping_add(arm.index() as u64),
    }
}

/// The arm whose agent has this name.
pub(crate) fn arm_of(agent: &str) -> Option<Arm> {
    match agent {
        STABLE => Some(Arm::Stable),
        CANDIDATE => Some(Arm::Candidate),
        _ => None,
    }
}

/// The demo's directory: given and kept, or temporary and removed at the end.
#[derive(Debug)]
pub(crate) struct Home {
    path: PathBuf,
    /// Removes the directory when dropped.
    temporary: Option<TempDir>,
}

impl Home {
    /// Makes the directory.
    pub(crate) fn open(given: Option<&Path>) -> anyhow::Result<Self> {
        if let Some(path) = given {
            std::fs::create_dir_all(path)
                .with_context(|| format!("cannot make the directory {}", path.display()))?;
            return Ok(Self { path: std::path::absolute(path)?, temporary: None });
        }
        let temporary = tempfile::Builder::new()
            .prefix("stagegate-demo-")
            .tempdir()
            .context("cannot make a temporary directory")?;
        Ok(Self { path: temporary.path().to_owned(), temporary: Some(temporary) })
    }

    /// Returns true if the directory stays when the demo ends.
    pub(crate) const fn is_kept(&self) -> bool {
        self.temporary.is_none()
    }

    /// The configuration file.
    pub(crate) fn config_file(&self) -> PathBuf {
        self.path.join("stagegate.yaml")
    }

    /// Writes the configuration file.
    pub(crate) fn write_config(&self, places: &Places) -> anyhow::Result<()> {
        let file = self.config_file();
        std::fs::write(&file, config_text(places))
            .with_context(|| format!("cannot write {}", file.display()))
    }
}

/// The addresses of all listeners.
#[derive(Clone, Copy, Debug)]
pub struct Places {
    /// The proxy.
    pub proxy: SocketAddr,
    /// The admin API.
    pub admin: SocketAddr,
    /// The stable agent.
    pub stable: SocketAddr,
    /// The candidate agent.
    pub candidate: SocketAddr,
}

/// The wanted port of this machine if it is free, else one the system chooses.
pub(crate) fn free_port(wanted: u16) -> anyhow::Result<SocketAddr> {
    let bind = |port| TcpListener::bind((Ipv4Addr::LOCALHOST, port));
    let listener = bind(wanted).or_else(|_| bind(0)).context("no free port on this machine")?;
    Ok(listener.local_addr()?)
}

/// The configuration: small, and with every kind of rule to play with.
#[must_use]
pub fn config_text(places: &Places) -> String {
    let Places { proxy, admin, stable, candidate } = places;
    format!(
        r#"# Written by `stagegate demo`, anew at every start. Change it while the demo runs, then `stagegate reload`.
listeners:
  - address: {proxy}
admin:
  address: {admin}
data_dir: data

# A rollout in minutes instead of days: `stagegate rollout start` goes by it.
policies:
  demo:
    steps:
      - {{ weight: 10%, hold: 20s, requests: 300 }}
      - {{ weight: 50%, hold: 20s, requests: 600 }}
      - {{ weight: 100%, watch: 60s }}
    gates:
      - {{ axis: latency, measure: p99, max: 500ms, for: 10s, owner: oncall }}
      - {{ axis: cost, measure: usd_per_request, against: stable, ratio: 1.5, for: 10s, owner: finance }}
      - {{ axis: error, class: permanent, against: stable, margin: 3pp, for: 10s, owner: oncall }}
      - {{ axis: error, class: transient, max: 5%, for: 10s, owner: oncall }}

workloads:
  {WORKLOAD}:
    match: [{{ path_prefix: / }}]
    identity:
      from: anyone
      tenant: [{{ header: {TENANT_HEADER} }}]
      user: [{{ header: {USER_HEADER} }}]
      conversation: [{{ header: {CONVERSATION_HEADER} }}, {{ body: /previous_response_id }}, learned]
    releases:
      {STABLE}: {{ endpoints: ["http://{stable}"], artifact: {{ model: demo-large-1, prompt: p-118, tools: t-31, git: support-agent@{STABLE} }} }}
      {CANDIDATE}: {{ endpoints: ["http://{candidate}"], artifact: {{ model: demo-large-2, prompt: p-119, tools: t-31, git: support-agent@{CANDIDATE} }} }}
    stable: {STABLE}
    candidate: {CANDIDATE}
    policy: demo
    sticky: conversation
    cohorts:
      - {{ name: pilots, tenants: [acme, globex] }}
      - {{ name: mid-market, tenants: [umbrella, hooli] }}
    exclusions: {{ high_value: [{EXCLUDED_TENANT}] }}
    health: {{ http: /healthz, every: 1s, healthy: 1, unhealthy: 3 }}
    force: {{ secret: "{FORCE_SECRET}" }}
"#
    )
}

/// Signs force headers in the demo; a real one comes from the environment.
pub(crate) const FORCE_SECRET: &str = "demo-force-secret-1";

#[cfg(test)]
mod tests {
    use super::{EXCLUDED_TENANT, TENANTS, free_port};

    #[test]
    fn the_excluded_tenant_is_one_of_the_tenants() {
        assert!(TENANTS.contains(&EXCLUDED_TENANT));
    }

    #[test]
    fn a_taken_port_is_not_asked_for_twice() {
        let taken = std::net::TcpListener::bind("127.0.0.1:0").expect("a free port");
        let port = taken.local_addr().expect("bound").port();
        assert_ne!(free_port(port).expect("another").port(), port);
    }
}
