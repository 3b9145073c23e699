//! Tests of the alert rules: they work, they use metrics that exist, and each has a section in the
//! on-call page.

mod promtool;

use std::path::{Path, PathBuf};

fn project(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..").join(path)
}

fn read(path: &str) -> String {
    std::fs::read_to_string(project(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

fn alerts(rules: &str) -> Vec<&str> {
    rules.lines().filter_map(|line| line.trim().strip_prefix("- alert: ")).collect()
}

#[test]
fn every_alert_has_a_story_and_a_section_in_the_runbook() {
    let (rules, stories) =
        (read("docker/prometheus/rules.yml"), read("docker/prometheus/rules_test.yml"));
    let runbook = read("docs/how-to/on-call.md");
    let alerts = alerts(&rules);
    assert!(!alerts.is_empty(), "no alert found");
    for alert in alerts {
        assert!(runbook.contains(&format!("\n### {alert}\n")), "{alert} is not in the runbook");
        let link = format!("docs/how-to/on-call.md#{}\n", alert.to_lowercase());
        assert!(rules.contains(&link), "{alert} does not link to its section");
        let fires = format!("alertname: {alert}\n        exp_alerts:");
        assert!(stories.contains(&fires), "no story in which {alert} fires");
    }
}

#[test]
fn alerts_use_only_metrics_that_exist() {
    let rules = read("docker/prometheus/rules.yml");
    let words = rules.split(|c: char| !c.is_ascii_alphanumeric() && c != '_');
    let ours = words.filter(|word| word.starts_with("stagegate_") || word.starts_with("process_"));
    let mut seen = 0;
    for name in ours {
        let known = stagegate_telemetry::METRICS.iter().any(|metric| metric.name == name);
        assert!(known, "`{name}` is no metric of ours");
        seen += 1;
    }
    assert!(seen > 10, "the rules name our metrics");
}

#[test]
fn promtool_plays_every_story() {
    let stories = project("docker/prometheus/rules_test.yml");
    promtool::run(["test", "rules"], &stories);
}
