//! Sources and gates of axis `external`, as a file has them.

use stagegate_config::{Config, MetricTarget};
use stagegate_rollout::{Axis, Limit, Measure, StableValue};
use std::path::Path;

fn parse(sources: &str, gate: &str) -> Result<Config, String> {
    let text = format!(
        "listeners: [{{ address: 127.0.0.1:8080 }}]\nmetric_sources: {sources}\nworkloads:\n  agent:\n    match: [{{ path_prefix: / }}]\n    releases: {{ v1: {{ endpoints: [\"http://127.0.0.1:1\"] }} }}\n    stable: v1\n    policy: p\npolicies:\n  p:\n    gates:\n      - {{ axis: error, class: permanent, max: 2% }}\n      - {{ {gate} }}\n"
    );
    let loaded = Config::parse(&text, "f.yaml", Path::new("."), &|_: &str| None);
    loaded.map(|loaded| loaded.config).map_err(|problems| problems.to_string())
}

const SOURCES: &str = "[{ name: prom, type: prometheus, url: \"http://p:9090\", token: t0ken }, { name: shop, type: webhook, url: \"https://s/gate\", secret: 0123456789abcdef }]";

fn measure(gate: &str) -> (Measure, Limit) {
    let config = parse(SOURCES, gate).unwrap_or_else(|problems| panic!("{problems}"));
    let gate = &config.policies["p"].gates[1];
    assert_eq!(gate.axis, Axis::External);
    (gate.measure.clone(), gate.limit)
}

#[test]
fn a_query_with_a_limit_has_the_usual_times() {
    let (measure, limit) =
        measure("axis: external, name: checkout, source: prom, query: up, max: 2%");
    let Measure::External(value) = measure else { panic!("{measure:?}") };
    assert_eq!((value.every_ms, value.timeout_ms, value.no_data_blocks), (30_000, 5000, true));
    assert_eq!((&value.stable, value.higher_is_better), (&StableValue::None, false));
    assert!(matches!(limit, Limit::Max(share) if (share.get() - 0.02).abs() < 1e-12));
}

#[test]
fn stable_comes_from_a_label_a_query_or_the_webhook() {
    for (gate, stable) in [
        ("source: prom, query: q, label: release", StableValue::Label("release".into())),
        ("source: prom, query: q, stable_query: s", StableValue::Query("s".into())),
        ("source: shop", StableValue::Told),
    ] {
        let gate = format!(
            "axis: external, name: x, {gate}, against: stable, ratio: 1.1, better: higher, then: alert"
        );
        let (measure, _) = measure(&gate);
        let Measure::External(value) = measure else { panic!("{measure:?}") };
        assert_eq!((&value.stable, value.higher_is_better), (&stable, true));
        assert!(!value.no_data_blocks, "an alert without data is no obstacle");
    }
}

#[test]
fn secrets_are_secrets() {
    let config = parse(SOURCES, "axis: external, name: x, source: shop, max: 1").expect("right");
    let MetricTarget::Prometheus { token, .. } = &config.metric_sources[0].target else {
        panic!("a prometheus")
    };
    assert_eq!(token.as_ref().expect("a token").expose(), "t0ken");
    let shown = format!("{:?}", config.metric_sources);
    assert!(!shown.contains("t0ken") && !shown.contains("0123456789"), "{shown}");
}

#[test]
fn every_mistake_names_its_key_and_what_is_right() {
    for (gate, key, says) in [
        ("source: prom, query: q, max: 1", "name", "is missing"),
        ("name: x, query: q, max: 1", "source", "is missing"),
        ("name: x, source: other, query: q, max: 1", "source", "write one of: prom, shop"),
        ("name: x, source: prom, max: 1", "query", "is missing"),
        ("name: x, source: prom, query: q, measure: p99, max: 1", "measure", "is not for axis"),
        ("name: x, source: prom, query: q, scored: 5, max: 1", "scored", "is not for axis"),
        (
            "name: x, source: prom, query: q, label: l, stable_query: s, margin: 1pp",
            "stable_query",
            "beside `label`",
        ),
        ("name: x, source: shop, label: l, margin: 1pp", "label", "type `prometheus`"),
        ("name: x, source: prom, query: q, margin: 1pp", "against", "no value of stable"),
        (
            "name: x, source: prom, query: q, against: baseline, ratio: 2",
            "against",
            "can be compared with",
        ),
        ("name: x, source: prom, query: q, better: higher, max: 1", "better", "remove it"),
        ("name: x, source: prom, query: q, max: 400ms", "max", "unit of the value"),
        ("name: x, source: prom, query: q, max: 1, every: 10m", "every", "more than half"),
        ("name: x, source: prom, query: q, max: 1, timeout: 31s", "timeout", "`every`"),
        ("name: x, source: prom, query: q, max: 1, better: best", "better", "lower"),
    ] {
        let problems = parse(SOURCES, &format!("axis: external, {gate}")).expect_err(gate);
        let at = format!("policies.p.gates[1].{key}");
        assert!(problems.contains(&at) && problems.contains(says), "{gate}:\n{problems}");
        assert_eq!(
            problems.trim().lines().filter(|line| line.contains("policies.p")).count(),
            1,
            "{problems}"
        );
    }
    let other = parse(SOURCES, "axis: error, class: external, max: 1%, query: q");
    assert!(other.expect_err("not of that axis").contains("is of axis `external`"));
    for (sources, says) in [
        (
            "[{ name: a, type: prometheus, url: \"http://p\" }, { name: a, type: webhook, url: \"http://p\" }]",
            "already the name",
        ),
        (
            "[{ name: a, type: prometheus, url: \"http://p\", secret: 0123456789abcdef }]",
            "is for `webhook` only",
        ),
        ("[{ name: a, type: webhook, url: \"http://p\", token: t }]", "is for `prometheus` only"),
        ("[{ name: a, type: graphite, url: \"http://p\" }]", "type"),
        ("[{ name: a, type: prometheus, url: \"p:9090\" }]", "url"),
    ] {
        let problems = parse(sources, "axis: external, name: x, source: a, query: q, max: 1");
        let problems = problems.expect_err(sources);
        assert!(problems.contains(says), "{sources}:\n{problems}");
    }
}
