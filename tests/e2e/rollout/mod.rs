//! Gated rollouts as their users live them: the real binary, fake agents that can be steered, users
//! who ask all the time, and a webhook that hears what is told. Policies are compressed to seconds.

mod aa;
pub(crate) mod agent;
mod crashes;
mod deploy_tools;
mod external;
mod flags;
mod hard;
pub(crate) mod hook;
mod pictures;
mod replayed;
mod stories;
mod traffic;

use crate::harness::admin::Answer;
use crate::harness::{Setup, Stagegate, Workload, eventually_async};
use agent::Agent;
use hook::Hook;
use serde_json::{Value, json};
use std::time::Duration;
use traffic::Traffic;

/// Steps of seconds and gates with wide margins: what is tested is that the parts work together,
/// not the statistics.
const FAST: &str = "{ fast: { \
    steps: [ { weight: 1%, hold: 1s, requests: 60 }, { weight: 10%, hold: 1s, requests: 100 }, \
             { weight: 50%, hold: 1s, requests: 200 }, { weight: 100%, watch: 2s } ], \
    gates: [ \
        { axis: latency, measure: p95, max: 250ms, for: 1s, requests: 10, owner: oncall }, \
        { axis: cost, measure: usd_per_request, against: stable, ratio: 1.5, for: 1s, requests: 10, owner: finance }, \
        { axis: error, class: permanent, against: stable, margin: 20pp, for: 1s, requests: 10, owner: oncall }, \
        { axis: error, class: external, max: 30%, for: 1s, requests: 10, owner: oncall } ], \
    on_no_data: { alert_after: 3s } } }";

/// A workload with two agents, users and somebody to tell.
pub(crate) struct World {
    stable: Agent,
    pub(crate) candidate: Agent,
    hook: Hook,
    pub(crate) stagegate: Stagegate,
    traffic: Traffic,
}

impl World {
    async fn open() -> Self {
        Self::with(FAST, Duration::MAX).await
    }

    /// With other policies, and users who wait no longer than `patience`.
    async fn with(policies: &str, patience: Duration) -> Self {
        Self::under(policies, patience, "[]", (None, &[])).await
    }

    /// The same with sources for external gates.
    async fn asking(policies: &str, patience: Duration, sources: &str) -> Self {
        Self::under(policies, patience, sources, (None, &[])).await
    }

    /// The usual one, with this data directory and environment.
    pub(crate) async fn at(data: Option<String>, environment: &[(String, String)]) -> Self {
        Self::under(FAST, Duration::MAX, "[]", (data, environment)).await
    }

    /// The same, and every look is kept for replays.
    async fn recorded(policies: &str) -> Self {
        let kept = Some("{ ticks: true }");
        Self::set_up(policies, Duration::MAX, ("[]", kept), (None, &[])).await
    }

    async fn under(
        policies: &str,
        patience: Duration,
        sources: &str,
        process: (Option<String>, &[(String, String)]),
    ) -> Self {
        Self::set_up(policies, patience, (sources, None), process).await
    }

    async fn set_up(
        policies: &str,
        patience: Duration,
        (sources, measurements): (&str, Option<&str>),
        (data, environment): (Option<String>, &[(String, String)]),
    ) -> Self {
        let (stable, candidate, hook) =
            (Agent::start("stable"), Agent::start("candidate"), Hook::start());
        let workload = Workload::new(&stable.backend)
            .release("v2", candidate.backend.address)
            .with(
                "health",
                "{ http: /healthz, every: 250ms, timeout: 200ms, healthy: 1, unhealthy: 2 }",
            )
            .with("exclusions", "{ high_value: [initech] }")
            .with("policy", "fast");
        let notify =
            format!("[{{ name: hook, type: webhook, url: \"http://{}/\" }}]", hook.backend.address);
        let setup = Setup::of(workload).with("policies", policies).with("notify", &notify);
        let setup = setup.with("metric_sources", sources);
        let setup = match measurements {
            Some(kept) => setup.with("measurements", kept),
            None => setup,
        };
        let stagegate = Stagegate::start_in(&setup, data, environment).await;
        let traffic = Traffic::of(stagegate.proxy, patience);
        Self { stable, candidate, hook, stagegate, traffic }
    }

    /// Begins a rollout of `v2`, with the drill that it asks for. After a gate's rollback that needs
    /// an override.
    pub(crate) async fn begin(&self) {
        let admin = &self.stagegate.admin;
        admin.change("POST drill", json!({})).await;
        let condemned = admin.workload().await["condemned"].clone();
        let keeps_out = |it: &Value| it["release"] == "v2" && it["let_in"].is_null();
        if !condemned.as_array().is_some_and(|all| all.iter().any(keeps_out)) {
            admin.change("POST rollouts", json!({ "to": "v2" })).await;
            return;
        }
        for (line, body) in
            [("POST rollouts", json!({ "to": "v2" })), ("PUT weight", json!({ "weight": "100%" }))]
        {
            let refused = self.ask(line, body).await;
            assert_eq!(refused.status, 409, "{}", refused.json);
            let detail = refused.json["detail"].as_str().expect("a detail");
            assert!(detail.contains("rolled back by stagegate"), "{detail}");
        }
        let insist = json!({ "to": "v2", "override": true, "reason": "mended" });
        admin.change("POST rollouts", insist).await;
        let status = self.stagegate.cli(&["status", "-w", "agent", "--color", "never"]);
        let status = String::from_utf8_lossy(&status.stdout).into_owned();
        assert!(status.contains("let it in again"), "{status}");
    }

    async fn ask(&self, line: &str, body: Value) -> Answer {
        let (method, rest) = line.split_once(' ').expect("a method and a path");
        let line = format!("{method} /v1/workloads/agent/{rest}");
        self.stagegate.admin.call(&line, &[], Some(&body)).await
    }

    /// The rollout under way, or the last one that ended.
    pub(crate) async fn rollout(&self) -> Value {
        self.stagegate.admin.get("/v1/workloads/agent/rollouts/current").await.ok().json
    }

    /// Waits until the rollout is in this phase.
    pub(crate) async fn phase(&self, phase: &str) -> Value {
        self.until(&format!("phase {phase}"), |rollout| rollout["phase"] == phase).await
    }

    /// Waits until the rollout is as wanted.
    async fn until(&self, what: &str, wanted: impl Fn(&Value) -> bool) -> Value {
        eventually_async(what, async || wanted(&self.rollout().await)).await;
        self.rollout().await
    }

    /// Waits until the gates pass, and promotes on exactly that evidence.
    async fn promote(&self) {
        let before = self.rollout().await["step"].clone();
        eventually_async(&format!("a pass and a promotion from step {before}"), async || {
            let rollout = self.rollout().await;
            assert_eq!(rollout["active"], true, "ended instead: {rollout}");
            let Some(id) = rollout["analysis"]["id"].as_str() else { return false };
            if rollout["analysis"]["verdict"] != "pass" {
                return false;
            }
            let answer = self.ask("POST rollouts/current/promote", json!({ "expect": id })).await;
            assert!(matches!(answer.status, 200 | 409), "{}", answer.json);
            answer.status == 200
        })
        .await;
    }

    /// Goes on to this step, counted from one.
    pub(crate) async fn climb(&self, step: usize) {
        for _ in 1..step {
            self.promote().await;
        }
        let rollout = self.rollout().await;
        assert_eq!(rollout["step"], step, "{rollout}");
    }

    /// Requests of users that were answered, and that the proxy or stable failed.
    pub(crate) fn asked(&self) -> (u64, u64) {
        let (stable, proxy) = self.traffic.failures();
        (self.traffic.answered(), stable + proxy)
    }

    /// Waits until stagegate has rolled back by itself, and checks who, why and what was told.
    async fn rolled_back_on(&self, axis: &str) {
        let rollout = self.phase("rolled_back").await;
        assert_eq!(rollout["since"]["by"], "stagegate", "{rollout}");
        let reason = rollout["since"]["reason"].as_str().expect("a reason");
        assert!(reason.starts_with(&format!("{axis} axis")), "{reason}");
        assert_eq!(rollout["weight"], "0%");
        let id = rollout["id"].clone();
        crate::harness::eventually(&format!("a notice of the {axis} axis"), || {
            let told = self.hook.of_kind("rolled_back");
            told.iter().any(|notice| notice["rollout"] == id && notice["axis"] == axis)
        })
        .await;
        let analysis =
            rollout["history"].as_array().expect("a history").last().expect("a turn")["analysis"]
                .as_str()
                .expect("an analysis")
                .to_owned();
        let path = format!("/v1/workloads/agent/analyses/{analysis}");
        let kept = self.stagegate.admin.get(&path).await.ok().json;
        assert_eq!((&kept["verdict"], &kept["decisive"]), (&json!("fail"), &json!(true)), "{kept}");
        let audit = self.stagegate.admin.get("/v1/audit?actor=stagegate&limit=1").await.ok().json;
        let entry = &audit["entries"][0];
        assert_eq!(
            (&entry["action"], &entry["details"]["axis"]),
            (&json!("rollback"), &json!(axis))
        );
    }
}
