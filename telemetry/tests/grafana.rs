//! Tests of the Grafana dashboard: every query parses, and asks for metrics and labels that exist.

mod promtool;

use serde_json::Value;
use stagegate_telemetry::METRICS;
use std::path::{Path, PathBuf};

fn project(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..").join(path)
}

fn read(path: &str) -> String {
    std::fs::read_to_string(project(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

fn dashboard() -> Value {
    serde_json::from_str(&read("docker/grafana/dashboards/stagegate.json")).expect("JSON")
}

fn list(value: &Value) -> impl Iterator<Item = &Value> {
    value.as_array().into_iter().flatten()
}

/// Every query of the dashboard, with values for Grafana's variables.
fn queries(dashboard: &Value) -> Vec<String> {
    let of_panels = list(&dashboard["panels"]).flat_map(|it| list(&it["targets"]));
    let marks = list(&dashboard["annotations"]["list"]);
    of_panels
        .chain(marks)
        .map(|it| it["expr"].as_str().expect("a query"))
        .map(|it| it.replace("$workload", "support-agent").replace("$__rate_interval", "1m"))
        .collect()
}

#[test]
fn every_axis_has_a_row_and_every_panel_says_what_it_shows() {
    let dashboard = dashboard();
    let titles = |kind: &str| -> Vec<&str> {
        let of_kind =
            list(&dashboard["panels"]).filter(|it| (it["type"] == "row") == (kind == "row"));
        of_kind.map(|it| it["title"].as_str().expect("a title")).collect()
    };
    for axis in ["Eval", "Latency", "Cost", "Errors"] {
        assert!(titles("row").contains(&axis), "{axis} has no row");
    }
    for panel in list(&dashboard["panels"]).filter(|it| it["type"] != "row") {
        let says = panel["description"].as_str().unwrap_or_default();
        assert!(says.ends_with('.'), "{} has no description", panel["title"]);
        assert!(panel["fieldConfig"]["defaults"]["unit"].is_string(), "{}", panel["title"]);
    }
    let link = &dashboard["links"][0]["url"];
    assert_eq!(link, "${stagegate}/w/${workload}", "a link to where somebody decides");
}

#[test]
fn queries_use_only_metrics_and_labels_that_exist() {
    let dashboard = dashboard();
    let variable = &dashboard["templating"]["list"][1]["query"]["query"];
    let mut all = queries(&dashboard);
    all.push(variable.as_str().expect("a query").to_owned());
    let mut seen = 0;
    for query in &all {
        // What stands in quotes is a value.
        let plain: String = query.split('"').step_by(2).collect();
        let words = plain.split(|c: char| !c.is_ascii_alphanumeric() && c != '_');
        let mut labels: Vec<&str> = vec!["instance", "job", "le"];
        let mut asked = Vec::new();
        for word in words.filter(|it| !it.is_empty()) {
            if !word.starts_with("stagegate_") && !word.starts_with("process_") {
                asked.push(word);
                continue;
            }
            let base = word.strip_suffix("_bucket").unwrap_or(word);
            let metric = METRICS.iter().find(|it| it.name == base);
            let metric = metric.unwrap_or_else(|| panic!("`{word}` is no metric of ours: {query}"));
            labels.extend(metric.labels);
            seen += 1;
        }
        const WORDS: [&str; 13] = [
            "sum",
            "max",
            "by",
            "rate",
            "increase",
            "on",
            "group_left",
            "histogram_quantile",
            "label_values",
            "1m",
            "0",
            "99",
            "5",
        ];
        for word in asked {
            let known = WORDS.contains(&word) || labels.contains(&word) || word == "3600";
            assert!(known, "`{word}` is no label of the metrics of: {query}");
        }
    }
    assert!(seen > 20, "the dashboard asks for our metrics");
}

#[test]
fn every_query_parses() {
    let dir = tempfile::tempdir().expect("a directory");
    let rules = dir.path().join("queries.yml");
    let mut text = "groups:\n  - name: dashboard\n    rules:\n".to_owned();
    for (number, query) in queries(&dashboard()).iter().enumerate() {
        let query = serde_json::to_string(query).expect("text");
        text.push_str(&format!("      - record: panel:{number}\n        expr: {query}\n"));
    }
    std::fs::write(&rules, text).expect("written");
    promtool::run(["check", "rules"], &rules);
}
