//! The examples that users copy from are read without problems, and say what they claim to say.

use serde_json::Value;
use stagegate_config::settings::{self, ClientAuth, Probe, Source};
use stagegate_config::{ChannelTarget, Config, Loaded};
use stagegate_rollout::{
    Amount, CohortName, Fallback, Limit, OfflineReport, Policy, Severity, Sticky, Weight,
};
use std::path::Path;
use std::time::Duration;

fn env(name: &str) -> Option<String> {
    match name {
        "DEPLOYER_TOKEN_HASH" | "STAGEGATE_TOKEN_HASH" => {
            Some(format!("sha256:{}", "ab".repeat(32)))
        }
        "READER_TOKEN_HASH" | "PROMETHEUS_TOKEN_HASH" | "WEB_KEY_HASH" | "OTLP_AGENTS_HASH" => {
            Some(format!("sha256:{}", "cd".repeat(32)))
        }
        "PAGERDUTY_KEY" => Some("R0UT1NG".to_owned()),
        "SLACK_URL" => Some("https://hooks.example.com/services/T0/B0/x".to_owned()),
        "OTLP_TOKEN" => Some("a-key-of-the-collector".to_owned()),
        "WEBHOOK_SECRET" => Some("a webhook secret of the tests".to_owned()),
        "SCORER_SECRET" | "JUDGE_KEY" => Some("a secret of the scorers".to_owned()),
        "OIDC_CLIENT_SECRET" => Some("a secret of the provider".to_owned()),
        "NATS_PASSWORD" => Some("a password for the tests".to_owned()),
        "FORCE_SECRET" => Some("a force secret of the tests".to_owned()),
        _ => None,
    }
}

fn examples() -> &'static Path {
    Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/examples"))
}

fn load(name: &str) -> Loaded {
    let text = std::fs::read_to_string(examples().join(name)).expect("the example exists");
    Config::parse(&text, name, examples(), &env).unwrap_or_else(|problems| panic!("{problems}"))
}

#[test]
fn the_file_that_packages_install_is_right() {
    let path = examples().join("../../deploy/packages/stagegate.yaml");
    let text = std::fs::read_to_string(path).expect("the file exists");
    let loaded = Config::parse(&text, "stagegate.yaml", examples(), &env);
    let loaded = loaded.unwrap_or_else(|problems| panic!("{problems}"));
    assert!(loaded.config.admin.address.ip().is_loopback(), "it has no tokens");
    assert!(loaded.config.workload("agent").is_some());
}

/// Every secret of the full example, in everything that is made of the file.
#[test]
fn no_secret_of_a_configuration_is_in_debug_output() {
    let secret = |name: &str| match name {
        "SLACK_URL" => Some("https://hooks.example.com/services/CANARY".to_owned()),
        name if name.ends_with("_HASH") => env(name),
        _ => Some("CANARY-0123456789abcdef".to_owned()),
    };
    let text = std::fs::read_to_string(examples().join("full.yaml")).expect("the example exists");
    let loaded = Config::parse(&text, "full.yaml", examples(), &secret);
    let loaded = loaded.unwrap_or_else(|problems| panic!("{problems}"));
    let shown = format!("{loaded:?} {:?}", loaded.config.written);
    assert!(shown.contains("PagerDuty") || shown.len() > 10_000, "it shows the rest");
    assert!(
        !shown.contains("CANARY"),
        "at {:?}",
        shown.find("CANARY").map(|at| &shown[at - 80..at])
    );
}

#[test]
fn every_example_is_read_without_problems() {
    let mut seen = 0;
    for entry in std::fs::read_dir(examples()).expect("examples") {
        let name = entry.expect("an entry").file_name().into_string().expect("a name");
        if name.ends_with(".yaml") {
            let loaded = load(&name);
            let doubts: Vec<_> = loaded.warnings.iter().map(|w| w.key.as_str()).collect();
            // That nobody has a token is the one doubt an example on loopback may raise. The least
            // that works names no conversation, and `check` says so.
            let least = |key: &str| name == "minimal.yaml" && key == "workloads.agent.candidate";
            assert!(
                doubts.iter().all(|key| *key == "admin.tokens" || least(key)),
                "{name}: {:?}",
                loaded.warnings
            );
            seen += 1;
        }
    }
    assert!(seen >= 4);
}

#[test]
fn the_minimal_example_means_the_defaults() {
    let config = load("minimal.yaml").config;
    assert_eq!(config.admin.address.to_string(), "127.0.0.1:9900");
    assert_eq!(config.data_dir, examples().join("./stagegate-data"));
    assert_eq!(config.drain_timeout, Duration::from_secs(30));
    assert_eq!((config.clients.limits.connections, config.clients.limits.headers), (65536, 100));
    assert_eq!(config.decision_log.max_size, 4 << 30);
    assert!(config.workers >= 1 && config.decision_log.enabled);

    let workload = config.workload("agent").expect("declared");
    assert_eq!(workload.spec.initial_weight, Weight::ZERO);
    assert_eq!(workload.spec.sticky, Sticky::Conversation);
    assert_eq!(workload.settings.timeouts.total, Some(Duration::from_secs(1800)));
    assert_eq!(workload.settings.limits.body, 32 << 20);
    let (ours, usual) =
        (&workload.settings, settings::Workload::with_defaults(workload.spec.name.clone()));
    assert_eq!((ours.timeouts, ours.limits), (usual.timeouts, usual.limits));
    assert_eq!((ours.retry, ours.ejection), (usual.retry, usual.ejection));
    assert_eq!((&ours.host_header, &ours.outcomes), (&usual.host_header, &usual.outcomes));
    assert_eq!(
        (ours.protocol, ours.fallback_to_stable, &ours.shadow),
        (usual.protocol, usual.fallback_to_stable, &usual.shadow)
    );
    let health = workload.settings.health.as_ref().expect("on by default");
    assert_eq!((&health.probe, health.unhealthy), (&Probe::Tcp, 3));
    assert_eq!(workload.settings.identity.max_inspect_bytes, 16 << 20);
    assert!(
        workload.settings.force.is_none() && workload.settings.identity.sources().next().is_none()
    );
    assert_eq!((workload.place.line, workload.place.key.as_str()), (7, "workloads.agent"));
}

#[test]
fn the_full_example_means_what_it_says() {
    let config = load("full.yaml").config;
    assert_eq!(config.listeners.len(), 3);
    let tls = config.listeners[1].tls.as_ref().expect("the second listener speaks TLS");
    assert_eq!((tls.certificates.len(), tls.client_auth), (1, ClientAuth::Optional));
    assert_eq!(config.listeners[2].address.to_string(), "unix:/run/stagegate/agents.sock");
    assert_eq!(config.listeners[2].mode, 0o660);
    assert_eq!(config.clients.trusted_proxies.len(), 3);
    assert_eq!(config.admin.tokens[0].hash.as_bytes(), &[0xab; 32]);
    let workload = &config.workloads[0];
    assert_eq!(workload.settings.matches.len(), 2);
    assert_eq!(
        workload.settings.matches[1].headers,
        [("x-agent".to_owned(), "support".to_owned())]
    );
    assert_eq!(workload.settings.identity.conversation[1], Source::PathSegment(3));
    assert!(workload.settings.identity.learned);
    let keys = workload.settings.identity.jwt.as_ref().expect("keys");
    assert_eq!(keys.jwks.as_deref(), Some(examples().join("jwks.json").as_path()));
    assert_eq!(workload.spec.cohorts[1].tenants.len(), 3, "the file has three tenants");
    assert_eq!(
        workload.spec.membership.cohort("wayne").map(CohortName::as_str),
        Some("mid-market")
    );
    let Fallback::Respond(answer) = &workload.spec.fallback else { panic!("a fixed answer") };
    assert_eq!(answer.retry_after, Some(Duration::from_secs(60)));
    let v43 = &workload.releases["v43"];
    assert_eq!(v43.artifact.git_tag.as_deref(), Some("support-agent@v43"));
    assert_eq!(workload.settings.limits.tenant.rate, Some(100));
    assert!(workload.settings.force.is_some());
    let names: Vec<_> = workload.eval.scorers.iter().map(|it| (&*it.name, it.gate)).collect();
    assert_eq!(names[..3], [("answers", true), ("polite", false), ("right", false)]);
    let more = ["short", "booked", "offer", "settled", "ours", "kind"];
    assert_eq!(names[3..], more.map(|name| (name, false)));
    let labelled = workload.eval.labelled.as_ref().expect("a labelled set");
    assert_eq!((labelled.set.len(), &*labelled.by.name), (2, "right"));
    assert!(workload.eval.is_on());
    assert_eq!((config.eval.memory, config.eval.workers), (64 << 20, 1));
    let shadow = workload.settings.shadow.as_ref().expect("a shadow");
    assert_eq!((shadow.release.as_str(), shadow.fraction.to_string()), ("v43", "1%".to_owned()));
    assert_eq!(shadow.methods, ["GET", "POST"]);
    let paths: Vec<String> = shadow.paths.iter().map(ToString::to_string).collect();
    assert_eq!(paths, ["/support/v1/chat/completions", "/support/v1/models/*"]);
    assert_eq!((shadow.in_flight, shadow.body), (16, 1 << 20));
}

#[test]
fn with_a_scorer_both_arms_are_sampled_and_without_one_nothing_is() {
    let file = |more: &str| {
        format!(
            "listeners: [{{ address: '127.0.0.1:0' }}]\nworkloads:\n  agent:\n    match: [{{}}]\n    \
             releases: {{ v1: {{ endpoints: ['http://10.0.0.1:80'] }} }}\n    stable: v1\n{more}"
        )
    };
    let rates = |more: &str| {
        let loaded = Config::parse(&file(more), "f", Path::new("."), &|_| None).expect("right");
        let eval = &loaded.config.workloads[0].eval;
        (eval.stable.to_string(), eval.candidate.to_string())
    };
    let pair = |stable: &str, candidate: &str| (stable.to_owned(), candidate.to_owned());
    assert_eq!(rates(""), pair("0%", "0%"));
    let scorers = "    scorers: [{ name: a, type: is-json }]\n";
    assert_eq!(rates(scorers), pair("2%", "5%"));
    assert_eq!(
        rates(&format!("{scorers}    sampling: {{ candidate: 100% }}\n")),
        pair("2%", "100%")
    );
}

#[test]
fn the_full_example_writes_the_built_in_policy_out() {
    let config = load("full.yaml").config;
    assert_eq!(*config.policies["default"], Policy::builtin());
    assert_eq!(*config.workloads[0].policy, Policy::builtin());
    let minimal = load("minimal.yaml").config;
    assert_eq!(*minimal.workloads[0].policy, Policy::builtin(), "and it need not be written");
}

#[test]
fn a_policy_of_ones_own_says_what_differs() {
    let text = "\
listeners: [{ address: '127.0.0.1:0' }]
workloads:
  agent:
    match: [{}]
    releases: { v1: { endpoints: ['http://a:1'] } }
    stable: v1
    policy: fast
policies:
  fast:
    steps:
      - { weight: 5%, hold: 10m, requests: 500, scored: 200 }
      - { weight: 50%, requests: 5000, violated_for: 30s }
      - { weight: 75%, requests: 5000 }
      - { weight: 100%, watch: 1h }
    gates:
      - { axis: latency, measure: p95, of: first_byte, max: 400ms }
      - { axis: latency, measure: p99, stage: retrieve, against: stable, ratio: 1.2 }
      - { axis: cost, measure: daily_projection, against: budget, ratio: 1.2, then: alert }
      - { axis: cost, measure: spend_6h, max: 80, then: alert, severity: info }
      - { axis: error, class: permanent, max: 2%, requests: 50, for: 90s }
      - { axis: error, stage: 'tool:search', max: 2% }
    drill_within: off
    offline_report: optional
  untouched:
";
    let loaded = Config::parse(text, "stagegate.yaml", examples(), &env)
        .unwrap_or_else(|problems| panic!("{problems}"));
    let fast = &loaded.config.workloads[0].policy;
    let violated: Vec<u64> = fast.steps.iter().map(|it| it.violated_for_ms / 1000).collect();
    assert_eq!(violated, [300, 30, 600, 600]);
    assert_eq!((fast.steps[0].hold_ms, fast.steps[0].scored), (600_000, 200));
    let ids: Vec<String> = fast.gates.iter().map(|it| it.id().to_string()).collect();
    assert_eq!(
        ids,
        [
            "latency/p95-first-byte/max",
            "latency/p99-stage-retrieve/against-stable",
            "cost/daily-projection/max",
            "cost/spend-6h/max",
            "error/permanent/max",
            "error/stage-tool:search/max",
        ]
    );
    assert_eq!(fast.gates[0].limit, Limit::Max(Amount::whole(400_000)));
    assert_eq!(fast.gates[2].limit, Limit::Max(Amount::thousandths(1200)));
    assert_eq!(fast.gates[3].severity, Severity::Info);
    assert_eq!((fast.gates[4].for_ms, fast.gates[4].requests), (Some(90_000), 50));
    assert_eq!(fast.drill_within_ms, None);
    assert_eq!(fast.offline_report, OfflineReport::Optional);
    assert_eq!(fast.no_data_alert_ms, 600_000, "what is left out is the built-in policy's");

    let untouched = &loaded.config.policies["untouched"];
    assert_eq!(untouched.gates, Policy::builtin().gates);
    let told = loaded
        .warnings
        .iter()
        .any(|it| it.key == "policies.untouched" && it.message.contains("used by no workload"));
    assert!(told, "{:?}", loaded.warnings);
}

#[test]
fn the_full_example_tells_people() {
    let channels = load("full.yaml").config.notify;
    let [pager, chat, deploys, alerts] = channels.as_slice() else { panic!("{channels:?}") };
    assert_eq!(
        (pager.owners.as_slice(), pager.severity),
        (&["oncall".to_owned()][..], Severity::Critical)
    );
    assert_eq!(pager.workloads[0].as_str(), "support-agent");
    let ChannelTarget::PagerDuty { url, key } = &pager.target else { panic!("{pager:?}") };
    assert_eq!(key.expose(), "R0UT1NG");
    assert_eq!(url.expose(), "https://events.pagerduty.com/v2/enqueue");
    let ChannelTarget::Alertmanager { url } = &alerts.target else { panic!("{alerts:?}") };
    assert_eq!(url.expose(), "http://alertmanager.internal:9093/api/v2/alerts");
    assert_eq!((chat.severity, alerts.severity), (Severity::Info, Severity::Warning));
    assert!(matches!(&deploys.target, ChannelTarget::Webhook { secret: Some(_), .. }));
    let shown = format!("{channels:?}");
    assert!(!shown.contains("R0UT1NG") && !shown.contains("https://"), "{shown}");
}

#[test]
fn the_full_example_names_every_key() {
    let text = std::fs::read_to_string(examples().join("full.yaml")).expect("the example exists");
    let mut keys = Vec::new();
    collect_keys(&stagegate_config::schema(), &mut keys);
    assert!(keys.len() > 80, "{} keys", keys.len());
    for key in keys {
        let named = text.match_indices(&format!("{key}:")).any(|(at, _)| {
            !text[..at].ends_with(|c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-'))
        });
        assert!(named, "full.yaml does not show `{key}`");
    }
}

fn collect_keys(schema: &Value, keys: &mut Vec<String>) {
    match schema {
        Value::Object(map) => {
            if let Some(Value::Object(properties)) = map.get("properties") {
                keys.extend(properties.keys().cloned());
            }
            map.values().for_each(|inner| collect_keys(inner, keys));
        }
        Value::Array(items) => items.iter().for_each(|inner| collect_keys(inner, keys)),
        _ => {}
    }
}

#[test]
fn the_starter_is_read_without_problems() {
    let text = stagegate_config::template("http://127.0.0.1:9001", "http://127.0.0.1:9002", "any");
    let loaded = Config::parse(&text, "stagegate.yaml", examples(), &|_| None)
        .unwrap_or_else(|problems| panic!("{problems}"));
    let workload = &loaded.config.workloads[0];
    let endpoint = |release: &str| workload.releases[release].endpoints[0].to_string();
    assert_eq!(endpoint("v1"), "http://127.0.0.1:9001");
    assert_eq!(endpoint("v2"), "http://127.0.0.1:9002");
    for (framework, _) in stagegate_config::FRAMEWORKS {
        let text = stagegate_config::template("http://a:1", "http://b:2", framework);
        let loaded = Config::parse(&text, "stagegate.yaml", examples(), &|_| None)
            .unwrap_or_else(|problems| panic!("{framework}: {problems}"));
        assert!(!loaded.warnings.iter().any(|it| it.key.contains("identity")), "{framework}");
        let identity = &loaded.config.workloads[0].settings.identity;
        assert!(identity.learned || !identity.conversation.is_empty(), "{framework}");
    }
}

#[test]
fn headers_that_anyone_may_send_are_named() {
    let warned = |top: &str, from: &str| {
        let text = format!(
            "listeners: [{{ address: '127.0.0.1:0' }}]\n{top}\nworkloads:\n  agent:\n    match: [{{ path_prefix: / }}]\n    \
             identity: {{ {from}tenant: [{{ header: x-tenant-id }}] }}\n    releases: {{ v1: {{ endpoints: ['http://a:1'] }} }}\n    stable: v1\n"
        );
        let loaded = Config::parse(&text, "stagegate.yaml", examples(), &env)
            .unwrap_or_else(|problems| panic!("{problems}"));
        loaded.warnings.iter().any(|it| it.message.contains("is believed from"))
    };
    assert!(warned("", ""));
    assert!(warned("", "from: trusted, "));
    assert!(!warned("", "from: anyone, "));
    assert!(!warned("trusted_proxies: [10.0.0.0/8]", ""));
}

#[test]
fn every_part_may_be_left_empty() {
    let text = "\
listeners: [{ address: '127.0.0.1:0' }]
admin:
data_dir:
trusted_proxies:
limits:
decision_log: {}
policies:
notify:
workloads:
  agent:
    match: [{ host:, headers: }]
    identity: { tenant:, jwt: , max_inspect_bytes: }
    releases: { v1: { endpoints: ['http://a:1'], artifact: } }
    stable: v1
    candidate: ~
    weight: null
    cohorts:
    exclusions:
    allow: {}
    kill_switch: { fallback: { respond: {} } }
    health:
    timeouts: {}
    limits: { tenant: }
    retry: {}
    force:
";
    let loaded = Config::parse(text, "stagegate.yaml", examples(), &env)
        .unwrap_or_else(|problems| panic!("{problems}"));
    let workload = &loaded.config.workloads[0];
    assert!(workload.settings.matches[0].host.is_none() && workload.settings.force.is_none());
    let Fallback::Respond(answer) = &workload.spec.fallback else { panic!("a fixed answer") };
    assert_eq!((answer.status, answer.body.as_str()), (503, ""));
}

#[test]
fn a_health_check_never_outlasts_its_interval_by_default() {
    let text = include_str!("../examples/docker.yaml").replace("every: 2s", "every: 500ms");
    let loaded = Config::parse(&text, "docker.yaml", examples(), &env).expect("no problems");
    let health = loaded.config.workloads[0].settings.health.as_ref().expect("on");
    assert_eq!(health.timeout, Duration::from_millis(500));
}

#[test]
fn a_file_is_loaded_relative_to_itself() {
    let loaded = Config::load(&examples().join("cohorts.yaml")).expect("no problems");
    assert_eq!(loaded.config.workloads[0].spec.cohorts[1].tenants.len(), 4);
}
